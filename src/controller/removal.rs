//! The end of an object: what the policies say is taken out of the tenant, then the finalizer goes.
//!
//! Needs only status and credentials, never references or a valid spec. 404 is success; 401, 403, 5xx and time-outs never mean
//! that something is gone. What another resource has taken over since is left to it.

use super::{
    error::Stop,
    finalizers::{has_finalizer, remove_finalizer},
    kind::Kind,
    output,
    pass::{Knowledge, Pass},
    tenants::Connected,
};
use crate::{
    crd::{Auth0Tenant, DeletionPolicy},
    plan::{
        Call, Depth, Managed, Need, ObjectKind, Plan, Read, Reason, References, Refusal, Remote, TenantFacts,
        is_taken_over,
    },
    tenant::{Created, Freshness},
};
use kube::ResourceExt;
use secrecy::SecretString;
use std::{collections::BTreeSet, sync::Arc};

impl<K: Kind> Pass<K> {
    /// Lets the object go. `None` when nothing is left to do.
    pub(super) async fn remove(&mut self) -> Result<Option<Refusal>, Stop> {
        // Asked of the API server: a wake that came while the last pass ended must not delete everything a second time.
        let newest = self
            .api
            .get_metadata_opt(&self.owner.name)
            .await?
            .filter(|newest| newest.uid().as_deref() == Some(&self.owner.uid));
        if !newest.is_some_and(|newest| has_finalizer(&newest)) {
            return Ok(None);
        }
        let policies = self.spec().policies();
        let is_abandoned = self.is_tenant_gone() && self.object.is_abandoned();
        if policies.deletion_policy == Some(DeletionPolicy::Orphan) || is_abandoned {
            self.release_outputs().await?;
            return self.finish().await;
        }
        if policies.suspend == Some(true) {
            return Err(Refusal::new(
                Reason::Suspended,
                "spec.suspend is true, so the object stays in the tenant and this resource waits; set it to false, or spec.deletionPolicy to Orphan",
            )
            .into());
        }
        let mut knowledge = Knowledge {
            references: References::default(),
            remote: Remote::default(),
            asked: BTreeSet::new(),
            listed: BTreeSet::new(),
            doubted: BTreeSet::new(),
            depth: Depth::NaturalKeys,
            announced: K::Wish::common(&self.status).pending.is_some(),
            client_secret: None,
            fresh_secret: SecretString::default(),
        };
        let nowhere = TenantFacts {
            domain: String::new(),
            endpoint: None,
            custom_domain: None,
            management_client: String::new(),
        };
        let needs_tenant = {
            let situation = self.situation(&nowhere, &knowledge, &self.status);
            !self.spec().removal_reads(&situation).is_empty() || !self.spec().plan_removal(&situation).calls.is_empty()
        };
        if needs_tenant {
            let (tenant, connected) = self.tenant_of_removal()?;
            let wait = self.shared().tenants.deletion_wait(&tenant, &self.owner.uid);
            if !wait.is_zero() {
                return Err(Stop::Paced(wait));
            }
            self.take_out(&connected, &mut knowledge).await?;
        }
        self.finish().await
    }

    /// The tenant that the object was made in.
    fn tenant_of_removal(&self) -> Result<(Arc<Auth0Tenant>, Arc<Connected>), Refusal> {
        let way_out = "or set spec.deletionPolicy to Orphan to let this resource go and leave the object in the tenant";
        let tenant =
            self.tenant().map_err(|refusal| Refusal::new(refusal.reason, format!("{}, {way_out}", refusal.message)))?;
        self.same_tenant(&tenant)?;
        if tenant.spec.suspend == Some(true) {
            let message = format!(
                "the Auth0Tenant {} is suspended, so this resource waits; set its spec.suspend to false, {way_out}",
                tenant.name_any()
            );
            return Err(Refusal::new(Reason::Suspended, message));
        }
        let connected = self.connected(&tenant)?;
        Ok((tenant, connected))
    }

    async fn take_out(&mut self, connected: &Connected, knowledge: &mut Knowledge) -> Result<(), Stop> {
        let tenant = &connected.tenant;
        // What is to be deleted is looked for in the tenant itself.
        self.freshness = Freshness::Anew;
        self.take_turn()?;
        self.observe(tenant, knowledge, K::Wish::removal_reads).await?;
        let Plan { calls, .. } = self.spec().plan_removal(&self.situation(tenant.facts(), knowledge, &self.status));
        let mut created = Created::default();
        for call in &calls {
            if let Call::Delete { kind, id } = call
                && *kind != ObjectKind::ResourceServer
            {
                let read = Read::Get(*kind, id.clone());
                // A read more where the log does not tell: what is deleted does not come back.
                let freshness = if connected.is_followed() { Freshness::Known } else { Freshness::Anew };
                let found = tenant.read(&read, freshness, &self.asker).await?.object();
                if is_taken_over(*kind, &found, &self.owner) {
                    tracing::info!(kind = %K::kind(&()), namespace = self.owner.namespace, name = self.owner.name, %call, "left to the resource that took it over");
                    continue;
                }
            }
            let answer = tenant.execute(call, &mut created, &self.asker).await?;
            let object = answer.object();
            self.note(tenant.facts(), knowledge, |spec, status, situation| {
                spec.record(status, call, &object, situation);
            });
            tracing::info!(kind = %K::kind(&()), namespace = self.owner.namespace, name = self.owner.name, %call, "done in the tenant");
        }
        Ok(())
    }

    /// Secrets that are to outlive the resource no longer belong to it.
    async fn release_outputs(&self) -> Result<(), Stop> {
        let former_output = self.spec().former_output(&self.owner, &self.status).map(Need::Output);
        for need in self.spec().needs(&self.owner).into_iter().chain(former_output) {
            if let Need::Output(name) | Need::GeneratedPassword { name, .. } = need {
                output::release(&self.shared().client, &self.owner, &name).await?;
            }
        }
        Ok(())
    }

    async fn finish(&self) -> Result<Option<Refusal>, Stop> {
        remove_finalizer(&self.api, &self.owner.name).await?;
        if let Ok(tenant) = self.tenant() {
            self.shared().tenants.deleted(&tenant, &self.owner.uid);
            self.shared().holds.let_go(&tenant, &self.owner.uid).await;
        }
        tracing::info!(kind = %K::kind(&()), namespace = self.owner.namespace, name = self.owner.name, "let go");
        Ok(None)
    }
}
