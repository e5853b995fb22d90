//! The operator's access token for the Management API: fetched once for all callers, renewed early, kept in memory only.

use super::{
    credentials::Credentials, error::Error, jitter, queue::Cause, standing::wait_asked_for, transport::Observer,
};
use crate::plan::TenantFacts;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    sync::PoisonError,
    time::{Duration, SystemTime},
};
use tokio::{sync::Mutex, time::Instant};

/// After an early renewal that failed, so long until the next.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Scopes of a token.
pub type Scopes = BTreeSet<String>;

struct Token {
    value: SecretString,
    scopes: Scopes,
    fetched_at: Instant,
    renew_at: Instant,
    expires_at: Instant,
}

/// Fetches and keeps the token of one tenant.
pub(super) struct Tokens {
    http: reqwest::Client,
    url: String,
    audience: String,
    domain: String,
    client_id: String,
    credentials: Credentials,
    observe: Observer,
    /// After a 429. A `std` mutex: never held across an `.await`.
    closed_until: std::sync::Mutex<Option<Instant>>,
    /// A `tokio` mutex, held while a token is fetched: callers wait for the one request.
    token: Mutex<Option<Token>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    scope: Option<String>,
    expires_in: u64,
}

#[derive(Default, Deserialize)]
struct OAuthError {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Tokens {
    pub(super) fn new(
        http: reqwest::Client,
        base: &str,
        facts: &TenantFacts,
        credentials: Credentials,
        observe: Observer,
    ) -> Self {
        Self {
            http,
            url: format!("{base}/oauth/token"),
            // Always the canonical domain, also when calls go elsewhere (Auth0's documentation).
            audience: format!("https://{}/api/v2/", facts.domain),
            domain: facts.domain.clone(),
            client_id: facts.management_client.clone(),
            credentials,
            observe,
            closed_until: std::sync::Mutex::default(),
            token: Mutex::new(None),
        }
    }

    /// A token that is good for a while, and its scopes.
    pub(super) async fn current(&self) -> Result<(SecretString, Scopes), Error> {
        let mut token = self.token.lock().await;
        if let Some(token) = token.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok((token.value.clone(), token.scopes.clone()));
        }
        match self.fetch().await {
            Ok(fresh) => {
                let current = (fresh.value.clone(), fresh.scopes.clone());
                *token = Some(fresh);
                Ok(current)
            }
            // Renewal is early, so the old token is good for a while yet.
            Err(error) => match token.as_mut().filter(|token| Instant::now() < token.expires_at) {
                Some(token) => {
                    token.renew_at = Instant::now() + TRY_AGAIN;
                    Ok((token.value.clone(), token.scopes.clone()))
                }
                None => Err(error),
            },
        }
    }

    /// Whether there is a token that has not expired.
    pub(super) async fn is_at_hand(&self) -> bool {
        self.token.lock().await.as_ref().is_some_and(|token| Instant::now() < token.expires_at)
    }

    /// The next call fetches a new token, unless the one that was `refused` has been replaced already: many callers with the same
    /// old token cause one new one.
    pub(super) async fn discard(&self, refused: &SecretString) {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.value.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
    }

    /// Fetches a new token when the current one was had so long ago. One that cannot be replaced goes on serving.
    pub(super) async fn renew_older_than(&self, age: Duration) -> Result<(), Error> {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.fetched_at.elapsed() >= age) {
            *token = Some(self.fetch().await?);
        }
        Ok(())
    }

    async fn fetch(&self) -> Result<Token, Error> {
        let asked_at = Instant::now();
        let closed_until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = closed_until.and_then(|until| until.checked_duration_since(asked_at)) {
            return Err(Error::Throttled(wait));
        }
        let proof = self.credentials.proof(&self.client_id, &self.domain, SystemTime::now());
        let mut form = proof.map_err(|error| Error::CredentialsRefused(error.to_string()))?;
        form.extend([
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", self.client_id.clone()),
            ("audience", self.audience.clone()),
        ]);
        let answer = self.http.post(&self.url).form(&form).send().await;
        let answer = answer.map_err(|error| super::transport::lost(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.observe.called("POST", "oauth/token", status.as_u16(), Cause::User);
        let body = answer.bytes().await.map_err(|error| super::transport::lost(&error))?;
        if status == StatusCode::TOO_MANY_REQUESTS {
            // The reset of /oauth/token can be hours ahead (recordings: 1,700 to 16,000 s), so only retry-after counts.
            let mut headers = headers;
            headers.remove("x-ratelimit-reset");
            let wait = wait_asked_for(&headers, SystemTime::now(), jitter());
            *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + wait);
            return Err(Error::Throttled(wait));
        }
        if !status.is_success() {
            return Err(self.refusal(status, &body));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| Error::Unavailable("the answer of /oauth/token is not a token".to_owned()))?;
        // A day is what Auth0 gives; a year keeps the clock from overflowing on nonsense.
        let lifetime = Duration::from_secs(granted.expires_in.min(365 * 86_400));
        let scopes = granted.scope.or_else(|| scope_claim(granted.access_token.expose_secret())).unwrap_or_default();
        Ok(Token {
            value: granted.access_token,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            fetched_at: asked_at,
            renew_at: asked_at + lifetime.mul_f64(0.8),
            expires_at: asked_at + lifetime,
        })
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Error {
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Error::Unavailable(format!("status {} from /oauth/token", status.as_u16()));
        }
        let OAuthError { error, error_description } = serde_json::from_slice(body).unwrap_or_default();
        Error::CredentialsRefused(if error_description.starts_with("Service not enabled within domain") {
            format!(
                "the tenant does not know the audience {}; check spec.domain (the canonical domain) and spec.endpoint",
                self.audience
            )
        } else if error_description.contains("is not authorized to access") {
            format!(
                "the client in the credentials Secret is not authorized for {}; authorize it for the Management API in the tenant",
                self.audience
            )
        } else if error == "unauthorized_client" {
            "the client in the credentials Secret may not use the grant type client_credentials; allow it in the tenant"
                .to_owned()
        } else {
            format!(
                "the tenant refused the client and its proof in the credentials Secret (status {}); put the right ones there",
                status.as_u16()
            )
        })
    }
}

/// The `scope` claim of a JWT, unverified: it only decides what we ask for.
fn scope_claim(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        scope: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.scope)
}
