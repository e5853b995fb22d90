//! Every state of our objects in a namespace, as the API server tells it, and the rules that every one of them obeys.

use super::{
    DEADLINE,
    object::{KINDS, Object, resource},
    operator,
};
use futures::{StreamExt, TryStreamExt, stream::select_all};
use kube::{
    Api, Client,
    api::DynamicObject,
    core::TypeMeta,
    runtime::watcher::{self, Event, watcher},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::watch, task::JoinHandle};

/// What was seen so far. Dropping it asserts that no state broke a rule.
pub(crate) struct History {
    namespace: String,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// All states, oldest first.
    states: Vec<Object>,
    /// By `Kind/name`; none for what is gone.
    latest: BTreeMap<String, Object>,
    violations: Vec<String>,
}

impl History {
    /// Watches a namespace from now on.
    pub(crate) fn of(client: &Client, namespace: &str) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let (change, changed) = watch::channel(0);
        let watches = KINDS.map(|kind| {
            let resource = resource(kind);
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
            let types = TypeMeta { api_version: resource.api_version, kind: resource.kind };
            watcher(api, watcher::Config::default()).map_ok(move |event| (event, types.clone())).boxed()
        });
        let mut events = select_all(watches);
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Some(event) = events.next().await {
                    // A watch that broke is begun anew by the watcher.
                    let Ok((event, types)) = event else { continue };
                    lock(&seen).take(event, types);
                    change.send_modify(|count| *count += 1);
                }
            }
        });
        Self { namespace: namespace.to_owned(), seen, changed, task }
    }

    /// Waits until an object, `Kind/name`, is as described; gives it.
    pub(crate) async fn until(&self, key: &str, what: &str, is: impl Fn(&Object) -> bool) -> Object {
        self.wait(&format!("{key} is {what}"), |seen| seen.latest.get(key).filter(|object| is(object)).cloned()).await
    }

    /// Waits until an object was in a state at any time from a moment on.
    pub(crate) async fn since(&self, from: usize, key: &str, what: &str, is: impl Fn(&Object) -> bool) -> Object {
        let states =
            |seen: &Seen| seen.states.iter().skip(from).find(|object| object.key() == key && is(object)).cloned();
        self.wait(&format!("{key} was {what}"), states).await
    }

    /// Waits until there is none of our objects any more.
    pub(crate) async fn until_empty(&self) {
        self.wait("all objects are gone", |seen| seen.latest.is_empty().then_some(())).await;
    }

    /// A moment, for [`states_since`](Self::states_since).
    pub(crate) fn now(&self) -> usize {
        lock(&self.seen).states.len()
    }

    /// All states since a moment, oldest first.
    pub(crate) fn states_since(&self, from: usize) -> Vec<Object> {
        lock(&self.seen).states[from..].to_vec()
    }

    async fn wait<T>(&self, what: &str, find: impl Fn(&Seen) -> Option<T>) -> T {
        let mut changed = self.changed.clone();
        let found = async {
            loop {
                if let Some(found) = find(&lock(&self.seen)) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(found) => found,
            Err(_) => panic!(
                "in {}: not seen that {what}. Last seen: {}\nThe operator said:\n{}",
                self.namespace,
                self.show(),
                operator::tail(&self.namespace)
            ),
        }
    }

    fn show(&self) -> String {
        let seen = lock(&self.seen);
        let statuses = seen.latest.iter().map(|(key, object)| format!("\n{key}: {}", object.at("/status")));
        statuses.collect()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
        let violations = &lock(&self.seen).violations;
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "rules for statuses were broken:\n{}",
            violations.join("\n")
        );
    }
}

impl Seen {
    fn take(&mut self, event: Event<DynamicObject>, types: TypeMeta) {
        let (object, is_gone) = match event {
            Event::Apply(object) | Event::InitApply(object) => (object, false),
            Event::Delete(object) => (object, true),
            Event::Init | Event::InitDone => return,
        };
        // Lists leave the kind out of their items.
        let object = Object(serde_json::to_value(DynamicObject { types: Some(types), ..object }).unwrap());
        let key = object.key();
        let before = self.latest.get(&key).filter(|before| before.at("/metadata/uid") == object.at("/metadata/uid"));
        self.violations.extend(violations(before, &object));
        match is_gone {
            true => self.latest.remove(&key),
            false => self.latest.insert(key, object.clone()),
        };
        self.states.push(object);
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rules of Flux for conditions (kstatus), and our own, that a state breaks.
pub(crate) fn violations(before: Option<&Object>, object: &Object) -> Vec<String> {
    let generation = object.generation();
    let observed = object.at("/status/observedGeneration").as_i64();
    let Some(ready) = object.condition("Ready") else {
        let rule = "Ready is there once there are conditions";
        return if object.conditions().is_empty() { vec![] } else { vec![describe(object, rule)] };
    };
    let (is_ready, is_reconciling, is_stalled) = (object.is("Ready"), object.is("Reconciling"), object.is("Stalled"));
    let is_ahead = |condition: &Value| condition["observedGeneration"].as_i64().is_none_or(|of| of > generation);
    let moved_without_flip = |condition: &Value| {
        let old = before.and_then(|before| before.condition(condition["type"].as_str()?));
        old.is_some_and(|old| {
            old["status"] == condition["status"] && old["lastTransitionTime"] != condition["lastTransitionTime"]
        })
    };
    let is_wordless =
        |condition: &Value| ["reason", "message"].iter().any(|key| condition[key].as_str().is_none_or(str::is_empty));
    let rules = [
        ("Reconciling and Stalled are never both there", !(is_reconciling && is_stalled)),
        ("neither stands beside Ready", !(is_ready && (is_reconciling || is_stalled))),
        (
            "conditions but Ready are there only while True",
            object.conditions().iter().all(|condition| condition["type"] == "Ready" || condition["status"] == "True"),
        ),
        ("a condition carries its generation, never one to come", !object.conditions().iter().any(is_ahead)),
        ("observedGeneration is never one to come", observed.is_none_or(|observed| observed <= generation)),
        (
            "with a verdict, all conditions and the status are about the same generation",
            !(is_ready || is_stalled)
                || object.conditions().iter().all(|condition| condition["observedGeneration"].as_i64() == observed),
        ),
        ("lastTransitionTime moves only when the condition flips", !object.conditions().iter().any(moved_without_flip)),
        ("reason and message say something", !object.conditions().iter().any(is_wordless)),
        (
            "Ready is True, False or Unknown",
            ["True", "False", "Unknown"].iter().any(|status| ready["status"] == *status),
        ),
    ];
    rules.into_iter().filter(|(_, holds)| !holds).map(|(rule, _)| describe(object, rule)).collect()
}

fn describe(object: &Object, rule: &str) -> String {
    format!("{rule}: {} at generation {}: {}", object.key(), object.generation(), object.at("/status"))
}
