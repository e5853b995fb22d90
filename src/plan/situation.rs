//! What a plan is made from, besides the spec.

use super::{Call, Fields, Read, References, fingerprint};
use k8s_openapi::jiff::Timestamp;
use secrecy::SecretString;
use std::{collections::BTreeMap, time::Duration};

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
