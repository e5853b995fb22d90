//! Takes secrets out of answers before anything else sees them.

use crate::plan::{Fields, ObjectKind, SECRET_OPTIONS, concealed};
use secrecy::SecretString;
use serde_json::Value;

/// Key material of clients that we have no use for.
const DROPPED: [&str; 3] = ["signing_keys", "encryption_key", "client_authentication_methods"];

/// Removes secrets from an object. Gives the client secret, where the object is a client and shows it.
pub(super) fn redact(kind: ObjectKind, object: &mut Fields) -> Option<SecretString> {
    for key in DROPPED {
        object.remove(key);
    }
    if let Some(secret) = object.get_mut("signing_secret") {
        *secret = concealed("signing_secret", secret.take());
    }
    let client_secret = match object.remove("client_secret") {
        Some(Value::String(secret)) if kind == ObjectKind::Client => Some(SecretString::from(secret)),
        _ => None,
    };
    if let Some(Value::Object(options)) = object.get_mut("options") {
        for key in SECRET_OPTIONS {
            if let Some(value) = options.get_mut(key) {
                *value = concealed(key, value.take());
            }
        }
    }
    client_secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use secrecy::ExposeSecret;
    use serde_json::json;

    #[test]
    fn no_secret_of_an_answer_is_left_in_the_object() {
        let mut client =
            fields(json!({"client_id": "abc", "client_secret": "canary", "signing_keys": [{"key": "canary"}]}));
        assert_eq!(redact(ObjectKind::Client, &mut client).unwrap().expose_secret(), "canary");
        assert_eq!(client, fields(json!({"client_id": "abc"})));
        let mut api = fields(json!({"id": "1", "signing_secret": "canary"}));
        assert!(redact(ObjectKind::ResourceServer, &mut api).is_none());
        assert_eq!(api, fields(json!({"id": "1", "signing_secret": concealed("signing_secret", json!("canary"))})));
        assert!(!Value::Object(api).to_string().contains("canary"));
        let options: Fields = SECRET_OPTIONS.iter().map(|key| ((*key).to_owned(), json!("canary"))).collect();
        let mut connection = fields(json!({"id": "con_1", "options": options}));
        redact(ObjectKind::Connection, &mut connection);
        assert!(!Value::Object(connection).to_string().contains("canary"));
    }
}
