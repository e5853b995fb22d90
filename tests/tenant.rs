//! The operator's client for one tenant, without Kubernetes: what it learns where the tenant answers only in part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use auth0_operator::{
    plan::{Call, Held, ObjectKind, Read, TenantFacts},
    tenant::{Asker, Cause, Change, Created, Credentials, Error, Observe, Pace, Tail, Tenant, http_client},
};
use axum::{
    Json, Router,
    extract::Query,
    routing::{get, post},
};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use support::tenant as emulated;
use tokio::net::TcpListener;

/// Nobody who counts calls.
struct Unobserved;

impl Observe for Unobserved {
    fn called(&self, _method: &'static str, _endpoint: &str, _status: u16, _cause: Cause) {}

    fn waited(&self, _cause: Cause, _wait: Duration) {}
}

/// A tenant, and the operator's client for it.
async fn start(name: &str) -> (emulated::Tenant, Tenant) {
    let emulated = emulated::Tenant::start(&format!("{name}.eu.auth0.com")).await;
    let tenant = client(emulated.domain(), emulated.url(), emulated.management_secret());
    (emulated, tenant)
}

fn client(domain: &str, url: &str, secret: &str) -> Tenant {
    let facts = TenantFacts {
        domain: domain.to_owned(),
        endpoint: Some(url.to_owned()),
        custom_domain: None,
        management_client: "management".to_owned(),
    };
    Tenant::new(facts, Credentials::Secret(SecretString::from(secret)), http_client().unwrap(), Arc::new(Unobserved))
}

/// What stands in for a tenant whose clock is not ours, with a log of half a minute ago. Gives its URL.
async fn with_log(mut entries: Vec<Value>, ahead: SignedDuration) -> String {
    let time = move || Timestamp::now() + ahead;
    let logged = (time() - SignedDuration::from_secs(30)).strftime("%Y%m%d%H%M%S").to_string();
    for (at, entry) in entries.iter_mut().enumerate() {
        entry["log_id"] = json!(format!("900{logged}{:039}", at + 1));
    }
    let logs = async move |Query(query): Query<HashMap<String, String>>| {
        let from = query["from"].as_str();
        let page = entries.iter().filter(|entry| entry["log_id"].as_str() > Some(from)).take(100);
        let date = time().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        ([("date", date)], Json(page.cloned().collect::<Vec<_>>()))
    };
    let token = json!({ "access_token": "token", "expires_in": 86_400, "scope": "read:logs", "token_type": "Bearer" });
    let router =
        Router::new().route("/oauth/token", post(async move || Json(token.clone()))).route("/api/v2/logs", get(logs));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Somebody makes an object; gives its id.
async fn made(emulated: &emulated::Tenant, kind: ObjectKind, body: Value) -> String {
    let object = emulated.call(Method::POST, kind.collection(), body).await;
    object[kind.id_key()].as_str().unwrap().to_owned()
}

/// The questions that changes name.
fn named(changes: &[Change]) -> Vec<&Read> {
    changes.iter().flat_map(|change| &change.reads).collect()
}

#[tokio::test]
async fn a_page_of_the_log_that_fails_takes_nothing_of_the_pages_before_it() {
    const CHANGES: usize = 120;
    let (emulated, tenant) = start("log-pages").await;
    // From an entry of its own the client learns how to tell those of others.
    let own = json!({ "identifier": "urn:own", "name": "own" }).as_object().unwrap().clone();
    let create = Call::Create { kind: ObjectKind::ResourceServer, body: own.into() };
    tenant.execute(&create, &mut Created::default(), &Asker::operator(Cause::Create)).await.unwrap();
    let api =
        made(&emulated, ObjectKind::ResourceServer, json!({ "identifier": "urn:theirs", "name": "theirs" })).await;
    for lifetime in 1..CHANGES {
        let change = json!({ "token_lifetime": lifetime });
        emulated.call(Method::PATCH, &format!("resource-servers/{api}"), change).await;
    }
    let fails = json!([{
        "method": "GET", "path": "^/api/v2/logs$", "skip": 1, "times": 1, "kind": "status", "status": 503,
    }]);
    emulated.faults(fails).await;

    let (mut tail, mut changes) = (Tail::new(Timestamp::now()), vec![]);
    let failed = tenant.listen(&mut tail, &mut changes).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    let first = changes.len();
    assert!(first > 0 && first < CHANGES, "{first} of {CHANGES} are on the first page");
    tenant.listen(&mut tail, &mut changes).await.unwrap();
    assert_eq!(changes.len(), CHANGES, "each once");
}

#[tokio::test]
async fn the_log_is_read_by_the_tenants_clock() {
    for ahead in [-20, 0, 20].map(SignedDuration::from_mins) {
        let url = with_log(vec![json!({ "type": "sdu", "description": "user_id: 64" })], ahead).await;
        let tenant = client("another-clock.eu.auth0.com", &url, "secret");
        let (mut tail, mut changes) = (Tail::new(Timestamp::now()), vec![]);
        // From the first answer the client learns the time.
        for _ in 0..2 {
            tenant.listen(&mut tail, &mut changes).await.unwrap();
        }
        assert_eq!(named(&changes), [&Read::Get(ObjectKind::User, "auth0|64".to_owned())], "{ahead}");
    }
}

#[tokio::test]
async fn how_far_the_reading_of_the_log_lags_behind_is_told_by_the_tenants_clock() {
    for ahead in [-20, 0, 20].map(SignedDuration::from_mins) {
        let tenant =
            client("long-log.eu.auth0.com", &with_log(vec![json!({ "type": "s" }); 501], ahead).await, "secret");
        let (mut tail, mut changes, mut lag) = (Tail::new(Timestamp::now()), vec![], Duration::ZERO);
        for _ in 0..2 {
            lag = lag.max(tenant.listen(&mut tail, &mut changes).await.unwrap().lag);
        }
        assert!(lag > Duration::from_secs(20) && lag < Duration::from_secs(300), "{ahead}: {lag:?}");
    }
}

#[tokio::test]
async fn an_entry_of_the_log_that_cannot_be_read_asks_for_one_sweep() {
    let url = with_log(vec![json!({ "type": "sapi", "details": "cut" })], SignedDuration::ZERO).await;
    let tenant = client("unreadable.eu.auth0.com", &url, "secret");
    let (mut tail, mut changes) = (Tail::new(Timestamp::now()), vec![]);
    let mut asks = vec![];
    for _ in 0..2 {
        asks.push(tenant.listen(&mut tail, &mut changes).await.unwrap().needs_sweep);
    }
    assert_eq!(asks, [true, false]);
}

#[tokio::test]
async fn a_list_that_fails_does_not_hide_the_changes_of_other_kinds() {
    let (emulated, tenant) = start("failing-list").await;
    let mut held = vec![];
    for name in ["one", "two"] {
        let api = json!({ "identifier": format!("urn:{name}"), "name": name });
        held.push(Read::Get(ObjectKind::ResourceServer, made(&emulated, ObjectKind::ResourceServer, api).await));
        held.push(Read::Get(ObjectKind::Client, made(&emulated, ObjectKind::Client, json!({ "name": name })).await));
    }
    let Read::Get(_, client) = held[3].clone() else { unreachable!() };
    let database = json!({ "name": "users", "strategy": "auth0" });
    let connection = made(&emulated, ObjectKind::Connection, database).await;
    held.push(Read::ConnectionClients(connection.clone()));
    let all: Vec<Held> = held.iter().cloned().map(Held::from).collect();
    let mut changed = vec![];
    tenant.sweep(&all, Pace::Quick, &mut changed).await.unwrap();
    assert_eq!(changed, [], "nothing was known before");

    emulated.call(Method::PATCH, &format!("clients/{client}"), json!({ "name": "another" })).await;
    let enable = json!([{ "client_id": client, "status": true }]);
    emulated.call(Method::PATCH, &format!("connections/{connection}/clients"), enable).await;
    let fails = json!([{ "method": "GET", "path": "^/api/v2/resource-servers", "kind": "status", "status": 503 }]);
    emulated.faults(fails).await;
    let failed = tenant.sweep(&all, Pace::Quick, &mut changed).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert_eq!(named(&changed), [&held[3], &held[4]]);
}

#[tokio::test]
async fn a_sweep_that_meets_the_rate_limit_makes_that_one_call_again() {
    let (emulated, tenant) = start("throttled-sweep").await;
    let mut held = vec![];
    for name in ["one", "two", "three"] {
        let client = made(&emulated, ObjectKind::Client, json!({ "name": name })).await;
        held.push(Held::from(Read::Get(ObjectKind::Client, client)));
    }
    let api = json!({ "identifier": "urn:one", "name": "one" });
    let api = Read::Get(ObjectKind::ResourceServer, made(&emulated, ObjectKind::ResourceServer, api).await);
    held.push(api.into());
    let limit = |path: &str| {
        json!({
            "method": "GET", "path": path, "times": 2, "kind": "status", "status": 429,
            "headers": { "retry-after": "0" },
        })
    };
    emulated.faults(json!([limit("^/api/v2/clients$"), limit("^/api/v2/resource-servers/")])).await;
    emulated.forget_calls().await;
    tenant.sweep(&held, Pace::Quick, &mut vec![]).await.unwrap();
    let calls = emulated.calls().await;
    let count = |call: &str| calls.iter().filter(|other| *other == call).count();
    assert_eq!((count("GET clients"), count("GET resource-servers/*"), calls.len()), (3, 3, 6), "{calls:?}");
}

#[tokio::test]
async fn an_object_that_the_tenant_refuses_to_show_hides_no_other() {
    let (emulated, tenant) = start("refused-read").await;
    let mut connections = vec![];
    for name in ["one", "two", "three"] {
        let database = json!({ "name": name, "strategy": "auth0" });
        connections.push(made(&emulated, ObjectKind::Connection, database).await);
    }
    let client = made(&emulated, ObjectKind::Client, json!({ "name": "one" })).await;
    let held: Vec<Held> = connections.iter().map(|id| Held::from(Read::ConnectionClients(id.clone()))).collect();
    let mut changed = vec![];
    tenant.sweep(&held, Pace::Quick, &mut changed).await.unwrap();
    let enable = json!([{ "client_id": client, "status": true }]);
    emulated.call(Method::PATCH, &format!("connections/{}/clients", connections[2]), enable).await;
    let refusal =
        json!({ "statusCode": 403, "error": "Forbidden", "errorCode": "forbidden", "message": "Not this one." });
    let path = format!("^/api/v2/connections/({}|{})/clients$", connections[0], connections[1]);
    emulated.faults(json!([{ "method": "GET", "path": path, "kind": "status", "status": 403, "body": refusal }])).await;
    tenant.sweep(&held, Pace::Quick, &mut changed).await.unwrap();
    assert_eq!(named(&changed), [&held[2].read]);
}

#[tokio::test]
async fn what_a_refused_list_does_not_show_is_read_one_by_one() {
    let (emulated, tenant) = start("refused-list").await;
    let mut held = vec![];
    for name in ["one", "two"] {
        let client = made(&emulated, ObjectKind::Client, json!({ "name": name })).await;
        held.push(Held::from(Read::Get(ObjectKind::Client, client)));
    }
    let refusal =
        json!({ "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_query_string", "message": "No." });
    let fault =
        json!({ "method": "GET", "path": "^/api/v2/clients$", "kind": "status", "status": 400, "body": refusal });
    emulated.faults(json!([fault])).await;
    tenant.sweep(&held, Pace::Quick, &mut vec![]).await.unwrap();
    let calls = emulated.calls().await;
    assert_eq!(calls.iter().filter(|call| *call == "GET clients/*").count(), held.len(), "{calls:?}");
}
