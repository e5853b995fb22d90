//! The holds on tenants: while a tenant has dependants, its Auth0Tenant and its credentials Secret carry our finalizer, so that
//! the order of deletions never matters.

use super::finalizers::{add_finalizer, has_finalizer, remove_finalizer};
use crate::crd::Auth0Tenant;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, Resource, ResourceExt};
use std::collections::{HashMap, HashSet};
use tokio::sync::Mutex;

/// By uid of the Auth0Tenant. A `tokio` mutex: held while finalizers are written, so that a hold and a release never cross.
#[derive(Default)]
pub(super) struct Holds(Mutex<HashMap<String, Hold>>);

#[derive(Default)]
struct Hold {
    /// The Secret that is known to carry the finalizer, beside the Auth0Tenant.
    secret: Option<String>,
    /// Uids of resources that were admitted by this process: their announcement may not be in the store yet.
    admitted: HashSet<String>,
}

/// What holds a tenant.
pub(super) struct Settled {
    /// How many resources have, or are about to have, something in it.
    pub(super) dependants: usize,
    /// The Secret that carries the finalizer.
    pub(super) secret: Option<String>,
}

/// The Secrets and tenants of one Auth0Tenant's namespace, and who else uses the Secrets.
pub(super) struct Surroundings<'a> {
    pub(super) client: &'a Client,
    pub(super) tenant: &'a Auth0Tenant,
    /// Whether another Auth0Tenant holds a Secret, too.
    pub(super) is_shared: &'a (dyn Fn(&str) -> bool + Sync),
}

impl Surroundings<'_> {
    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.tenant.namespace().unwrap_or_default())
    }

    fn tenants(&self) -> Api<Auth0Tenant> {
        Api::namespaced(self.client.clone(), &self.tenant.namespace().unwrap_or_default())
    }

    /// The Secret that carried the finalizer when the status was last written: a restart forgets the rest.
    fn recorded(&self) -> Option<String> {
        self.tenant.status.as_ref()?.credentials_secret.clone()
    }

    async fn release(&self, secret: &str) -> Result<(), kube::Error> {
        if (self.is_shared)(secret) { Ok(()) } else { remove_finalizer(&self.secrets(), secret).await }
    }

    /// Puts the finalizer on the Auth0Tenant and on the Secret that it names now, and takes it off one that it named before.
    /// Gives whether the Auth0Tenant is held.
    async fn take(&self, hold: &mut Hold) -> Result<bool, kube::Error> {
        let secret = &self.tenant.spec.credentials.secret_ref.name;
        if hold.secret.as_ref() == Some(secret) {
            return Ok(true);
        }
        if !add_finalizer(&self.tenants(), &self.tenant.name_any(), self.tenant.meta().uid.as_deref()).await? {
            return Ok(false);
        }
        add_finalizer(&self.secrets(), secret, None).await?;
        if let Some(old) = hold.secret.replace(secret.clone()).or_else(|| self.recorded()).filter(|old| old != secret) {
            self.release(&old).await?;
        }
        Ok(true)
    }
}

impl Holds {
    /// Admits a resource before it announces a create: from here on the tenant and its credentials stay until it lets go. Gives
    /// false when the Auth0Tenant is gone or going.
    pub(super) async fn hold(&self, around: &Surroundings<'_>, dependant: &str) -> Result<bool, kube::Error> {
        let mut holds = self.0.lock().await;
        let hold = holds.entry(around.tenant.uid().unwrap_or_default()).or_default();
        if !around.take(hold).await? {
            return Ok(false);
        }
        hold.admitted.insert(dependant.to_owned());
        Ok(true)
    }

    /// A resource is gone, or has nothing in the tenant.
    pub(super) async fn let_go(&self, tenant: &Auth0Tenant, dependant: &str) {
        if let Some(hold) = self.0.lock().await.get_mut(&tenant.uid().unwrap_or_default()) {
            hold.admitted.remove(dependant);
        }
    }

    /// Brings the finalizers in line with the dependants; `existing` gives the uids of all resources that are there.
    pub(super) async fn settle(
        &self,
        around: &Surroundings<'_>,
        dependants: HashSet<String>,
        existing: impl FnOnce() -> HashSet<String>,
    ) -> Result<Settled, kube::Error> {
        let mut holds = self.0.lock().await;
        let uid = around.tenant.uid().unwrap_or_default();
        let hold = holds.entry(uid.clone()).or_default();
        // Asked under the lock: whoever was admitted before it is among them.
        let existing = existing();
        hold.admitted.retain(|dependant| existing.contains(dependant));
        let count = dependants.union(&hold.admitted).count();
        let is_ending = around.tenant.meta().deletion_timestamp.is_some();
        if count > 0 {
            // A tenant that is ending takes no new finalizers; those it has do.
            if !is_ending {
                around.take(hold).await?;
            }
            let secret = hold.secret.clone().or_else(|| around.recorded());
            return Ok(Settled { dependants: count, secret });
        }
        let held = hold.secret.take().or_else(|| around.recorded());
        if held.is_some() || has_finalizer(around.tenant) {
            around.release(held.as_ref().unwrap_or(&around.tenant.spec.credentials.secret_ref.name)).await?;
            remove_finalizer(&around.tenants(), &around.tenant.name_any()).await?;
        }
        if is_ending {
            holds.remove(&uid);
        }
        Ok(Settled { dependants: 0, secret: None })
    }
}
