//! The tenants that can be talked to, and what keeps deletions in them slow.

use super::{brake::Brake, detection::Detection};
use crate::{
    crd::{Auth0Tenant, Auth0TenantSpec, TenantDeletionPolicy, TenantPin},
    plan::TenantFacts,
    tenant::{Credentials, Tenant},
};
use kube::{Resource, ResourceExt};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::Instant,
};

/// What is known of a tenant whose log was read so long ago is taken for the present.
const FOLLOWED: Duration = Duration::from_secs(60);

/// A tenant whose credentials are proven.
pub(super) struct Connected {
    pub(super) tenant: Tenant,
    /// What it proves itself with, to see when the credentials changed.
    pub(super) credentials: Credentials,
    is_surveyed: AtomicBool,
    sweep_asked: Arc<Notify>,
    detection: watch::Sender<Detection>,
    lookout: OnceLock<AbortHandle>,
}

impl Connected {
    pub(super) fn new(tenant: Tenant, credentials: Credentials, detection: Detection) -> Self {
        Self {
            tenant,
            credentials,
            is_surveyed: AtomicBool::new(false),
            sweep_asked: Arc::default(),
            detection: watch::Sender::new(detection),
            lookout: OnceLock::new(),
        }
    }

    /// Somebody looks out for changes in the tenant, for as long as this is used.
    pub(super) fn looks_out(&self, task: AbortHandle) {
        let _ = self.lookout.set(task);
    }

    /// Takes note of whether all that we hold in the tenant has been looked at, at start and since it was suspended.
    pub(super) fn set_surveyed(&self, is_surveyed: bool) {
        self.is_surveyed.store(is_surveyed, Ordering::Relaxed);
    }

    /// Whether that is so.
    pub(super) fn is_surveyed(&self) -> bool {
        self.is_surveyed.load(Ordering::Relaxed)
    }

    /// How changes are looked for from now on.
    pub(super) fn set(&self, detection: Detection) {
        self.detection.send_if_modified(|current| std::mem::replace(current, detection) != detection);
    }

    /// Follows how changes are looked for.
    pub(super) fn detection(&self) -> watch::Receiver<Detection> {
        self.detection.subscribe()
    }

    /// Whether the tenant's log is read often enough, so that what is known is hardly older than that.
    pub(super) fn is_followed(&self) -> bool {
        self.tenant.vitals().has_heard_within(FOLLOWED)
    }

    /// Nobody is to use it any more. A sweep under way would go on beside the one of its successor.
    fn end(&self) {
        if let Some(lookout) = self.lookout.get() {
            lookout.abort();
        }
    }

    /// Asks for a look at everything, soon.
    pub(super) fn ask_for_sweep(&self) {
        self.sweep_asked.notify_one();
    }

    /// Wakes whoever looks out, when that was asked for.
    pub(super) fn sweep_asked(&self) -> Arc<Notify> {
        self.sweep_asked.clone()
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.end();
    }
}

/// All tenants that can be talked to.
///
/// Keyed by the uid of the Auth0Tenant: one that is made anew under a name may stand for another tenant.
#[derive(Default)]
pub(super) struct Tenants {
    connected: Mutex<HashMap<String, Arc<Connected>>>,
    brakes: Mutex<HashMap<String, Brake>>,
}

impl Tenants {
    pub(super) fn get(&self, tenant: &Auth0Tenant) -> Option<Arc<Connected>> {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        connected.get(tenant.meta().uid.as_ref()?).cloned()
    }

    /// Puts a client at hand, and drops those of tenants that are gone.
    pub(super) fn insert(&self, tenant: &Auth0Tenant, connected: Arc<Connected>, exists: impl Fn(&str) -> bool) {
        let uid = tenant.uid().unwrap_or_default();
        let mut all = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in all.extract_if(|other, _| *other == uid || !exists(other)) {
            gone.1.end();
        }
        all.insert(uid, connected);
        self.brakes.lock().unwrap_or_else(PoisonError::into_inner).retain(|other, _| exists(other));
    }

    pub(super) fn remove(&self, tenant: &Auth0Tenant) {
        let uid = tenant.uid().unwrap_or_default();
        if let Some(gone) = self.connected.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid) {
            gone.end();
        }
        self.brakes.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
    }

    /// How long a resource has to wait before what it has in the tenant may be deleted.
    pub(super) fn deletion_wait(&self, tenant: &Auth0Tenant, dependant: &str) -> Duration {
        let mut brakes = self.brakes.lock().unwrap_or_else(PoisonError::into_inner);
        let brake = brakes.entry(tenant.uid().unwrap_or_default()).or_default();
        brake.wait(dependant, tenant.spec.deletions.as_ref(), Instant::now())
    }

    /// A resource is gone, so its turn at the brake is over.
    pub(super) fn deleted(&self, tenant: &Auth0Tenant, dependant: &str) {
        let mut brakes = self.brakes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(brake) = brakes.get_mut(&tenant.uid().unwrap_or_default()) {
            brake.let_go(dependant);
        }
    }
}

/// The names that an Auth0Tenant gives its tenant.
pub(super) fn facts(spec: &Auth0TenantSpec, management_client: String) -> TenantFacts {
    TenantFacts {
        domain: spec.domain.clone(),
        endpoint: spec.endpoint.clone(),
        custom_domain: spec.custom_domain.clone(),
        management_client,
    }
}

/// Whether the tenant goes without waiting for its dependants.
pub(super) fn is_abandoning(tenant: &Auth0Tenant) -> bool {
    tenant.meta().deletion_timestamp.is_some() && tenant.spec.deletion_policy == Some(TenantDeletionPolicy::Abandon)
}

/// Which tenant it is, for `status.tenant`.
pub(super) fn pin(spec: &Auth0TenantSpec) -> TenantPin {
    TenantPin { domain: spec.domain.clone(), endpoint: spec.endpoint.clone() }
}
