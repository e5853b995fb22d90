//! `/emulator/…`: what is not Auth0's.

use serde_json::{Value, json};

use crate::access::Callers;
use crate::answer::{Answer, Body};
use crate::config::Rate;
use crate::exchange::{Shared, State};
use crate::faults::Faults;
use crate::log::TenantLog;
use crate::login::Logins;
use crate::rate::Limits;
use crate::request::{Object, ObjectExt as _, Request};
use crate::request_log::RequestLog;
use crate::resources::clients;
use crate::stale::History;
use crate::tenant::Tenant;

pub(crate) fn answer(shared: &Shared, request: &Request) -> Answer {
    let segments: Vec<_> = request.segments.iter().skip(1).map(String::as_str).collect();
    let state = &mut *shared.state();
    let answer = match (request.method.as_str(), segments.as_slice()) {
        ("GET", [] | [""]) => Ok(page()),
        ("POST", ["reset"]) => {
            reset(shared, state);
            Ok(Answer::no_content())
        }
        ("GET", ["requests"]) => requests(request, &state.requests),
        ("DELETE", ["requests"]) => {
            state.requests.clear();
            Ok(Answer::no_content())
        }
        ("PUT", ["faults"]) => json(request).and_then(|list| {
            state.faults = Faults::parse(&list)?;
            state.history.clear();
            Ok(Answer::no_content())
        }),
        ("PUT", ["rate"]) => json(request).and_then(|body| {
            state.limits = Limits::new(body["rate"].as_str().ok_or("expected {\"rate\": \"…\"}")?.parse::<Rate>()?);
            Ok(Answer::no_content())
        }),
        ("GET", ["state"]) => Ok(Answer::ok(show(&state.tenant))),
        _ => return Answer::new(404, json!({ "message": "no such call of the control interface" })),
    };
    answer.unwrap_or_else(|message| Answer::new(400, json!({ "message": message })))
}

/// A page that shows the tenant and the requests as they come. It takes both from the calls here.
fn page() -> Answer {
    let html = Body::Text(include_str!("control.html").to_owned());
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:";
    Answer { status: 200, headers: Vec::new(), body: html }
        .with_header("content-type", "text/html; charset=utf-8")
        .with_header("content-security-policy", policy)
}

/// Everything as at the start, the plan of the rate limits too.
fn reset(shared: &Shared, state: &mut State) {
    *state = State {
        tenant: shared.initial.clone(),
        faults: Faults::default(),
        requests: RequestLog::default(),
        limits: Limits::new(shared.config.rate),
        history: History::default(),
        log: TenantLog::default(),
        logins: Logins::default(),
        callers: Callers::default(),
    };
}

fn requests(request: &Request, log: &RequestLog) -> Result<Answer, String> {
    let since = request.parameter("since").unwrap_or("1");
    let since = since.parse().map_err(|_| format!("since {since:?} is not a number"))?;
    Ok(Answer::ok_text(log.since(since)))
}

fn json(request: &Request) -> Result<Value, String> {
    // The parser's own words quote nothing of the text.
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

/// The whole tenant, each kind sorted by id, with the secrets taken out.
fn show(tenant: &Tenant) -> Value {
    let enabled = tenant.connections.iter().flat_map(|connection| {
        let id = connection.object.text("id");
        connection.clients.iter().map(move |client| json!({ "connection_id": id, "client_id": client }))
    });
    let mut connection_clients: Vec<_> = enabled.collect();
    connection_clients.sort_by_key(|pair| (pair["connection_id"].to_string(), pair["client_id"].to_string()));
    json!({
        "resource_servers": sorted("id", tenant.resource_servers.iter().cloned()),
        "clients": sorted("client_id", tenant.clients.iter().cloned().map(clients::with_secret)),
        "client_grants": sorted("id", tenant.client_grants.iter().cloned()),
        "connections": sorted("id", tenant.connections.iter().map(|connection| connection.object.clone())),
        "connection_clients": connection_clients,
        "users": sorted("user_id", tenant.users.iter().map(|user| user.profile.clone())),
    })
}

fn sorted(id: &str, objects: impl Iterator<Item = Object>) -> Value {
    let mut objects: Vec<_> = objects.collect();
    objects.sort_by(|a, b| a.text(id).cmp(b.text(id)));
    objects.into_iter().map(|object| redacted(Value::Object(object))).collect()
}

/// Members that are secrets, wherever they stand: of clients, APIs, identity providers and gateways.
const SECRETS: &[&str] = &[
    "client_secret",
    "consumer_secret",
    "secret",
    "signing_secret",
    "signing_key",
    "signingKey",
    "key",
    "twilio_token",
    "app_secret",
    "private_key",
    "privateKey",
    "password",
    "api_key",
    "apiKey",
    "servicePassword",
    "storageAccessKey",
    "sasKey",
    "masterkey",
];

fn redacted(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::String(_) if SECRETS.contains(&key.as_str()) => "<redacted>".into(),
                    // Secrets of custom database scripts, by names of the customer's own.
                    Value::Object(secrets) if key == "configuration" => {
                        secrets.into_iter().map(|(name, _)| (name, "<redacted>".into())).collect::<Object>().into()
                    }
                    other => redacted(other),
                };
                (key, value)
            })
            .collect::<Object>()
            .into(),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        other => other,
    }
}
