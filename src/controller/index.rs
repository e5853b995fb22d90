//! Which resources mean the same tenant object, and which refer to another resource or Secret. Kept as the watches tell, so that
//! nobody has to look at all resources for each change of one.

use super::{kind::Kind, stores::Stores};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0User},
    plan::Managed,
};
use kube::runtime::{reflector::ObjectRef, watcher::Event};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

/// The indices of all kinds.
#[derive(Default)]
pub(super) struct Indices {
    pub(super) apis: Index<Auth0Api>,
    pub(super) connections: Index<Auth0Connection>,
    pub(super) users: Index<Auth0User>,
}

/// What resources are found by.
#[derive(Hash)]
enum Key<'a> {
    /// What it stands for in its tenant, as far as its spec alone tells.
    Rough(&'a str),
    /// What it refers to in its namespace: kind, namespace, name.
    Reference(&'a str, &'a str, &'a str),
}

/// The resources of one kind.
pub(super) struct Index<K: Kind> {
    hasher: RandomState,
    state: Mutex<State<K>>,
}

/// By hashes of keys, which take less room: whoever looks something up looks at what is found, too.
struct State<K: Kind> {
    found: HashMap<u64, Vec<Arc<ObjectRef<K>>>>,
    keys: HashMap<Arc<ObjectRef<K>>, Vec<u64>>,
}

impl<K: Kind> Default for Index<K> {
    fn default() -> Self {
        let state = State { found: HashMap::new(), keys: HashMap::new() };
        Self { hasher: RandomState::new(), state: Mutex::new(state) }
    }
}

impl<K: Kind> Index<K> {
    /// Takes note of what a watch tells. What went while a watch was lost stays, and is found in no store.
    pub(super) fn note(&self, event: &Event<K>) {
        let (object, is_gone) = match event {
            Event::Apply(object) | Event::InitApply(object) => (object, false),
            Event::Delete(object) => (object, true),
            Event::Init | Event::InitDone => return,
        };
        let owner = object.owner("");
        let reference = Arc::new(ObjectRef::new(&owner.name).within(&owner.namespace));
        let mut keys = vec![];
        if !is_gone {
            keys.push(self.hasher.hash_one(Key::Rough(&object.spec().rough_key(&owner))));
            for need in object.spec().needs(&owner) {
                let (kind, name) = need.referred();
                keys.push(self.hasher.hash_one(Key::Reference(kind, &owner.namespace, name)));
            }
            keys.sort_unstable();
            keys.dedup();
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).put(reference, keys);
    }

    /// The resources that stand for the same object as this one, whatever their tenants.
    pub(super) fn claimants(&self, stores: &Stores, object: &K) -> Vec<Arc<K>> {
        let (rough, exact) = (object.spec().rough_key(&object.owner("")), object.claim_key(stores));
        let found = self.found(&Key::Rough(&rough)).into_iter().filter_map(|found| K::store(stores).get(&found));
        found.filter(|other| other.claim_key(stores) == exact).collect()
    }

    /// The resources that refer to another of their namespace.
    pub(super) fn referrers(&self, kind: &str, namespace: &str, name: &str) -> Vec<Arc<ObjectRef<K>>> {
        self.found(&Key::Reference(kind, namespace, name))
    }

    fn found(&self, key: &Key<'_>) -> Vec<Arc<ObjectRef<K>>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.found.get(&self.hasher.hash_one(key)).cloned().unwrap_or_default()
    }
}

impl<K: Kind> State<K> {
    fn put(&mut self, object: Arc<ObjectRef<K>>, keys: Vec<u64>) {
        let before = self.keys.get(&object);
        if before.map_or(keys.is_empty(), |before| *before == keys) {
            return;
        }
        for key in self.keys.remove(&object).into_iter().flatten() {
            if let Some(found) = self.found.get_mut(&key) {
                found.retain(|other| *other != object);
                if found.is_empty() {
                    self.found.remove(&key);
                }
            }
        }
        for key in &keys {
            self.found.entry(*key).or_default().push(object.clone());
        }
        if !keys.is_empty() {
            self.keys.insert(object, keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::ResourceExt;
    use serde_json::json;

    fn user(name: &str, connection: &str, email: &str) -> Auth0User {
        let spec = json!({"connectionRef": {"name": connection}, "email": email, "password": {"secretKeyRef": {"name": name, "key": "p"}}});
        let mut user = Auth0User::new(name, serde_json::from_value(spec).unwrap());
        user.metadata.namespace = Some("a".to_owned());
        user
    }

    fn names(found: &[Arc<ObjectRef<Auth0User>>]) -> Vec<String> {
        found.iter().map(|found| found.name.clone()).collect()
    }

    #[test]
    fn resources_are_found_by_what_they_refer_to_until_they_no_longer_do() {
        let index = Index::default();
        index.note(&Event::InitApply(user("ada", "one", "ada@example.com")));
        index.note(&Event::Apply(user("bob", "one", "bob@example.com")));
        assert_eq!(names(&index.referrers("Auth0Connection", "a", "one")), ["ada", "bob"]);
        assert_eq!(names(&index.referrers("Secret", "a", "bob")), ["bob"]);
        assert!(index.referrers("Auth0Connection", "b", "one").is_empty(), "references stay in their namespace");
        index.note(&Event::Apply(user("ada", "two", "ada@example.com")));
        index.note(&Event::Delete(user("bob", "one", "bob@example.com")));
        assert!(index.referrers("Auth0Connection", "a", "one").is_empty());
        assert_eq!(names(&index.referrers("Auth0Connection", "a", "two")), ["ada"]);
        assert_eq!(index.state.lock().unwrap().keys.len(), 1);
    }

    #[test]
    fn rivals_are_found_by_what_they_stand_for_and_only_those_that_exist() {
        let index = Index::default();
        let (stores, mut writers) = super::super::stores::stores();
        for (name, email) in [("ada", "ada@example.com"), ("rival", "Ada@example.com"), ("gone", "ada@example.com")] {
            let event = Event::Apply(user(name, "one", email));
            if name != "gone" {
                writers.users.apply_watcher_event(&event);
            }
            index.note(&event);
        }
        let ada = user("ada", "one", "ada@example.com");
        let found: Vec<_> = index.claimants(&stores, &ada).iter().map(|user| user.name_any()).collect();
        assert_eq!(found, ["ada", "rival"]);
    }
}
