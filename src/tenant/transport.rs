//! One HTTP exchange with the Management API: token, gate, headers, and what the status means.

use super::{
    credentials::Credentials,
    error::{self, Error, Tried},
    flights::Sent,
    gate::Gate,
    jitter,
    limits::Group,
    nonces::Nonces,
    queue::{Asker, Cause},
    standing::{Standing, ahead, wait_asked_for},
    token::{Scopes, Tokens},
};
use crate::plan::TenantFacts;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// Is told of every exchange with a tenant.
pub trait Observe: Send + Sync {
    /// A call was answered, or not (status 0). `endpoint` is the collection's name, never an id.
    fn called(&self, method: &'static str, endpoint: &str, status: u16, cause: Cause);

    /// A call waited so long for leave.
    fn waited(&self, cause: Cause, wait: Duration);
}

/// What is told of exchanges, shared by all of one tenant.
pub type Observer = Arc<dyn Observe>;

/// Unreserved characters of RFC 3986 stay, all else is encoded: user ids hold `|`, identifiers `/` and `:`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request to the Management API.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// Segments after `/api/v2/`, not encoded.
    pub(super) path: Vec<&'a str>,
    pub(super) query: Vec<(&'a str, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) tried: Tried,
    /// For whom.
    pub(super) asker: &'a Asker,
    /// Takes note of when it left.
    pub(super) sent: Sent,
}

pub(super) struct Transport {
    http: reqwest::Client,
    base: String,
    custom_domain: Option<String>,
    tokens: Tokens,
    gate: Arc<Gate>,
    nonces: Nonces,
    /// How far the tenant's clock is ahead of ours, as its newest answer tells.
    ahead: Mutex<Option<SignedDuration>>,
    observe: Observer,
}

/// The HTTP client that all tenants share. Never follows redirects: a token must not travel.
///
/// # Errors
/// When the TLS backend cannot be set up.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("auth0-operator/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(30))
        .build()
}

impl Transport {
    pub(super) fn new(
        http: reqwest::Client,
        base: String,
        facts: &TenantFacts,
        credentials: Credentials,
        observe: Observer,
    ) -> Self {
        let tokens = Tokens::new(http.clone(), &base, facts, credentials, observe.clone());
        Self {
            http,
            base,
            custom_domain: facts.custom_domain.clone(),
            tokens,
            gate: Gate::new(),
            nonces: Nonces::new(),
            ahead: Mutex::new(None),
            observe,
        }
    }

    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(super) fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// How far the tenant's clock is ahead of ours; `None` before an answer told.
    pub(super) fn ahead(&self) -> Option<SignedDuration> {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by the tenant's clock; by ours before an answer told.
    pub(super) fn tenants_time(&self) -> Timestamp {
        let here = Timestamp::now();
        here.checked_add(self.ahead().unwrap_or_default()).unwrap_or(here)
    }

    /// The scopes of the current token, which is fetched when there is none.
    pub(super) async fn scopes(&self) -> Result<Scopes, Error> {
        Ok(self.tokens.current().await?.1)
    }

    pub(super) async fn has_token(&self) -> bool {
        self.tokens.is_at_hand().await
    }

    pub(super) async fn renew_token(&self, older_than: Duration) -> Result<(), Error> {
        self.tokens.renew_older_than(older_than).await
    }

    /// Sends a request; `Null` for an empty answer. A 401 costs one new token and one more try, since a request that was not
    /// authenticated had no effect; nothing else is repeated here.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Value, Error> {
        let (token, _) = self.tokens.current().await?;
        match self.exchange(&request, &token).await? {
            (StatusCode::UNAUTHORIZED, _) => self.tokens.discard(&token).await,
            (status, body) => return read(status, &body, request.tried),
        }
        let (token, _) = self.tokens.current().await?;
        match self.exchange(&request, &token).await? {
            (StatusCode::UNAUTHORIZED, _) => Err(Error::CredentialsRefused(
                "the Management API refuses the token that the tenant issued; check spec.domain and the client's grant"
                    .to_owned(),
            )),
            (status, body) => read(status, &body, request.tried),
        }
    }

    async fn exchange(
        &self,
        request: &Request<'_>,
        token: &secrecy::SecretString,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let group = Group::of(&request.method, request.path.first().copied().unwrap_or_default());
        let asked = Instant::now();
        let ticket = self.gate.enter(group, request.asker).await;
        self.observe.waited(request.asker.cause, asked.elapsed());
        let path: Vec<String> =
            request.path.iter().map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
        let url = format!("{}/api/v2/{}", self.base, path.join("/"));
        let mut outgoing = self
            .http
            .request(request.method.clone(), url)
            .query(&request.query)
            .bearer_auth(secrecy::ExposeSecret::expose_secret(token));
        if let Some(domain) = self.custom_domain.as_ref().filter(|_| path.first().is_some_and(|first| first == "users"))
        {
            outgoing = outgoing.header("Auth0-Custom-Domain", domain);
        }
        if let Some(body) = &request.body {
            outgoing = outgoing.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if request.method != Method::GET {
            // The tenant's log repeats it, which tells our own writes from others'.
            outgoing = outgoing.header("X-Correlation-ID", self.nonces.next(Instant::now()));
        }
        let method = static_name(&request.method);
        let endpoint = endpoint(&request.path);
        let cause = request.asker.cause;
        // The first try counts: an answer is at least as new as that.
        let _ = request.sent.set(Instant::now());
        let answer = outgoing.send().await.map_err(|error| {
            self.observe.called(method, &endpoint, 0, cause);
            lost(&error)
        })?;
        let status = answer.status();
        self.observe.called(method, &endpoint, status.as_u16(), cause);
        tracing::debug!(method, endpoint, status = status.as_u16(), cause = cause.word(), "call to the tenant");
        let here = SystemTime::now();
        if let Some(ahead) = ahead(answer.headers(), here) {
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = wait_asked_for(answer.headers(), here, jitter());
            ticket.refused(wait);
            return Err(Error::Throttled(wait));
        }
        let standing = Standing::of(answer.headers(), here);
        // That there are no limits is believed of a success only: what stands before the tenant may answer in its place.
        if standing.is_some() || status.is_success() {
            ticket.answered(standing);
        }
        let body = answer.bytes().await.map_err(|error| lost(&error))?;
        Ok((status, body.to_vec()))
    }
}

fn read(status: StatusCode, body: &[u8], tried: Tried) -> Result<Value, Error> {
    if status.is_redirection() {
        return Err(Error::Unavailable(format!("status {}: redirects are not followed", status.as_u16())));
    }
    if !status.is_success() {
        return Err(error::of_answer(status, body, tried));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| Error::Unavailable("the answer is not JSON".to_owned()))
}

/// What is counted: the collection, and the sub-collection where there is one. Ids are left out.
fn endpoint(path: &[&str]) -> String {
    match path {
        [collection, _, sub] => format!("{collection}/{sub}"),
        [collection, ..] => (*collection).to_owned(),
        [] => String::new(),
    }
}

fn static_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "OTHER",
    }
}

/// The error for an exchange without an answer. Never the URL: its query can hold an e-mail address.
pub(super) fn lost(error: &reqwest::Error) -> Error {
    if error.is_connect() {
        return Error::Unreachable("no connection".to_owned());
    }
    Error::Unavailable(if error.is_timeout() { "no answer in time" } else { "the connection broke" }.to_owned())
}
