//! Objects by id, in the order of their creation: the order in which Auth0 lists them (recorded).

use std::collections::{BTreeMap, HashMap};

/// A kind of object in the tenant.
#[derive(Clone)]
pub(crate) struct Store<T> {
    by_age: BTreeMap<u64, T>,
    ages: HashMap<String, u64>,
    next: u64,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { by_age: BTreeMap::new(), ages: HashMap::new(), next: 0 }
    }
}

impl<T> Store<T> {
    /// Adds an object as the youngest; one with the same id is replaced.
    pub(crate) fn insert(&mut self, id: impl Into<String>, object: T) {
        if let Some(old) = self.ages.insert(id.into(), self.next) {
            self.by_age.remove(&old);
        }
        self.by_age.insert(self.next, object);
        self.next += 1;
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.by_age.get(self.ages.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.by_age.get_mut(self.ages.get(id)?)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        self.by_age.remove(&self.ages.remove(id)?)
    }

    /// Keeps the objects that `keep` says yes to.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let by_age = &mut self.by_age;
        self.ages.retain(|_, age| {
            let kept = by_age.get(age).is_some_and(&mut keep);
            if !kept {
                by_age.remove(age);
            }
            kept
        });
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.by_age.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.by_age.values_mut()
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
}
