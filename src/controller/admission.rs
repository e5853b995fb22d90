//! Whether an object may be written to its tenant at all: asked before anything else, of the cluster alone.

use super::{
    access::{self, Asking},
    error::Stop,
    kind::Kind,
    pass::Pass,
    status::ready_reason,
    tenants::{Connected, facts, is_abandoning, pin},
};
use crate::{
    crd::{AdoptionPolicy, Auth0Tenant},
    plan::{
        Managed, Reason, Refusal,
        claims::{Claimant, winner},
    },
};
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use std::sync::Arc;

/// The tenant that an object may use.
pub(super) struct Admitted {
    pub(super) resource: Arc<Auth0Tenant>,
    pub(super) connected: Arc<Connected>,
}

/// Reasons of an Auth0Tenant that make its dependants wait.
const UNUSABLE: [&str; 5] = ["SecretNotFound", "SecretKeyMissing", "CredentialsInvalid", "InvalidSpec", "Suspended"];

impl<K: Kind> Pass<K> {
    /// Whether the object may be written to its tenant at all.
    pub(super) fn admit(&self) -> Result<Admitted, Stop> {
        let policies = self.spec().policies();
        if policies.suspend == Some(true) {
            return Err(
                Refusal::new(Reason::Suspended, "spec.suspend is true; nothing is done for this resource").into()
            );
        }
        let adopts = policies.adoption_policy == Some(AdoptionPolicy::Adopt);
        let tenant = self.tenant()?;
        let spec = &tenant.spec;
        if is_abandoning(&tenant) {
            return Err(Refusal::new(
                Reason::ReferenceNotFound,
                format!(
                    "the Auth0Tenant {} was deleted with deletionPolicy Abandon, so what this resource made stays in the tenant and is no longer looked after; create the Auth0Tenant again, or delete this resource",
                    tenant.name_any()
                ),
            )
            .into());
        }
        if spec.suspend == Some(true) {
            let message =
                format!("the Auth0Tenant {} is suspended; nothing is done for its resources", tenant.name_any());
            return Err(Refusal::new(Reason::Suspended, message).into());
        }
        self.same_tenant(&tenant)?;
        let namespace = self.shared().stores.namespace(&self.owner.namespace);
        let tenants_namespace = tenant.namespace().unwrap_or_default();
        let labels = namespace.as_ref().map(|namespace| namespace.labels());
        let asking = Asking { name: &self.owner.namespace, labels, tenants: &tenants_namespace };
        if !access::is_allowed(spec, &asking) {
            return Err(Refusal::new(
                Reason::NamespaceNotAllowed,
                format!("the Auth0Tenant {tenants_namespace}/{} does not admit the namespace {}; add it to its spec.allowedNamespaces", tenant.name_any(), self.owner.namespace),
            )
            .into());
        }
        let beyond = if adopts { Some("spec.adoptionPolicy: Adopt") } else { self.spec().needs_trust() };
        if let Some(field) = beyond.filter(|_| !access::is_trusted(spec, &asking)) {
            return Err(Refusal::new(
                Reason::NamespaceNotTrusted,
                format!("{field} needs a trusted namespace; add {} to spec.trustedNamespaces of the Auth0Tenant {tenants_namespace}/{}, or remove the field", self.owner.namespace, tenant.name_any()),
            )
            .into());
        }
        self.spec().check(&facts(spec, String::new()))?;
        self.claim(&tenant)?;
        let connected = self.connected(&tenant)?;
        Ok(Admitted { resource: tenant, connected })
    }

    /// The Auth0Tenant that the object is for.
    pub(super) fn tenant(&self) -> Result<Arc<Auth0Tenant>, Refusal> {
        let Some((namespace, name)) = self.object.tenant_key(self.shared().options.default_tenant.as_ref()) else {
            return Err(Refusal::invalid(
                "spec.tenantRef is missing and the operator has no --default-tenant; name an Auth0Tenant",
            ));
        };
        self.shared().stores.tenants.get(&ObjectRef::new(&name).within(&namespace)).ok_or_else(|| {
            Refusal::new(
                Reason::ReferenceNotFound,
                format!("the Auth0Tenant {name} does not exist in namespace {namespace}; create it, or correct spec.tenantRef"),
            )
        })
    }

    /// Whether the tenant is gone, or goes without waiting for this resource.
    pub(super) fn is_tenant_gone(&self) -> bool {
        self.tenant().is_ok_and(|tenant| is_abandoning(&tenant))
            || self.tenant().is_err_and(|refusal| refusal.reason == Reason::ReferenceNotFound)
    }

    /// The same tenant as when the object was created in it.
    pub(super) fn same_tenant(&self, tenant: &Auth0Tenant) -> Result<(), Refusal> {
        match &K::Wish::common(&self.status).tenant {
            Some(pinned) if self.is_dependant() && *pinned != pin(&tenant.spec) => Err(Refusal::new(
                Reason::TenantChanged,
                format!(
                    "this resource has its object in the tenant {}, and spec.tenantRef now means {}; point it back, or delete this resource and create another",
                    pinned.domain, tenant.spec.domain
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The client for the tenant, when the Auth0Tenant is in a state to be used.
    pub(super) fn connected(&self, tenant: &Auth0Tenant) -> Result<Arc<Connected>, Refusal> {
        let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
        let not_ready = |why: &str| {
            Refusal::new(
                Reason::TenantNotReady,
                format!("the Auth0Tenant {namespace}/{name} is not ready ({why}); see its condition Ready"),
            )
        };
        let conditions = tenant.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let reason = ready_reason(conditions).unwrap_or("not looked at yet").to_owned();
        if UNUSABLE.contains(&reason.as_str()) && self.object.meta().deletion_timestamp.is_none() {
            return Err(not_ready(&reason));
        }
        self.shared().tenants.get(tenant).ok_or_else(|| not_ready(&reason))
    }

    /// Whether another resource has the better claim to the same object in the same tenant.
    fn claim(&self, tenant: &Auth0Tenant) -> Result<(), Refusal> {
        let shared = self.shared();
        let pinned = pin(&tenant.spec);
        let claimants: Vec<Claimant> = K::index(&shared.stores)
            .claimants(&shared.stores, &self.object)
            .into_iter()
            .filter_map(|other| {
                let (namespace, name) = other.tenant_key(shared.options.default_tenant.as_ref())?;
                let tenant = shared.stores.tenants.get(&ObjectRef::new(&name).within(&namespace))?;
                let common = other.common();
                // Two objects are not one, whatever their specs say by now.
                let (ours, theirs) = (&K::Wish::common(&self.status).id, &common.id);
                if ours.is_some() && theirs.is_some() && ours != theirs {
                    return None;
                }
                let own_namespace = other.namespace().unwrap_or_default();
                let labels = shared.stores.namespace(&own_namespace);
                let asking = Asking {
                    name: &own_namespace,
                    labels: labels.as_ref().map(|namespace| namespace.labels()),
                    tenants: &namespace,
                };
                (pin(&tenant.spec) == pinned).then(|| Claimant {
                    name: format!("{own_namespace}/{}", other.name_any()),
                    uid: other.uid().unwrap_or_default(),
                    created_at: other.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
                    holds_id: common.id.is_some() || common.pending.is_some(),
                    is_admitted: access::is_allowed(&tenant.spec, &asking)
                        && shared.tenants.get(&tenant).is_some()
                        && other.meta().deletion_timestamp.is_none(),
                })
            })
            .collect();
        match winner(&claimants) {
            Some(winner) if winner.uid != self.owner.uid => Err(Refusal::new(
                Reason::Conflict,
                format!(
                    "{} {} stands for the same object in this tenant; delete one of the two, or change this one's spec",
                    K::kind(&()),
                    winner.name
                ),
            )),
            _ => Ok(()),
        }
    }
}
