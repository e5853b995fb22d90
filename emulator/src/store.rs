//! Objects by id, in the order of their creation: the order in which Auth0 lists them (recorded). Some kinds are found by more than
//! their id, so that nobody has to look through all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A kind of object in the tenant.
#[derive(Clone)]
pub(crate) struct Store<T> {
    by_age: BTreeMap<u64, T>,
    ages: HashMap<String, u64>,
    /// What else an object is found by.
    keys: fn(&T) -> Vec<String>,
    by_key: HashMap<String, BTreeSet<u64>>,
    next: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self::found_by(|_| Vec::new())
    }
}

impl<T> Store<T> {
    /// A store whose objects are found by these keys, too. They need not be unique.
    pub(crate) fn found_by(keys: fn(&T) -> Vec<String>) -> Self {
        Self { by_age: BTreeMap::new(), ages: HashMap::new(), keys, by_key: HashMap::new(), next: 0 }
    }

    /// Adds an object as the youngest; one with the same id is replaced.
    pub(crate) fn insert(&mut self, id: impl Into<String>, object: T) {
        if let Some(old) = self.ages.insert(id.into(), self.next) {
            self.take(old);
        }
        self.put(self.next, object);
        self.next += 1;
    }

    /// Puts another object in the place of one that is there.
    pub(crate) fn replace(&mut self, id: &str, object: T) {
        if let Some(age) = self.ages.get(id).copied() {
            self.take(age);
            self.put(age, object);
        }
    }

    /// The objects with a key, oldest first.
    pub(crate) fn find<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        self.by_key.get(key).into_iter().flatten().filter_map(|age| self.by_age.get(age))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.by_age.get(self.ages.get(id)?)
    }

    /// To change all but what the object is found by; see [`Store::replace`] for that.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.by_age.get_mut(self.ages.get(id)?)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        let age = self.ages.remove(id)?;
        self.take(age)
    }

    /// Keeps the objects that `keep` says yes to.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let gone: Vec<_> = self.by_age.iter().filter(|(_, object)| !keep(object)).map(|(age, _)| *age).collect();
        for age in &gone {
            self.take(*age);
        }
        if !gone.is_empty() {
            self.ages.retain(|_, age| self.by_age.contains_key(age));
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.by_age.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.by_age.values_mut()
    }

    fn put(&mut self, age: u64, object: T) {
        for key in (self.keys)(&object) {
            self.by_key.entry(key).or_default().insert(age);
        }
        self.by_age.insert(age, object);
    }

    fn take(&mut self, age: u64) -> Option<T> {
        let object = self.by_age.remove(&age)?;
        for key in (self.keys)(&object) {
            if let Some(ages) = self.by_key.get_mut(&key) {
                ages.remove(&age);
                if ages.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_listed_in_the_order_of_their_creation() {
        let mut store = Store::default();
        for id in ["c", "a", "b"] {
            store.insert(id, id);
        }
        store.remove("a");
        store.insert("a", "a");
        assert_eq!(store.iter().copied().collect::<Vec<_>>(), ["c", "b", "a"]);
        store.retain(|id| *id != "b");
        assert_eq!((store.get("b"), store.iter().count()), (None, 2));
    }

    #[test]
    fn objects_are_found_by_their_keys_as_long_as_they_have_them() {
        let mut store = Store::found_by(|name: &&str| vec![name[..1].to_owned()]);
        for name in ["ada", "bob", "abe"] {
            store.insert(name, name);
        }
        let found = |store: &Store<&'static str>, key: &str| store.find(key).copied().collect::<Vec<_>>();
        assert_eq!((found(&store, "a"), found(&store, "c")), (vec!["ada", "abe"], vec![]));
        store.replace("ada", "cleo");
        assert_eq!(
            (found(&store, "a"), found(&store, "c"), store.get("ada")),
            (vec!["abe"], vec!["cleo"], Some(&"cleo"))
        );
        store.remove("ada");
        store.retain(|name| *name != "abe");
        assert_eq!((found(&store, "a"), found(&store, "c"), store.iter().count()), (vec![], vec![], 1));
        store.insert("bob", "zoe");
        assert_eq!((found(&store, "b"), found(&store, "z")), (vec![], vec!["zoe"]));
    }
}
