//! `/u/login`: the page on which users of a database log in.

use serde_json::json;

use crate::answer::Answer;
use crate::authentication::Authentication;
use crate::ids;
use crate::log::About;
use crate::login::authorize::{self, Asked};
use crate::login::page::{self, escaped};
use crate::login::{BROWSER_COOKIE, SESSION_COOKIE, Session, Transaction, cookie};
use crate::oauth::{Refused, log_in};
use crate::request::{Object, ObjectExt as _};

/// Hours.
const DEFAULT_SESSION_LIFETIME: f64 = 168.0;

pub(crate) fn show(call: &mut Authentication<'_>) -> Answer {
    match transaction(call) {
        Some((transaction, client)) => form(200, &transaction.asked, &client, &transaction.asked.login_hint, ""),
        None => lost(),
    }
}

/// Logs the user in and sends them back to the application.
pub(crate) fn submit(call: &mut Authentication<'_>) -> Answer {
    let Some((Transaction { asked, .. }, client)) = transaction(call) else { return lost() };
    let fields = call.parameters();
    let (username, password) = (fields.text("username").trim(), fields.text("password"));
    let user_id = match log_in(call, &client, &asked.connection, username, password) {
        Ok(user_id) => user_id,
        // Neither says which of both is wrong.
        Err(Refused::Credentials) => return form(400, &asked, &client, username, "Wrong email or password"),
        Err(Refused::Blocked) => return end(call, &asked, "unauthorized", "user is blocked"),
        Err(Refused::Connection) => {
            return end(call, &asked, "invalid_request", "the connection is not enabled for the client");
        }
    };
    let now = call.now();
    call.logins.transactions.remove(fields.text("state"), now);
    call.tenant.note_login(&user_id, call.request.received);
    note_success(call, &client, &user_id);
    let session = Session { user_id, auth_time: now, sid: ids::opaque() };
    let hours = call.tenant.settings.get("session_lifetime").and_then(serde_json::Value::as_f64);
    let lifetime = (hours.unwrap_or(DEFAULT_SESSION_LIFETIME) * 3600.0) as u64;
    let answer = authorize::finish(call, &client, &asked, &session);
    // A new value for each login, so that one known before it is of no use after it.
    if let Some(old) = cookie(call.request, SESSION_COOKIE) {
        call.logins.sessions.remove(old, now);
    }
    let value = call.logins.sessions.insert(session, now, lifetime);
    authorize::set_cookie(call, answer, SESSION_COOKIE, &value)
}

/// The transaction that the request's `state` names, if it began in this browser, and its client.
fn transaction(call: &Authentication<'_>) -> Option<(Transaction, Object)> {
    let parameters = call.parameters();
    let transaction = call.logins.transactions.get(parameters.text("state"), call.now())?;
    let browser = cookie(call.request, BROWSER_COOKIE)?;
    let client = call.tenant.clients.get(&transaction.asked.client_id)?;
    (transaction.browser == browser).then(|| (transaction.clone(), client.clone()))
}

fn lost() -> Answer {
    let description =
        "This page has expired, or was opened in another browser. Go back to the application and try again.";
    page::error(400, "invalid_request", description)
}

/// Sends the user back without a login. That Auth0 does so for blocked users is quoted.
fn end(call: &mut Authentication<'_>, asked: &Asked, error: &str, description: &str) -> Answer {
    let (state, now) = (call.parameters(), call.now());
    call.logins.transactions.remove(state.text("state"), now);
    asked.back.error(error, description)
}

fn note_success(call: &mut Authentication<'_>, client: &Object, user_id: &str) {
    let Some(user) = call.tenant.users.get(user_id) else { return };
    let connection = call.tenant.connection_named(&user.connection);
    let about = About { client: Some(client), connection, user: Some(&user.profile) };
    let count = user.profile.get("logins_count");
    let details = json!({ "stats": { "loginsCount": count } });
    call.journal.about("s", about, json!({ "hostname": call.tenant.domain, "details": details }));
}

/// The form goes to the address it was shown at, which has the `state`.
fn form(status: u16, asked: &Asked, client: &Object, username: &str, error: &str) -> Answer {
    let name = escaped(client.text("name"));
    let alert = match error {
        "" => String::new(),
        error => format!("<p role=\"alert\">{}</p>\n", escaped(error)),
    };
    let body = format!(
        "<h1>Welcome</h1>\n<p>Log in to {name} with {connection}.</p>\n{alert}<form method=\"post\">\n\
         <label for=\"username\">Email address or user name</label>\n\
         <input id=\"username\" name=\"username\" value=\"{username}\" autocomplete=\"username\" required autofocus>\n\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\n\
         <button name=\"action\" value=\"default\">Continue</button>\n</form>",
        connection = escaped(&asked.connection),
        username = escaped(username),
    );
    page::page(status, &format!("Log in | {name}"), &body)
}
