//! `/users` and `/users-by-email`.

use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::ids;
use crate::management::Call;
use crate::paging::{Fields, Paging, Style};
use crate::password::Digest;
use crate::request::{Object, ObjectExt as _, object_of};
use crate::resources::user_rules::{self, Kind};
use crate::resources::user_search;
use crate::tenant::{Tenant, User};

const PAGING: Paging = Paging { key: "users", id: "user_id", always: &[], default: 50, style: Style::Offset };

/// `q` as in `user_search`; all users without it. Auth0's search lags behind writes, this one does so by the fault `stale` only.
pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let request = call.request;
    let query = request.parameter("q").map(user_search::Query::parse).transpose()?;
    let users = tenant.users.iter().map(|user| &user.profile);
    let mut users: Vec<_> = users.filter(|profile| query.as_ref().is_none_or(|query| query.matches(profile))).collect();
    if let Some(sort) = request.parameter("sort") {
        let (field, order) = sort.split_once(':').unwrap_or((sort, "1"));
        users.sort_by(|a, b| a.text(field).cmp(b.text(field)));
        if order == "-1" {
            users.reverse();
        }
    }
    PAGING.answer(request, users, Object::clone)
}

/// Case-sensitive: e-mails of databases are stored in lower case, so that is how to ask.
pub(crate) fn by_email(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    let Some(email) = call.request.parameter("email") else {
        let message = "Query validation error: 'Missing required property: email'.";
        return Err(Refusal::new(400, "invalid_query_string", message));
    };
    let users = tenant.users_by_email(email);
    Ok(Answer::ok(users.map(|user| fields.select(user.profile.clone(), &[])).collect::<Vec<_>>()))
}

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    check_id(id)?;
    let fields = Fields::of(call.request)?;
    let user = tenant.users.get(id).ok_or_else(inexistent)?;
    Ok(Answer::ok(fields.select(user.profile.clone(), &[])))
}

pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut body = call.object(&call.schemas.users.create)?;
    let name = body.text("connection").to_owned();
    let connection = tenant
        .connection_named(&name)
        .ok_or_else(|| Refusal::new(400, "inexistent_connection", "Connection does not exist."))?;
    let kind = Kind::of(&connection.object).ok_or_else(|| {
        let message = "Connection does not support user creation through the API. It must either be a database or \
                       passwordless connection.";
        Refusal::new(400, "invalid_body", message)
    })?;
    user_rules::check_enabled(connection, &name, &call.caller.client_id)?;
    user_rules::lower_case(&mut body, kind);
    let no_options = Object::new();
    let options = connection.object.object(&["options"]).unwrap_or(&no_options);
    user_rules::check_new(&body, kind, options)?;
    let passwords = user_rules::password(&body, options, &body, &[])?;
    let local_id = match body.text("user_id") {
        "" => ids::identity_id(),
        chosen => chosen.to_owned(),
    };
    let user_id = format!("{}|{local_id}", kind.provider());
    let is_taken = |key: &str| user_rules::is_taken(tenant, &name, options, &body, key, None);
    if tenant.users.get(&user_id).is_some() || ["email", "username", "phone_number"].into_iter().any(is_taken) {
        return Err(Refusal::conflict("auth0_idp_error", "The user already exists."));
    }

    let profile = new_profile(body, kind, &user_id, &local_id, &call.timestamp());
    tenant.users.insert(user_id, User { profile: profile.clone(), connection: name, passwords });
    Ok(Answer::created(profile))
}

pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    check_id(id)?;
    let mut body = call.object(&call.schemas.users.update).map_err(user_rules::hint_at_metadata)?;
    user_rules::check_update_scopes(&body, call.caller)?;
    let user = tenant.users.get(id).ok_or_else(inexistent)?;
    user_rules::check_combination(&body)?;
    let no_options = Object::new();
    let connection = tenant.connection_named(&user.connection);
    let options = connection.and_then(|connection| connection.object.object(&["options"])).unwrap_or(&no_options);
    let kind = connection.and_then(|connection| Kind::of(&connection.object)).unwrap_or(Kind::Database);
    user_rules::lower_case(&mut body, kind);
    user_rules::check_change(&body, user, connection, options, kind)?;
    // Quoted for e-mails only.
    for key in ["email", "username", "phone_number"] {
        if user_rules::is_taken(tenant, &user.connection, options, &body, key, Some(id)) {
            return Err(Refusal::new(400, "auth0_idp_error", format!("The specified new {key} already exists")));
        }
    }
    let passwords = user_rules::password(&body, options, &user.profile, &user.passwords)?;

    let now = call.timestamp();
    let mut user = user.clone();
    if !passwords.is_empty() {
        user.passwords.splice(0..0, passwords);
        user.passwords.truncate(Digest::KEPT);
        user.profile.insert("last_password_reset".into(), now.clone().into());
    }
    change_profile(&mut user.profile, body);
    user.profile.insert("updated_at".into(), now.into());
    let answer = Answer::ok(user.profile.clone());
    tenant.users.replace(id, user);
    Ok(answer)
}

pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    check_id(id)?;
    tenant.users.remove(id);
    Ok(Answer::no_content())
}

fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_user", "The user does not exist.")
}

fn check_id(id: &str) -> Result<(), Refusal> {
    if id.split_once('|').is_some_and(|(provider, rest)| !provider.is_empty() && !rest.is_empty()) {
        return Ok(());
    }
    let message = format!(
        "Path validation error: 'String does not match pattern ^.+\\|.+$: {id}' on property id (The user_id of the user to retrieve)."
    );
    Err(Refusal::new(400, "invalid_uri", message))
}

/// What is not part of the profile, though a request may send it.
const WRITE_ONLY: &[&str] = &["connection", "password", "verify_email", "verify_phone_number", "client_id", "user_id"];

fn new_profile(body: Object, kind: Kind, user_id: &str, local_id: &str, now: &str) -> Object {
    let handle =
        ["email", "phone_number", "username"].map(|key| body.text(key)).into_iter().find(|text| !text.is_empty());
    let handle = handle.unwrap_or_default().to_owned();
    let nickname = handle.split('@').next().unwrap_or_default();
    let mut profile = object_of(json!({
        "user_id": user_id,
        "name": handle,
        "nickname": nickname,
        "picture": picture(&handle),
        "created_at": now,
        "updated_at": now,
        "identities": [{
            "connection": body.text("connection"), "user_id": local_id, "provider": kind.provider(), "isSocial": false,
        }],
    }));
    if body.contains_key("email") {
        profile.insert("email_verified".into(), false.into());
    }
    if body.contains_key("phone_number") {
        profile.insert("phone_verified".into(), false.into());
    }
    for (key, value) in body {
        let is_empty_app_metadata = key == "app_metadata" && value == json!({});
        if !WRITE_ONLY.contains(&key.as_str()) && !is_empty_app_metadata {
            profile.insert(key, value);
        }
    }
    profile
}

/// Gravatar, with the initials that Auth0's CDN has for those without one. (Auth0 hashes by MD5; Gravatar takes SHA-256 too.)
fn picture(handle: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, handle.as_bytes());
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let initials: String = handle.chars().filter(char::is_ascii_alphanumeric).take(2).collect();
    format!(
        "https://s.gravatar.com/avatar/{hash}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2F{}.png",
        initials.to_lowercase()
    )
}

/// Metadata merges on its first level, everything else is replaced; `null` takes away.
fn change_profile(profile: &mut Object, body: Object) {
    // Not recorded: a new address or number is not a verified one unless the request says so.
    for (login, verified) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
        if body.contains_key(login) && body.get(login) != profile.get(login) {
            profile.insert(verified.into(), false.into());
        }
    }
    for (key, value) in body {
        match (key.as_str(), value) {
            (name, _) if WRITE_ONLY.contains(&name) => {}
            (_, Value::Null) => {
                profile.remove(&key);
            }
            ("app_metadata", Value::Object(sent)) if sent.is_empty() => {
                profile.remove(&key);
            }
            ("user_metadata" | "app_metadata", Value::Object(sent)) if !sent.is_empty() => {
                if let Value::Object(current) = profile.entry(key).or_insert_with(|| json!({})) {
                    current.extend(sent);
                    current.retain(|_, value| !value.is_null());
                }
            }
            (_, value) => {
                profile.insert(key, value);
            }
        }
    }
}
