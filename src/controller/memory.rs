//! What is remembered of objects between passes: what we wrote last, how often their work failed in a row, and when their
//! client secret was set.

use super::tracker::Tracker;
use crate::plan::{Refusal, SentSecret};
use kube::{Resource, ResourceExt, core::object::HasStatus};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
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
#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// Whether the tenant or the way to it was the trouble, the last time.
    is_trouble: bool,
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
    pub(super) fn newest<K: Resource + HasStatus<Status = Status>>(&self, object: &K) -> (Status, String) {
        let in_store = object.resource_version().unwrap_or_default();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = object.uid().unwrap_or_default();
        match written.get(&uid) {
            Some((resource_version, status)) if is_older(&in_store, resource_version) => {
                (status.clone(), resource_version.clone())
            }
            _ => {
                written.remove(&uid);
                (object.status().cloned().unwrap_or_default(), in_store)
            }
        }
    }

    /// We wrote a status.
    pub(super) fn wrote(&self, uid: &str, resource_version: String, status: Status) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), (resource_version, status));
    }

    /// Counts one more failure; gives how many there were before.
    pub(super) fn failed(&self, uid: &str, is_trouble: bool) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = failures.entry(uid.to_owned()).or_default();
        *failures = Failures { count: failures.count + 1, is_trouble };
        failures.count - 1
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
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.trackers.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Resource versions of one kind of resource can be compared as numbers (Kubernetes 1.35 and later say so outright).
fn is_older(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{Auth0Tenant, Auth0TenantStatus};

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
        let memory = Memory::default();
        memory.wrote("1", "10".into(), Auth0TenantStatus { dependants: Some(5), ..Default::default() });
        for (in_store, dependants) in [("9", 5), ("10", 1), ("9", 1)] {
            assert_eq!(memory.newest(&tenant(in_store, 1)).0.dependants, Some(dependants), "store at {in_store}");
        }
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
