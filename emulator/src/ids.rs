//! Identifiers and secrets in the forms that Auth0 gives out (recorded).

use rand::RngExt as _;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const HEX: &[u8] = b"0123456789abcdef";

pub(crate) fn resource_server_id() -> String {
    random(HEX, 24)
}

pub(crate) fn client_id() -> String {
    random(ALPHANUMERIC, 32)
}

pub(crate) fn client_secret() -> String {
    random(SECRET, 64)
}

pub(crate) fn client_grant_id() -> String {
    format!("cgr_{}", random(ALPHANUMERIC, 16))
}

pub(crate) fn connection_id() -> String {
    format!("con_{}", random(ALPHANUMERIC, 16))
}

pub(crate) fn credential_id() -> String {
    format!("cred_{}", random(ALPHANUMERIC, 22))
}

/// The part of a user's id after `auth0|`.
pub(crate) fn identity_id() -> String {
    random(HEX, 24)
}

/// Names a signing key in the JWKS.
pub(crate) fn key_id() -> String {
    random(SECRET, 21)
}

/// An access token that only its issuer can read, or the last part of a ticket's URL.
pub(crate) fn opaque() -> String {
    random(ALPHANUMERIC, 32)
}

fn random(alphabet: &[u8], length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}
