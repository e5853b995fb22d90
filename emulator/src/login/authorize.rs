//! `/authorize`: checks what an application asks for, and either has the user log in or sends them back at once.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::answer::{Answer, OauthError};
use crate::authentication::Authentication;
use crate::ids;
use crate::log::About;
use crate::login::page::{self, escaped};
use crate::login::{BROWSER_COOKIE, CODE_LIFETIME, Code, SESSION_COOKIE, Session, TRANSACTION_LIFETIME, Transaction};
use crate::login::{cookie, urls};
use crate::oauth::{Login, Tokens, Way, audience, serves, words};
use crate::request::{Object, ObjectExt as _};
use crate::tenant::Connection;

/// A request that was found to be in order.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    pub(crate) back: Back,
    nonce: Option<String>,
    scopes: Vec<String>,
    audience: String,
    challenge: Option<Challenge>,
    /// The database in which the user is to log in.
    pub(crate) connection: String,
    pub(crate) login_hint: String,
    prompt: Prompt,
    /// Seconds since the login.
    max_age: Option<u64>,
}

/// The way back to the application.
#[derive(Clone)]
pub(crate) struct Back {
    redirect_uri: String,
    state: String,
    mode: Mode,
}

#[derive(Clone, Copy)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

#[derive(Clone, Copy, PartialEq)]
enum Prompt {
    /// Asks only who is not logged in.
    Unsaid,
    None,
    Login,
}

/// Proof Key for Code Exchange.
#[derive(Clone)]
pub(crate) struct Challenge {
    value: String,
    is_s256: bool,
}

impl Challenge {
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        if !self.is_s256 {
            return verifier == self.value;
        }
        URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == self.value
    }
}

pub(crate) fn answer(call: &mut Authentication<'_>) -> Answer {
    let parameters = call.parameters();
    // Before the client and its callback are known to be right, nothing is sent there. Statuses and words are not recorded, but for
    // the mismatch.
    let client_id = parameters.text("client_id");
    if client_id.is_empty() {
        return page::error(400, "invalid_request", "Missing required parameter: client_id");
    }
    let client = call.tenant.clients.get(client_id).filter(|client| !client.is_true("global")).cloned();
    let Some(client) = client else {
        return page::error(400, "invalid_request", &format!("Unknown client: {client_id}"));
    };
    let redirect_uri = parameters.text("redirect_uri");
    if redirect_uri.is_empty() {
        return page::error(400, "invalid_request", "Missing required parameter: redirect_uri");
    }
    if !urls::is_listed(client.texts("callbacks"), redirect_uri) {
        let description = format!("Callback URL mismatch. {redirect_uri} is not in the list of allowed callback URLs");
        return page::error(403, "invalid_request", &description);
    }
    let mut back =
        Back { redirect_uri: redirect_uri.to_owned(), state: parameters.text("state").to_owned(), mode: Mode::Query };
    match parameters.text("response_mode") {
        "" | "query" => {}
        "fragment" => back.mode = Mode::Fragment,
        "form_post" => back.mode = Mode::FormPost,
        other => return back.error("invalid_request", &format!("Unsupported response mode: {other}")),
    }
    match asked(call, &client, &parameters, back.clone()) {
        Ok(asked) => proceed(call, &client, asked),
        Err(error) => back.error(error.error, &error.description),
    }
}

/// The request, or why the application is told that it is wrong.
fn asked(call: &Authentication<'_>, client: &Object, parameters: &Object, back: Back) -> Result<Asked, OauthError> {
    let refused = |error, description: String| Err(OauthError::new(400, error, description));
    match parameters.text("response_type") {
        "code" => {}
        "" => return refused("invalid_request", "Missing required parameter: response_type".to_owned()),
        other => return refused("unsupported_response_type", format!("Unsupported response type: {other}")),
    }
    if !client.texts("grant_types").any(|allowed| allowed == "authorization_code") {
        let description = "Grant type 'authorization_code' not allowed for the client.";
        return refused("unauthorized_client", description.to_owned());
    }
    for unsupported in ["request", "request_uri", "organization", "invitation"] {
        if parameters.contains_key(unsupported) {
            let description = format!("parameter {unsupported} is not allowed for this client");
            return refused("invalid_request", description);
        }
    }
    let challenge = challenge(parameters)?;
    // Auth0 does not say that it insists; without it, a public client could never redeem the code.
    if challenge.is_none() && client.text("token_endpoint_auth_method") == "none" {
        return refused("invalid_request", "Missing required parameter: code_challenge".to_owned());
    }
    let prompt = match parameters.text("prompt") {
        // Consent is not emulated: nobody is asked.
        "" | "consent" => Prompt::Unsaid,
        "none" => Prompt::None,
        "login" | "select_account" => Prompt::Login,
        other => return refused("invalid_request", format!("Unsupported prompt value: {other}")),
    };
    let max_age = match parameters.text("max_age") {
        "" => None,
        text => match text.parse() {
            Ok(seconds) => Some(seconds),
            Err(_) => return refused("invalid_request", "max_age must be an integer".to_owned()),
        },
    };
    let audience = audience(call.tenant, parameters.text("audience"));
    if !audience.is_empty() && call.tenant.api(&audience).is_none() {
        return refused("access_denied", format!("Service not found: {audience}"));
    }
    let connection = connection(call, client, parameters.text("connection"))?;
    Ok(Asked {
        client_id: client.text("client_id").to_owned(),
        back,
        nonce: Some(parameters.text("nonce").to_owned()).filter(|nonce| !nonce.is_empty()),
        scopes: words(parameters.text("scope")).into_iter().map(str::to_owned).collect(),
        audience,
        challenge,
        connection,
        login_hint: parameters.text("login_hint").to_owned(),
        prompt,
        max_age,
    })
}

fn challenge(parameters: &Object) -> Result<Option<Challenge>, OauthError> {
    let refused = |description: &str| Err(OauthError::new(400, "invalid_request", description));
    let value = parameters.text("code_challenge");
    let is_s256 = match parameters.text("code_challenge_method") {
        "S256" => true,
        "" | "plain" => false,
        _ => return refused("Unsupported code_challenge_method"),
    };
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    match (value.len(), value.chars().all(is_fine)) {
        (0, _) if is_s256 => refused("Missing required parameter: code_challenge"),
        (0, _) => Ok(None),
        // RFC 7636.
        (43..=128, true) => Ok(Some(Challenge { value: value.to_owned(), is_s256 })),
        _ => refused("Invalid code_challenge"),
    }
}

/// The database that a user of the client is to log in with: the one asked for, or the client's oldest. (Auth0 lets users choose
/// among identity providers; there are none here.)
fn connection(call: &Authentication<'_>, client: &Object, name: &str) -> Result<String, OauthError> {
    let refused = |error, description: &str| Err(OauthError::new(400, error, description));
    let serves = |connection: &&Connection| serves(connection, client);
    if name.is_empty() {
        let oldest = call.tenant.connections.iter().find(serves);
        return match oldest {
            Some(connection) => Ok(connection.object.text("name").to_owned()),
            None => refused("invalid_request", "no connections enabled for the client"),
        };
    }
    match call.tenant.connection_named(name) {
        None => refused("invalid_request", "the connection was not found"),
        Some(connection) if !connection.clients.contains(client.text("client_id")) => {
            refused("invalid_request", "the connection is not enabled for the client")
        }
        Some(connection) if !serves(&connection) => {
            refused("server_error", "the emulator does not log in with connections that are no databases")
        }
        Some(_) => Ok(name.to_owned()),
    }
}

fn proceed(call: &mut Authentication<'_>, client: &Object, asked: Asked) -> Answer {
    let login = asked.login(client, "", None, None);
    if let Err(error) = Tokens::of(call, client).check(call.tenant, &login) {
        return asked.back.error(error.error, &error.description);
    }
    let session = session(call, &asked);
    if let Some(session) = session.as_ref().filter(|_| asked.prompt != Prompt::Login) {
        if call.tenant.users.get(&session.user_id).is_some_and(|user| user.profile.is_true("blocked")) {
            return asked.back.error("unauthorized", "user is blocked");
        }
        if asked.prompt == Prompt::None {
            note(call, client, "ssa", &session.user_id, "");
        }
        return finish(call, client, &asked, session);
    }
    if asked.prompt == Prompt::None {
        note(call, client, "fsa", "", "Login required");
        return asked.back.error("login_required", "Login required");
    }
    let browser = cookie(call.request, BROWSER_COOKIE).map_or_else(ids::unguessable, str::to_owned);
    let now = call.now();
    let transaction = Transaction { asked, browser: browser.clone() };
    let state = call.logins.transactions.insert(transaction, now, TRANSACTION_LIFETIME);
    let answer = redirect(&format!("/u/login?state={state}"));
    set_cookie(call, answer, BROWSER_COOKIE, &browser)
}

/// The session of the browser, when it will do for what is asked.
fn session(call: &Authentication<'_>, asked: &Asked) -> Option<Session> {
    let now = call.now();
    let session = call.logins.sessions.get(cookie(call.request, SESSION_COOKIE)?, now)?;
    let user = call.tenant.users.get(&session.user_id)?;
    let is_young = asked.max_age.is_none_or(|seconds| now.saturating_sub(session.auth_time) <= seconds);
    (is_young && user.connection == asked.connection).then(|| session.clone())
}

/// Sends the user back with a code.
pub(super) fn finish(call: &mut Authentication<'_>, client: &Object, asked: &Asked, session: &Session) -> Answer {
    // ID tokens tell the time of the login only when the application cares for it (Auth0's documentation).
    let auth_time = asked.max_age.map(|_| session.auth_time);
    let code = Code {
        client_id: asked.client_id.clone(),
        redirect_uri: asked.back.redirect_uri.clone(),
        challenge: asked.challenge.clone(),
        login: asked.login(client, &session.user_id, auth_time, Some(session.sid.clone())),
    };
    let now = call.now();
    let code = call.logins.codes.insert(code, now, CODE_LIFETIME);
    asked.back.with(&[("code", &code)])
}

/// An entry of the log about a login of the client's user; `""` for nobody.
pub(crate) fn note(call: &mut Authentication<'_>, client: &Object, kind: &str, user_id: &str, description: &str) {
    let user = call.tenant.users.get(user_id);
    let connection = user.and_then(|user| call.tenant.connection_named(&user.connection));
    let about = About { client: Some(client), connection, user: user.map(|user| &user.profile) };
    call.journal.about(kind, about, json!({ "hostname": call.tenant.domain, "description": description }));
}

pub(super) fn redirect(location: &str) -> Answer {
    Answer::new(302, None).with_header("location", location).with_header("cache-control", "no-store")
}

/// Cookies are for this host only, and not for scripts.
pub(super) fn set_cookie(call: &Authentication<'_>, answer: Answer, name: &str, value: &str) -> Answer {
    let site = if call.is_secure { "SameSite=None; Secure" } else { "SameSite=Lax" };
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    answer.with_header("set-cookie", format!("{name}={value}; Path=/; HttpOnly; {site}{end}"))
}

impl Asked {
    fn login(&self, client: &Object, user_id: &str, auth_time: Option<u64>, sid: Option<String>) -> Login {
        Login {
            client_id: client.text("client_id").to_owned(),
            user_id: user_id.to_owned(),
            audience: self.audience.clone(),
            scopes: self.scopes.clone(),
            way: Way::Browser,
            nonce: self.nonce.clone(),
            auth_time,
            sid,
        }
    }
}

impl Back {
    /// Sends the user back with an error.
    pub(super) fn error(&self, error: &str, description: &str) -> Answer {
        self.with(&[("error", error), ("error_description", description)])
    }

    fn with(&self, parameters: &[(&str, &str)]) -> Answer {
        let state = [("state", self.state.as_str())];
        let all: Vec<_> = parameters.iter().chain(&state).filter(|(_, value)| !value.is_empty()).copied().collect();
        let encoded = || form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
        match self.mode {
            Mode::Query => {
                let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
                redirect(&format!("{}{joint}{}", self.redirect_uri, encoded()))
            }
            Mode::Fragment => redirect(&format!("{}#{}", self.redirect_uri, encoded())),
            Mode::FormPost => {
                let inputs = all.iter().map(|(key, value)| {
                    format!("<input type=\"hidden\" name=\"{key}\" value=\"{}\">\n", escaped(value))
                });
                let body = format!(
                    "<h1>Almost there</h1>\n<form method=\"post\" action=\"{}\">\n{}<button>Continue</button>\n</form>",
                    escaped(&self.redirect_uri),
                    inputs.collect::<String>()
                );
                page::page(200, "Continue", &body)
            }
        }
    }
}
