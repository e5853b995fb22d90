//! Fields that we set and the spec no longer has: each goes back to the tenant's default, once. `status.managed` holds the
//! paths that we set, never values.

use super::{Fields, concealed, pointer};
use crate::crd::STAMP_KEY;
use serde_json::{Value, json};

/// What a field goes back to.
pub type Defaults = &'static [(&'static str, fn() -> Value)];

/// Of a resource server (recorded defaults; null takes the key away).
pub const RESOURCE_SERVER: Defaults = &[
    ("scopes", || json!([])),
    ("signing_alg", || json!("RS256")),
    ("token_lifetime", || json!(86_400)),
    ("allow_offline_access", || json!(false)),
    ("allow_online_access", || json!(false)),
    ("skip_consent_for_verifiable_first_party_clients", || json!(false)),
    ("enforce_policies", || json!(false)),
    ("token_dialect", || json!("access_token")),
    ("consent_policy", || Value::Null),
    ("authorization_details", || Value::Null),
    ("authorization_policy", || Value::Null),
    ("token_encryption", || Value::Null),
    ("proof_of_possession", || Value::Null),
    (
        "subject_type_authorization",
        || json!({"client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"}}),
    ),
];

/// Of a client; `grant_types` as the operator creates it.
pub const CLIENT: Defaults = &[
    ("grant_types", || json!(["client_credentials"])),
    ("callbacks", || json!([])),
    ("allowed_logout_urls", || json!([])),
    ("web_origins", || json!([])),
    ("allowed_origins", || json!([])),
    ("description", || json!("")),
    ("token_endpoint_auth_method", || Value::Null),
    ("client_metadata.*", || Value::Null),
];

/// Of a connection. An option goes out of the whole that is sent, so that Auth0 fills in its own default.
pub const CONNECTION: Defaults = &[
    ("realms", || json!([])),
    ("is_domain_connection", || json!(false)),
    ("show_as_button", || json!(false)),
    ("authentication", || json!({"active": true})),
    ("connected_accounts", || json!({"active": false})),
    ("metadata.*", || Value::Null),
    ("options.**", || Value::Null),
];

/// Of a user. E-mail, username, password, `blocked` and verifications stay as they are.
pub const USER: Defaults = &[
    ("given_name", || Value::Null),
    ("family_name", || Value::Null),
    ("name", || Value::Null),
    ("nickname", || Value::Null),
    ("picture", || Value::Null),
    ("user_metadata.*", || Value::Null),
    ("app_metadata.*", || Value::Null),
];

/// The paths of a wish: members of an object whose table has a line `object.*` one by one, with a line `object.**` members of
/// members too (`options.upstream_params/screen_name`, as in JSON Pointers), all else by its key.
pub fn paths(want: &Fields, defaults: Defaults) -> Vec<String> {
    want.iter()
        .flat_map(|(key, value)| match value {
            Value::Object(members) if is_deep(key, defaults) => {
                leaves(members, "").into_iter().map(|leaf| format!("{key}.{}", &leaf[1..])).collect()
            }
            Value::Object(members) if is_open(key, defaults) => {
                members.keys().filter(|member| *member != STAMP_KEY).map(|member| format!("{key}.{member}")).collect()
            }
            _ => vec![key.clone()],
        })
        .collect()
}

/// JSON Pointers to all that is no object with members.
fn leaves(members: &Fields, place: &str) -> Vec<String> {
    members
        .iter()
        .flat_map(|(key, value)| match value {
            Value::Object(below) if !below.is_empty() => leaves(below, &pointer::join(place, key)),
            _ => vec![pointer::join(place, key)],
        })
        .collect()
}

/// Adds the default of every path that was managed and is not wanted any more.
pub fn add_unset<'a>(want: &mut Fields, managed: impl IntoIterator<Item = &'a str>, defaults: Defaults) {
    let wanted = paths(want, defaults);
    let is_wanted = |path: &str| {
        let is_deep = path.split_once('.').is_some_and(|(key, _)| is_deep(key, defaults));
        wanted.iter().any(|wanted| wanted == path || is_deep && concealed::is_within(wanted, path))
    };
    for path in managed.into_iter().filter(|path| !is_wanted(path)) {
        if let Some((key, place)) = path.split_once('.').filter(|(key, _)| is_deep(key, defaults)) {
            let holder = want.entry(key).or_insert_with(|| json!({}));
            if let Value::Object(members) = holder
                && !is_barred(members, &format!("/{place}"))
            {
                pointer::put(members, &format!("/{place}"), Value::Null);
            }
            continue;
        }
        let open = path.split_once('.').filter(|(key, _)| is_open(key, defaults));
        match (open, defaults.iter().find(|(key, _)| *key == path)) {
            (Some((key, member)), _) => {
                let holder = want.entry(key).or_insert_with(|| json!({}));
                if let Value::Object(members) = holder {
                    members.insert(member.to_owned(), Value::Null);
                }
            }
            (None, Some((key, default))) => {
                want.entry(*key).or_insert_with(default);
            }
            (None, None) => {}
        }
    }
}

/// Whether something else is wanted where a pointer would have to pass.
fn is_barred(members: &Fields, place: &str) -> bool {
    let ends = place.match_indices('/').map(|(end, _)| &place[..end]).filter(|way| !way.is_empty());
    ends.into_iter().any(|way| pointer::find(members, way).is_some_and(|value| !value.is_object()))
}

fn is_deep(key: &str, defaults: Defaults) -> bool {
    defaults.iter().any(|(path, _)| path.strip_suffix(".**") == Some(key))
}

fn is_open(key: &str, defaults: Defaults) -> bool {
    defaults.iter().any(|(path, _)| path.strip_suffix(".*") == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;

    #[test]
    fn what_left_the_spec_goes_back_to_its_default() {
        for (case, want, managed, expected) in [
            ("nothing managed", json!({"name": "x"}), vec![], json!({"name": "x"})),
            ("still wanted", json!({"token_lifetime": 60}), vec!["token_lifetime"], json!({"token_lifetime": 60})),
            (
                "left out",
                json!({}),
                vec!["token_lifetime", "consent_policy"],
                json!({"token_lifetime": 86_400, "consent_policy": null}),
            ),
            ("without a default it stays", json!({}), vec!["name"], json!({})),
        ] {
            let mut wish = fields(want);
            add_unset(&mut wish, managed, RESOURCE_SERVER);
            assert_eq!(wish, fields(expected), "{case}");
        }
    }

    #[test]
    fn metadata_goes_key_by_key_and_the_stamp_is_not_counted() {
        let mut wish = fields(json!({"client_metadata": {"team": "shop", STAMP_KEY: "created:…"}}));
        assert_eq!(paths(&wish, CLIENT), ["client_metadata.team"]);
        add_unset(&mut wish, ["client_metadata.team", "client_metadata.old.key"], CLIENT);
        assert_eq!(wish, fields(json!({"client_metadata": {"team": "shop", STAMP_KEY: "created:…", "old.key": null}})));
        let mut without = Fields::new();
        add_unset(&mut without, ["options.mfa"], CONNECTION);
        assert_eq!(without, fields(json!({"options": {"mfa": null}})));
    }

    #[test]
    fn options_go_one_by_one_at_every_level() {
        let options = |options: Value| fields(json!({ "options": options }));
        let before = options(json!({"a": {"b": {"c": 1, "d/e": 2}, "f": {}}, "g": [{"h": 3}], "i": {"j": 4}}));
        let managed = paths(&before, CONNECTION);
        assert_eq!(managed, ["options.a/b/c", "options.a/b/d~1e", "options.a/f", "options.g", "options.i/j"]);
        for (case, want, expected) in [
            ("all is wanted", before["options"].clone(), before["options"].clone()),
            (
                "one is not",
                json!({"a": {"b": {"c": 1}, "f": {"x": 1}}, "g": [], "i": {"j": 4}}),
                json!({"a": {"b": {"c": 1, "d/e": null}, "f": {"x": 1}}, "g": [], "i": {"j": 4}}),
            ),
            ("what was an object is none any more", json!({"a": 5}), json!({"a": 5, "g": null, "i": {"j": null}})),
        ] {
            let mut want = options(want);
            add_unset(&mut want, managed.iter().map(String::as_str), CONNECTION);
            assert_eq!(want, options(expected), "{case}");
        }
    }
}
