//! What of a wish is not yet so, and digests of wishes.

use super::Fields;
use aws_lc_rs::digest::{SHA256, digest as sha256};
use serde_json::Value;
use std::fmt::Write;

/// The members of `want` that `have` does not show.
///
/// Looks only at keys of `want`: Auth0 fills in defaults of its own, which drift over the years. Null and an empty list or
/// object equal absent, since Auth0 leaves out what was never set. Objects are compared in the wanted keys, arrays whole.
/// Numbers are compared as JavaScript has them: what is written as 1.0 comes back as 1.
pub fn diff(want: &Fields, have: &Fields) -> Fields {
    want.iter()
        .filter(|(key, value)| !is_met(value, have.get(*key)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_met(want: &Value, have: Option<&Value>) -> bool {
    match (want, have) {
        (Value::Null, Some(have)) => is_empty(have),
        (want, None) => is_empty(want),
        (Value::Object(want), Some(Value::Object(have))) => diff(want, have).is_empty(),
        (want, Some(have)) => is_same(want, have),
    }
}

/// The members of `want` that `have` does not show just so, nor more: for an object whose members are written as a whole.
pub fn diff_of_wholes(want: &Fields, have: &Fields) -> Fields {
    want.iter()
        .filter(|(key, value)| !is_same(value, have.get(*key).unwrap_or(&Value::Null)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            diff_of_wholes(one, other).is_empty() && diff_of_wholes(other, one).is_empty()
        }
        (one, other) => one == other || is_empty(one) && is_empty(other),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// SHA-256 of an object, in hex, the same for every order of its keys.
pub fn digest(fields: &Fields) -> String {
    let mut text = String::new();
    canonical(&Value::Object(fields.clone()), &mut text);
    hex(sha256(&SHA256, text.as_bytes()).as_ref())
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (key, value) in sorted {
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

/// Bytes in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_written() {
        for (case, want, have, expected) in [
            ("nothing wanted", json!({}), json!({"a": 1}), json!({})),
            ("already so", json!({"a": 1}), json!({"a": 1, "b": 2}), json!({})),
            ("changed by hand", json!({"a": 1}), json!({"a": 2}), json!({"a": 1})),
            ("null equals absent", json!({"a": null}), json!({}), json!({})),
            ("null takes away", json!({"a": null}), json!({"a": 1}), json!({"a": null})),
            ("an empty list equals absent", json!({"a": []}), json!({}), json!({})),
            ("an empty list empties", json!({"a": []}), json!({"a": [1]}), json!({"a": []})),
            ("defaults inside objects", json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}}), json!({})),
            (
                "objects are sent whole",
                json!({"a": {"b": 1, "d": 2}}),
                json!({"a": {"b": 1}}),
                json!({"a": {"b": 1, "d": 2}}),
            ),
            (
                "arrays are compared whole",
                json!({"a": [{"b": 1}]}),
                json!({"a": [{"b": 1, "c": 2}]}),
                json!({"a": [{"b": 1}]}),
            ),
            (
                "numbers are JavaScript's",
                json!({"a": [1.0, -0.0, 9_007_199_254_740_993_i64]}),
                json!({"a": [1, 0, 9_007_199_254_740_992_i64]}),
                json!({}),
            ),
        ] {
            assert_eq!(diff(&fields(want), &fields(have)), fields(expected), "{case}");
        }
    }

    #[test]
    fn of_a_whole_nothing_may_be_left_over() {
        let have = fields(json!({"a": {"b": 1, "c": [{"d": 1}]}, "e": 1}));
        for (case, want, expected) in [
            ("the same", json!({"a": {"b": 1.0, "c": [{"d": 1, "x": null}]}}), json!({})),
            ("a member less", json!({"a": {"c": [{"d": 1}]}}), json!({"a": {"c": [{"d": 1}]}})),
            ("null of nothing", json!({"x": null, "y": {"z": []}}), json!({})),
            ("null takes away", json!({"e": null}), json!({"e": null})),
        ] {
            assert_eq!(diff_of_wholes(&fields(want), &have), fields(expected), "{case}");
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from)
        ];
        let value = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|members| json!(members)),
            ]
        });
        prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|members| json!(members))
    }

    proptest! {
        #[test]
        fn what_was_written_is_not_written_again(want in object(), have in object()) {
            let (want, mut have) = (fields(want), fields(have));
            for (key, value) in diff(&want, &have) {
                have.insert(key, value);
            }
            prop_assert_eq!(diff(&want, &have), Fields::new());
        }

        #[test]
        fn equal_objects_have_equal_digests(object in object()) {
            let one = fields(object);
            let other: Fields = one.clone().into_iter().rev().collect();
            prop_assert_eq!(digest(&one), digest(&other));
        }
    }
}
