//! What is remembered of objects between passes: what we wrote last, how often their work failed in a row, and when their
//! client secret was set.

use super::tracker::Tracker;
use crate::plan::{Refusal, SentSecret};
use kube::{
    Resource, ResourceExt,
    core::object::HasStatus,
    runtime::{
        reflector::{ObjectRef, Store},
        watcher::Event,
    },
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// By uid of an object.
pub(super) struct Memory<Status> {
    /// The newest status that we wrote and its resourceVersion, since the store may not have it yet.
    written: Mutex<HashMap<String, (String, Status)>>,
    failures: Mutex<HashMap<String, Failures>>,
    /// Generation and references that the tenant refused, and how.
    refused: Mutex<HashMap<String, (u64, Refusal)>>,
    trackers: Mutex<HashMap<String, Tracker>>,
    /// The client secret that was set last, and when.
    sent: Mutex<HashMap<String, (SentSecret, Instant)>>,
}

/// How often in a row the work on an object failed.
#[derive(Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
    /// Whether the tenant or the way to it was the trouble, the last time.
    is_trouble: bool,
}

impl Default for Failures {
    fn default() -> Self {
        Self { since: Instant::now(), count: 0, is_trouble: false }
    }
}

impl<Status> Default for Memory<Status> {
    fn default() -> Self {
        Self {
            written: Mutex::default(),
            failures: Mutex::default(),
            refused: Mutex::default(),
            trackers: Mutex::default(),
            sent: Mutex::default(),
        }
    }
}

impl<Status: Clone + Default> Memory<Status> {
    /// The status and resourceVersion of an object: as the store has it, or as we wrote it when that is newer.
    pub(super) fn newest<K>(&self, object: &K, store: &Store<K>) -> (Status, String)
    where
        K: Resource<DynamicType = ()> + HasStatus<Status = Status> + Clone + 'static,
    {
        // The store after this: what is taken out of here stands there already, though not in an `object` of before that.
        let written = self.written().get(&object.uid().unwrap_or_default()).cloned();
        let stored = store.get(&ObjectRef::from_obj(object)).filter(|stored| stored.meta().uid == object.meta().uid);
        let object = stored.as_deref().filter(|stored| is_older(object, &version(*stored))).unwrap_or(object);
        match written {
            Some((written, status)) if is_older(object, &written) => (status, written),
            _ => (object.status().cloned().unwrap_or_default(), version(object)),
        }
    }

    /// We wrote a status.
    pub(super) fn wrote<K>(&self, object: &K, resource_version: String, status: Status, store: &Store<K>)
    where
        K: Resource<DynamicType = ()> + HasStatus<Status = Status> + Clone + 'static,
    {
        self.written().insert(object.uid().unwrap_or_default(), (resource_version, status));
        // The watch may have been faster than the answer.
        if let Some(stored) = store.get(&ObjectRef::from_obj(object)) {
            self.stored(&*stored);
        }
    }

    /// The watch brought something, which the store has now.
    pub(super) fn saw<K: Resource + HasStatus<Status = Status>>(&self, event: &Event<K>) {
        match event {
            Event::Apply(object) | Event::Delete(object) => self.stored(object),
            // The store has them all at the end only.
            Event::Init | Event::InitApply(_) | Event::InitDone => {}
        }
    }

    fn stored<K: Resource + HasStatus<Status = Status>>(&self, object: &K) {
        let (mut written, uid) = (self.written(), object.uid().unwrap_or_default());
        if written.get(&uid).is_some_and(|(version, _)| !is_older(object, version)) {
            written.remove(&uid);
        }
    }

    fn written(&self) -> MutexGuard<'_, HashMap<String, (String, Status)>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more failure; gives how many there were before.
    pub(super) fn failed(&self, uid: &str, is_trouble: bool) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = failures.entry(uid.to_owned()).or_default();
        *failures = Failures { count: failures.count + 1, is_trouble, ..*failures };
        failures.count - 1
    }

    /// For how long the work has not succeeded, from the first time that this is asked or a failure was counted.
    pub(super) fn failing_for(&self, uid: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.entry(uid.to_owned()).or_default().since.elapsed()
    }

    /// Whether the last attempt ended in trouble with the tenant, so that the next is a repetition.
    pub(super) fn is_retrying(&self, uid: &str) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(uid).is_some_and(|failures| failures.is_trouble)
    }

    /// Whether the failure that is being dealt with is the first in a row.
    pub(super) fn is_new(&self, uid: &str) -> bool {
        !self.failures.lock().unwrap_or_else(PoisonError::into_inner).contains_key(uid)
    }

    /// The refusal of the same thing before, so that the tenant need not be asked again.
    pub(super) fn refusal(&self, uid: &str, print: u64) -> Option<Refusal> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(uid).filter(|(other, _)| *other == print).map(|(_, refusal)| refusal.clone())
    }

    /// The tenant refused something.
    pub(super) fn refused(&self, uid: &str, print: u64, refusal: Refusal) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), (print, refusal));
    }

    /// What became of our writes to the object.
    pub(super) fn tracked<T>(&self, uid: &str, then: impl FnOnce(&mut Tracker) -> T) -> T {
        let mut trackers = self.trackers.lock().unwrap_or_else(PoisonError::into_inner);
        then(trackers.entry(uid.to_owned()).or_default())
    }

    /// The tenant took a client secret.
    pub(super) fn sent(&self, uid: &str, sent: SentSecret) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), (sent, Instant::now()));
    }

    /// The client secret that the tenant took last from this process, as things are now.
    pub(super) fn last_sent(&self, uid: &str) -> Option<SentSecret> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let (sent, since) = sent.get(uid)?;
        Some(SentSecret { settles_in: sent.settles_in.saturating_sub(since.elapsed()), ..sent.clone() })
    }

    /// The work is done, so the next failure is the first.
    pub(super) fn succeeded(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// The object is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.succeeded(uid);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.written().remove(uid);
        self.trackers.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Resource versions of one kind of resource can be compared as numbers (Kubernetes 1.35 and later say so outright).
fn is_older<K: Resource>(object: &K, than: &str) -> bool {
    match (version(object).parse::<u64>(), than.parse::<u64>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

fn version<K: Resource>(object: &K) -> String {
    object.resource_version().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{Auth0Tenant, Auth0TenantStatus};
    use kube::runtime::reflector;

    fn tenant(resource_version: &str, dependants: i64) -> Auth0Tenant {
        let mut tenant = Auth0Tenant::new(
            "x",
            serde_saphyr::from_str("{domain: x.auth0.com, credentials: {secretRef: {name: x}}}").unwrap(),
        );
        tenant.metadata.uid = Some("1".into());
        tenant.metadata.resource_version = Some(resource_version.into());
        tenant.status = Some(Auth0TenantStatus { dependants: Some(dependants), ..Default::default() });
        tenant
    }

    #[test]
    fn what_we_wrote_counts_until_the_store_has_caught_up() {
        let (store, mut writer) = reflector::store();
        let (memory, ours) = (Memory::default(), Auth0TenantStatus { dependants: Some(5), ..Default::default() });
        let mut watch = |version: &str| {
            let event = Event::Apply(tenant(version, 1));
            writer.apply_watcher_event(&event);
            memory.saw(&event);
        };
        watch("8");
        memory.wrote(&tenant("8", 1), "10".into(), ours.clone(), &store);
        watch("9");
        let newest = |version: &str| memory.newest(&tenant(version, 1), &store);
        assert_eq!((newest("8").0, newest("9").0), (ours.clone(), ours.clone()));
        watch("10");
        assert!(memory.written().is_empty(), "nothing is kept that the store has");
        assert_eq!(newest("8"), (tenant("10", 1).status.unwrap(), "10".into()), "nor does an earlier read count");
        memory.wrote(&tenant("8", 1), "10".into(), ours, &store);
        assert!(memory.written().is_empty(), "the watch was faster than the answer");
    }

    #[test]
    fn failures_are_counted_until_a_success() {
        let memory = Memory::<Auth0TenantStatus>::default();
        assert_eq!((memory.failed("1", true), memory.failed("1", false), memory.failed("2", true)), (0, 1, 0));
        assert!(!memory.is_retrying("1") && memory.is_retrying("2"));
        memory.succeeded("1");
        assert_eq!(memory.failed("1", true), 0);
    }
}
