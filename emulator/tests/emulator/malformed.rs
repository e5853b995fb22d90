//! Whatever comes in, an answer goes out, and it is never the emulator's own failure.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use reqwest::Method;
use serde_json::json;

use crate::tenant::{PASSWORD, Tenant};

#[tokio::test]
async fn no_input_makes_it_fail() {
    let tenant = Tenant::start().await;
    tenant.database("users", json!({})).await;
    let methods =
        [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let paths = [
        "/",
        "/api",
        "/api/v2",
        "/api/v2/",
        "/api/v2/clients/",
        "/api/v2/clients/%FF%00",
        "/api/v2/users/%7C",
        "/api/v2/users/a%7C",
        "/api/v2/clients/management/credentials",
        "/api/v2/clients/management/credentials/%FF",
        "/api/v2/connections/x/clients",
        "/api/v2/connections",
        "/api/v2/users",
        "/api/v2/resource-servers",
        "/api/v2/client-grants",
        "/api/v2/clients?per_page=18446744073709551615&page=18446744073709551615",
        "/api/v2/users?q=%22:%22&sort=:",
        "/api/v2/logs?q=((type:%5B%22&sort=x:1&per_page=0&fields=,",
        "/api/v2/logs?sort=date:-1&page=1&per_page=0&include_totals=true",
        "/api/v2/logs?from=%C3%A9&take=1",
        "/api/v2/logs/%FF",
        "/oauth/token",
        "/oauth/revoke",
        "/userinfo",
        "/authorize?client_id=management&redirect_uri=%00&state=%FF",
        "/u/login?state=%FF",
        "/v2/logout?returnTo=://&client_id=management",
        "/oidc/logout?id_token_hint=a.b.c&post_logout_redirect_uri=%FF",
        "/oidc/logout/confirm",
        "/api/v2/clients?take=1&from=",
        "/api/v2/tenants/settings",
        "/emulator/faults",
        "/emulator/rate",
        "/emulator",
    ];
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let bodies = ["", "null", "[]", "{}", "\"x\"", "1e999", "{\"name\":", "[{\"client_id\":1}]", &deep, "a=b&%ff=%"];
    for path in paths {
        for method in &methods {
            for body in bodies {
                for kind in ["application/json", "application/x-www-form-urlencoded"] {
                    let request = tenant.http.request(method.clone(), tenant.url(path)).bearer_auth(&tenant.token);
                    let response = request.header("content-type", kind).body(body.to_owned()).send().await;
                    let status =
                        response.unwrap_or_else(|error| panic!("{method} {path} {body:.20}: {error}")).status();
                    assert!(status.as_u16() < 500, "{method} {path} {body:.20}: {status}");
                }
            }
        }
    }
}

/// Where requests go: a path, parameters that work there, and more that mean something there, some with a telling value.
const TARGETS: &[(&str, &str, &[&str])] = &[
    ("/api/v2/clients", "name=x", &["page", "per_page", "take", "from", "fields", "include_totals", "q", "app_type"]),
    ("/api/v2/clients/management", "name=x", &["fields", "include_fields", "refresh_token", "callbacks"]),
    (
        "/api/v2/clients/management/credentials",
        "credential_type=cert_subject_dn&subject_dn=x",
        &["pem=x", "kid", "expires_at=2030-01-01T00:00:00Z", "parse_expiry_from_cert"],
    ),
    ("/api/v2/clients/management/connections", "", &["take", "from", "strategy"]),
    ("/api/v2/client-grants", "client_id=management&audience=orders", &["scope", "subject_type", "take", "page"]),
    ("/api/v2/connections", "name=x&strategy=auth0", &["options", "realms", "take", "strategy"]),
    ("/api/v2/resource-servers", "identifier=x", &["scopes", "token_lifetime", "identifiers", "page"]),
    ("/api/v2/resource-servers/orders", "name=x", &["scopes", "token_lifetime", "signing_alg=HS256"]),
    (
        "/api/v2/users",
        "connection=users&email=a@example.com&password=Correct-Horse-1",
        &["q=email:a*", "sort=email:1", "page", "user_id"],
    ),
    ("/api/v2/users/auth0%7C1", "name=x", &["fields", "email", "blocked", "app_metadata"]),
    ("/api/v2/users-by-email", "email=ada@example.com", &["fields"]),
    ("/api/v2/logs", "", &["q", "sort=type:1", "page", "per_page", "take", "from", "fields", "include_totals"]),
    ("/api/v2/logs/900", "", &[]),
    ("/api/v2/tenants/settings", "", &["fields", "default_audience", "flags"]),
    (
        "/oauth/token",
        "client_id=management&client_secret=management-secret&grant_type=password&username=ada@example.com&password=x",
        &[
            "grant_type=authorization_code",
            "realm",
            "audience",
            "scope",
            "code",
            "refresh_token",
            "client_assertion=a.b.c",
            "code_verifier",
        ],
    ),
    ("/oauth/revoke", "client_id=management&client_secret=management-secret&token=x", &["client_assertion=a.b.c"]),
    ("/userinfo", "", &["access_token=a.b.c"]),
    (
        "/authorize",
        "client_id=management&redirect_uri=https://shop.example.com/callback&response_type=code&scope=openid",
        &[
            "response_mode=form_post",
            "code_challenge",
            "code_challenge_method=S256",
            "prompt=none",
            "max_age=0",
            "audience",
            "connection",
            "state",
        ],
    ),
    ("/u/login", "state=x&username=a&password=b", &["state"]),
    ("/v2/logout", "client_id=management", &["returnTo=https://*.a.b"]),
    (
        "/oidc/logout",
        "client_id=management",
        &["id_token_hint=a.b.c", "logout_hint", "post_logout_redirect_uri", "state"],
    ),
    ("/oidc/logout/confirm", "state=x", &[]),
    ("/.well-known/jwks.json", "", &[]),
];

type Pairs = Vec<(String, String)>;

/// A path, with parameters that are mostly in order.
fn target() -> impl Strategy<Value = (String, Pairs)> {
    let known = prop::sample::select(TARGETS).prop_flat_map(|(path, base, keys)| {
        let base: Pairs = form_urlencoded::parse(base.as_bytes()).into_owned().collect();
        let base: Vec<_> = base.into_iter().map(|pair| prop::option::weighted(0.9, Just(pair))).collect();
        let hints = if keys.is_empty() { vec!["x"] } else { keys.to_vec() };
        let hint = prop::sample::select(hints).prop_flat_map(|hint| {
            let (key, telling) = hint.split_once('=').unwrap_or((hint, ""));
            (Just(key.to_owned()), prop_oneof![Just(telling.to_owned()), value()])
        });
        let more = prop::collection::vec(hint, 0..4);
        (Just((*path).to_owned()), base, more)
            .prop_map(|(path, base, more)| (path, base.into_iter().flatten().chain(more).collect()))
    });
    let random = ("(/([ -~]{0,8}|\\PC{0,3})){0,5}", prop::collection::vec(("\\PC{0,5}", value()), 0..3));
    let random = random.prop_map(|(path, pairs)| (format!("/{path}"), pairs));
    prop_oneof![8 => known, 1 => random]
}

fn value() -> impl Strategy<Value = String> {
    let telling = prop::sample::select(vec![
        "",
        "management",
        "form_post",
        "fragment",
        "none",
        "login",
        "S256",
        "plain",
        "openid offline_access",
        "orders",
        "users",
        "auth0",
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "true",
        "1",
        "-1",
        "0",
        "100",
        "99999999999999999999",
        "type:(a OR sapi)",
        "date:[* TO 2020}",
        "-x:\"a b\"",
        "date:-1",
        "date:1",
        "type:1",
        "type",
        "a.b.c",
        "ada@example.com",
        "null",
        "{}",
        "[]",
        "[{}]",
        "{\"a\":null}",
        "https://*.example.com/",
        "a-challenge-of-at-least-43-characters-as-rfc-asks",
    ]);
    prop_oneof![3 => telling.prop_map(str::to_owned), 1 => "\\PC{0,20}"]
}

/// The parameters as a form or as JSON, or just bytes.
fn body(pairs: &Pairs, kind: usize, bytes: Vec<u8>) -> (&'static str, Vec<u8>) {
    match kind {
        0 => {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            ("application/x-www-form-urlencoded", form.into_bytes())
        }
        1 => {
            let values = pairs.iter().map(|(key, value)| {
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
                (key.clone(), value)
            });
            let object: serde_json::Map<String, serde_json::Value> = values.collect();
            ("application/json", serde_json::to_vec(&object).unwrap())
        }
        _ => ("application/json", bytes),
    }
}

/// Any bytes that HTTP allows in a header.
fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec!["authorization", "cookie", "x-correlation-id", "auth0-client", "user-agent"]);
    let start = prop::sample::select(vec!["", "Bearer ", "Basic ", "auth0=", "did="]);
    let rest = prop::collection::vec(any::<u8>().prop_filter("not in headers", |b| *b >= 32 && *b != 127), 0..40);
    (name, start, rest).prop_map(|(name, start, rest)| (name, [start.as_bytes(), &rest].concat()))
}

/// Sends bytes as they are, since clients would not send them; the answer's status.
fn status(address: SocketAddr, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    head.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {head:?}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_request_makes_it_fail() {
    let tenant = Tenant::start().await;
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    tenant.database("users", json!({})).await;
    let user = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD, "user_id": "1" });
    tenant.create("/users", user).await;
    let grant_types = json!(["client_credentials", "authorization_code", "refresh_token", "password"]);
    let client = json!({ "callbacks": ["https://shop.example.com/callback"], "grant_types": grant_types });
    tenant.patch("/clients/management", client).await;
    let address: SocketAddr = tenant.emulator.url().trim_start_matches("http://").parse().unwrap();
    let token = tenant.token.clone();
    let requests = (
        prop::sample::select(vec!["GET", "POST", "PATCH", "DELETE", "X"]),
        target(),
        prop::collection::vec(header(), 0..3),
        (0..3_usize, prop::collection::vec(any::<u8>(), 0..200)),
        prop::bool::weighted(0.8),
    );
    let run = move || {
        let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |((method, (path, pairs), headers, (kind, bytes), is_authorized) in requests)| {
            // The objects that the others are about stay.
            prop_assume!(method != "DELETE" || !path.contains("management"));
            let (kind, body) = body(&pairs, kind, bytes);
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let path = path.replace(|c: char| !c.is_ascii_graphic() || "\"<>`{}#?\\^|".contains(c), "%3F");
            let mut request = format!("{method} {path}?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n").into_bytes();
            request.extend(format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len()).into_bytes());
            if is_authorized {
                request.extend(format!("authorization: Bearer {token}\r\n").into_bytes());
            }
            for (name, value) in headers {
                request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
            }
            request.extend(b"\r\n");
            request.extend(body);
            let status = status(address, &request);
            prop_assert!(status < 500, "{}: {status}", String::from_utf8_lossy(&request));
        });
    };
    tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(tenant.get("/clients/management").await.0, 200);
}
