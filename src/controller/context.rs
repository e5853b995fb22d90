//! What passes share: the cluster, the tenants, the operator's own identity and settings; and what is remembered between
//! passes over one kind.

use super::{
    finalizers::has_finalizer,
    holds::Holds,
    identity::Identity,
    kind::Kind,
    lookout::Culprits,
    memory::Memory,
    options::Options,
    secrets::Secrets,
    stores::{Stores, Wakes},
    tenants::Tenants,
    turns::Turns,
    wake::Waker,
};
use crate::{crd::Auth0Tenant, plan::Managed, telemetry::Metrics};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource, ResourceExt,
    runtime::{
        events::{Event, EventType, Recorder, Reporter},
        reflector::ObjectRef,
    },
};
use std::{hash::RandomState, sync::Arc};
use tokio_util::sync::CancellationToken;

/// What passes over all kinds share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) identity: Identity,
    pub(super) stores: Arc<Stores>,
    pub(super) wakes: Arc<Wakes>,
    pub(super) turns: Arc<Turns>,
    pub(super) culprits: Culprits,
    pub(super) waker: Arc<Waker>,
    pub(super) tenants: Tenants,
    pub(super) holds: Holds,
    pub(super) shutdown: CancellationToken,
    pub(super) http: reqwest::Client,
    pub(super) secrets: Secrets,
    /// Who we are in events.
    pub(super) reporter: Reporter,
    /// Of warnings: it remembers them for some minutes, so that those that come again and again are counted in one event.
    pub(super) recorder: Recorder,
    pub(super) metrics: Arc<Metrics>,
}

/// What passes over one kind share.
pub(super) struct Context<K: Kind> {
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory<<K::Wish as Managed>::Status>,
    /// Random for each process, so that prints of secrets tell nothing outside of it.
    pub(super) hasher: RandomState,
}

impl<K: Kind> Context<K> {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, memory: Memory::default(), hasher: RandomState::new() }
    }
}

impl Shared {
    /// Waits until every store has been filled once. Gives false when the operator is to end before that.
    pub(super) async fn ready(&self) -> bool {
        tokio::select! {
            () = self.stores.ready() => true,
            () = self.shutdown.cancelled() => false,
        }
    }

    /// Whether another Auth0Tenant of the namespace holds the Secret, too.
    pub(super) fn is_shared(&self, tenant: &Auth0Tenant, secret: &str) -> bool {
        let is_other_user = |other: &Auth0Tenant| {
            other.meta().uid != tenant.meta().uid
                && other.meta().namespace == tenant.meta().namespace
                && other.spec.credentials.secret_ref.name == secret
                && has_finalizer(other)
        };
        !self.stores.tenants.state_filter(is_other_user).is_empty()
    }

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
        // What goes well is told once. A recorder that remembered it all would take more memory than the resources themselves, and
        // look through all of it each time (kube 5.0).
        let recorder = match type_ {
            EventType::Normal => &Recorder::new(self.client.clone(), self.reporter.clone()),
            EventType::Warning => &self.recorder,
        };
        if let Err(error) = recorder.publish(&event, &about).await {
            tracing::debug!(%error, object = %ObjectRef::from_obj(object), "an event was not written");
        }
    }
}
