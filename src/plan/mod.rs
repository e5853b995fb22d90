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
pub use system::is_system_identifier;

pub(crate) use spelling::{auth0_case, put};

use crate::crd::{CommonStatus, DeletionPolicy, Origin, Policies, TenantRef};
use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Debug, time::Duration};

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

/// The resource that a plan is for, and the cluster it lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The operator's name for its cluster; part of every stamp.
    pub cluster: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
}

/// What is known of a tenant besides its objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantFacts {
    /// The canonical domain.
    pub domain: String,
    /// The base URL, where it is not `https://<domain>`.
    pub endpoint: Option<String>,
    /// The domain that applications see.
    pub custom_domain: Option<String>,
    /// The operator's own client in the tenant.
    pub management_client: String,
}

impl TenantFacts {
    /// Who signs tokens, as applications see it. With the slash at the end, as in Auth0's `iss`.
    pub fn issuer(&self) -> String {
        format!("https://{}/", self.custom_domain.as_ref().unwrap_or(&self.domain))
    }

    /// The URL of a path of the Authentication API, for applications.
    pub fn url(&self, path: &str) -> String {
        match (&self.endpoint, &self.custom_domain) {
            (Some(endpoint), _) => format!("{}{path}", endpoint.trim_end_matches('/')),
            (None, Some(domain)) => format!("https://{domain}{path}"),
            (None, None) => format!("https://{}{path}", self.domain),
        }
    }
}

/// Another resource in the same namespace that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// An Auth0Api, for its client's id.
    Api(String),
    /// An Auth0Connection, for its name in the tenant.
    Connection(String),
    /// A key of a Secret.
    Secret {
        /// The Secret's name.
        name: String,
        /// The key in its data.
        key: String,
    },
    /// A password that the operator makes and keeps in a Secret; in [`References::secrets`] under the key `password`.
    GeneratedPassword {
        /// The Secret's name.
        name: String,
        /// Characters, when it is made.
        length: usize,
    },
    /// A Secret that the operator keeps for applications.
    Output(String),
}

/// The values of all [`Need`]s.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// Client ids by the Auth0Api's name.
    pub api_clients: BTreeMap<String, String>,
    /// Names in the tenant by the Auth0Connection's name.
    pub connections: BTreeMap<String, ConnectionReference>,
    /// Values by Secret and key.
    pub secrets: BTreeMap<(String, String), SecretString>,
    /// Output Secrets by name; absent when there is none yet.
    pub outputs: BTreeMap<String, ExistingOutput>,
}

impl References {
    /// A number that tells these secrets from others, in this process only.
    pub fn print_of_secrets(&self, state: &impl std::hash::BuildHasher) -> u64 {
        let secrets = self.secrets.iter().map(|(key, secret)| (key, secret.expose_secret()));
        state.hash_one(secrets.collect::<Vec<_>>())
    }
}

/// An Auth0Connection that another resource names.
#[derive(Clone, Debug)]
pub struct ConnectionReference {
    /// Its name in the tenant.
    pub name: String,
    /// Its strategy.
    pub strategy: String,
    /// Whether it lets users be made without a password, as far as its spec tells.
    pub is_password_optional: bool,
}

/// The key of a generated password in its Secret.
pub const PASSWORD_KEY: &str = "password";

/// A Secret that is there under the name of an output Secret.
#[derive(Clone, Debug, Default)]
pub struct ExistingOutput {
    /// Whether the resource controls it, or one of the same kind and name did that is gone.
    pub owned: bool,
    /// Whether it is such a predecessor's, which Kubernetes will soon collect. Its values count for nothing.
    pub inherited: bool,
    /// Which version of it was read.
    pub resource_version: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its values.
    pub data: BTreeMap<String, SecretString>,
}

/// A Secret for applications.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The Secret's name.
    pub name: String,
    /// Its values. Keys that are not named stay as they are.
    pub data: BTreeMap<String, SecretString>,
    /// The key that it must not have any more.
    pub without: Option<&'static str>,
    /// The name of the Secret that goes once this one is written.
    pub replaces: Option<String>,
}

/// What a plan has to know of the time, and of what people ask for, to replace a client secret. One for a whole pass, so that
/// all its steps see the same.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    /// The time of the pass.
    pub now: Timestamp,
    /// The value of the annotation that asks for a new secret, answered or not.
    pub asked: Option<String>,
    /// The client secret that this process set last.
    pub sent: Option<SentSecret>,
}

/// A client secret that was set in the tenant.
#[derive(Clone, Debug)]
pub struct SentSecret {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The value of the annotation when it was set.
    pub asked: Option<String>,
    /// How long until Auth0 takes it, and nothing else, for certain.
    pub settles_in: Duration,
}

/// What the tenant answered so far in this pass.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    answers: BTreeMap<Read, Vec<Fields>>,
    /// The secrets behind the digests in a connection's options, by JSON Pointer, as the tenant showed them in this pass: they
    /// go back to it when its options are replaced, and nowhere else.
    pub option_secrets: BTreeMap<String, SecretString>,
}

impl Remote {
    /// Takes note of an answer; a second one to the same question replaces the first.
    pub fn insert(&mut self, read: Read, answer: Vec<Fields>) {
        self.answers.insert(read, answer);
    }

    /// Takes an answer back, so that the question is asked again.
    pub fn forget(&mut self, read: &Read) {
        self.answers.remove(read);
    }

    /// Whether the question has been answered.
    pub fn has(&self, read: &Read) -> bool {
        self.answers.contains_key(read)
    }

    /// The objects in the answer; none when it was not asked.
    pub fn all(&self, read: &Read) -> &[Fields] {
        self.answers.get(read).map_or(&[], Vec::as_slice)
    }

    /// The first object in the answer.
    pub fn one(&self, read: &Read) -> Option<&Fields> {
        self.all(read).first()
    }

    /// The object that a call changes; empty when there is none yet, or it was not asked for by its id.
    pub fn before(&self, call: &Call) -> Fields {
        match call {
            Call::Update { kind, id, .. } => self.one(&Read::Get(*kind, id.clone())).cloned().unwrap_or_default(),
            _ => Fields::new(),
        }
    }
}

/// How far to look for an object whose id is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Not at all: nothing says that it could be there, so the first POST will tell.
    KnownIds,
    /// By natural key and stamp: an earlier attempt may have made it, or a POST said that it exists.
    NaturalKeys,
}

/// All that a plan is made from, besides the spec.
pub struct Situation<'a, Status> {
    /// The resource.
    pub owner: &'a Owner,
    /// The tenant.
    pub tenant: &'a TenantFacts,
    /// What the spec refers to.
    pub references: &'a References,
    /// What we know of earlier passes.
    pub status: &'a Status,
    /// What the tenant answered.
    pub remote: &'a Remote,
    /// How far to look.
    pub depth: Depth,
    /// Whether a create of an earlier attempt may have succeeded without our knowing.
    pub announced: bool,
    /// Whether the spec changed since the last verdict. False in a pass that only looks for drift.
    pub spec_changed: bool,
    /// The operator's key for fingerprints.
    pub key: &'a fingerprint::Key,
    /// What is to be known for replacing a client secret.
    pub rotation: &'a Rotation,
    /// A random value, should the plan need one.
    pub fresh_secret: &'a SecretString,
    /// The client secret that a call of this pass brought to light.
    pub client_secret: Option<&'a SecretString>,
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
