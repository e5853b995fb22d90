//! What a pass does before it writes anything to the tenant, so that nothing can be lost.

use super::{
    admission::Admitted,
    error::Stop,
    holds::Surroundings,
    kind::Kind,
    pass::{Knowledge, Pass},
    status::Verdicts,
    tenants::pin,
};
use crate::{
    crd::Pending,
    plan::{Call, Managed, ObjectKind, Plan, Reason, Refusal, digest},
};
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};

impl<K: Kind> Pass<K> {
    /// Makes sure, before anything is written, that nothing can be lost: the tenant is held, the finalizer is on, and a create
    /// is announced, on condition that nobody has written the resource since we read it.
    pub(super) async fn prepare(
        &mut self,
        admitted: &Admitted,
        knowledge: &Knowledge,
        plan: &Plan,
    ) -> Result<(), Stop> {
        let first_create = plan.calls.iter().find(|call| call.is_create());
        if first_create.is_some() || !plan.found.is_empty() {
            if admitted.resource.meta().deletion_timestamp.is_some() {
                let message =
                    format!("the Auth0Tenant {} is being deleted and takes nothing new", admitted.resource.name_any());
                return Err(Refusal::new(Reason::TenantNotReady, message).into());
            }
            let (shared, tenant) = (self.shared(), &*admitted.resource);
            let is_shared = |secret: &str| shared.is_shared(tenant, secret);
            let around = Surroundings { client: &shared.client, tenant, is_shared: &is_shared };
            if !shared.holds.hold(&around, &self.owner.uid).await? {
                let message = format!("the Auth0Tenant {} is gone or being deleted", tenant.name_any());
                return Err(Refusal::new(Reason::TenantNotReady, message).into());
            }
            self.add_finalizer().await?;
        }
        let facts = admitted.connected.tenant.facts();
        self.note(facts, knowledge, |spec, status, situation| {
            for found in &plan.found {
                spec.record_found(status, found, situation);
            }
        });
        let unannounced = self.status.clone();
        self.note(facts, knowledge, |spec, status, situation| spec.announce(status, plan, situation));
        let mut is_announcement = self.status != unannounced;
        let (generation, managed) = (self.generation(), self.spec().managed(&self.owner));
        let pending = first_create.map(|call| self.pending(call));
        let common = K::Wish::common_mut(&mut self.status);
        common.tenant = Some(pin(&admitted.resource.spec));
        if let Some(call) = first_create {
            common.pending = pending;
            // A field that left the spec in the same pass is not forgotten when its own call fails.
            let new: Vec<_> = managed.into_iter().filter(|path| !common.managed.contains(path)).collect();
            common.managed.extend(new);
            if common.observed_generation != Some(generation) {
                let creating = Refusal::new(Reason::Creating, format!("about to {call} in the tenant"));
                Verdicts::of(common).end(&creating, generation, Timestamp::now());
            }
            is_announcement = true;
        }
        if is_announcement {
            self.write_status(true).await?;
        }
        for notice in &plan.notices {
            self.shared().event(&*self.object, true, "Notice", notice, None).await;
        }
        Ok(())
    }

    fn pending(&self, create: &Call) -> Pending {
        let key = self.object.claim_key(&self.shared().stores);
        let fields = match create {
            Call::Create { body, .. } | Call::Update { body, .. } => &body.fields,
            Call::CreateGrant { fields, .. } => fields,
            Call::Delete { .. } | Call::EnableClients { .. } => return Pending::default(),
        };
        let key = match create.kind() {
            ObjectKind::ResourceServer | ObjectKind::Connection | ObjectKind::User => key,
            other @ (ObjectKind::Client | ObjectKind::ClientGrant) => format!("{} of {key}", other.noun()),
        };
        Pending { key: key.chars().take(1024).collect(), digest: digest(fields) }
    }

    /// What was announced and has not been seen to end.
    pub(super) fn set_pending(&mut self, pending: Option<Pending>) {
        K::Wish::common_mut(&mut self.status).pending = pending;
    }
}
