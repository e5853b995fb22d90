//! Any method, path, query, headers and body: an answer goes out, and it is never the emulator's own failure.
//!
//! A panic ends the run wherever it happens. The control interface is left out: its faults are failures that were asked for.
#![no_main]

use std::sync::LazyLock;

use auth0_emulator::{Config, Emulator};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use reqwest::Method;
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

#[derive(Arbitrary, Debug)]
struct Input {
    method: Verb,
    /// Whether the path begins with `/api/v2`.
    is_management: bool,
    path: Vec<Word>,
    query: Vec<(Word, Word)>,
    headers: Vec<(Header, String)>,
    /// Whether it carries a token of the management client.
    is_authorized: bool,
    body: Body,
}

#[derive(Arbitrary, Debug)]
enum Verb {
    Get,
    Post,
    Patch,
    Put,
    Delete,
    Head,
    Options,
    Other(String),
}

/// Those that the emulator reads.
#[derive(Arbitrary, Debug)]
enum Header {
    Authorization,
    ContentType,
    Cookie,
    CorrelationId,
    Origin,
    UserAgent,
}

#[derive(Arbitrary, Debug)]
enum Word {
    Known(u8),
    Other(String),
}

#[derive(Arbitrary, Debug)]
enum Body {
    Json(Json),
    Form(Vec<(Word, Word)>),
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(Word),
    Array(Vec<Json>),
    Object(Vec<(Word, Json)>),
}

/// Words that mean something in paths, queries and bodies.
const WORDS: &[&str] = &[
    "api",
    "v2",
    "clients",
    "client-grants",
    "connections",
    "resource-servers",
    "users",
    "users-by-email",
    "logs",
    "tenants",
    "settings",
    "credentials",
    "rotate-secret",
    "oauth",
    "token",
    "revoke",
    "authorize",
    "u",
    "login",
    "userinfo",
    "logout",
    "oidc",
    ".well-known",
    "jwks.json",
    "openid-configuration",
    "management",
    "users-db",
    "page",
    "per_page",
    "take",
    "from",
    "fields",
    "include_fields",
    "include_totals",
    "q",
    "sort",
    "strategy",
    "name",
    "identifier",
    "scopes",
    "value",
    "description",
    "signing_alg",
    "token_lifetime",
    "client_id",
    "client_secret",
    "client_metadata",
    "callbacks",
    "refresh_token",
    "jwt_configuration",
    "client_authentication_methods",
    "private_key_jwt",
    "credential_type",
    "public_key",
    "pem",
    "expires_at",
    "audience",
    "scope",
    "options",
    "auth0",
    "attributes",
    "email",
    "password",
    "password_options",
    "passwordPolicy",
    "realms",
    "enabled_clients",
    "status",
    "connection",
    "user_id",
    "username",
    "app_metadata",
    "user_metadata",
    "grant_type",
    "client_credentials",
    "authorization_code",
    "code",
    "code_verifier",
    "client_assertion",
    "client_assertion_type",
    "realm",
    "state",
    "redirect_uri",
    "response_type",
    "nonce",
    "prompt",
    "max_age",
    "id_token_hint",
    "returnTo",
    "flags",
    "default_audience",
    "email:a*",
    "date:-1",
    "type:sapi",
    "true",
    "0",
    "900",
    "ada@example.com",
    "auth0|1",
];

impl Word {
    fn text(&self) -> &str {
        match self {
            Self::Known(index) => WORDS[usize::from(*index) % WORDS.len()],
            Self::Other(text) => text,
        }
    }
}

impl Verb {
    fn method(&self) -> Option<Method> {
        Some(match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Patch => Method::PATCH,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
            Self::Head => Method::HEAD,
            Self::Options => Method::OPTIONS,
            // CONNECT asks for a tunnel, which has no answer in the sense of this test.
            Self::Other(name) => {
                Method::from_bytes(name.as_bytes()).ok().filter(|method| *method != Method::CONNECT)?
            }
        })
    }
}

impl Header {
    fn name(&self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::ContentType => "content-type",
            Self::Cookie => "cookie",
            Self::CorrelationId => "x-correlation-id",
            Self::Origin => "origin",
            Self::UserAgent => "user-agent",
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => (*value).into(),
            Json::Integer(value) => (*value).into(),
            Json::Number(value) => (*value).into(),
            Json::Text(word) => word.text().into(),
            Json::Array(items) => items.iter().map(Self::from).collect(),
            Json::Object(members) => {
                members.iter().map(|(key, value)| (key.text().to_owned(), value.into())).collect::<Map<_, _>>().into()
            }
        }
    }
}

/// An emulator, with a database, and a client of it; one for all inputs. Both run only while an input waits for its answer.
struct Bench {
    runtime: Runtime,
    emulator: Emulator,
    http: reqwest::Client,
    token: String,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (emulator, http, token) = runtime.block_on(async {
        let listen = "127.0.0.1:0".parse().unwrap();
        let emulator = Emulator::start(Config { listen, ..Config::default() }).await.unwrap();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = "grant_type=client_credentials&client_id=management&client_secret=management-secret\
            &audience=https://localhost:8080/api/v2/";
        let request = http.post(format!("{}/oauth/token", emulator.url())).body(form);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        let database = r#"{"name":"users-db","strategy":"auth0","enabled_clients":["management"]}"#;
        let request = http.post(format!("{}/api/v2/connections", emulator.url())).bearer_auth(&token);
        let answer = request.header("content-type", "application/json").body(database).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        (emulator, http, token)
    });
    Bench { runtime, emulator, http, token }
});

fuzz_target!(|input: Input| {
    let bench = &*BENCH;
    let Some(method) = input.method.method() else { return };
    let mut url = reqwest::Url::parse(bench.emulator.url()).unwrap();
    if input.is_management {
        url.set_path("/api/v2");
    }
    url.path_segments_mut().unwrap().extend(input.path.iter().map(Word::text));
    for (key, value) in &input.query {
        url.query_pairs_mut().append_pair(key.text(), value.text());
    }
    if url.path_segments().is_some_and(|mut segments| segments.next() == Some("emulator")) {
        return;
    }
    let mut request = bench.http.request(method.clone(), url.clone());
    for (header, value) in &input.headers {
        request = request.header(header.name(), value);
    }
    if input.is_authorized {
        request = request.bearer_auth(&bench.token);
    }
    request = match &input.body {
        Body::Json(json) => request.header("content-type", "application/json").body(Value::from(json).to_string()),
        Body::Form(fields) => {
            let mut form = reqwest::Url::parse("form:").unwrap();
            form.query_pairs_mut().extend_pairs(fields.iter().map(|(key, value)| (key.text(), value.text())));
            let form = form.query().unwrap_or_default().to_owned();
            request.header("content-type", "application/x-www-form-urlencoded").body(form)
        }
        Body::Raw(bytes) => request.body(bytes.clone()),
    };
    // Not every text can be a header's value.
    let Ok(request) = request.build() else { return };
    let answer = bench.runtime.block_on(async { bench.http.execute(request).await });
    let status = answer.unwrap_or_else(|error| panic!("{method} {url}: {error:?}")).status();
    assert!(status.as_u16() < 500, "{method} {url}: {status}");
});
