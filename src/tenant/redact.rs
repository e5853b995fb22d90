//! Takes secrets out of answers before anything else sees them.

use super::reads::CLIENT_FIELDS;
use crate::plan::{
    Fields, ObjectKind,
    concealed::{SECRET_OPTIONS, conceal, digest_of},
    text,
};
use secrecy::SecretString;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

/// What was taken out of an object.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// The client secret, where the object is a client and shows it.
    pub(super) client: Option<SecretString>,
    /// Those in a connection's options, by JSON Pointer.
    pub(super) options: BTreeMap<String, SecretString>,
}

/// Takes secrets out of objects. Knows where options hold some besides the usual places.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// JSON Pointers by the connection's name. A `std` mutex: never held across an `.await`.
    places: Mutex<HashMap<String, BTreeSet<String>>>,
}

impl Redactor {
    /// Takes note of places in the options of a connection; gives whether one is new.
    pub(super) fn learn(&self, connection: &str, places: Vec<String>) -> bool {
        if places.is_empty() {
            return false;
        }
        let mut known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(connection.to_owned()).or_default();
        let before = known.len();
        known.extend(places);
        known.len() > before
    }

    /// Removes secrets from an object, and gives them.
    pub(super) fn redact(&self, kind: ObjectKind, object: &mut Fields) -> Secrets {
        if let Some(Value::String(secret)) = object.get_mut("signing_secret") {
            *secret = digest_of("/signing_secret", &SecretString::from(std::mem::take(secret)));
        }
        let client = match object.remove("client_secret") {
            Some(Value::String(secret)) if kind == ObjectKind::Client => Some(SecretString::from(secret)),
            _ => None,
        };
        // The answer to a write shows more than a read asks for: key material, and what would make each client look changed.
        if kind == ObjectKind::Client {
            object.retain(|key, _| CLIENT_FIELDS.split(',').any(|asked| asked == key));
        }
        let name = text(object, "name").unwrap_or_default().to_owned();
        let Some(Value::Object(options)) = object.get_mut("options") else {
            return Secrets { client, options: BTreeMap::new() };
        };
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let own = known.get(&name).into_iter().flatten().map(String::as_str);
        Secrets { client, options: conceal(options, SECRET_OPTIONS.into_iter().chain(own)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use secrecy::ExposeSecret;
    use serde_json::json;

    #[test]
    fn no_secret_of_an_answer_is_left_in_the_object() {
        let redactor = Redactor::default();
        let mut client =
            fields(json!({"client_id": "abc", "client_secret": "canary", "signing_keys": [{"key": "canary"}]}));
        assert_eq!(redactor.redact(ObjectKind::Client, &mut client).client.unwrap().expose_secret(), "canary");
        assert_eq!(client, fields(json!({"client_id": "abc"})));
        let mut api = fields(json!({"id": "1", "signing_secret": "canary"}));
        assert!(redactor.redact(ObjectKind::ResourceServer, &mut api).client.is_none());
        assert!(!Value::Object(api).to_string().contains("canary"));
    }

    #[test]
    fn of_a_client_a_write_shows_no_more_than_a_read() {
        let read = fields(json!({"client_id": "abc", "name": "Orders", "jwt_configuration": {"alg": "RS256"}}));
        let mut written = read.clone();
        written.extend(fields(json!({"encrypted": true, "refresh_token": {"leeway": 0}})));
        Redactor::default().redact(ObjectKind::Client, &mut written);
        assert_eq!(written, read);
    }

    #[test]
    fn a_place_that_a_resource_named_is_a_secret_of_that_connection() {
        let redactor = Redactor::default();
        let connection = |name: &str| fields(json!({"name": name, "options": {"own": {"x": "canary"}, "y": "shown"}}));
        assert!(redactor.learn("one", vec!["/own/x".to_owned()]));
        assert!(!redactor.learn("one", vec!["/own/x".to_owned()]), "known already");
        for (name, is_shown) in [("one", false), ("two", true)] {
            let mut object = connection(name);
            let secrets = redactor.redact(ObjectKind::Connection, &mut object);
            assert_eq!(Value::Object(object).to_string().contains("canary"), is_shown, "{name}");
            assert_eq!(secrets.options.contains_key("/own/x"), !is_shown, "{name}");
        }
    }
}
