//! What the cluster holds, as the watches tell: one reflector for each kind, driven once. Dereference reads these stores, and
//! what changes in them wakes the waiters (`wake.rs`), so that a wake always comes after the change can be seen.

use super::{index::Indices, kind::Watched};
use crate::crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0User};
use futures::{
    Stream, TryStreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Predicate, WatchStreamExt, predicates,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use std::{
    collections::{HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};
use tokio::sync::watch;

/// All that is watched.
pub(super) struct Stores {
    pub(super) tenants: Store<Auth0Tenant>,
    pub(super) apis: Store<Auth0Api>,
    pub(super) connections: Store<Auth0Connection>,
    pub(super) users: Store<Auth0User>,
    /// Metadata only: labels decide what a namespace may do, and an ending one takes no events.
    pub(super) namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Who means the same, and who refers to what.
    pub(super) indices: Indices,
    /// Kinds that have been listed.
    listed: watch::Sender<HashSet<String>>,
}

/// Kinds that passes read from stores.
const LISTED: [&str; 5] = ["Auth0Tenant", "Auth0Api", "Auth0Connection", "Auth0User", "Namespace"];

/// The writers that feed the stores.
pub(super) struct Writers {
    pub(super) tenants: Writer<Auth0Tenant>,
    pub(super) apis: Writer<Auth0Api>,
    pub(super) connections: Writer<Auth0Connection>,
    pub(super) users: Writer<Auth0User>,
    pub(super) namespaces: Writer<PartialObjectMeta<Namespace>>,
}

/// Asks for passes over objects.
pub(super) struct Wakes {
    pub(super) tenants: UnboundedSender<ObjectRef<Auth0Tenant>>,
    pub(super) apis: UnboundedSender<ObjectRef<Auth0Api>>,
    pub(super) connections: UnboundedSender<ObjectRef<Auth0Connection>>,
    pub(super) users: UnboundedSender<ObjectRef<Auth0User>>,
}

/// The other ends of [`Wakes`].
pub(super) struct Woken {
    pub(super) tenants: UnboundedReceiver<ObjectRef<Auth0Tenant>>,
    pub(super) apis: UnboundedReceiver<ObjectRef<Auth0Api>>,
    pub(super) connections: UnboundedReceiver<ObjectRef<Auth0Connection>>,
    pub(super) users: UnboundedReceiver<ObjectRef<Auth0User>>,
}

/// Empty stores and what feeds them.
pub(super) fn stores() -> (Stores, Writers) {
    let (tenants, tenants_writer) = reflector::store();
    let (apis, apis_writer) = reflector::store();
    let (connections, connections_writer) = reflector::store();
    let (users, users_writer) = reflector::store();
    let (namespaces, namespaces_writer) = reflector::store();
    (
        Stores {
            tenants,
            apis,
            connections,
            users,
            namespaces,
            indices: Indices::default(),
            listed: watch::Sender::default(),
        },
        Writers {
            tenants: tenants_writer,
            apis: apis_writer,
            connections: connections_writer,
            users: users_writer,
            namespaces: namespaces_writer,
        },
    )
}

/// Both ends of the channels that wakes go through.
pub(super) fn wakes() -> (Wakes, Woken) {
    let (tenants, tenants_woken) = unbounded();
    let (apis, apis_woken) = unbounded();
    let (connections, connections_woken) = unbounded();
    let (users, users_woken) = unbounded();
    (
        Wakes { tenants, apis, connections, users },
        Woken { tenants: tenants_woken, apis: apis_woken, connections: connections_woken, users: users_woken },
    )
}

impl Stores {
    /// Waits until every store has been filled once: before that, a missing reference may just not have been listed yet.
    ///
    /// Not by `Store::wait_until_ready`: in kube 5.0 it wakes only the last of several waiters.
    pub(super) async fn ready(&self) {
        let is_complete = |listed: &HashSet<String>| LISTED.iter().all(|kind| listed.contains(*kind));
        // The error means that the sender is gone; it is ours.
        let _ = self.listed.subscribe().wait_for(is_complete).await;
    }

    /// Takes note that a kind was listed. Gives whether that was the first time.
    pub(super) fn listed(&self, kind: &str) -> bool {
        self.listed.send_if_modified(|listed| listed.insert(kind.to_owned()))
    }

    /// The namespace, where it is known.
    pub(super) fn namespace(&self, name: &str) -> Option<std::sync::Arc<PartialObjectMeta<Namespace>>> {
        self.namespaces.get(&ObjectRef::new(name))
    }
}

/// Watches one kind: the store is written first, then `touched` is told, then the controller gets what it has to look at: new
/// specs, requests, and deletions, which count the generation up, too. Finalizers need no pass: we put ours on in one.
pub(super) fn watched<K: Watched>(
    client: Client,
    writer: Writer<K>,
    touched: impl Fn(&watcher::Event<K>) + Send + 'static,
) -> impl Stream<Item = Result<K, watcher::Error>> + Send + 'static {
    watcher(Api::<K>::all(client), watcher::Config::default())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer)
        .inspect_ok(touched)
        .applied_objects()
        .predicate_filter(predicates::generation.combine(requests), Default::default())
}

/// Asks for a pass.
pub(super) const FORCE: &str = "reconcile.auth0-operator.dev/requestedAt";
/// Asks for a new client secret.
pub(super) const ROTATE: &str = "auth0-operator.dev/rotateClientSecret";

/// What people ask for by annotation.
fn requests<K: Watched>(object: &K) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    [FORCE, ROTATE].map(|asks| object.annotations().get(asks)).hash(&mut hasher);
    Some(hasher.finish())
}
