//! The tenant's signing keys: tokens, the JWKS, and the certificates that clients show.

use std::sync::OnceLock;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value, json};

use crate::ids;

/// The key in use and the one that a rotation would bring into use: Auth0 publishes both, so readers have to pick by `kid`.
pub(crate) struct Keys {
    current: Key,
    next: &'static Key,
}

struct Key {
    id: String,
    encoding: EncodingKey,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    pem: String,
    certificate: Vec<u8>,
}

/// How a token's signature is made.
pub(crate) enum Signing<'a> {
    /// With the tenant's RSA key: RS256, RS512 or PS256.
    Tenant(Algorithm),
    /// HS256 with the secret of the API or client.
    Secret(&'a str),
}

impl<'a> Signing<'a> {
    /// By Auth0's name of the algorithm; `secret` is for HS256.
    pub(crate) fn named(algorithm: &str, secret: &'a str) -> Self {
        match algorithm {
            "HS256" => Self::Secret(secret),
            "RS512" => Self::Tenant(Algorithm::RS512),
            "PS256" => Self::Tenant(Algorithm::PS256),
            _ => Self::Tenant(Algorithm::RS256),
        }
    }
}

/// Why a token is not accepted.
pub(crate) enum BadToken {
    Expired,
    Signature,
    Other,
}

impl Keys {
    /// Generates both keys, with self-signed certificates for the tenant's domain.
    pub(crate) fn generate(domain: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // Nothing is ever signed by the next key, so all emulators of a process may announce the same one: keys take long to make.
        static NEXT: OnceLock<Key> = OnceLock::new();
        let next = match NEXT.get() {
            Some(next) => next,
            None => {
                let next = Key::generate(domain)?;
                NEXT.get_or_init(|| next)
            }
        };
        Ok(Self { current: Key::generate(domain)?, next })
    }

    /// A signed JWT. `typ` is `JWT`, or `at+jwt` for RFC 9068 profiles.
    pub(crate) fn sign(
        &self,
        typ: &str,
        signing: &Signing<'_>,
        claims: &Value,
    ) -> jsonwebtoken::errors::Result<String> {
        match signing {
            Signing::Tenant(algorithm) => {
                let header =
                    Header { typ: Some(typ.into()), kid: Some(self.current.id.clone()), ..Header::new(*algorithm) };
                jsonwebtoken::encode(&header, claims, &self.current.encoding)
            }
            Signing::Secret(secret) => {
                let header = Header { typ: Some(typ.into()), ..Header::new(Algorithm::HS256) };
                jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes()))
            }
        }
    }

    /// The claims of a token of this tenant for an audience: RS256, not expired, no leeway.
    pub(crate) fn verify(&self, token: &str, issuer: &str, audience: &str) -> Result<Value, BadToken> {
        use jsonwebtoken::errors::ErrorKind;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let key = DecodingKey::from_rsa_raw_components(&self.current.modulus, &self.current.exponent);
        jsonwebtoken::decode::<Value>(token, &key, &validation).map(|data| data.claims).map_err(|error| {
            match error.kind() {
                ErrorKind::ExpiredSignature => BadToken::Expired,
                ErrorKind::InvalidSignature => BadToken::Signature,
                _ => BadToken::Other,
            }
        })
    }

    /// The claims of an ID token of this tenant, whether expired or not; `secret` knows the secrets of clients, for HS256.
    pub(crate) fn read_id_token(
        &self,
        token: &str,
        issuer: &str,
        secret: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Map<String, Value>> {
        let algorithm = jsonwebtoken::decode_header(token).ok()?.alg;
        let key = match algorithm {
            Algorithm::HS256 => {
                let claimed = jsonwebtoken::dangerous::insecure_decode::<Value>(token).ok()?.claims;
                DecodingKey::from_secret(secret(claimed["aud"].as_str()?)?.as_bytes())
            }
            Algorithm::RS256 | Algorithm::PS256 => {
                DecodingKey::from_rsa_raw_components(&self.current.modulus, &self.current.exponent)
            }
            _ => return None,
        };
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_issuer(&[issuer]);
        let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).ok()?.claims;
        if let Value::Object(claims) = claims { Some(claims) } else { None }
    }

    /// `/.well-known/jwks.json`.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.current.jwk(), self.next.jwk()] })
    }

    /// The `signing_keys` of a client, without the private key: that is in the create answer only.
    pub(crate) fn client_signing_keys(&self, domain: &str) -> Value {
        json!([{
            "cert": pem("CERTIFICATE", &self.current.certificate),
            "pkcs7": pem("PKCS7", &pkcs7(&self.current.certificate)),
            "subject": format!("/CN={domain}"),
        }])
    }

    pub(crate) fn private_key_pem(&self) -> &str {
        &self.current.pem
    }
}

impl Key {
    fn generate(domain: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)?;
        let mut certificate = rcgen::CertificateParams::default();
        certificate.distinguished_name.push(rcgen::DnType::CommonName, domain);
        let certificate = certificate.self_signed(&pair)?.der().to_vec();
        let pem = pair.serialize_pem();
        let rsa = rsa::KeyPair::from_pkcs8(pair.serialized_der())?;
        let public = rsa.public_key();
        Ok(Self {
            id: ids::key_id(),
            encoding: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            modulus: public.modulus().big_endian_without_leading_zero().to_vec(),
            exponent: public.exponent().big_endian_without_leading_zero().to_vec(),
            pem,
            certificate,
        })
    }

    fn jwk(&self) -> Value {
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.certificate);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(&self.modulus), "e": URL_SAFE_NO_PAD.encode(&self.exponent),
            "x5t": URL_SAFE_NO_PAD.encode(thumbprint), "x5c": [STANDARD.encode(&self.certificate)],
        })
    }
}

/// Names a key by its text: SHA-256, as Auth0's generated `kid`s look.
pub(crate) fn thumbprint(pem: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pem.as_bytes()))
}

/// PKCS #7 signed data with nothing but the certificate: `SEQUENCE { signedData, [0] { version 1, {}, data, [0] { cert }, {} } }`.
fn pkcs7(certificate: &[u8]) -> Vec<u8> {
    const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    const DATA: &[u8] = &[0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    const VERSION_AND_NO_DIGESTS: &[u8] = &[0x02, 0x01, 0x01, 0x31, 0x00];
    const NO_SIGNERS: &[u8] = &[0x31, 0x00];
    let content = [VERSION_AND_NO_DIGESTS, DATA, &der(0xa0, certificate), NO_SIGNERS].concat();
    der(0x30, &[SIGNED_DATA, &der(0xa0, &der(0x30, &content))].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match length.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        // At most eight bytes, so the cast is exact.
        long => {
            out.push(0x80 | long.len() as u8);
            out.extend(long);
        }
    }
    out.extend(content);
    out
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", lines.join("\r\n"))
}
