//! The secret that signs an HS256 API's tokens: from a Secret to the tenant, and nowhere else.

use super::View;
use crate::{
    crd::{Auth0ApiSpec, DriftPolicy, SecretKeyRef},
    plan::{
        Body, Fields, Reason, Refusal,
        concealed::digest_of,
        fingerprint::{Purpose, Relation},
        text,
    },
};
use secrecy::{ExposeSecret, SecretString};

/// The key in resource servers, and its place in bodies.
const KEY: &str = "signing_secret";
pub(super) const SIGNING_SECRET: &str = "/signing_secret";

/// The fewest characters that Auth0 takes (its OpenAPI description).
const SHORTEST: usize = 16;

/// How the signing secret in the tenant relates to the one in the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// The spec names none, or the tenant has it.
    AsWanted,
    /// The Secret holds another than was last written.
    Changed,
    /// Somebody changed it in the tenant.
    Drifted,
    /// The tenant does not show it, and the fingerprint was made by an operator with another key.
    Unknown,
}

/// Adds the signing secret to a body, where the spec names one.
pub(super) fn add(spec: &Auth0ApiSpec, view: &View<'_>, body: &mut Body) -> Result<(), Refusal> {
    if let (Some(secret), Some(SecretKeyRef { name, key })) = (secret(spec, view), &spec.signing_secret_ref) {
        if secret.expose_secret().chars().count() < SHORTEST {
            let message = format!(
                "the key {key} of the Secret {name} is shorter than the {SHORTEST} characters that a signing secret needs; put a longer one there"
            );
            return Err(Refusal::new(Reason::SecretKeyMissing, message));
        }
        body.secrets.insert(SIGNING_SECRET.to_owned(), secret.clone());
    }
    Ok(())
}

/// Compares with what the tenant shows, else with what we wrote.
pub(super) fn compare(spec: &Auth0ApiSpec, have: &Fields, view: &View<'_>) -> Signing {
    let (Some(secret), Some(fingerprint)) = (secret(spec, view), fingerprint(spec, view)) else {
        return Signing::AsWanted;
    };
    let relation = view.key.relation(view.status.signing_secret_fingerprint.as_deref(), &fingerprint);
    let shown = text(have, KEY);
    match (shown.map(|shown| shown == digest_of(SIGNING_SECRET, secret)), relation) {
        (Some(true), _) | (None, Relation::Same) => Signing::AsWanted,
        (Some(false), Relation::Same) => Signing::Drifted,
        (None, Relation::ForeignKey) => Signing::Unknown,
        (Some(false), _) | (None, Relation::Unknown | Relation::Intended | Relation::Changed) => Signing::Changed,
    }
}

impl Signing {
    /// Whether the secret is to be written.
    pub(super) fn is_to_write(self, spec: &Auth0ApiSpec) -> bool {
        self == Self::Changed || self == Self::Drifted && spec.policies.drift_policy != Some(DriftPolicy::Warn)
    }

    /// What the condition `Drifted` says.
    pub(super) fn drift(self, spec: &Auth0ApiSpec) -> Option<Refusal> {
        (self == Self::Drifted && !self.is_to_write(spec)).then(|| {
            let message = "somebody changed the signing secret in the tenant; with spec.driftPolicy Correct the operator would set it again";
            Refusal::new(Reason::Warned, message)
        })
    }

    /// What a person should know.
    pub(super) fn notice(self, spec: &Auth0ApiSpec) -> Option<&'static str> {
        match self {
            Self::Drifted if self.is_to_write(spec) => {
                Some("the signing secret in the tenant was not the one in the Secret, so it is set again")
            }
            Self::Unknown => Some(
                "the fingerprint of the signing secret was made with another key, so whether the Secret has changed is not known; from now on changes are seen again",
            ),
            Self::AsWanted | Self::Changed | Self::Drifted => None,
        }
    }
}

/// What the status keeps of the signing secret in the Secret.
pub(super) fn fingerprint(spec: &Auth0ApiSpec, view: &View<'_>) -> Option<String> {
    let secret = secret(spec, view)?;
    Some(view.key.fingerprint(Purpose::SigningSecret, &view.owner.uid, &view.tenant.domain, secret))
}

fn secret<'a>(spec: &Auth0ApiSpec, view: &View<'a>) -> Option<&'a SecretString> {
    let SecretKeyRef { name, key } = spec.signing_secret_ref.as_ref()?;
    view.references.secrets.get(&(name.clone(), key.clone()))
}
