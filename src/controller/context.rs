//! What passes share: the cluster, the tenants, the operator's own identity and settings; and what is remembered between
//! passes over one kind.

use super::{identity::Identity, kind::Kind, options::Options, stores::Stores, tenants::Tenants, wake::Waker};
use crate::{crd::Auth0Tenant, plan::Managed, telemetry::Metrics};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource, ResourceExt,
    runtime::{
        events::{Event, EventType, Recorder},
        reflector::ObjectRef,
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// What passes over all kinds share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) identity: Identity,
    pub(super) stores: Arc<Stores>,
    pub(super) waker: Arc<Waker>,
    pub(super) tenants: Tenants,
    pub(super) http: reqwest::Client,
    pub(super) recorder: Recorder,
    pub(super) metrics: Arc<Metrics>,
}

/// What passes over one kind share.
pub(super) struct Context<K: Kind> {
    pub(super) shared: Arc<Shared>,
    /// By uid: the newest status that we wrote and its resourceVersion, since the store may not have it yet.
    written: Mutex<HashMap<String, Written<K>>>,
    /// By uid: how many passes in a row did not get their work done.
    failures: Mutex<HashMap<String, u32>>,
}

struct Written<K: Kind> {
    resource_version: String,
    status: <K::Wish as Managed>::Status,
}

impl<K: Kind> Context<K> {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, written: Mutex::default(), failures: Mutex::default() }
    }

    /// The status and resourceVersion of an object: as the store has it, or as we wrote it when that is newer.
    pub(super) fn newest(&self, object: &K) -> (<K::Wish as Managed>::Status, String) {
        let in_store = object.resource_version().unwrap_or_default();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = object.uid().unwrap_or_default();
        match written.get(&uid) {
            Some(newer) if is_older(&in_store, &newer.resource_version) => {
                (newer.status.clone(), newer.resource_version.clone())
            }
            _ => {
                written.remove(&uid);
                (object.status().cloned().unwrap_or_default(), in_store)
            }
        }
    }

    pub(super) fn wrote(&self, uid: &str, resource_version: String, status: <K::Wish as Managed>::Status) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.insert(uid.to_owned(), Written { resource_version, status });
    }

    /// Counts one more failure; gives how many there were before.
    pub(super) fn failed(&self, uid: &str) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn succeeded(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    pub(super) fn forget(&self, uid: &str) {
        self.succeeded(uid);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Resource versions of one kind of resource can be compared as numbers (Kubernetes 1.35 and later say so outright).
fn is_older(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

impl Shared {
    /// Makes an event about an object. Events are for people: a failure to write one changes nothing, and in a namespace that
    /// is ending none can be written, so there the event goes to the tenant.
    pub(super) async fn event<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        is_warning: bool,
        reason: &str,
        message: &str,
        tenant: Option<&Auth0Tenant>,
    ) {
        let type_ = if is_warning { EventType::Warning } else { EventType::Normal };
        let namespace = object.namespace().unwrap_or_default();
        let is_ending =
            self.stores.namespace(&namespace).is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some());
        let (about, note): (ObjectReference, String) =
            match tenant.filter(|tenant| is_ending && tenant.namespace() != Some(namespace.clone())) {
                Some(tenant) => {
                    let note = format!("{} {namespace}/{}: {message}", K::kind(&()), object.name_any());
                    (tenant.object_ref(&()), note)
                }
                None => (object.object_ref(&()), message.to_owned()),
            };
        // An event's note holds at most 1 kB (events.k8s.io/v1).
        let note: String = note.chars().take(1000).collect();
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &about).await {
            tracing::debug!(%error, object = %ObjectRef::from_obj(object), "an event was not written");
        }
    }
}
