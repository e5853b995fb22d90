//! What connections ask of their users (texts from Auth0's OpenAPI description and quoted answers).

use serde_json::Value;

use crate::access::Caller;
use crate::answer::Refusal;
use crate::password::{self, Digest};
use crate::request::{Object, ObjectExt as _};
use crate::tenant::{Connection, Tenant, User};

/// The connections in which users can be made.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Database,
    Email,
    Sms,
}

impl Kind {
    pub(crate) fn of(connection: &Object) -> Option<Self> {
        match connection.text("strategy") {
            "auth0" => Some(Self::Database),
            "email" => Some(Self::Email),
            "sms" => Some(Self::Sms),
            _ => None,
        }
    }

    /// The first part of a user's id.
    pub(crate) fn provider(self) -> &'static str {
        match self {
            Self::Database => "auth0",
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

/// The client that calls has to be enabled on the connection.
pub(crate) fn check_enabled(connection: &Connection, name: &str, client_id: &str) -> Result<(), Refusal> {
    let message = if connection.clients.is_empty() {
        "The connection is disabled".to_owned()
    } else if !connection.clients.contains(client_id) {
        format!(
            "Connection must be enabled for this client to perform single user creation and signup operations \
             (client_id: {client_id} - connection: {name})"
        )
    } else {
        return Ok(());
    };
    Err(Refusal::new(400, "auth0_idp_error", message))
}

/// Auth0's own user store keeps e-mails and user names in lower case; other connections as they are.
pub(crate) fn lower_case(body: &mut Object, kind: Kind) {
    if kind != Kind::Database {
        return;
    }
    for key in ["email", "username"] {
        if let Some(value) = body.get_mut(key)
            && let Some(text) = value.as_str()
        {
            *value = text.to_lowercase().into();
        }
    }
}

/// What a new user must have, and must not have.
pub(crate) fn check_new(body: &Object, kind: Kind, options: &Object) -> Result<(), Refusal> {
    let missing = |key: &str| {
        Err(Refusal::invalid_body(format!("Payload validation error: 'Missing required property: {key}'.")))
    };
    let has = |key: &str| body.contains_key(key);
    match kind {
        Kind::Email if !has("email") => return missing("email"),
        Kind::Sms if !has("phone_number") => return missing("phone_number"),
        Kind::Email | Kind::Sms if has("password") => {
            return Err(Refusal::invalid_body("Cannot set password for a passwordless connection."));
        }
        Kind::Email | Kind::Sms => return check_username(body, options),
        Kind::Database => {}
    }
    match options.object(&["attributes"]) {
        Some(attributes) => {
            let is_required = |key: &&str| {
                attributes.object(&[*key, "signup"]).is_some_and(|signup| signup.text("status") == "required")
            };
            if let Some(key) =
                ["email", "phone_number", "username"].iter().filter(|key| is_required(key)).find(|key| !has(key))
            {
                return missing(key);
            }
        }
        None if !has("email") => return missing("email"),
        None if options.is_true("requires_username") && !has("username") => return missing("username"),
        None => {}
    }
    let password = options.object(&["authentication_methods", "password"]);
    let is_optional = password.is_some_and(|password| password.text("api_behavior") == "optional");
    if !has("password") && !is_optional {
        return missing("password");
    }
    check_username(body, options)
}

fn check_username(body: &Object, options: &Object) -> Result<(), Refusal> {
    let Some(username) = body.get("username").and_then(|value| value.as_str()) else { return Ok(()) };
    let attribute = options.object(&["attributes", "username"]);
    if !options.is_true("requires_username") && attribute.is_none() {
        return Err(Refusal::invalid_body("Cannot set username for connection without requires_username."));
    }
    let limit = |object: Option<&Object>, key: &str| object.and_then(|limits| limits.get(key)).and_then(Value::as_u64);
    let (old, new) =
        (options.object(&["validation", "username"]), options.object(&["attributes", "username", "validation"]));
    let least = limit(old, "min").or(limit(new, "min_length")).unwrap_or(1);
    let most = limit(old, "max").or(limit(new, "max_length")).unwrap_or(15);
    let length = username.chars().count() as u64;
    if !(least..=most).contains(&length) {
        let message = format!("The username must have between {least} and {most} characters.");
        return Err(Refusal::invalid_body(message));
    }
    Ok(())
}

/// A password of the body, judged by the connection's policy, as it is to be kept. None when there is no password in the body.
pub(crate) fn password(
    body: &Object,
    options: &Object,
    profile: &Object,
    earlier: &[Digest],
) -> Result<Vec<Digest>, Refusal> {
    let Some(password) = body.get("password").and_then(|value| value.as_str()) else { return Ok(vec![]) };
    // The errorCode is not recorded.
    password::check(password, options, profile, earlier)
        .map_err(|message| Refusal::new(400, "invalid_password", message))?;
    Ok(vec![Digest::of(password)])
}

/// Whether another user of the connection has the body's value for this key.
pub(crate) fn is_taken(
    tenant: &Tenant,
    connection: &str,
    options: &Object,
    body: &Object,
    key: &str,
    id: Option<&str>,
) -> bool {
    let Some(value) = body.get(key).and_then(Value::as_str) else { return false };
    let email = options.object(&["attributes", "email"]);
    if key == "email" && email.is_some_and(|email| email.get("unique") == Some(&false.into())) {
        return false;
    }
    tenant.users_with(connection, key, value).any(|user| Some(user.profile.text("user_id")) != id)
}

/// `update:users_app_metadata` is for `app_metadata`, `update:users` for all else. Auth0's description lists both for the endpoint
/// and does not say more; this is the stricter reading.
pub(crate) fn check_update_scopes(body: &Object, caller: &Caller) -> Result<(), Refusal> {
    for key in body.keys() {
        caller.need_any(if key == "app_metadata" { &["update:users_app_metadata"] } else { &["update:users"] })?;
    }
    Ok(())
}

/// Auth0 adds this to its refusal of unknown properties of users.
pub(crate) fn hint_at_metadata(refusal: Refusal) -> Refusal {
    refusal.map_message(|message| {
        if !message.contains("Additional properties not allowed") {
            return message;
        }
        message.replace(
            "'.",
            " (consider storing them in app_metadata or user_metadata. See \"Users Metadata\" in \
             https://auth0.com/docs/api/v2/changes for more details)'.",
        )
    })
}

/// Properties that one PATCH cannot change together.
pub(crate) fn check_combination(body: &Object) -> Result<(), Refusal> {
    for (one, other) in [
        ("password", "email"),
        ("password", "email_verified"),
        ("username", "email"),
        ("username", "email_verified"),
        ("username", "password"),
    ] {
        if body.contains_key(one) && body.contains_key(other) {
            return Err(Refusal::invalid_body(format!("Cannot update {one} and {other} simultaneously")));
        }
    }
    if body.contains_key("client_id") && !body.contains_key("email") {
        return Err(Refusal::invalid_body("client_id can only be sent together with email"));
    }
    Ok(())
}

/// Whether the user's connection lets these properties be changed.
pub(crate) fn check_change(
    body: &Object,
    user: &User,
    connection: Option<&Connection>,
    options: &Object,
    kind: Kind,
) -> Result<(), Refusal> {
    let named = body.text("connection");
    if !named.is_empty() && named != user.connection {
        return Err(Refusal::new(400, "inexistent_connection", "Connection does not exist."));
    }
    let has = |key: &str| body.contains_key(key);
    if kind != Kind::Database && has("password") {
        return Err(Refusal::invalid_body("Cannot change password for users in a passwordless connection."));
    }
    if kind == Kind::Sms && has("email") {
        return Err(Refusal::invalid_body("Cannot update email for non-database user."));
    }
    // Auth0's OpenAPI description says that it is not supported; the words are those for enterprise users.
    if kind == Kind::Sms && has("email_verified") {
        return Err(Refusal::invalid_body("Email verification is not supported for passwordless sms users."));
    }
    if (has("email") || has("password")) && connection.is_some_and(|connection| connection.clients.is_empty()) {
        let message = "Cannot change email or password for users in a disabled connection.";
        return Err(Refusal::invalid_body(message));
    }
    check_username(body, options)
}
