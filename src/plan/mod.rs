//! Works out what to write to the tenant, before anything is written.
//!
//! spec (crd) + references + what the tenant holds ──▶ [`Plan`] ──▶ `tenant::Tenant::execute`
//!
//! Everything here is a function of its arguments: no Kubernetes, no HTTP, no clock, no randomness. A kind of resource is one
//! implementation of [`Managed`]; it says which other resources it [needs](Need), what it wants to [`Read`] in the tenant,
//! and which [`Call`]s follow. Who answers and who carries out is the controller's business.

mod api;
mod call;
mod change;
pub mod claims;
pub mod concealed;
mod connection;
mod diff;
pub mod fingerprint;
mod guide;
mod ownership;
pub(crate) mod pointer;
mod reason;
mod references;
mod situation;
mod spelling;
mod system;
#[cfg(test)]
mod tests;
pub mod unset;
mod user;

pub use call::{Body, Call, Found, Held, ObjectKind, Plan, Read, Target};
pub use diff::{diff, diff_of_wholes, digest};
pub use guide::Guide;
pub use ownership::{is_taken_over, stamp_of};
pub use reason::{Class, Reason, Refusal};
pub use references::{ConnectionReference, ExistingOutput, Need, Output, PASSWORD_KEY, References};
pub use situation::{Depth, Owner, Remote, Rotation, SentSecret, Situation, TenantFacts};
pub use system::is_system_identifier;

pub(crate) use spelling::{auth0_case, put};

use crate::crd::{CommonStatus, DeletionPolicy, Origin, Policies, TenantRef};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fmt::Debug, time::Duration};

/// A JSON object as Auth0 takes and gives it.
pub type Fields = serde_json::Map<String, Value>;

/// One kind of resource: what it means in the tenant. Implemented by the spec types of `crd`.
pub trait Managed: Clone + Debug + Send + Sync + 'static {
    /// The kind's status.
    type Status: Default + Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The kind of object that it stands for.
    const OBJECT: ObjectKind;

    /// The policies that all kinds share.
    fn policies(&self) -> &Policies;

    /// The tenant it is for; `None` means the operator's default.
    fn tenant_ref(&self) -> Option<&TenantRef>;

    /// The part of the status that all kinds share.
    fn common(status: &Self::Status) -> &CommonStatus;

    /// The same, to be written.
    fn common_mut(status: &mut Self::Status) -> &mut CommonStatus;

    /// The id of an object in the tenant that the resource has, if any.
    fn holds(status: &Self::Status) -> Option<&str> {
        Self::common(status).id.as_deref()
    }

    /// The id that others refer to when they name this resource.
    fn referred_id(status: &Self::Status) -> Option<&str> {
        Self::common(status).id.as_deref()
    }

    /// What makes the object unique in its tenant, and what two resources must not both claim. `connection` gives the name in
    /// the tenant of an Auth0Connection in the owner's namespace, where there is one.
    fn natural_key(&self, owner: &Owner, connection: &dyn Fn(&str) -> Option<String>) -> String;

    /// What the natural keys of all resources have in common that may stand for the same object, as far as the spec alone tells.
    fn rough_key(&self, owner: &Owner) -> String {
        self.natural_key(owner, &|_| None)
    }

    /// The first field used that only a trusted namespace may use.
    fn needs_trust(&self) -> Option<&'static str>;

    /// Whether the spec can be met at all, as far as the spec and the tenant's names tell.
    fn check(&self, tenant: &TenantFacts) -> Result<(), Refusal>;

    /// The paths that the spec sets in the tenant, never values: `status.managed`.
    fn managed(&self, owner: &Owner) -> Vec<String>;

    /// The other resources in the namespace that the spec names.
    fn needs(&self, owner: &Owner) -> Vec<Need>;

    /// The Secret for applications that the status tells of and the spec no longer names.
    fn former_output(&self, owner: &Owner, status: &Self::Status) -> Option<String> {
        let _ = (owner, status);
        None
    }

    /// What finds the object while its id is not known, the surest first.
    fn finders(&self, owner: &Owner) -> Vec<Read>;

    /// What the resource has in the tenant, by ids: a change of it there concerns the resource.
    fn held(&self, status: &Self::Status) -> Vec<Held>;

    /// What the resource looks for in the tenant besides, by natural keys: an answer that changes may end a wait.
    fn sought(&self, status: &Self::Status, owner: &Owner) -> Vec<Read> {
        let _ = status;
        self.finders(owner)
    }

    /// The connection that the resource is in, where the spec says it by the name in the tenant.
    fn named_connection(&self) -> Option<&str> {
        None
    }

    /// Whether a client that somebody makes concerns the resource: a tenant can be set to enable new ones everywhere.
    fn minds_new_clients(&self) -> bool {
        false
    }

    /// What has to be known of the tenant and is not in `situation.remote` yet. Asked again after the answers, until empty.
    fn reads(&self, situation: &Situation<'_, Self::Status>) -> Vec<Read>;

    /// The calls that make the tenant as the spec says.
    fn plan(&self, situation: &Situation<'_, Self::Status>) -> Result<Plan, Refusal>;

    /// Places in a connection's options, as JSON Pointers, whose values are of Secrets: nobody but the tenant's client sees them.
    fn conceals(&self) -> Vec<String> {
        vec![]
    }

    /// Takes note, before a call, of what a crash right after it would leave us not knowing.
    fn announce(&self, status: &mut Self::Status, plan: &Plan, situation: &Situation<'_, Self::Status>) {
        let _ = (status, plan, situation);
    }

    /// What a Secret for applications has to hold before the calls are made, so that no value that they set can be lost.
    fn output_ahead(&self, plan: &Plan, situation: &Situation<'_, Self::Status>) -> Option<Output> {
        let _ = (plan, situation);
        None
    }

    /// Whether the refusal of a call shows that an earlier attempt had done it; `situation` has the status of before this pass.
    fn is_done_already(&self, call: &Call, refusal: &str, situation: &Situation<'_, Self::Status>) -> bool {
        let _ = (call, refusal, situation);
        false
    }

    /// Whether the status says that a client was enabled by this resource.
    fn is_enabled_by_us(status: &Self::Status, client: &str) -> bool {
        let _ = (status, client);
        false
    }

    /// Takes note of a call that succeeded, and of the object in its answer.
    fn record(&self, status: &mut Self::Status, call: &Call, answer: &Fields, situation: &Situation<'_, Self::Status>);

    /// Takes note of an object that was there already.
    fn record_found(&self, status: &mut Self::Status, found: &Found, situation: &Situation<'_, Self::Status>);

    /// The Secret to keep for applications, once everything is in the tenant.
    fn output(&self, situation: &Situation<'_, Self::Status>) -> Option<Output>;

    /// Takes note that the output is written.
    fn record_output(&self, status: &mut Self::Status, output: &Output, situation: &Situation<'_, Self::Status>) {
        let _ = (status, output, situation);
    }

    /// When there will be something to do even though nothing changes; `None`: never.
    fn due_in(&self, situation: &Situation<'_, Self::Status>) -> Option<Duration> {
        let _ = situation;
        None
    }

    /// Reason and message of the event that a change of the status is worth, besides those of its conditions.
    fn news(before: &Self::Status, after: &Self::Status) -> Option<(&'static str, &'static str)> {
        let _ = (before, after);
        None
    }

    /// What has to be known before a removal: only what a create that was announced may have left behind.
    fn removal_reads(&self, situation: &Situation<'_, Self::Status>) -> Vec<Read> {
        let is_unknown = situation.announced && Self::common(situation.status).id.is_none();
        if !is_unknown || self.left_behind(situation).is_some() {
            return vec![];
        }
        self.finders(situation.owner).into_iter().find(|read| !situation.remote.has(read)).into_iter().collect()
    }

    /// The object that a create of ours left without our knowing its id.
    fn left_behind<'a>(&self, situation: &'a Situation<'_, Self::Status>) -> Option<&'a str> {
        let is_ours = |object: &&Fields| ownership::judge(Self::OBJECT, object, situation.owner, None, false).is_ok();
        let finders = self.finders(situation.owner);
        let found = finders.iter().flat_map(|read| situation.remote.all(read)).find(is_ours)?;
        text(found, Self::OBJECT.id_key())
    }

    /// The calls that take away what the policies say is to be taken away.
    fn plan_removal(&self, situation: &Situation<'_, Self::Status>) -> Plan {
        let mut plan = Plan::default();
        let common = Self::common(situation.status);
        if self.deletion_policy(common.origin) == DeletionPolicy::Orphan {
            return plan;
        }
        if let Some(id) = common.id.as_deref().or_else(|| self.left_behind(situation)) {
            plan.calls.push(Call::Delete { kind: Self::OBJECT, id: id.to_owned() });
        }
        plan
    }

    /// What happens to the object in the tenant when the resource is deleted.
    fn deletion_policy(&self, origin: Option<Origin>) -> DeletionPolicy {
        self.policies().deletion_policy.unwrap_or(match origin {
            Some(Origin::Adopted) => DeletionPolicy::Orphan,
            Some(Origin::Created) | None => DeletionPolicy::Delete,
        })
    }
}

/// The keys of a JSON object literal.
pub(crate) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

/// A string member of an object.
pub(crate) fn text<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(Value::as_str)
}
