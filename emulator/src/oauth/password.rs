//! Users by their password: the two password grants, and the check that the login page shares with them.

use serde_json::json;

use crate::answer::OauthError;
use crate::authentication::Authentication;
use crate::log::About;
use crate::oauth::tokens::{self, Login, Way};
use crate::oauth::{Granted, give, required};
use crate::request::{Object, ObjectExt as _};
use crate::tenant::Connection;

/// Why somebody cannot log in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Refused {
    /// The connection is no database, or not for the client.
    Connection,
    Credentials,
    Blocked,
}

/// Of the grant `password`: the tenant's default directory.
pub(crate) fn by_default_directory(
    call: &mut Authentication<'_>,
    fields: &Object,
    client: &Object,
) -> Result<Granted, OauthError> {
    let realm = call.tenant.settings.text("default_directory").to_owned();
    if realm.is_empty() {
        // Quoted with 403 and with 500.
        let description = "Authorization server not configured with default connection.";
        return Err(OauthError::new(403, "server_error", description));
    }
    by_realm(call, fields, client, &realm)
}

pub(crate) fn by_realm(
    call: &mut Authentication<'_>,
    fields: &Object,
    client: &Object,
    realm: &str,
) -> Result<Granted, OauthError> {
    let (username, password) = (required(fields, "username")?, required(fields, "password")?);
    let audience = tokens::audience(call.tenant, fields.text("audience"));
    if !audience.is_empty() && call.tenant.api(&audience).is_none() {
        let description = "invalid audience specified for password grant exchange";
        return Err(OauthError::new(400, "invalid_request", description));
    }
    let user_id = log_in(call, client, realm, username, password).map_err(|refused| match refused {
        // Neither status nor words are recorded.
        Refused::Connection => {
            let description = format!("The connection {realm} is not enabled for the client.");
            OauthError::new(403, "unauthorized_client", description)
        }
        Refused::Credentials => OauthError::new(403, "invalid_grant", "Wrong email or password."),
        // The words are quoted, the status is not.
        Refused::Blocked => OauthError::new(403, "unauthorized", "user is blocked"),
    })?;
    let login = Login {
        client_id: client.text("client_id").to_owned(),
        user_id: user_id.clone(),
        audience,
        scopes: tokens::words(fields.text("scope")).into_iter().map(str::to_owned).collect(),
        way: Way::PasswordGrant,
        nonce: None,
        auth_time: None,
        sid: None,
    };
    let granted = give(call, client, &login)?;
    call.tenant.note_login(&user_id, call.request.received);
    Ok(granted)
}

/// The id of the user with this name and password, in the database that `realm` names.
pub(crate) fn log_in(
    call: &mut Authentication<'_>,
    client: &Object,
    realm: &str,
    username: &str,
    password: &str,
) -> Result<String, Refused> {
    let connection = call.tenant.connection_of_realm(realm).filter(|connection| serves(connection, client));
    let connection = connection.ok_or(Refused::Connection)?;
    let user = call.tenant.user_named(connection, username);
    let about = About { client: Some(client), connection: Some(connection), user: user.map(|user| &user.profile) };
    let Some(user) = user else {
        let members = json!({ "description": "Wrong email or password.", "user_name": username });
        call.journal.about("fu", about, members);
        return Err(Refused::Credentials);
    };
    if !user.passwords.first().is_some_and(|digest| digest.matches(password)) {
        call.journal.about("fp", about, json!({ "description": "Wrong email or password." }));
        return Err(Refused::Credentials);
    }
    if user.profile.is_true("blocked") {
        call.journal.about("f", about, json!({ "description": "user is blocked" }));
        return Err(Refused::Blocked);
    }
    Ok(user.profile.text("user_id").to_owned())
}

/// Whether a client may send its users to a connection to log in by password.
pub(crate) fn serves(connection: &Connection, client: &Object) -> bool {
    connection.object.text("strategy") == "auth0" && connection.clients.contains(client.text("client_id"))
}
