//! Values as people write them, and those that trip who compares: unicode, both cases, empty things, ends of ranges.

use auth0_operator::crd::{AdoptionPolicy, DeletionPolicy, DriftPolicy, FreeForm, Policies, TenantRef};
use proptest::{collection::vec, option, prelude::*, sample::select, strategy::Union};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Debug};

/// A field that the spec may leave out. Boxed: a spec is more fields than a stack takes.
pub(crate) fn maybe<T: Clone + Debug + 'static>(value: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    option::weighted(0.6, value).boxed()
}

/// One of a few.
pub(crate) fn one_of<T: Clone + Debug + 'static>(values: impl Into<Vec<T>>) -> impl Strategy<Value = T> {
    select(values.into())
}

/// Both of a flag.
pub(crate) fn flag() -> BoxedStrategy<Option<bool>> {
    maybe(any::<bool>())
}

/// A number, its ends more often than what lies between.
pub(crate) fn number(least: i64, most: i64) -> impl Strategy<Value = i64> {
    prop_oneof![Just(least), Just(most), least..=most]
}

/// One line that people read: blanks at its ends, accents, other scripts, more than one code unit; never empty.
pub(crate) fn line(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 .,'&ßÄéÉçñŁøΣЖ中日🦀-]{1,20}",
        1 => Just("İstanbul ǅ ﬁ".to_owned()),
        1 => Just("e\u{301} ".to_owned()),
        1 => Just("x".repeat(most)),
        1 => Just("中".repeat(most)),
    ]
    .prop_map(move |text| text.chars().take(most).collect())
}

/// The same, empty too.
pub(crate) fn text(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 5 => line(most)]
}

/// One word without blanks.
pub(crate) fn word(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z0-9:/._~%|+é中🦀-]{1,12}", 1 => Just("w".repeat(most))]
}

/// A URL.
pub(crate) fn url() -> impl Strategy<Value = String> {
    "https?://[a-zA-Z0-9-]{1,8}\\.example\\.com(:8080)?(/[a-zA-Z0-9%._~-]{0,8})?(\\?a=é)?(#f)?"
}

/// A list, at times with its items twice.
pub(crate) fn list<T: Clone + Debug>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    let times = prop_oneof![4 => Just(1), 1 => Just(2)];
    (vec(item, 0..5), times).prop_map(|(items, times)| vec![items; times].concat())
}

/// A list of different items.
pub(crate) fn set<T: Clone + PartialEq + Debug>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(item, 0..5).prop_map(|items| {
        items.into_iter().fold(vec![], |mut all, item| {
            if !all.contains(&item) {
                all.push(item);
            }
            all
        })
    })
}

/// Metadata of clients and connections: at most nine strings.
pub(crate) fn strings() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = prop_oneof![key(), Just("k".repeat(255))];
    prop::collection::btree_map(key, text(255), 0..=9)
}

/// A key of a free-form object: few, so that specs share them; dots and slashes, which paths use; other cases.
pub(crate) fn key() -> impl Strategy<Value = String> {
    one_of(
        ["a", "b", "camelCase", "a.b", "a/b", "a~b", "https://example.com/roles", "é", " ", "0", "*"]
            .map(str::to_owned),
    )
}

/// Free-form JSON.
pub(crate) fn free_form() -> impl Strategy<Value = FreeForm> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(-9_007_199_254_740_991, 9_007_199_254_740_991).prop_map(Value::from),
        one_of([json!(1), json!(1.0), json!(0.5), json!(-0.0), json!(1e300)]),
        text(40).prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        Union::new([
            vec(inner.clone(), 0..3).prop_map(Value::from).boxed(),
            prop::collection::btree_map(key(), inner, 0..3).prop_map(|members| json!(members)).boxed(),
        ])
    });
    prop::collection::btree_map(key(), value, 0..4).prop_map(|members| members.into_iter().collect())
}

/// Which tenant: the controller's business.
pub(crate) fn tenant_ref() -> BoxedStrategy<Option<TenantRef>> {
    maybe(maybe("[a-z]{3}").prop_map(|namespace| TenantRef { name: "default".to_owned(), namespace }))
}

/// What shall be done about what others did or do: nobody does anything here.
pub(crate) fn policies() -> BoxedStrategy<Policies> {
    let adoption = maybe(one_of([AdoptionPolicy::Fail, AdoptionPolicy::Adopt]));
    let deletion = maybe(one_of([DeletionPolicy::Delete, DeletionPolicy::Orphan]));
    let drift = maybe(one_of([DriftPolicy::Correct, DriftPolicy::Warn]));
    // Who is suspended gets no pass.
    let suspend = maybe(Just(false));
    (adoption, deletion, drift, suspend)
        .prop_map(|(adoption_policy, deletion_policy, drift_policy, suspend)| Policies {
            adoption_policy,
            deletion_policy,
            drift_policy,
            suspend,
        })
        .boxed()
}
