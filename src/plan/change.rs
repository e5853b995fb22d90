//! What a call changes in an object, path by path: the members of Auth0's open objects one by one, all else by its key.

use super::{
    Body, Call, Fields, ObjectKind,
    concealed::{blank, digest_of, is_encrypted, is_within},
    connection::OF_CERTIFICATE,
    diff, pointer,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Objects whose members are paths of their own.
const OPEN: [&str; 5] = ["options", "metadata", "client_metadata", "user_metadata", "app_metadata"];

/// The object that a PATCH replaces as a whole, so that what is not in the call goes.
const REPLACED: &str = "options";

/// Where that is in the body of a call, as JSON Pointer.
const OPTIONS: &str = "/options";

/// What a write of a user says besides what stands in the user afterwards. The id gets a prefix.
const BESIDE_USER: [&str; 3] = ["connection", "verify_email", "user_id"];

impl Call {
    /// The paths that are otherwise after the call than in `have`, the object before it.
    pub fn changes(&self, have: &Fields) -> BTreeSet<String> {
        let fields = match self {
            Self::Create { body, .. } | Self::Update { body, .. } => &body.fields,
            Self::CreateGrant { fields, .. } => fields,
            Self::EnableClients { .. } => return ["enabled_clients".to_owned()].into(),
            Self::Delete { .. } => return BTreeSet::new(),
        };
        let mut have = have.clone();
        if let (Some(Value::Object(sent)), Some(Value::Object(current))) =
            (fields.get(REPLACED), have.get_mut(REPLACED))
        {
            *current = as_sent(std::mem::take(current), sent);
        }
        let is_beside = |key: &str| self.kind() == ObjectKind::User && BESIDE_USER.contains(&key);
        let differing = diff(fields, &have).into_iter().filter(|(key, _)| !is_beside(key));
        let mut paths: BTreeSet<String> = differing
            .flat_map(|(key, value)| match value {
                Value::Object(_) if OPEN.contains(&key.as_str()) => {
                    let differing = diff(&members_of(fields, &key), &members_of(&have, &key));
                    differing.keys().map(|member| format!("{key}.{member}")).collect()
                }
                _ => vec![key],
            })
            .collect();
        if let Some(Value::Object(members)) = fields.get(REPLACED) {
            let current = members_of(&have, REPLACED);
            let nulls = current.keys().filter(|member| !members.contains_key(*member));
            let nulls = nulls.map(|member| (member.clone(), Value::Null)).collect();
            let gone = diff(&nulls, &current);
            paths.extend(gone.keys().map(|member| format!("{REPLACED}.{member}")));
        }
        paths
    }

    /// The paths where the tenant's answer does not show what the call wrote. What was to be taken away is not among them:
    /// the tenant may put its default there.
    pub fn unmet(&self, have: &Fields, answer: &Fields) -> BTreeSet<String> {
        // Not every answer shows the object.
        if answer.is_empty() || matches!(self, Self::EnableClients { .. }) {
            return BTreeSet::new();
        }
        let still = self.changes(answer);
        self.changes(have).into_iter().filter(|path| still.contains(path) && self.writes_value(path)).collect()
    }

    fn writes_value(&self, path: &str) -> bool {
        let fields = match self {
            Self::Create { body, .. } | Self::Update { body, .. } => &body.fields,
            Self::CreateGrant { fields, .. } => fields,
            Self::EnableClients { .. } | Self::Delete { .. } => return false,
        };
        let value = match split(path) {
            Some((key, member)) => fields.get(key).and_then(|members| members.get(member)),
            None => fields.get(path),
        };
        value.is_some_and(|value| !value.is_null())
    }

    /// Takes paths out of the call, so that they stay as they are in `have`. `None` when nothing else is left of it.
    pub fn leaving(mut self, paths: &BTreeSet<String>, have: &Fields) -> Option<Self> {
        match &mut self {
            Self::Update { body, .. } => {
                for path in paths {
                    leave(body, path, have);
                }
                if is_of_same_options(body, have) {
                    body.fields.remove(REPLACED);
                    body.secrets.retain(|place, _| !is_within(place, OPTIONS));
                }
                let is_more = body.fields.contains_key(REPLACED) || !body.secrets.is_empty();
                (is_more || !self.changes(have).is_empty()).then_some(self)
            }
            Self::EnableClients { .. } => (!paths.contains("enabled_clients")).then_some(self),
            Self::Create { .. } | Self::CreateGrant { .. } | Self::Delete { .. } => Some(self),
        }
    }

    /// The call in words, naming what it changes in `have` and never values.
    pub fn summary(&self, have: &Fields) -> String {
        match self {
            Self::Update { kind, id, body } => {
                let secrets = body.secrets.keys().map(|place| place.trim_start_matches('/').replace('/', "."));
                let paths: BTreeSet<_> = self.changes(have).into_iter().chain(secrets).collect();
                let paths: Vec<_> = paths.into_iter().collect();
                format!("update {} of the {} {id}", paths.join(", "), kind.noun())
            }
            other => other.to_string(),
        }
    }
}

/// Puts a path back to what it is. A member goes back in its place, since its object may replace the tenant's as a whole.
fn leave(body: &mut Body, path: &str, have: &Fields) {
    let Some((key, member)) = split(path) else {
        body.fields.remove(path);
        return;
    };
    let Some(Value::Object(members)) = body.fields.get_mut(key) else { return };
    match have.get(key).and_then(|current| current.get(member)) {
        Some(value) => members.insert(member.to_owned(), value.clone()),
        None => members.remove(member),
    };
    if key == REPLACED {
        let within = pointer::join("", member);
        let secrets = body.secrets.keys().filter_map(|place| place.strip_prefix(OPTIONS));
        secrets.filter(|place| is_within(place, &within)).for_each(|place| pointer::put(members, place, Value::Null));
    } else if diff(members, &members_of(have, key)).is_empty() {
        body.fields.remove(key);
    }
}

/// Whether the options that a call sends are those that are there, their secrets too.
fn is_of_same_options(body: &Body, have: &Fields) -> bool {
    let (Some(Value::Object(options)), Some(Value::Object(current))) = (body.fields.get(REPLACED), have.get(REPLACED))
    else {
        return false;
    };
    let mut options = options.clone();
    for (place, secret) in &body.secrets {
        let Some(place) = place.strip_prefix(OPTIONS) else { continue };
        let ciphertext = pointer::find(current, place).filter(|_| is_encrypted(place));
        let shown = ciphertext.cloned().unwrap_or_else(|| digest_of(place, secret).into());
        pointer::put(&mut options, place, shown);
    }
    let current = as_sent(current.clone(), &options);
    !body.follows_secret && diff(&options, &current).is_empty() && diff(&current, &options).is_empty()
}

/// Options that are there as they would be sent: what Auth0 reads in a certificate is not, and comes back with it.
fn as_sent(mut current: Fields, sent: &Fields) -> Fields {
    const CERTIFICATE: &str = "signingCert";
    if let Some(certificate) = sent.get(CERTIFICATE)
        // Some strategies show it under its other name only (recorded).
        && [CERTIFICATE, "cert"].iter().any(|name| current.get(*name) == Some(certificate))
    {
        current.retain(|key, _| sent.contains_key(key) || !OF_CERTIFICATE.contains(&key.as_str()));
        current.insert(CERTIFICATE.to_owned(), certificate.clone());
    }
    current
}

fn split(path: &str) -> Option<(&str, &str)> {
    path.split_once('.').filter(|(key, _)| OPEN.contains(key))
}

/// Without secrets: those go by a way of their own.
fn members_of(object: &Fields, key: &str) -> Fields {
    let mut members = object.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    members.values_mut().for_each(blank);
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{concealed::digest_of, fields};
    use secrecy::SecretString;
    use serde_json::json;

    fn update(kind: ObjectKind, body: Value) -> Call {
        Call::Update { kind, id: "x".into(), body: fields(body).into() }
    }

    fn paths(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_change_is_told_by_its_paths_without_what_only_goes_along() {
        for (case, kind, body, have, expected) in [
            ("a field", ObjectKind::ResourceServer, json!({"a": 1}), json!({"a": 2, "b": 3}), &["a"][..]),
            (
                "a merged whole",
                ObjectKind::Connection,
                json!({"display_name": "x", "options": {"a": 1, "b": 2}}),
                json!({"display_name": "x", "options": {"a": 1, "b": 3}}),
                &["options.b"],
            ),
            (
                "an option that goes",
                ObjectKind::Connection,
                json!({"options": {"a": 1}}),
                json!({"options": {"a": 1, "b": 3}}),
                &["options.b"],
            ),
            (
                "what a user's PATCH says besides",
                ObjectKind::User,
                json!({"connection": "c", "user_metadata": {"k": null}}),
                json!({"user_metadata": {"k": 1, "l": 2}}),
                &["user_metadata.k"],
            ),
        ] {
            assert_eq!(update(kind, body).changes(&fields(have)), paths(expected), "{case}");
        }
    }

    #[test]
    fn what_is_left_stays_as_the_tenant_has_it_and_the_rest_is_written() {
        let have =
            json!({"name": "n", "display_name": "x", "options": {"a": 1, "b": 3, "c": 5}, "metadata": {"k": "v"}});
        for (case, body, left, expected) in [
            ("all of it", json!({"name": "m", "display_name": "x"}), &["name"][..], None),
            ("one of two", json!({"name": "m", "realms": ["r"]}), &["name"], Some(json!({"realms": ["r"]}))),
            (
                "one option of a whole",
                json!({"display_name": "x", "options": {"a": 2, "b": 4, "c": 5}}),
                &["options.b"],
                Some(json!({"display_name": "x", "options": {"a": 2, "b": 3, "c": 5}})),
            ),
            (
                "all options that differ",
                json!({"display_name": "x", "options": {"a": 1, "b": 4, "c": 5}}),
                &["options.b"],
                None,
            ),
            ("an option that goes", json!({"options": {"a": 1, "b": 3}}), &["options.c"], None),
            ("an option that comes", json!({"options": {"a": 1, "b": 3, "c": 5, "d": 6}}), &["options.d"], None),
            (
                "metadata",
                json!({"metadata": {"k": "w", "l": "x"}}),
                &["metadata.k"],
                Some(json!({"metadata": {"k": "v", "l": "x"}})),
            ),
            ("another path", json!({"name": "m"}), &["realms"], Some(json!({"name": "m"}))),
        ] {
            let left = update(ObjectKind::Connection, body).leaving(&paths(left), &fields(have.clone()));
            let body = left.map(|call| match call {
                Call::Update { body, .. } => Value::Object(body.fields),
                other => panic!("{other}"),
            });
            assert_eq!(body, expected, "{case}");
        }
    }

    #[test]
    fn a_secret_is_never_left() {
        let body = Body { fields: fields(json!({"name": "m"})), ..Body::new_secret("/client_secret", "s".into()) };
        let call = Call::Update { kind: ObjectKind::Client, id: "x".into(), body };
        let left = call.leaving(&paths(&["name"]), &fields(json!({"name": "n"}))).unwrap();
        assert_eq!(left.summary(&Fields::new()), "update client_secret of the client x");
    }

    #[test]
    fn secrets_in_options_only_go_along_unless_they_are_new() {
        let digest = |place: &str, value: &str| digest_of(place, &SecretString::from(value));
        let have = fields(json!({"options": {
            "a": 1, "secret": digest("/secret", "s"), "signing_key": {"cert": "c", "key": digest("/signing_key/key", "k")},
            "configuration": {"x": digest("/configuration/x", "a ciphertext")},
        }}));
        let call = |a: i32, secret: &str, follows_secret: bool| {
            let options = json!({
                "a": a, "secret": null, "signing_key": {"cert": "c", "key": null}, "configuration": {"x": null},
            });
            let secrets = [("secret", secret), ("signing_key/key", "k"), ("configuration/x", "v")];
            let secrets = secrets.map(|(place, value)| (format!("/options/{place}"), SecretString::from(value)));
            let body = Body { fields: fields(json!({"options": options})), secrets: secrets.into(), follows_secret };
            Call::Update { kind: ObjectKind::Connection, id: "x".into(), body }
        };
        assert_eq!(call(2, "s", false).changes(&have), paths(&["options.a"]));
        for (case, secret, follows_secret, is_left_out) in [
            ("nothing but the option", "s", false, true),
            ("somebody changed a secret", "t", false, false),
            ("a Secret changed", "s", true, false),
        ] {
            let left = call(2, secret, follows_secret).leaving(&paths(&["options.a"]), &have);
            assert_eq!(left.is_none(), is_left_out, "{case}");
            if let Some(Call::Update { body, .. }) = left {
                assert_eq!(body.fields["options"]["a"], 1, "{case}: what is left goes along as it is");
                assert_eq!((body.secrets.len(), &body.fields["options"]["signing_key"]["cert"]), (3, &json!("c")));
            }
        }
        let left = call(1, "s", false).leaving(&paths(&["options.signing_key"]), &have);
        assert!(left.is_none(), "one with a secret in it");
    }

    #[test]
    fn what_auth0_reads_in_a_certificate_goes_and_comes_with_it() {
        let shown =
            |name: &str| fields(json!({"options": {"a": 1, name: "c", "subject": {"cn": "x"}, "expires": "y"}}));
        for name in ["signingCert", "cert"] {
            let have = shown(name);
            let call = update(ObjectKind::Connection, json!({"options": {"a": 2, "signingCert": "c"}}));
            assert_eq!(call.changes(&have), paths(&["options.a"]), "{name}");
            assert!(call.leaving(&paths(&["options.a"]), &have).is_none(), "{name}");
            let another = update(ObjectKind::Connection, json!({"options": {"a": 2, "signingCert": "d"}}));
            assert!(another.leaving(&paths(&["options.a"]), &have).is_some(), "{name}");
        }
    }

    #[test]
    fn an_answer_shows_what_the_tenant_made_of_a_write() {
        for (case, body, answer, expected) in [
            ("as written", json!({"a": 1}), json!({"a": 1}), &[][..]),
            ("otherwise", json!({"a": 1, "c": 2}), json!({"a": 7, "c": 2}), &["a"]),
            ("dropped", json!({"options": {"a": 1}}), json!({"options": {}}), &["options.a"]),
            ("a default where something was taken away", json!({"a": null}), json!({"a": 9}), &[]),
            ("no object in the answer", json!({"a": 1}), json!({}), &[]),
        ] {
            let call = update(ObjectKind::Connection, body);
            assert_eq!(call.unmet(&fields(json!({"a": 3})), &fields(answer)), paths(expected), "{case}");
        }
    }
}
