//! An application with a user, and the browser in which the user logs in.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use serde_json::{Value, json};

use crate::tenant::{PASSWORD, Tenant, read, text};

pub(crate) const CALLBACK: &str = "https://shop.example.com/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-43-characters-as-rfc-7636-asks";

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// Keeps cookies, and follows no redirect by itself.
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, cookies: Mutex::default() }
    }

    pub(crate) async fn get(&self, url: &str) -> Response {
        self.send(self.http.get(url)).await
    }

    pub(crate) async fn post(&self, url: &str, form: &[(&str, &str)]) -> Response {
        self.send(self.http.post(url).form(form)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let pairs = |cookies: &BTreeMap<String, String>| {
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        let cookies = pairs(&self.cookies.lock().unwrap());
        let response = request.header("cookie", cookies).send().await.unwrap();
        for set in response.headers().get_all("set-cookie") {
            let (pair, attributes) = set.to_str().unwrap().split_once(';').unwrap();
            assert!(attributes.contains("HttpOnly"), "{attributes}");
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

/// A tenant with an application `Shop`, its API `orders`, a database and Ada.
pub(crate) struct Shop {
    pub(crate) tenant: Tenant,
    pub(crate) browser: Browser,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) connection: String,
    pub(crate) user_id: String,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let tenant = Tenant::start().await;
        let scopes = json!([{ "value": "read" }, { "value": "write" }]);
        let api = json!({ "identifier": "orders", "scopes": scopes, "allow_offline_access": true });
        tenant.create("/resource-servers", api).await;
        let client = json!({
            "name": "Shop & Co", "callbacks": [CALLBACK], "allowed_logout_urls": ["https://shop.example.com/bye"],
            "jwt_configuration": { "alg": "RS256" },
        });
        let client = tenant.create("/clients", client).await;
        let connection = tenant.database("users", json!({})).await;
        let user = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD });
        let user_id = text(&tenant.create("/users", user).await, "user_id");
        let (client_id, client_secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let shop = Self { tenant, browser: Browser::new(), client_id, client_secret, connection, user_id };
        shop.enable(true).await;
        shop
    }

    pub(crate) async fn enable(&self, status: bool) {
        let path = format!("/connections/{}/clients", self.connection);
        let (code, _) = self.tenant.patch(&path, json!([{ "client_id": self.client_id, "status": status }])).await;
        assert_eq!(code, 204);
    }

    pub(crate) async fn change_client(&self, change: Value) {
        let (status, answer) = self.tenant.patch(&format!("/clients/{}", self.client_id), change).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub(crate) async fn change_user(&self, change: Value) {
        let (status, answer) = self.tenant.patch(&format!("/users/{}", self.user_id.replace('|', "%7C")), change).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The URL of `/authorize` with the usual parameters, and with these in place of or beside them; `""` leaves one out.
    pub(crate) fn authorize(&self, more: &[(&str, &str)]) -> String {
        let challenge = challenge();
        let mut all = BTreeMap::from([
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("state", "s t&te"),
            ("scope", "openid email"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        all.extend(more.iter().copied());
        all.retain(|_, value| !value.is_empty());
        let url = reqwest::Url::parse_with_params(&self.tenant.url("/authorize"), all).unwrap();
        url.to_string()
    }

    /// Asks for an authorization that ends on the login page; its URL.
    pub(crate) async fn login_page(&self, more: &[(&str, &str)]) -> String {
        let response = self.browser.get(&self.authorize(more)).await;
        let location = location(&response);
        assert!(location.starts_with("/u/login?state="), "{location}");
        self.tenant.url(&location)
    }

    pub(crate) async fn submit(&self, page: &str, password: &str) -> Response {
        self.browser.post(page, &[("username", "Ada@example.com"), ("password", password)]).await
    }

    /// Logs Ada in; the code.
    pub(crate) async fn log_in(&self, more: &[(&str, &str)]) -> String {
        let page = self.login_page(more).await;
        code(&self.submit(&page, PASSWORD).await)
    }

    pub(crate) async fn token(&self, more: &[(&str, &str)]) -> (u16, Value) {
        let client = [("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.as_str())];
        self.tenant.oauth(&[&client[..], more].concat()).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> (u16, Value) {
        let code = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        self.token(&[&code[..], &[("code_verifier", VERIFIER)]].concat()).await
    }

    pub(crate) async fn user_info(&self, token: &str) -> (u16, Value) {
        let request = self.tenant.http.get(self.tenant.url("/userinfo")).bearer_auth(token);
        let response = request.send().await.unwrap();
        if response.status() == 401 { (401, Value::Null) } else { read(response).await }
    }

    /// The types of the log's entries since the user was made, oldest first.
    pub(crate) async fn logged(&self) -> Vec<String> {
        let (_, entries) = self.tenant.get("/logs?from=900&take=100").await;
        let types = entries.as_array().unwrap().iter().map(|entry| text(entry, "type"));
        types.filter(|kind| kind != "sapi").skip(2).collect()
    }
}

pub(crate) fn location(response: &Response) -> String {
    assert_eq!(response.status(), 302);
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// What the application is told at its callback.
pub(crate) fn told(response: &Response) -> BTreeMap<String, String> {
    let location = location(response);
    let query = location.strip_prefix(&format!("{CALLBACK}?")).unwrap_or_else(|| panic!("{location}"));
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(crate) fn code(response: &Response) -> String {
    let told = told(response);
    assert_eq!(told["state"], "s t&te");
    told["code"].clone()
}
