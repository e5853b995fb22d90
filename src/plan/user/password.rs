//! The password of a user: from a Secret to the tenant, and nowhere else. A keyed digest in the status tells whether it changed.

use super::super::{
    Body, Call, Need, PASSWORD_KEY,
    fingerprint::{Purpose, Relation},
};
use super::View;
use crate::crd::{Auth0UserSpec, GeneratePassword, Origin, Password, SecretKeyRef};
use secrecy::SecretString;

/// Where the password is in a body.
pub(super) const PLACE: &str = "/password";

/// Characters of a generated password, when the spec names no length.
const GENERATED_LENGTH: usize = 24;

impl Auth0UserSpec {
    /// Name and key of the Secret that holds the password.
    pub fn password_secret(&self) -> Option<(String, String)> {
        let Password { secret_key_ref, generate, take_over: _ } = self.password.as_ref()?;
        let written = secret_key_ref.as_ref().map(|secret| (secret.name.clone(), secret.key.clone()));
        written.or_else(|| generate.as_ref().map(|made| (made.secret_name.clone(), PASSWORD_KEY.to_owned())))
    }

    pub(super) fn needs_password(&self) -> Option<Need> {
        let Password { secret_key_ref, generate, take_over: _ } = self.password.as_ref()?;
        if let Some(SecretKeyRef { name, key }) = secret_key_ref {
            return Some(Need::Secret { name: name.clone(), key: key.clone() });
        }
        let GeneratePassword { secret_name, length } = generate.as_ref()?;
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(GENERATED_LENGTH);
        Some(Need::GeneratedPassword { name: secret_name.clone(), length })
    }

    pub(super) fn password_in<'a>(&self, view: &View<'a>) -> Option<&'a SecretString> {
        view.references.secrets.get(&self.password_secret()?)
    }

    pub(super) fn fingerprint(&self, view: &View<'_>) -> Option<String> {
        Some(view.key.fingerprint(Purpose::Password, &view.owner.uid, &view.tenant.domain, self.password_in(view)?))
    }

    pub(super) fn relation(&self, view: &View<'_>) -> Relation {
        let recorded = view.status.password_fingerprint.as_deref();
        self.fingerprint(view).map_or(Relation::Same, |fingerprint| view.key.relation(recorded, &fingerprint))
    }

    /// The password of a user that exists, when it is to be written. An adopted one only with `takeOver`.
    pub(super) fn new_password(&self, origin: Origin, view: &View<'_>) -> Option<Body> {
        let may =
            origin == Origin::Created || self.password.as_ref().and_then(|password| password.take_over) == Some(true);
        let just_found = view.status.common.id.is_none();
        let is_due = may
            && match self.relation(view) {
                Relation::Changed => true,
                Relation::Intended => !just_found,
                Relation::Unknown => origin == Origin::Adopted,
                Relation::Same | Relation::ForeignKey => false,
            };
        let password = self.password_in(view).filter(|_| is_due)?;
        Some(Body::new_secret(PLACE, password.clone()))
    }
}

pub(super) fn is_in(call: &Call) -> bool {
    match call {
        Call::Create { body, .. } | Call::Update { body, .. } => body.secrets.contains_key(PLACE),
        Call::CreateGrant { .. } | Call::Delete { .. } | Call::EnableClients { .. } => false,
    }
}
