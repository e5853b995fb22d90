//! The endpoints that applications call: tokens, their revocation, `/userinfo`. Here is the token endpoint: who asks, for which grant, and what of it goes into the tenant log.

mod assertion;
mod client;
mod code;
mod password;
mod refresh;
mod tokens;
mod user_info;

use serde_json::{Value, json};

use crate::answer::{Answer, OauthError};
use crate::authentication::Authentication;
use crate::log::About;
use crate::login::OpaqueToken;
use crate::request::{Object, ObjectExt as _, Request};

pub(crate) use password::{Refused, log_in, serves};
pub(crate) use refresh::revoke;
pub(crate) use tokens::{Login, Tokens, Way, audience, words};
pub(crate) use user_info::answer as user_info;

const REALM_GRANT: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// What a grant gave.
pub(crate) struct Granted {
    pub(crate) answer: Value,
    /// Of the access token; `""` for one that is for `/userinfo` only.
    pub(crate) audience: String,
    /// Whose tokens they are; `None` for the client's own.
    pub(crate) user_id: Option<String>,
}

/// `POST /oauth/token`
pub(crate) fn token(call: &mut Authentication<'_>) -> Answer {
    exchange(call).map_or_else(Answer::from, Answer::ok)
}

fn exchange(call: &mut Authentication<'_>) -> Result<Value, OauthError> {
    let fields = fields(call.request)?;
    let grant_type = required(&fields, "grant_type")?;
    let Some(types) = log_types(grant_type) else {
        return Err(OauthError::new(403, "unsupported_grant_type", format!("Unsupported grant type: {grant_type}")));
    };
    let (client, granted) = match client::authenticate(call, &fields) {
        Ok(client) => {
            let granted = grant(call, &fields, grant_type, &client);
            (Some(client), granted)
        }
        Err(error) => {
            let known = call.tenant.clients.get(&client::claimed(call.request, &fields)).cloned();
            (known, Err(error))
        }
    };
    if let Some(client) = client {
        note(call, types, &client, &fields, &granted);
    }
    granted.map(|granted| granted.answer)
}

fn grant(
    call: &mut Authentication<'_>,
    fields: &Object,
    grant_type: &str,
    client: &Object,
) -> Result<Granted, OauthError> {
    if !client.texts("grant_types").any(|allowed| allowed == grant_type) {
        let description = format!("Grant type '{grant_type}' not allowed for the client.");
        return Err(OauthError::new(403, "unauthorized_client", description));
    }
    match grant_type {
        "client_credentials" => Tokens::of(call, client).for_client(call.tenant, fields),
        "authorization_code" => code::redeem(call, fields, client),
        "refresh_token" => refresh::redeem(call, fields, client),
        "password" => password::by_default_directory(call, fields, client),
        _ => password::by_realm(call, fields, client, required(fields, "realm")?),
    }
}

/// All tokens of somebody who has just logged in.
fn give(call: &mut Authentication<'_>, client: &Object, login: &Login) -> Result<Granted, OauthError> {
    let mut granted = Tokens::of(call, client).for_user(call.tenant, login)?;
    register(call, login, &granted);
    if let Some(token) = refresh::issue(call, client, login) {
        granted.answer["refresh_token"] = token.into();
    }
    Ok(granted)
}

/// Remembers an access token that does not itself say whose it is.
fn register(call: &mut Authentication<'_>, login: &Login, granted: &Granted) {
    if !granted.audience.is_empty() {
        return;
    }
    let scopes = words(granted.answer["scope"].as_str().unwrap_or_default()).into_iter().map(str::to_owned).collect();
    let token = OpaqueToken { user_id: login.user_id.clone(), scopes };
    let (key, now) = (granted.answer["access_token"].as_str().unwrap_or_default(), call.now());
    call.logins.access_tokens.put(key, token, now, tokens::DEFAULT_LIFETIME);
}

/// The types of the log's entries for a grant that was given, and one that was not.
fn log_types(grant_type: &str) -> Option<(&'static str, &'static str)> {
    Some(match grant_type {
        "client_credentials" => ("seccft", "feccft"),
        "authorization_code" => ("seacft", "feacft"),
        "refresh_token" => ("sertft", "fertft"),
        "password" | REALM_GRANT => ("sepft", "fepft"),
        _ => return None,
    })
}

fn note(
    call: &mut Authentication<'_>,
    (success, failure): (&str, &str),
    client: &Object,
    fields: &Object,
    granted: &Result<Granted, OauthError>,
) {
    match granted {
        Ok(granted) => {
            let user = granted.user_id.as_ref().and_then(|id| call.tenant.users.get(id));
            let connection = user.and_then(|user| call.tenant.connection_named(&user.connection));
            let about = About { client: Some(client), connection, user: user.map(|user| &user.profile) };
            let mut members = json!({
                "hostname": call.tenant.domain,
                "audience": granted.audience,
                "scope": granted.answer["scope"].as_str().unwrap_or_default(),
            });
            if granted.user_id.is_none() {
                // These stand there empty (recorded).
                for key in ["user_id", "user_name", "connection_id"] {
                    members[key] = "".into();
                }
            }
            call.journal.about(success, about, members);
        }
        Err(error) => {
            let about = About { client: Some(client), ..About::default() };
            let members = json!({
                "hostname": call.tenant.domain,
                "description": error.description,
                "audience": fields.text("audience"),
                "user_name": fields.text("username"),
            });
            call.journal.about(failure, about, members);
        }
    }
}

fn fields(request: &Request) -> Result<Object, OauthError> {
    let unreadable = || OauthError::new(400, "invalid_request", "The request body is neither a form nor a JSON object");
    request.fields().ok_or_else(unreadable)
}

fn required<'a>(fields: &'a Object, name: &str) -> Result<&'a str, OauthError> {
    match fields.text(name) {
        "" => Err(OauthError::new(400, "invalid_request", format!("Missing required parameter: {name}"))),
        value => Ok(value),
    }
}
