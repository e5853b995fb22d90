//! Fingerprints of secrets: enough to see that one changed, nothing to guess it from without the operator's key.

use super::diff::hex;
use aws_lc_rs::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// The operator's key. It lives in the Secret `auth0-operator-identity` and nowhere else.
#[derive(Clone)]
pub struct Key {
    key: hmac::Key,
    name: String,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

/// What a secret is for. Equal secrets for different purposes have different fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A user logs in with it.
    Password,
    /// An API's tokens are signed with it.
    SigningSecret,
    /// A client gets tokens with it.
    ClientSecret,
}

impl Purpose {
    fn text(self) -> &'static str {
        match self {
            Self::Password => "auth0-operator/password/v1",
            Self::SigningSecret => "auth0-operator/signing-secret/v1",
            Self::ClientSecret => "auth0-operator/client-secret/v1",
        }
    }
}

/// How the secret in a Secret relates to the one that we last wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Nothing was written yet.
    Unknown,
    /// It is the one that we wrote.
    Same,
    /// It is the one that we were about to write when we last stopped.
    Intended,
    /// It is another one.
    Changed,
    /// The fingerprint was made with another key, so nothing can be said.
    ForeignKey,
}

const INTENDED: &str = "pending:";

impl Key {
    /// A key from its bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let name = hex(&digest::digest(&digest::SHA256, bytes).as_ref()[..4]);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes), name }
    }

    /// The fingerprint of a secret of resource `uid` in tenant `domain`.
    ///
    /// HMAC-SHA256(key, purpose ‖ uid ‖ domain ‖ secret), each part with its length before it, so that parts cannot be
    /// moved into each other. The key's name stands in front, to tell a foreign key from a changed secret.
    pub fn fingerprint(&self, purpose: Purpose, uid: &str, domain: &str, secret: &SecretString) -> String {
        self.digest([purpose.text(), uid, domain, secret.expose_secret()])
    }

    /// The fingerprint of secret options, by their places, of the connection of resource `uid` in tenant `domain`.
    pub fn fingerprint_of_options(&self, uid: &str, domain: &str, secrets: &BTreeMap<String, SecretString>) -> String {
        let pairs = secrets.iter().flat_map(|(place, secret)| [place.as_str(), secret.expose_secret()]);
        self.digest(["auth0-operator/options/v1", uid, domain].into_iter().chain(pairs))
    }

    fn digest<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        format!("{}:{}", self.name, hex(context.sign().as_ref()))
    }

    /// Compares a fingerprint with the one in a status.
    pub fn relation(&self, recorded: Option<&str>, fingerprint: &str) -> Relation {
        let Some(recorded) = recorded else { return Relation::Unknown };
        let (value, same) = match recorded.strip_prefix(INTENDED) {
            Some(value) => (value, Relation::Intended),
            None => (recorded, Relation::Same),
        };
        match value.split_once(':') {
            _ if value == fingerprint => same,
            Some((name, _)) if name == self.name => Relation::Changed,
            _ => Relation::ForeignKey,
        }
    }
}

/// The form of a fingerprint that says: about to be written.
pub fn intended(fingerprint: &str) -> String {
    format!("{INTENDED}{fingerprint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_what_happened_to_the_password() {
        let (key, other) = (Key::new(b"one key"), Key::new(b"another key"));
        let print = |key: &Key, password: &str| {
            key.fingerprint(Purpose::Password, "uid", "example.auth0.com", &SecretString::from(password))
        };
        let (old, new) = (print(&key, "old"), print(&key, "new"));
        for (case, recorded, relation) in [
            ("first", None, Relation::Unknown),
            ("written", Some(new.clone()), Relation::Same),
            ("crashed while writing", Some(intended(&new)), Relation::Intended),
            ("changed", Some(old.clone()), Relation::Changed),
            ("changed while writing another", Some(intended(&old)), Relation::Changed),
            ("another operator's", Some(print(&other, "new")), Relation::ForeignKey),
            ("garbage", Some("x".to_owned()), Relation::ForeignKey),
        ] {
            assert_eq!(key.relation(recorded.as_deref(), &new), relation, "{case}");
        }
    }

    #[test]
    fn a_fingerprint_belongs_to_its_purpose_resource_and_tenant() {
        let key = Key::new(b"key");
        let secret = SecretString::from("secret");
        let one = key.fingerprint(Purpose::Password, "uid", "a.auth0.com", &secret);
        assert_ne!(one, key.fingerprint(Purpose::Password, "uid2", "a.auth0.com", &secret));
        assert_ne!(one, key.fingerprint(Purpose::Password, "uid", "b.auth0.com", &secret));
        assert_ne!(one, key.fingerprint(Purpose::SigningSecret, "uid", "a.auth0.com", &secret));
        assert!(!one.contains("secret"));
    }
}
