//! A tenant to test against, with a token for its Management API.

use auth0_emulator::{Config, Emulator};
use reqwest::Method;
use serde_json::{Value, json};

pub(crate) const AUDIENCE: &str = "https://localhost:8080/api/v2/";
pub(crate) const PASSWORD: &str = "Correct-Horse-1";

pub(crate) struct Tenant {
    pub(crate) emulator: Emulator,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

impl Tenant {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let emulator = Emulator::start(config).await.unwrap();
        let mut tenant = Self { emulator, http: reqwest::Client::new(), token: String::new() };
        tenant.token = tenant.management_token("management", "management-secret").await;
        tenant
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.url())
    }

    /// Sends a request with the token; the answer's status and body (`null` when empty).
    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Option<Value>>) -> (u16, Value) {
        read(self.send(method, path, body).await.unwrap()).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Option<Value>>,
    ) -> reqwest::Result<reqwest::Response> {
        let request = self.http.request(method, self.url(path)).bearer_auth(&self.token);
        match body.into() {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, &format!("/api/v2{path}"), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, &format!("/api/v2{path}"), body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PATCH, &format!("/api/v2{path}"), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, &format!("/api/v2{path}"), None).await
    }

    /// Creates something that has to work.
    pub(crate) async fn create(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, 201, "{answer}");
        answer
    }

    /// `POST /oauth/token` with a form.
    pub(crate) async fn oauth(&self, form: &[(&str, &str)]) -> (u16, Value) {
        read(self.http.post(self.url("/oauth/token")).form(form).send().await.unwrap()).await
    }

    pub(crate) async fn management_token(&self, client_id: &str, client_secret: &str) -> String {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret),
            ("audience", AUDIENCE),
        ];
        let (status, answer) = self.oauth(&form).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A new client's id, with a token that has these scopes of the Management API and no others.
    pub(crate) async fn token_with(&self, scopes: &[&str]) -> (String, String) {
        let client = self.create("/clients", json!({ "name": "Limited" })).await;
        let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        self.create("/client-grants", json!({ "client_id": id, "audience": AUDIENCE, "scope": scopes })).await;
        let token = self.management_token(&id, &secret).await;
        (id, token)
    }

    /// The same tenant, seen through another token.
    pub(crate) async fn get_as(&self, token: &str, path: &str) -> (u16, Value) {
        read(self.http.get(self.url(&format!("/api/v2{path}"))).bearer_auth(token).send().await.unwrap()).await
    }

    pub(crate) async fn call_as(&self, token: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.request(method, self.url(&format!("/api/v2{path}"))).bearer_auth(token).json(&body);
        read(request.send().await.unwrap()).await
    }

    /// A database connection that the management client may use; its id.
    pub(crate) async fn database(&self, name: &str, options: Value) -> String {
        let body = json!({ "name": name, "strategy": "auth0", "options": options, "enabled_clients": ["management"] });
        text(&self.create("/connections", body).await, "id")
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let (status, body) = self.call(Method::PUT, "/emulator/faults", faults).await;
        assert_eq!(status, 204, "{body}");
    }

    /// The requests to a path in the request log.
    pub(crate) async fn requests_to(&self, path: &str) -> Vec<Value> {
        let (_, log) = self.call(Method::GET, "/emulator/requests", None).await;
        log["requests"].as_array().unwrap().iter().filter(|request| request["path"] == path).cloned().collect()
    }
}

pub(crate) async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
}

pub(crate) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

/// Status, error code and message of an error.
pub(crate) fn error((status, body): (u16, Value)) -> (u16, Option<String>, String) {
    (status, body["errorCode"].as_str().map(str::to_owned), text(&body, "message"))
}

/// What [`error`] gives.
pub(crate) fn refusal(
    status: u16,
    code: impl Into<Option<&'static str>>,
    message: &str,
) -> (u16, Option<String>, String) {
    (status, code.into().map(str::to_owned), message.to_owned())
}

pub(crate) fn invalid(message: &str) -> (u16, Option<String>, String) {
    refusal(400, "invalid_body", &format!("Payload validation error: '{message}."))
}
