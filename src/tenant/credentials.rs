//! How the operator's client proves to the tenant who it is.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the operator's client proves itself with.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Its secret.
    Secret(SecretString),
    /// Its private key, by a JWT that it signs for each request (private_key_jwt, RFC 7523).
    PrivateKey(PrivateKey),
}

/// A private key that Auth0 has the public half of.
#[derive(Clone, Debug)]
pub struct PrivateKey {
    /// RSA, in PEM.
    pub pem: SecretString,
    /// Auth0's id of the credential, which goes into the header.
    pub id: Option<String>,
    /// RS256, RS384 or PS256: the credential's own.
    pub algorithm: Algorithm,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one that Auth0 takes.
    #[error("algorithm must be RS256, RS384 or PS256, as the credential in Auth0 says")]
    Algorithm,
    /// Not a key.
    #[error("privateKey must be an RSA private key in PEM, from -----BEGIN to END-----")]
    Pem,
    /// The assertion cannot be signed with it.
    #[error("privateKey cannot sign; replace it")]
    Signing,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secret(one), Self::Secret(other)) => one.expose_secret() == other.expose_secret(),
            (Self::PrivateKey(one), Self::PrivateKey(other)) => {
                one.pem.expose_secret() == other.pem.expose_secret()
                    && (&one.id, one.algorithm) == (&other.id, other.algorithm)
            }
            _ => false,
        }
    }
}

impl PrivateKey {
    /// A key from what a person wrote.
    ///
    /// # Errors
    /// When it is none, or the algorithm is not one of Auth0's.
    pub fn new(pem: SecretString, id: Option<String>, algorithm: Option<&str>) -> Result<Self, KeyError> {
        let algorithm = match algorithm.unwrap_or("RS256") {
            "RS256" => Algorithm::RS256,
            "RS384" => Algorithm::RS384,
            "PS256" => Algorithm::PS256,
            _ => return Err(KeyError::Algorithm),
        };
        let key = Self { pem, id, algorithm };
        key.encoding()?;
        Ok(key)
    }

    fn encoding(&self) -> Result<EncodingKey, KeyError> {
        EncodingKey::from_rsa_pem(self.pem.expose_secret().as_bytes()).map_err(|_| KeyError::Pem)
    }

    /// A fresh assertion, good for a minute and for one request: Auth0 takes a `jti` once, and wants the tenant's domain with
    /// a slash as audience (documentation; at most 5 minutes and 64 characters of `jti`).
    fn assertion(&self, client_id: &str, domain: &str, now: SystemTime) -> Result<String, KeyError> {
        let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut random = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| KeyError::Signing)?;
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": format!("https://{domain}/"),
            "iat": issued_at,
            "exp": issued_at + 60,
            "jti": u128::from_be_bytes(random).to_string(),
        });
        let header = Header { kid: self.id.clone(), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, &claims, &self.encoding()?).map_err(|_| KeyError::Signing)
    }
}

impl Credentials {
    /// What goes into the form of a token request beside the client's id.
    pub(super) fn proof(
        &self,
        client_id: &str,
        domain: &str,
        now: SystemTime,
    ) -> Result<Vec<(&'static str, String)>, KeyError> {
        match self {
            Self::Secret(secret) => Ok(vec![("client_secret", secret.expose_secret().to_owned())]),
            Self::PrivateKey(key) => Ok(vec![
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
                ("client_assertion", key.assertion(client_id, domain, now)?),
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::{encoding::AsDer, rsa, signature::KeyPair};
    use base64::{Engine, engine::general_purpose::STANDARD};
    use jsonwebtoken::{DecodingKey, Validation};

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn an_assertion_is_fresh_short_lived_and_for_the_tenant() {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let key = PrivateKey::new(pem("PRIVATE KEY", private.as_ref()).into(), Some("key1".into()), None).unwrap();
        let now = SystemTime::now();
        let one = key.assertion("abc", "example.eu.auth0.com", now).unwrap();
        assert_ne!(one, key.assertion("abc", "example.eu.auth0.com", now).unwrap(), "each has a jti of its own");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["https://example.eu.auth0.com/"]);
        let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
        let token = jsonwebtoken::decode::<serde_json::Value>(&one, &public, &validation).unwrap();
        assert_eq!((token.claims["iss"].as_str(), token.claims["sub"].as_str()), (Some("abc"), Some("abc")));
        assert_eq!(token.claims["exp"].as_u64().unwrap() - token.claims["iat"].as_u64().unwrap(), 60);
        assert_eq!(token.header.kid.as_deref(), Some("key1"));
        assert!(!format!("{key:?}").contains("PRIVATE"), "the key shows itself");
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        assert_eq!(PrivateKey::new("x".into(), None, None).unwrap_err(), KeyError::Pem);
        assert_eq!(PrivateKey::new("x".into(), None, Some("HS256")).unwrap_err(), KeyError::Algorithm);
    }
}
