//! Fields that we set and the spec no longer has: each goes back to the tenant's default, once. `status.managed` holds the
//! paths that we set, never values.
//!
//! A path is a key, and for what lies inside of its object a `.` and a JSON Pointer without its first slash:
//! `options.attributes/username/identifier/active`.

use super::{Fields, concealed, pointer};
use crate::crd::STAMP_KEY;
use serde_json::{Value, json};

/// What a field goes back to. `key.*` stands for the members of an object that merges at its first level, where null takes
/// a member away; `key.**` for all that lies in one, as deep as it is written.
pub type Defaults = &'static [(&'static str, fn() -> Value)];

/// `status.managed` takes no longer paths than this, in characters, and no more than twice as many as this: a field that
/// does not fit in is not taken back.
const LONGEST_PATH: usize = 1000;
const MOST_PATHS: usize = 5000;

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
    ("subject_type_authorization.client", || json!({"policy": "require_client_grant"})),
    ("subject_type_authorization.user", || json!({"policy": "allow_all"})),
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
    ("organization_usage", || Value::Null),
];

/// What goes back to the connection's name, which is not known here.
pub const NAMES: [&str; 2] = ["display_name", "realms"];

/// Of a connection, besides [`NAMES`]. An option goes out of the whole that is sent, so that Auth0 fills in its own default.
pub const CONNECTION: Defaults = &[
    ("display_name", || Value::Null),
    ("realms", || Value::Null),
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

/// The paths of a wish: each leaf, and for metadata each member.
pub fn paths(want: &Fields, defaults: Defaults) -> Vec<String> {
    let mut paths = vec![];
    for (key, value) in want {
        let depth = if merges(key, defaults) { 1 } else { usize::MAX };
        leaves(value, key, depth, &mut paths);
        if is_open(key, defaults) {
            // An empty object wants nothing.
            paths.retain(|path| path != key);
        }
    }
    let is_stamp = |path: &str| path.split_once('.').is_some_and(|(_, member)| member == STAMP_KEY);
    paths.retain(|path| !is_stamp(path) && path.chars().count() <= LONGEST_PATH);
    paths.truncate(MOST_PATHS);
    paths
}

fn leaves(value: &Value, path: &str, depth: usize, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) if depth > 0 && !members.is_empty() => {
            let separator = if path.contains('.') { '/' } else { '.' };
            for (key, member) in members {
                let step = key.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{path}{separator}{step}"), depth - 1, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

/// Adds the default of every path that was managed and is not wanted any more. Where there is none, what lies inside of an
/// object becomes null: see [`without_nulls`].
pub fn add_unset<'a>(want: &mut Fields, managed: impl IntoIterator<Item = &'a str>, defaults: Defaults) {
    let wanted = paths(want, defaults);
    for path in managed {
        let (key, inside) = path.split_once('.').map_or((path, None), |(key, inside)| (key, Some(inside)));
        if let Some(inside) = inside.filter(|_| is_deep(key, defaults)) {
            if !wanted.iter().any(|wanted| concealed::is_within(wanted, path)) {
                take_away(want, key, &format!("/{inside}"));
            }
            continue;
        }
        if is_open(key, defaults) && inside.is_some() {
            want.entry(key).or_insert_with(|| json!({}));
        }
        let default_of = |path: &str| defaults.iter().find(|(other, _)| *other == path).map(|(_, default)| default());
        let Some(mut holder) = want.get_mut(key) else {
            want.extend(default_of(key).map(|default| (key.to_owned(), default)));
            continue;
        };
        let mut reached = key.to_owned();
        for (level, step) in inside.into_iter().flat_map(|inside| inside.split('/')).enumerate() {
            let Value::Object(members) = holder else { break };
            reached = format!("{reached}{}{step}", if level == 0 { '.' } else { '/' });
            let is_wanted = members.contains_key(&unescaped(step));
            holder = members.entry(unescaped(step)).or_insert_with(|| default_of(&reached).unwrap_or(Value::Null));
            if !is_wanted {
                break;
            }
        }
    }
}

/// Puts null where a member of an object is to go that others have a part in, unless something else is wanted on the way.
fn take_away(want: &mut Fields, key: &str, place: &str) {
    let Value::Object(members) = want.entry(key).or_insert_with(|| json!({})) else { return };
    let ends = place.match_indices('/').map(|(end, _)| &place[..end]).filter(|way| !way.is_empty());
    let is_barred = ends.into_iter().any(|way| pointer::find(members, way).is_some_and(|value| !value.is_object()));
    if !is_barred {
        pointer::put(members, place, Value::Null);
    }
}

/// Auth0 takes at most so many members of metadata in a request, those that are to go included (OpenAPI description). Where a
/// change has more, this takes out of it what the tenant `has`, which is to be sent ahead, and leaves what comes then.
pub fn send_ahead(change: &mut Fields, has: &Fields) -> Option<Fields> {
    const MOST_MEMBERS: usize = 10;
    if change.len() <= MOST_MEMBERS {
        return None;
    }
    let ahead =
        change.iter().filter(|(key, _)| has.contains_key(*key)).map(|(key, value)| (key.clone(), value.clone()));
    let ahead = ahead.collect();
    change.retain(|_, value| !value.is_null());
    Some(ahead)
}

/// A value as it is sent where the whole of it is replaced: what is null in it is left out.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            kept.map(|(key, member)| (key, without_nulls(member))).collect::<Fields>().into()
        }
        other => other,
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// Whether others have a part in what lies in an object, as deep as it is written.
fn is_deep(key: &str, defaults: Defaults) -> bool {
    defaults.iter().any(|(path, _)| path.strip_suffix(".**") == Some(key))
}

fn is_open(key: &str, defaults: Defaults) -> bool {
    defaults.iter().any(|(path, _)| path.strip_suffix(".**") == Some(key)) || merges(key, defaults)
}

/// Whether the object merges at its first level.
fn merges(key: &str, defaults: Defaults) -> bool {
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
    fn metadata_of_which_much_goes_is_sent_in_two_parts() {
        let members = |keys: std::ops::Range<u8>, value: &Value| -> Fields {
            keys.map(|key| (format!("key{key}"), value.clone())).collect()
        };
        let has = members(0..9, &json!("old"));
        let mut few: Fields = members(0..5, &Value::Null).into_iter().chain(members(5..10, &json!("new"))).collect();
        assert_eq!(send_ahead(&mut few, &has), None);
        let mut many: Fields = members(0..5, &Value::Null).into_iter().chain(members(8..14, &json!("new"))).collect();
        let ahead = members(0..5, &Value::Null).into_iter().chain(members(8..9, &json!("new"))).collect();
        assert_eq!(send_ahead(&mut many, &has), Some(ahead));
        assert_eq!(many, members(8..14, &json!("new")));
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

    #[test]
    fn what_left_an_object_that_is_still_wanted_goes_too() {
        let mut half = fields(json!({"subject_type_authorization": {"user": {"policy": "deny_all"}}}));
        add_unset(&mut half, ["subject_type_authorization.client/policy"], RESOURCE_SERVER);
        let whole = json!({"subject_type_authorization": {"user": {"policy": "deny_all"}, "client": {"policy": "require_client_grant"}}});
        assert_eq!(Value::Object(half), whole);
        assert_eq!(without_nulls(json!({"a": null, "b": {"c": null, "d": [null]}})), json!({"b": {"d": [null]}}));
    }
}
