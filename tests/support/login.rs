//! An application that the operator's Secret lets use an API, and a user who logs in to it: the authorization code flow with PKCE,
//! as the application and a browser without a screen take part in it. The demo's, too.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use reqwest::{Client, Response, Url, header, redirect::Policy};
use serde_json::Value;
use std::{collections::BTreeMap, error::Error};

/// What goes wrong is told in words.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Where the samples' application lets its users be sent. Nothing listens there: a browser goes there, and this one stops before.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:3000/callback";

/// What an application knows: the values of its Secret, and where it waits for its users.
pub(crate) struct Application {
    pub(crate) client_id: String,
    pub(crate) audience: String,
    pub(crate) scope: String,
    client_secret: String,
    issuer: String,
    authorization_url: String,
    token_url: String,
    jwks_uri: String,
    callback: String,
    http: Client,
}

/// A user who logged in: the claims of both tokens, which were verified.
pub(crate) struct User {
    /// Of the access token.
    pub(crate) access: Value,
    /// Of the ID token.
    pub(crate) identity: Value,
}

/// One login, from `/authorize` to the callback: what the application has to remember until then.
pub(crate) struct Attempt {
    /// Where the browser begins.
    pub(crate) url: Url,
    state: String,
    nonce: String,
    verifier: String,
}

impl Application {
    pub(crate) fn new(mut secret: BTreeMap<String, String>, callback: &str) -> Result<Self> {
        let mut value = |key: &str| secret.remove(key).ok_or(format!("the application's Secret has no {key}"));
        Ok(Self {
            client_id: value("clientId")?,
            audience: value("audience")?,
            scope: value("scope")?,
            client_secret: value("clientSecret")?,
            issuer: value("issuer")?,
            authorization_url: value("authorizationUrl")?,
            token_url: value("tokenUrl")?,
            jwks_uri: value("jwksUri")?,
            callback: callback.to_owned(),
            http: Client::new(),
        })
    }

    /// A token for the application itself.
    pub(crate) async fn client_token(&self) -> Result<String> {
        let answer = self.token(&[("grant_type", "client_credentials"), ("audience", &self.audience)]).await?;
        Ok(text(&answer, "access_token")?.to_owned())
    }

    /// Logs a user in. Fails with the words of the login page, or of the error that the callback gets.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<User> {
        let attempt = self.begin()?;
        let landed = browse(&attempt.url, &self.callback, username, password).await?;
        self.finish(attempt, &landed).await
    }

    /// Begins a login.
    pub(crate) fn begin(&self) -> Result<Attempt> {
        let (state, nonce, verifier) = (unguessable()?, unguessable()?, unguessable()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let scope = format!("openid profile email {}", self.scope);
        let parameters = [
            ("response_type", "code"),
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", &self.callback),
            ("audience", &self.audience),
            ("scope", &scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let url = Url::parse_with_params(&self.authorization_url, parameters)?;
        Ok(Attempt { url, state, nonce, verifier })
    }

    /// What the application does when a browser comes to its callback.
    pub(crate) async fn finish(&self, attempt: Attempt, landed: &Url) -> Result<User> {
        let Attempt { url: _, state, nonce, verifier } = attempt;
        let parameters: BTreeMap<_, _> = landed.query_pairs().collect();
        if parameters.get("state").is_none_or(|given| *given != state) {
            return Err(format!("the browser came back from a login that did not begin here: {landed}").into());
        }
        let Some(code) = parameters.get("code") else {
            return Err(parameters.get("error_description").map_or("no code", |words| words.as_ref()).into());
        };
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &verifier),
        ];
        let answer = self.token(&grant).await?;
        let access = self.verify(text(&answer, "access_token")?, &self.audience).await?;
        let identity = self.verify(text(&answer, "id_token")?, &self.client_id).await?;
        if identity["nonce"] != nonce {
            return Err("an ID token from another login".into());
        }
        Ok(User { access, identity })
    }

    /// The claims of a token, once signature, issuer, audience and expiry are proven.
    pub(crate) async fn verify(&self, token: &str, audience: &str) -> Result<Value> {
        let keys: JwkSet = self.http.get(&self.jwks_uri).send().await?.json().await?;
        let key_id = jsonwebtoken::decode_header(token)?.kid.ok_or("a token that names no key")?;
        let key = keys.find(&key_id).ok_or("a token signed with a key that the tenant does not publish")?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(jsonwebtoken::decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
    }

    async fn token(&self, grant: &[(&str, &str)]) -> Result<Value> {
        let client = [("client_id", self.client_id.as_str()), ("client_secret", &self.client_secret)];
        let response = self.http.post(&self.token_url).form(&[grant, &client].concat()).send().await?;
        let (status, answer): (_, Value) = (response.status(), response.json().await?);
        if status.is_success() {
            Ok(answer)
        } else {
            Err(format!("no token: {status} {}", answer["error_description"]).into())
        }
    }
}

/// Does what a browser and its user do, until they are sent to the callback: to which URL. They do not go there.
async fn browse(url: &Url, callback: &str, username: &str, password: &str) -> Result<Url> {
    let http = Client::builder().redirect(Policy::none()).build()?;
    let answer = http.get(url.clone()).send().await?;
    let page = destination(&answer)?;
    if page.as_str().starts_with(callback) {
        return Ok(page);
    }
    let cookies = cookies(&answer);
    let form = http.get(page.clone()).header(header::COOKIE, &cookies).send().await?.error_for_status()?;
    if !form.text().await?.contains("type=\"password\"") {
        return Err(format!("{page} asks for no password").into());
    }
    let fields = [("username", username), ("password", password)];
    let answer = http.post(page).header(header::COOKIE, &cookies).form(&fields).send().await?;
    if answer.status().is_redirection() { destination(&answer) } else { Err(alert(&answer.text().await?).into()) }
}

fn destination(answer: &Response) -> Result<Url> {
    let (url, status) = (answer.url(), answer.status());
    let location = answer.headers().get(header::LOCATION).ok_or(format!("{url} leads nowhere: {status}"))?;
    Ok(url.join(location.to_str()?)?)
}

/// As a browser sends them back.
fn cookies(answer: &Response) -> String {
    let cookies = answer.headers().get_all(header::SET_COOKIE).into_iter().filter_map(|cookie| cookie.to_str().ok());
    cookies.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ")
}

/// What a page says that shows its form again.
fn alert(page: &str) -> &str {
    let words = page.split_once("role=\"alert\">").and_then(|(_, rest)| rest.split_once('<'));
    words.map_or(page, |(words, _)| words)
}

/// 43 characters, as PKCE asks for.
fn unguessable() -> Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn text<'a>(answer: &'a Value, key: &str) -> Result<&'a str> {
    answer[key].as_str().ok_or(format!("an answer without {key}").into())
}
