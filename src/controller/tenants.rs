//! The tenants that can be talked to, and the holds on them: while a tenant has dependants, its Auth0Tenant and its credentials
//! Secret carry our finalizer, so that the order of deletions never matters.

use super::brake::Brake;
use crate::{
    crd::{Auth0Tenant, Auth0TenantSpec, TenantDeletionPolicy, TenantPin},
    plan::TenantFacts,
    tenant::{Credentials, Tenant},
};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Secret};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// On every object of ours, and on a credentials Secret in use.
pub(super) const FINALIZER: &str = "auth0-operator.dev/tenant";

/// A tenant whose credentials are proven.
pub(super) struct Connected {
    pub(super) tenant: Tenant,
    /// What it proves itself with, to see when the credentials changed.
    pub(super) credentials: Credentials,
}

/// All tenants that can be talked to.
#[derive(Default)]
pub(super) struct Tenants {
    /// By namespace and name of the Auth0Tenant.
    connected: Mutex<HashMap<(String, String), Arc<Connected>>>,
    /// By uid of the Auth0Tenant. A `tokio` mutex: held while finalizers are written, so that a hold and a release never cross.
    holds: tokio::sync::Mutex<HashMap<String, Hold>>,
    /// By uid of the Auth0Tenant.
    brakes: Mutex<HashMap<String, Brake>>,
}

#[derive(Default)]
struct Hold {
    /// The namespace of the Auth0Tenant and of its Secret.
    namespace: String,
    /// Whether the finalizers are known to be there, and on which Secret.
    secret: Option<String>,
    /// Uids of resources that were admitted by this process: their announcement may not be in the store yet.
    admitted: HashSet<String>,
}

impl Tenants {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<Connected>> {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        connected.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn insert(&self, namespace: &str, name: &str, tenant: Arc<Connected>) {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        connected.insert((namespace.to_owned(), name.to_owned()), tenant);
    }

    pub(super) fn remove(&self, namespace: &str, name: &str) {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        connected.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Admits a resource before it announces a create: from here on the tenant and its credentials stay until it lets go.
    pub(super) async fn hold(&self, client: &Client, tenant: &Auth0Tenant, dependant: &str) -> Result<(), kube::Error> {
        let mut holds = self.holds.lock().await;
        let hold = holds.entry(tenant.uid().unwrap_or_default()).or_default();
        hold.admitted.insert(dependant.to_owned());
        let (namespace, secret) = (tenant.namespace().unwrap_or_default(), &tenant.spec.credentials.secret_ref.name);
        if hold.secret.as_ref() != Some(secret) {
            add_finalizer(&Api::<Auth0Tenant>::namespaced(client.clone(), &namespace), &tenant.name_any()).await?;
            add_finalizer(&Api::<Secret>::namespaced(client.clone(), &namespace), secret).await?;
            (hold.namespace, hold.secret) = (namespace, Some(secret.clone()));
        }
        Ok(())
    }

    /// How long a resource has to wait before what it has in the tenant may be deleted.
    pub(super) fn deletion_wait(&self, tenant: &Auth0Tenant, dependant: &str) -> Duration {
        let mut brakes = self.brakes.lock().unwrap_or_else(PoisonError::into_inner);
        let brake = brakes.entry(tenant.uid().unwrap_or_default()).or_default();
        brake.wait(dependant, tenant.spec.deletions.as_ref(), Instant::now())
    }

    /// A resource is gone, or has nothing in the tenant any more.
    pub(super) async fn let_go(&self, tenant: &Auth0Tenant, dependant: &str) {
        let uid = tenant.uid().unwrap_or_default();
        if let Some(brake) = self.brakes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&uid) {
            brake.let_go(dependant);
        }
        if let Some(hold) = self.holds.lock().await.get_mut(&uid) {
            hold.admitted.remove(dependant);
        }
    }

    /// Brings the finalizers in line with the dependants that `count` finds; `exists` tells whether a uid is still there.
    /// Gives the number of dependants.
    pub(super) async fn settle(
        &self,
        client: &Client,
        tenant: &Auth0Tenant,
        dependants: HashSet<String>,
        exists: impl Fn(&str) -> bool,
    ) -> Result<usize, kube::Error> {
        let mut holds = self.holds.lock().await;
        let uid = tenant.uid().unwrap_or_default();
        let hold = holds.entry(uid.clone()).or_default();
        hold.admitted.retain(|dependant| exists(dependant));
        let count = dependants.union(&hold.admitted).count();
        let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
        let tenants = Api::<Auth0Tenant>::namespaced(client.clone(), &namespace);
        let secrets = Api::<Secret>::namespaced(client.clone(), &namespace);
        let secret = &tenant.spec.credentials.secret_ref.name;
        if count > 0 {
            // A tenant that is ending takes no new finalizers; those it has do.
            if hold.secret.as_ref() != Some(secret) && tenant.meta().deletion_timestamp.is_none() {
                add_finalizer(&tenants, &name).await?;
                add_finalizer(&secrets, secret).await?;
                (hold.namespace, hold.secret) = (namespace, Some(secret.clone()));
            }
            return Ok(count);
        }
        let held = hold.secret.take();
        let secret = held.as_ref().unwrap_or(secret);
        let is_shared = holds
            .iter()
            .any(|(other, hold)| *other != uid && hold.namespace == namespace && hold.secret.as_ref() == Some(secret));
        if held.is_some() || tenant.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            if !is_shared {
                remove_finalizer(&secrets, secret).await?;
            }
            remove_finalizer(&tenants, &name).await?;
        }
        if tenant.meta().deletion_timestamp.is_some() {
            self.brakes.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
            holds.remove(&uid);
        }
        Ok(0)
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

trait Held: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug {}
impl<K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug> Held for K {}

/// Adds our finalizer; an object that is gone is nothing to hold.
async fn add_finalizer<K: Held>(api: &Api<K>, name: &str) -> Result<(), kube::Error> {
    change_finalizers(api, name, |finalizers| {
        let is_there = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
        if !is_there {
            finalizers.push(FINALIZER.to_owned());
        }
        !is_there
    })
    .await
}

/// Takes our finalizer off; an object that is gone has none.
pub(super) async fn remove_finalizer<K>(api: &Api<K>, name: &str) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    change_finalizers(api, name, |finalizers| {
        let before = finalizers.len();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        finalizers.len() != before
    })
    .await
}

/// Reads, changes and writes back the finalizers; again when somebody else wrote in between.
async fn change_finalizers<K: Held>(
    api: &Api<K>,
    name: &str,
    change: impl Fn(&mut Vec<String>) -> bool,
) -> Result<(), kube::Error> {
    loop {
        let Some(object) = api.get_metadata_opt(name).await? else { return Ok(()) };
        let mut finalizers = object.finalizers().to_vec();
        if !change(&mut finalizers) {
            return Ok(());
        }
        let patch = json!({"metadata": {"resourceVersion": object.resource_version(), "finalizers": finalizers}});
        match api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
}
