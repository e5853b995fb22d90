//! Secrets in the options of connections, as everything but the tenant's client sees them: digests in their places.

use super::{Fields, diff::digest, pointer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::{BTreeMap, btree_map::Entry};

/// Where options hold secrets, as JSON Pointers: identity providers' secrets, keys to sign and decrypt with, secrets of custom
/// database scripts. Reads show most of them in clear (recorded).
pub const SECRET_OPTIONS: [&str; 10] = [
    "/client_secret",
    "/twilio_token",
    "/consumer_secret",
    "/app_secret",
    "/signing_key/key",
    "/decryptionKey/key",
    "/gateway_authentication/secret",
    "/admin_access_token",
    "/admin_refresh_token",
    ENCRYPTED,
];

/// Secrets of custom database scripts, of which reads show a ciphertext that is another one after every write (recorded). It
/// cannot be compared and cannot be sent back.
const ENCRYPTED: &str = "/configuration";

const MARK: &str = "concealed:sha256:";

/// Whether reads show only a ciphertext of what is at this place.
pub fn is_encrypted(place: &str) -> bool {
    is_within(place, ENCRYPTED)
}

/// Whether a place is another one, or in it.
pub fn is_within(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What stands in the place of a secret.
pub fn digest_of(place: &str, secret: &SecretString) -> String {
    let value = Value::from(secret.expose_secret());
    format!("{MARK}{}", digest(&[(place.to_owned(), value)].into_iter().collect()))
}

/// Whether an object holds digests, so that it must not be sent as it is.
pub fn has_digests(fields: &Fields) -> bool {
    fields.values().any(is_concealed)
}

/// Whether a value is a digest, or holds one.
pub fn is_concealed(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with(MARK),
        Value::Array(items) => items.iter().any(is_concealed),
        Value::Object(members) => members.values().any(is_concealed),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Takes digests out, so that nothing is in their places.
pub fn blank(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with(MARK) => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Object(members) => members.values_mut().for_each(blank),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Puts digests in the places of secrets: of every text that a pointer leads to, that is below, or that bars the way.
/// Gives the secrets by their places.
pub fn conceal<'a>(
    options: &mut Fields,
    pointers: impl IntoIterator<Item = &'a str>,
) -> BTreeMap<String, SecretString> {
    let mut secrets = BTreeMap::new();
    for pointer in pointers {
        let way = pointer::tokens(pointer);
        if let Some((first, rest)) = way.split_first()
            && let Some(value) = options.get_mut(first)
        {
            conceal_in(value, rest, pointer::join("", first), &mut secrets);
        }
    }
    secrets
}

fn conceal_in(value: &mut Value, way: &[String], place: String, secrets: &mut BTreeMap<String, SecretString>) {
    let mut below = |key: &str, value: &mut Value, way: &[String]| {
        conceal_in(value, way, pointer::join(&place, key), secrets);
    };
    match (value, way) {
        (Value::String(text), _) => {
            // Two pointers may meet.
            if let Entry::Vacant(entry) = secrets.entry(place) {
                let secret = SecretString::from(std::mem::take(text));
                *text = digest_of(entry.key(), &secret);
                entry.insert(secret);
            }
        }
        (Value::Object(members), []) => members.iter_mut().for_each(|(key, value)| below(key, value, &[])),
        (Value::Object(members), [first, rest @ ..]) => {
            if let Some(value) = members.get_mut(first) {
                below(first, value, rest);
            }
        }
        (Value::Array(items), []) => {
            items.iter_mut().enumerate().for_each(|(index, value)| below(&index.to_string(), value, &[]));
        }
        (Value::Array(items), [first, rest @ ..]) => {
            if let Some(value) = first.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                below(first, value, rest);
            }
        }
        (Value::Null | Value::Bool(_) | Value::Number(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use serde_json::json;

    #[test]
    fn secrets_are_found_at_below_and_before_the_places_that_are_named() {
        let mut options = fields(json!({
            "client_id": "shown", "client_secret": "canary",
            "decryptionKey": "canary", "signing_key": {"key": "canary", "cert": "shown"},
            "configuration": {"A": "canary", "B": ["canary"], "C": null},
            "own": {"deep": {"x": "canary"}, "y": "shown"}, "list": [{"z": "canary"}],
        }));
        let own = ["/own/deep", "/list/0/z", "/client_secret", "/not/there"];
        let secrets = conceal(&mut options, SECRET_OPTIONS.into_iter().chain(own));
        let shown = Value::Object(options.clone()).to_string();
        assert!(!shown.contains("canary") && has_digests(&options), "{shown}");
        assert_eq!(shown.matches("shown").count(), 3, "{shown}");
        assert!(secrets.values().all(|secret| secret.expose_secret() == "canary"));
        let places: Vec<_> = secrets.keys().map(String::as_str).collect();
        assert_eq!(
            places,
            [
                "/client_secret",
                "/configuration/A",
                "/configuration/B/0",
                "/decryptionKey",
                "/list/0/z",
                "/own/deep/x",
                "/signing_key/key"
            ]
        );
        for (place, secret) in &secrets {
            assert_eq!(pointer::find(&options, place), Some(&digest_of(place, secret).into()), "{place}");
        }
    }
}
