//! One pass brings any spec into the tenant, and then nothing is left to do: for every kind, over generated specs, without
//! Kubernetes. A case goes from nothing to one spec, to another, and to the least that the kind takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

#[path = "convergence/api.rs"]
mod api;
#[path = "convergence/connection.rs"]
mod connection;
#[path = "convergence/database.rs"]
mod database;
#[path = "convergence/drive.rs"]
mod drive;
#[path = "convergence/options.rs"]
mod options;
#[path = "convergence/user.rs"]
mod user;
#[path = "convergence/values.rs"]
mod values;

use auth0_operator::{
    plan::{Managed, ObjectKind, References, unset::Defaults},
    tenant::Freshness,
};
use drive::{Resource, World};
use k8s_openapi::jiff::SignedDuration;
use proptest::{
    prop_assert, prop_assert_eq,
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestRunner},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};
use tokio::runtime::Runtime;

/// What a resource is, one after the other.
const STEPS: [&str; 3] = ["created", "changed", "left with the least"];

/// What the test has to know of a kind.
trait Subject: Managed {
    /// What has no default to go back to when it leaves the spec.
    const STAYS: &'static [&'static str];

    /// What Auth0 shows only once it was set, and means the same as before.
    const SHOWN_ONCE_SET: Defaults;

    /// What Auth0 fills in when an object is made and not when it is changed (recorded), and means the same when it is gone.
    const GOES: &'static [&'static str];

    /// The ids of its objects in the tenant.
    fn ids(status: &Self::Status) -> Vec<(ObjectKind, String)>;

    /// The most writes, by their sort, that the change of what is wanted to what this spec wants may cost.
    fn most_writes(&self, before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize>;
}

/// A spec, and what it refers to.
#[derive(Clone, Debug)]
struct Step<M> {
    spec: M,
    references: References,
}

/// What is wanted of the objects, by kind and pointer: `/options/mfa/active` of a connection.
type Wish = BTreeMap<(ObjectKind, String), Value>;

/// What the tenant shows of a resource's objects.
struct Shown {
    /// The natural key, which defaults repeat.
    name: String,
    objects: BTreeMap<ObjectKind, Value>,
}

impl Shown {
    fn options(&self) -> Vec<(ObjectKind, String)> {
        let mut places = vec![];
        for (kind, object) in &self.objects {
            leaves(&object["options"], "/options", &mut |pointer, _| places.push((*kind, pointer.to_owned())));
        }
        places
    }
}

/// Runs cases of a kind. `steps` makes a resource's specs from what was generated and the number of the case;
/// `untouched` is the least that the kind takes, for number 0.
fn converges<M: Subject, Seeds: Strategy>(
    runtime: &Runtime,
    world: &World,
    cases: u32,
    untouched: Step<M>,
    seeds: &Seeds,
    steps: impl Fn(Seeds::Value, u64) -> [Step<M>; 3],
) where
    Seeds::Value: Clone + Debug,
{
    let untouched = runtime.block_on(shown_when_untouched(world, untouched));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 3000, ..Config::default() };
    let refused = Cell::new(0);
    let outcome = TestRunner::new(config).run(seeds, |seed| {
        let number = world.case();
        runtime.block_on(case(world, steps(seed, number), number, &untouched, &refused))
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(refused.get(), 0, "specs that the schema takes and the tenant does not");
}

async fn shown_when_untouched<M: Subject>(world: &World, least: Step<M>) -> Shown {
    let mut resource = Resource::new(least.spec, world.case(), least.references);
    resource.reconcile(world).await.end.unwrap();
    shown(world, &resource).await
}

async fn shown<M: Subject>(world: &World, resource: &Resource<M>) -> Shown {
    let mut objects = BTreeMap::new();
    for (kind, id) in M::ids(&resource.status) {
        objects.insert(kind, world.object(kind, &id).await.into());
    }
    Shown { name: resource.key(), objects }
}

async fn case<M: Subject>(
    world: &World,
    steps: [Step<M>; 3],
    number: u64,
    untouched: &Shown,
    refused: &Cell<u32>,
) -> Result<(), TestCaseError> {
    let mut resource = Resource::new(steps[0].spec.clone(), number, References::default());
    let mut before = Wish::new();
    for (name, step) in STEPS.into_iter().zip(steps) {
        resource.spec = step.spec;
        let outputs = std::mem::take(&mut resource.references.outputs);
        resource.references = References { outputs, ..step.references };
        // Some client secrets are due meanwhile.
        resource.rotation.now += SignedDuration::from_hours(1000);
        let after = wish(&resource, world).await;
        let pass = resource.reconcile(world).await;
        if let Err(stop) = pass.end {
            let again = resource.reconcile(world).await;
            prop_assert!(stop.is_verdict(), "{name}: {stop:?}");
            prop_assert_eq!(format!("{:?}", again.end.unwrap_err()), format!("{stop:?}"), "{}", name);
            eprintln!("case {number} {name}: {stop:?}");
            refused.set(refused.get() + 1);
            break;
        }
        check_writes(name, &pass.writes, &resource.spec.most_writes(&before, &after))?;
        for freshness in [Freshness::Known, Freshness::Anew] {
            let left = resource.left_to_do(world, freshness).await;
            prop_assert!(left.is_empty(), "{name}, {freshness:?}: {left:#?}");
        }
        if name != STEPS[0] {
            let shown = shown(world, &resource).await;
            // Of options, none that nobody wants is left over, sent or made from what was sent.
            let options = shown.options().into_iter().filter(|_| name == STEPS[2]);
            let left: Vec<_> = before.into_keys().chain(options).filter(|key| !is_wanted(key, &after)).collect();
            check_unset::<M>(name, &left, &shown, untouched)?;
        }
        before = after;
    }
    for (kind, id) in M::ids(&resource.status) {
        world.delete(kind, &id).await;
    }
    Ok(())
}

/// The leaves of what the spec makes in an empty tenant.
async fn wish<M: Subject>(resource: &Resource<M>, world: &World) -> Wish {
    let mut wish = Wish::new();
    for (kind, body) in resource.wish(world).await {
        for (pointer, secret) in body.secrets {
            wish.insert((kind, pointer), secret.expose_secret().into());
        }
        leaves(&body.fields.into(), "", &mut |pointer, value| {
            wish.insert((kind, pointer.to_owned()), value.clone());
        });
    }
    // An empty object wants nothing.
    wish.retain(|_, value| *value != json!({}));
    wish
}

fn leaves(value: &Value, pointer: &str, take: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                leaves(member, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), take);
            }
        }
        leaf => take(pointer, leaf),
    }
}

/// Whether something is wanted at this place, further in, or in its stead; or nothing any more of the whole object.
fn is_wanted((kind, pointer): &(ObjectKind, String), wish: &Wish) -> bool {
    let mut wanted = wish.iter().filter(|((other, _), _)| other == kind).peekable();
    let is_instead = |place: &str, value: &Value| is_within(pointer, place) && !value.is_object();
    wanted.peek().is_none() || wanted.any(|((_, place), value)| is_within(place, pointer) || is_instead(place, value))
}

/// Whether old and new members of metadata are more than Auth0 takes in one call.
fn is_in_parts(before: &Wish, after: &Wish, pointer: &str) -> bool {
    let members: BTreeSet<_> =
        before.keys().chain(after.keys()).filter(|(_, place)| is_within(place, pointer)).collect();
    members.len() > 10
}

fn is_within(place: &str, pointer: &str) -> bool {
    place.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_writes(name: &str, writes: &[String], most: &BTreeMap<&'static str, usize>) -> Result<(), TestCaseError> {
    for write in writes {
        let count = writes.iter().filter(|other| *other == write).count();
        let most = most.get(write.as_str()).copied().unwrap_or_default();
        prop_assert!(count <= most, "{name}: {count} times {write}, and {most} are enough");
    }
    Ok(())
}

/// What left the spec is in the tenant as if it had never been there.
fn check_unset<M: Subject>(
    name: &str,
    left: &[(ObjectKind, String)],
    shown: &Shown,
    untouched: &Shown,
) -> Result<(), TestCaseError> {
    for (kind, pointer) in left {
        let (Some(object), Some(other)) = (shown.objects.get(kind), untouched.objects.get(kind)) else { continue };
        if M::STAYS.iter().any(|stays| is_within(pointer, stays)) {
            continue;
        }
        let value = object.pointer(pointer).unwrap_or(&Value::Null);
        let theirs = other.pointer(pointer).unwrap_or(&Value::Null);
        let default: Value = serde_json::from_str(&theirs.to_string().replace(&untouched.name, &shown.name)).unwrap();
        let is_default = *value == default || is_empty(value) && is_empty(&default);
        let is_shown_once_set =
            M::SHOWN_ONCE_SET.iter().any(|(place, value_of)| place == pointer && value_of() == *value);
        let is_option_gone = is_empty(value) && M::GOES.iter().any(|place| is_within(pointer, place));
        prop_assert!(
            is_default || is_shown_once_set || is_option_gone,
            "{name}: {kind:?}{pointer} left the spec and is {value}, not {default}"
        );
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
