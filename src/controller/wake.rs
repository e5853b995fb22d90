//! Who waits for whom: what changes in one object wakes the objects that refer to it, that mean the same thing in the tenant,
//! or that were waiting for its end.

use super::{
    kind::{Kind, Watched},
    stores::{Stores, Wakes},
    tenants::pin,
};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0User, TenantPin},
    plan::Managed,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{reflector::ObjectRef, watcher::Event},
};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Maps changes to waiters.
pub(super) struct Waker {
    stores: Arc<Stores>,
    wakes: Arc<Wakes>,
    default_tenant: Option<(String, String)>,
    /// What waiters could see of an object when they were last woken by it: most changes of an object concern nobody else.
    seen: Mutex<HashMap<String, u64>>,
    /// Tenants that are about to be told that the number of their dependants changed.
    recounts: Arc<Mutex<HashSet<ObjectRef<Auth0Tenant>>>>,
}

/// A tenant's count of dependants may lag by so long; its deletion does not wait for it.
const RECOUNT_AFTER: Duration = Duration::from_secs(2);

impl Waker {
    pub(super) fn new(stores: Arc<Stores>, wakes: Arc<Wakes>, default_tenant: Option<(String, String)>) -> Self {
        Self { stores, wakes, default_tenant, seen: Mutex::default(), recounts: Arc::default() }
    }

    /// A tenant changed.
    pub(super) fn tenant(&self, event: &Event<Auth0Tenant>) {
        self.on(
            event,
            |tenant| {
                let status = tenant.status.clone().unwrap_or_default();
                let ready = status.conditions.into_iter().find(|condition| condition.type_ == "Ready");
                let ready = ready.map(|ready| (ready.status, ready.reason));
                // A scope that is granted, and a force on the tenant, end the waits of its dependants.
                let ends_waits = (status.missing_scopes, status.last_handled_reconcile_at);
                format!("{:?}", (tenant.meta().generation, ready, ends_waits))
            },
            |tenant| self.dependants_of(&tenant.namespace().unwrap_or_default(), &tenant.name_any()),
        );
    }

    /// A resource changed: others wait for it, or mean the same tenant object.
    pub(super) fn resource<K: Kind>(&self, event: &Event<K>) {
        K::index(&self.stores).note(event);
        let visible = |object: &K| {
            let common = object.common();
            let ready = common
                .conditions
                .iter()
                .find(|condition| condition.type_ == "Ready")
                .map(|ready| (&ready.status, &ready.reason));
            let referred_id = object.status().and_then(K::Wish::referred_id);
            format!(
                "{:?}",
                (
                    &common.id,
                    common.pending.is_some(),
                    common.deletion_policy,
                    common.observed_generation,
                    ready,
                    referred_id
                )
            )
        };
        self.on(event, visible, |object| {
            self.wake_referrers(&K::kind(&()), object.meta().namespace.as_deref(), &object.name_any());
            // In other tenants the key means other objects. Nobody there is woken: two that are refused would wake each other for ever.
            let tenant = self.tenant_of(object);
            let is_elsewhere =
                |other: &K| tenant.is_some() && self.tenant_of(other).is_some_and(|pin| Some(pin) != tenant);
            for rival in K::index(&self.stores).claimants(&self.stores, object) {
                if rival.uid() != object.uid() && !is_elsewhere(&rival) {
                    K::wake(&self.wakes, ObjectRef::from_obj(&*rival));
                }
            }
            self.recount(object);
        });
    }

    /// A namespace changed: its labels decide what its objects may do.
    pub(super) fn namespace(&self, event: &Event<PartialObjectMeta<Namespace>>) {
        self.on(
            event,
            |namespace| format!("{:?}", namespace.labels()),
            |namespace| {
                let name = namespace.metadata.name.as_deref();
                self.wake_in_namespace(name, |_: &Auth0Api| true);
                self.wake_in_namespace(name, |_: &Auth0Connection| true);
                self.wake_in_namespace(name, |_: &Auth0User| true);
            },
        );
    }

    /// A Secret changed.
    pub(super) fn secret(&self, event: &Event<PartialObjectMeta<Secret>>) {
        self.on(
            event,
            |secret| format!("{:?}", secret.resource_version()),
            |secret| self.secret_changed(secret.metadata.namespace.as_deref(), &secret.name_any()),
        );
    }

    /// Wakes all that refer to a Secret.
    pub(super) fn secret_changed(&self, namespace: Option<&str>, name: &str) {
        self.wake_in_namespace(namespace, |tenant: &Auth0Tenant| tenant.spec.credentials.secret_ref.name == name);
        self.wake_referrers("Secret", namespace, name);
    }

    /// Wakes all that use a tenant.
    pub(super) fn dependants_of(&self, namespace: &str, name: &str) {
        let key = Some((namespace.to_owned(), name.to_owned()));
        let default = self.default_tenant.as_ref();
        self.wake_where(|api: &Auth0Api| api.tenant_key(default) == key);
        self.wake_where(|connection: &Auth0Connection| connection.tenant_key(default) == key);
        self.wake_where(|user: &Auth0User| user.tenant_key(default) == key);
    }

    /// The tenant that an object means, where its Auth0Tenant is known.
    fn tenant_of<K: Kind>(&self, object: &K) -> Option<TenantPin> {
        let (namespace, name) = object.tenant_key(self.default_tenant.as_ref())?;
        let tenant = self.stores.tenants.get(&ObjectRef::new(&name).within(&namespace))?;
        Some(pin(&tenant.spec))
    }

    fn recount<K: Kind>(&self, object: &K) {
        let Some((namespace, name)) = object.tenant_key(self.default_tenant.as_ref()) else { return };
        let tenant = ObjectRef::new(&name).within(&namespace);
        let is_ending =
            self.stores.tenants.get(&tenant).is_some_and(|tenant| tenant.meta().deletion_timestamp.is_some());
        if is_ending {
            return Auth0Tenant::wake(&self.wakes, tenant);
        }
        let is_first = self.recounts.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
        if is_first {
            let (recounts, wakes) = (self.recounts.clone(), self.wakes.clone());
            tokio::spawn(async move {
                tokio::time::sleep(RECOUNT_AFTER).await;
                recounts.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
                Auth0Tenant::wake(&wakes, tenant);
            });
        }
    }

    /// Calls `wake` when what waiters can see of an object is new, or the object is gone.
    fn on<K: Resource<DynamicType = ()>>(&self, event: &Event<K>, visible: impl Fn(&K) -> String, wake: impl Fn(&K)) {
        let (object, is_gone) = match event {
            Event::Apply(object) | Event::InitApply(object) => (object, false),
            Event::Delete(object) => (object, true),
            Event::Init => return,
            Event::InitDone => return self.listed(&K::kind(&())),
        };
        let key = format!("{}/{}/{}", K::kind(&()), object.namespace().unwrap_or_default(), object.name_any());
        let mut hasher = DefaultHasher::new();
        (object.uid(), object.meta().deletion_timestamp.is_some(), visible(object)).hash(&mut hasher);
        let print = hasher.finish();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = if is_gone {
            seen.remove(&key);
            true
        } else {
            seen.insert(key, print) != Some(print)
        };
        drop(seen);
        if is_new {
            wake(object);
        }
    }

    /// A kind was listed. At start nobody waits yet; later it means that the watch was lost, and with it perhaps the end of an
    /// object, so everybody looks again.
    fn listed(&self, kind: &str) {
        if !self.stores.listed(kind) {
            self.wake_where(|_: &Auth0Tenant| true);
            self.wake_where(|_: &Auth0Api| true);
            self.wake_where(|_: &Auth0Connection| true);
            self.wake_where(|_: &Auth0User| true);
        }
    }

    /// Wakes all that refer to a resource or a Secret of their namespace.
    fn wake_referrers(&self, kind: &str, namespace: Option<&str>, name: &str) {
        self.wake_kind_of_referrers::<Auth0Api>(kind, namespace, name);
        self.wake_kind_of_referrers::<Auth0Connection>(kind, namespace, name);
        self.wake_kind_of_referrers::<Auth0User>(kind, namespace, name);
    }

    fn wake_kind_of_referrers<K: Kind>(&self, kind: &str, namespace: Option<&str>, name: &str) {
        for referrer in K::index(&self.stores).referrers(kind, namespace.unwrap_or_default(), name) {
            K::wake(&self.wakes, (*referrer).clone());
        }
    }

    fn wake_in_namespace<K: Watched>(&self, namespace: Option<&str>, is_waiter: impl Fn(&K) -> bool) {
        self.wake_where(|object: &K| object.meta().namespace.as_deref() == namespace && is_waiter(object));
    }

    fn wake_where<K: Watched>(&self, is_waiter: impl Fn(&K) -> bool) {
        for object in K::store(&self.stores).state_filter(|object| is_waiter(object)) {
            K::wake(&self.wakes, ObjectRef::from_obj(&*object));
        }
    }
}
