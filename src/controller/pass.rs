//! A pass in progress: what it knows, and what it writes to the cluster.

use super::{
    context::{Context, Shared},
    error::Stop,
    finalizers::{FINALIZER, has_finalizer},
    kind::Kind,
    status::{READY, STALLED, Verdicts, conditions_of, is_transition, is_true},
    stores::{FORCE, ROTATE},
    turns::{Turn, place},
};
use crate::{
    crd::DeletionPolicy,
    plan::{
        Depth, Managed, Owner, Read, References, Refusal, Remote, Rotation, SentSecret, Situation, TenantFacts,
        fingerprint::Purpose,
    },
    tenant::{Asker, Cause, Freshness},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::OwnerReference, jiff::Timestamp};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasSpec,
    runtime::reflector::ObjectRef,
};
use secrecy::SecretString;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Our name in managedFields.
pub(super) const MANAGER: &str = "auth0-operator";

/// A pass in progress.
pub(super) struct Pass<K: Kind> {
    pub(super) context: Arc<Context<K>>,
    pub(super) object: Arc<K>,
    pub(super) owner: Owner,
    pub(super) api: Api<K>,
    /// The status as it was when the pass began.
    pub(super) before: <K::Wish as Managed>::Status,
    /// The status as it becomes.
    pub(super) status: <K::Wish as Managed>::Status,
    /// The status as it stands in the cluster.
    written: <K::Wish as Managed>::Status,
    resource_version: String,
    has_finalizer: bool,
    /// How well the tenant has to be known in this pass.
    pub(super) freshness: Freshness,
    /// On whose behalf the tenant is asked.
    pub(super) asker: Asker,
    pub(super) rotation: Rotation,
    /// Leave to do what asks something of the tenant.
    pub(super) turn: Option<Turn>,
    /// When there will be something to do even though nothing changes.
    pub(super) due_in: Option<Duration>,
}

/// What a plan is made from and changes during a pass.
pub(super) struct Knowledge {
    pub(super) references: References,
    pub(super) remote: Remote,
    /// What of it the tenant was asked in this pass.
    pub(super) asked: BTreeSet<Read>,
    /// What of it was seen in lists only.
    pub(super) listed: BTreeSet<Read>,
    /// What is asked anew before anything is written.
    pub(super) doubted: BTreeSet<Read>,
    pub(super) depth: Depth,
    pub(super) announced: bool,
    pub(super) client_secret: Option<SecretString>,
    pub(super) fresh_secret: SecretString,
}

impl<K: Kind> Pass<K> {
    pub(super) fn new(object: Arc<K>, context: Arc<Context<K>>) -> Self {
        let owner = object.owner(&context.shared.identity.cluster);
        let (status, resource_version) = context.memory.newest(&*object, K::store(&context.shared.stores));
        let api = Api::namespaced(context.shared.client.clone(), &owner.namespace);
        let asker = Asker { namespace: owner.namespace.clone(), ..Asker::operator(Cause::Wake) };
        let rotation = Rotation {
            now: Timestamp::now(),
            asked: object.annotations().get(ROTATE).cloned(),
            sent: context.memory.last_sent(&owner.uid),
        };
        let mut pass = Self {
            rotation,
            turn: None,
            due_in: None,
            freshness: Freshness::Known,
            asker,
            has_finalizer: has_finalizer(&*object),
            before: status.clone(),
            written: status.clone(),
            context,
            object,
            owner,
            api,
            status,
            resource_version,
        };
        if pass.is_forced() {
            pass.freshness = Freshness::Anew;
        }
        pass.asker.cause = pass.cause();
        pass.turn = pass.shared().turns.called(&pass.place());
        pass
    }

    /// Takes the turn of this pass. Where there is none the pass is over, and the object is called when there is.
    pub(super) fn take_turn(&mut self) -> Result<(), Stop> {
        if self.turn.is_none() {
            // Little is kept of each, since thousands may wait.
            let (wakes, object) =
                (self.shared().wakes.clone(), ObjectRef::new(&self.owner.name).within(&self.owner.namespace));
            let call = move || K::wake(&wakes, object);
            let turn = self.shared().turns.take(self.lane(), &self.asker, &self.place(), call);
            self.turn = Some(turn.map_err(Stop::Waiting)?);
        }
        if self.asker.cause == Cause::Retry {
            self.shared().metrics.retried(&K::kind(&()));
        }
        Ok(())
    }

    /// Whom this pass waits its turn with: one kind does not wait for another, nor one tenant, nor an edit for deletions.
    fn lane(&self) -> String {
        let (namespace, name) =
            self.object.tenant_key(self.shared().options.default_tenant.as_ref()).unwrap_or_default();
        let ending = if self.is_ending() { " ending" } else { "" };
        format!("{}{ending}/{namespace}/{name}", K::kind(&()))
    }

    fn place(&self) -> String {
        place::<K>(Some(&self.owner.namespace), &self.owner.name)
    }

    pub(super) fn is_ending(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }

    /// Why this pass is made, as far as its calls are concerned.
    fn cause(&self) -> Cause {
        if self.is_forced() || self.is_ending() {
            Cause::User
        } else if self.context.memory.is_retrying(&self.owner.uid) {
            Cause::Retry
        } else if K::Wish::holds(&self.status).is_none() {
            Cause::Create
        } else if self.spec_changed() {
            Cause::User
        } else {
            Cause::Wake
        }
    }

    pub(super) fn spec(&self) -> &K::Wish {
        HasSpec::spec(&*self.object)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.context.shared
    }

    /// What a Secret of ours says of the resource it belongs to.
    pub(super) fn owner_reference(&self) -> Result<OwnerReference, Stop> {
        self.object.controller_owner_ref(&()).ok_or(Stop::Stale)
    }

    /// Whether it has, or may have, something in the tenant.
    pub(super) fn is_dependant(&self) -> bool {
        K::Wish::common(&self.status).pending.is_some() || K::Wish::holds(&self.status).is_some()
    }

    pub(super) fn generation(&self) -> i64 {
        self.object.meta().generation.unwrap_or_default()
    }

    /// Whether somebody asked by annotation for a pass that has not been answered.
    pub(super) fn is_forced(&self) -> bool {
        let asked = self.object.annotations().get(FORCE);
        asked.is_some() && asked != K::Wish::common(&self.status).last_handled_reconcile_at.as_ref()
    }

    pub(super) fn situation<'a>(
        &'a self,
        tenant: &'a TenantFacts,
        knowledge: &'a Knowledge,
        status: &'a <K::Wish as Managed>::Status,
    ) -> Situation<'a, <K::Wish as Managed>::Status> {
        Situation {
            owner: &self.owner,
            tenant,
            references: &knowledge.references,
            status,
            remote: &knowledge.remote,
            depth: knowledge.depth,
            announced: knowledge.announced,
            spec_changed: self.spec_changed(),
            key: &self.shared().identity.key,
            rotation: &self.rotation,
            fresh_secret: &knowledge.fresh_secret,
            client_secret: knowledge.client_secret.as_ref(),
        }
    }

    /// Takes note that the tenant took a client secret.
    pub(super) fn sent(&mut self, tenant: &TenantFacts, secret: &SecretString) {
        let key = &self.shared().identity.key;
        let sent = SentSecret {
            fingerprint: key.fingerprint(Purpose::ClientSecret, &self.owner.uid, &tenant.domain, secret),
            asked: self.rotation.asked.clone(),
            settles_in: self.shared().options.secret_settles_in,
        };
        self.context.memory.sent(&self.owner.uid, sent.clone());
        self.rotation.sent = Some(sent);
    }

    /// Whether the spec has not been brought into the tenant yet, as far as the last verdict tells.
    pub(super) fn spec_changed(&self) -> bool {
        let common = K::Wish::common(&self.before);
        common.observed_generation != Some(self.generation()) || is_true(&common.conditions, STALLED)
    }

    /// Whether the tenant was as the unchanged spec says when we last looked, so that a difference is somebody else's doing.
    pub(super) fn was_ready(&self) -> bool {
        !self.spec_changed() && is_true(conditions_of::<K>(&self.before), READY)
    }

    /// Takes something into the status, as the kind sees it in the situation of before.
    pub(super) fn note(
        &mut self,
        tenant: &TenantFacts,
        knowledge: &Knowledge,
        take: impl FnOnce(&K::Wish, &mut <K::Wish as Managed>::Status, &Situation<'_, <K::Wish as Managed>::Status>),
    ) {
        let before = self.status.clone();
        let mut status = std::mem::take(&mut self.status);
        take(self.spec(), &mut status, &self.situation(tenant, knowledge, &before));
        self.status = status;
    }

    /// Puts our finalizer on, on condition that the resource is as we read it.
    pub(super) async fn add_finalizer(&mut self) -> Result<(), Stop> {
        if self.has_finalizer {
            return Ok(());
        }
        // The list of finalizers is the store's: when we know of a newer version, it may be out of date.
        if self.object.resource_version().as_ref() != Some(&self.resource_version) {
            return Err(Stop::Stale);
        }
        let finalizers: Vec<_> = self.object.finalizers().iter().map(String::as_str).chain([FINALIZER]).collect();
        let patch = json!({"metadata": {"resourceVersion": self.resource_version, "finalizers": finalizers}});
        let written = self.api.patch_metadata(&self.owner.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.resource_version = written.resource_version().unwrap_or_default();
        self.has_finalizer = true;
        Ok(())
    }

    /// Writes the status, when it changed; with `is_exclusive` only if nobody wrote the resource since we read it.
    pub(super) async fn write_status(&mut self, is_exclusive: bool) -> Result<(), Stop> {
        if self.status == self.written {
            return Ok(());
        }
        let mut body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            // With the uid: a resource that was made anew under the name must not get the verdict on its predecessor.
            "metadata": {"name": self.owner.name, "uid": self.owner.uid},
            "status": self.status,
        });
        if is_exclusive {
            body["metadata"]["resourceVersion"] = self.resource_version.clone().into();
        }
        let params = PatchParams::apply(MANAGER).force();
        let written = self.api.patch_status(&self.owner.name, &params, &Patch::Apply(body)).await?;
        self.resource_version = written.resource_version().unwrap_or_default();
        self.written = self.status.clone();
        self.context.memory.wrote(
            &*self.object,
            self.resource_version.clone(),
            self.status.clone(),
            K::store(&self.shared().stores),
        );
        Ok(())
    }

    /// Writes how the pass ended: into the status, and an event when the reason is another than before.
    pub(super) async fn write_end(&mut self, outcome: &Refusal) -> Result<(), Stop> {
        let asked = self.object.annotations().get(FORCE).cloned();
        let generation = self.generation();
        let is_tenant_gone = self.is_tenant_gone();
        let is_abandoned = is_tenant_gone && self.tenant().is_ok();
        let is_dependant = self.is_dependant();
        let common = K::Wish::common_mut(&mut self.status);
        if asked.is_some() {
            common.last_handled_reconcile_at = asked;
        }
        if !is_dependant {
            common.tenant = None;
        }
        let policy = self.object.spec().deletion_policy(common.origin);
        common.deletion_policy = match common.deletion_policy {
            // What was abandoned stays so until there is a tenant again.
            Some(DeletionPolicy::Orphan) if is_tenant_gone => Some(DeletionPolicy::Orphan),
            _ if is_abandoned => Some(DeletionPolicy::Orphan),
            _ => Some(policy),
        };
        Verdicts::of(common).end(outcome, generation, Timestamp::now());
        match self.write_status(false).await {
            // Gone, or made anew under the name: its own pass will come.
            Err(stop) if stop.is_out_of_date() => return Ok(()),
            written => written?,
        }
        if !self.is_dependant()
            && let Ok(tenant) = self.tenant()
        {
            self.shared().holds.let_go(&tenant, &self.owner.uid).await;
        }
        if let Some((reason, message)) = K::Wish::news(&self.before, &self.status) {
            self.shared().event(&*self.object, false, reason, message, None).await;
        }
        if is_transition(conditions_of::<K>(&self.before), conditions_of::<K>(&self.status), outcome.reason) {
            let tenant = self.tenant().ok();
            let reason = outcome.reason.to_string();
            self.shared()
                .event(&*self.object, outcome.reason.is_warning(), &reason, &outcome.message, tenant.as_deref())
                .await;
        }
        Ok(())
    }
}
