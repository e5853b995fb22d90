//! How changes that others make in a tenant are found: by its log, by sweeps, and at start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    cluster::Cluster,
    object::Object,
    operator::Operator,
    samples::{API, CONNECTION, TENANT, USER},
};

/// A set of samples whose tenant's log is read each second.
async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    let bench = Bench::new(name).await;
    set_up(&bench, json!({ "mode": "Log", "interval": "1s" })).await;
    bench
}

async fn set_up(bench: &Bench, detection: Value) {
    bench.apply_all().await;
    bench.apply_changed(TENANT, &json!({ "spec": { "driftDetection": detection } })).await;
    bench.all_ready().await;
    let are_counted = |tenant: &Object| tenant.0["status"]["dependants"] == 3;
    bench.history.until(TENANT, "counting its dependants", are_counted).await;
}

/// Waits until the log has been read so many times more.
async fn until_read(bench: &Bench, times: usize) {
    let before = bench.tenant.log_reads().await;
    bench.tenant.until("the log is read", async || bench.tenant.log_reads().await >= before + times).await;
}

/// Waits until an object in the tenant has a value again.
async fn until_again(bench: &Bench, kind: &str, by: (&str, &str), pointer: &str, value: &Value) {
    let is_again = async || {
        let state = bench.tenant.state().await;
        let mut objects = state[kind].as_array().unwrap().iter();
        objects.any(|object| object[by.0] == by.1 && object.pointer(pointer) == Some(value))
    };
    bench.tenant.until(&format!("{pointer} of the {kind} is {value} again"), is_again).await;
}

fn path(collection: &str, id: &Value) -> String {
    let encoded = id.as_str().unwrap().replace('|', "%7C").replace(':', "%3A").replace('/', "%2F");
    format!("{collection}/{encoded}")
}

#[tokio::test]
async fn what_others_change_is_taken_back_by_one_read_and_one_write() {
    let bench = bench("repaired").await;
    let samples = &bench.samples;
    let tenant = &bench.tenant;
    let api = tenant.object("resource_servers", "identifier", &samples.identifier()).await;
    let client = tenant.object("clients", "name", &samples.client()).await;
    let grant = tenant.object("client_grants", "audience", &samples.identifier()).await;
    let connection = tenant.object("connections", "name", &samples.connection()).await;
    let user = tenant.object("users", "email", &samples.email()).await;
    let changes = [
        (
            // By its identifier, which the log then shows.
            path("resource-servers", &api["identifier"]),
            json!({ "token_lifetime": 60 }),
            ("resource_servers", "id", &api["id"]),
            ("/token_lifetime", &api["token_lifetime"]),
        ),
        (
            path("clients", &client["client_id"]),
            json!({ "grant_types": ["implicit"] }),
            ("clients", "client_id", &client["client_id"]),
            ("/grant_types", &client["grant_types"]),
        ),
        (
            path("client-grants", &grant["id"]),
            json!({ "scope": [] }),
            ("client_grants", "id", &grant["id"]),
            ("/scope", &grant["scope"]),
        ),
        (
            path("connections", &connection["id"]),
            json!({ "options": { "brute_force_protection": false } }),
            ("connections", "id", &connection["id"]),
            ("/options/brute_force_protection", &json!(true)),
        ),
        (
            path("users", &user["user_id"]),
            json!({ "email": "eve@example.com" }),
            ("users", "user_id", &user["user_id"]),
            ("/email", &user["email"]),
        ),
    ];
    tenant.forget_calls().await;
    for (path, change, ..) in &changes {
        tenant.call(Method::PATCH, path, change.clone()).await;
    }
    for (_, _, (kind, member, id), (pointer, value)) in &changes {
        until_again(&bench, kind, (member, id.as_str().unwrap()), pointer, value).await;
    }
    // The repairs' own entries wake nobody.
    until_read(&bench, 4).await;
    let mut calls = tenant.calls().await;
    calls.sort();
    let one_each = [
        "GET client-grants/*",
        "GET clients/*",
        "GET connections/*",
        "GET connections/*/clients",
        "GET resource-servers/*",
        "GET users/*",
        "PATCH client-grants/*",
        "PATCH clients/*",
        "PATCH connections/*",
        "PATCH resource-servers/*",
        "PATCH users/*",
    ];
    assert_eq!(calls, one_each);

    tenant.forget_calls().await;
    let clients = format!("{}/clients", path("connections", &connection["id"]));
    tenant.call(Method::PATCH, &clients, json!([{ "client_id": client["client_id"], "status": false }])).await;
    until_read(&bench, 5).await;
    assert_eq!(tenant.calls().await, ["GET connections/*/clients", "PATCH connections/*/clients"]);
}

#[tokio::test]
async fn a_deleted_object_is_made_again_with_what_hangs_on_it() {
    let bench = bench("made-again").await;
    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    bench.tenant.call(Method::DELETE, &path("resource-servers", &api["id"]), Value::Null).await;
    let is_there = async || bench.tenant.added().await == bench.samples.made();
    bench.tenant.until("all is there again", is_there).await;
    bench.assert_token().await;
}

#[tokio::test]
async fn own_writes_wake_nothing_and_rest_costs_the_logs_call_alone() {
    let bench = bench("own-writes").await;
    bench.patch(USER, &json!({ "spec": { "email": "countess@example.com", "givenName": "Augusta" } })).await;
    bench.ready(USER).await;
    bench.tenant.forget_calls().await;
    let before = bench.history.now();
    until_read(&bench, 6).await;
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
    assert_eq!(bench.history.states_since(before), vec![]);
}

#[tokio::test]
async fn what_the_log_does_not_tell_is_found_by_a_sweep() {
    let bench = bench("sweep").await;
    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    bench.tenant.faults(json!([{ "method": "PATCH", "kind": "log_drop", "times": 1 }])).await;
    bench.tenant.call(Method::PATCH, &path("resource-servers", &api["id"]), json!({ "token_lifetime": 60 })).await;
    bench.tenant.forget_calls().await;
    until_read(&bench, 3).await;
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());

    bench.annotate(TENANT, "sweep").await;
    let id = ("id", api["id"].as_str().unwrap());
    until_again(&bench, "resource_servers", id, "/token_lifetime", &api["token_lifetime"]).await;
    // One of each kind: read by itself where that is as cheap as a list. The one that differs is read by the sweep.
    bench.tenant.until_calls("all of the sweep and the repair", |calls| calls.len() >= 7).await;
    let mut calls = bench.tenant.calls().await;
    calls.sort();
    let reads = [
        "GET client-grants/*",
        "GET clients/*",
        "GET connections/*",
        "GET connections/*/clients",
        "GET resource-servers/*",
        "GET users/*",
        "PATCH resource-servers/*",
    ];
    assert_eq!(calls, reads);
}

#[tokio::test]
async fn a_tenant_that_is_suspended_is_asked_no_more_not_even_in_the_middle_of_a_sweep() {
    let (bench, clock) = (bench("suspended").await, bench("clock").await);
    // Each read of the sweep takes longer than a suspension.
    let slow = json!([{ "method": "GET", "path": "^/api/v2/[a-km-z]", "kind": "delay", "ms": 700 }]);
    bench.tenant.faults(slow).await;
    bench.tenant.forget_calls().await;
    bench.annotate(TENANT, "sweep").await;
    bench.tenant.until_calls("the first of a sweep", |calls| !calls.is_empty()).await;
    bench.patch(TENANT, &json!({ "spec": { "suspend": true } })).await;
    bench.history.until(TENANT, "suspended", |tenant| tenant.reason() == "Suspended").await;
    let reads = bench.tenant.log_reads().await;

    // As long as the rest of the sweep would have taken, and as many readings of the log.
    until_read(&clock, 6).await;
    let calls = bench.tenant.calls().await;
    assert!(calls.len() <= 2, "the second was under way: {calls:?}");
    assert_eq!(bench.tenant.log_reads().await, reads);

    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    bench.tenant.call(Method::PATCH, &path("resource-servers", &api["id"]), json!({ "token_lifetime": 60 })).await;
    bench.history.until(API, "suspended", |api| api.reason() == "Suspended").await;
    let before = bench.history.now();
    bench.patch(TENANT, &json!({ "spec": { "suspend": false } })).await;
    bench.history.since(before, API, "available", |api| api.reason() == "Available").await;
    let looked_at = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    assert_eq!(looked_at["token_lifetime"], api["token_lifetime"], "nothing is said of what was not looked at");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_told_once_and_shows_in_the_metrics() {
    let bench = bench("deaf").await;
    let down = json!([{ "method": "GET", "path": "^/api/v2/logs", "kind": "status", "status": 503 }]);
    bench.tenant.faults(down).await;
    let warnings = async || bench.events(TENANT).await.iter().filter(|event| *event == "Warning LogUnreadable").count();
    bench.tenant.until("a warning", async || warnings().await > 0).await;
    let lag = lag(&bench).await;
    assert!(lag > Some(4.0), "{lag:?}");
    until_read(&bench, 3).await;
    assert_eq!(warnings().await, 1);

    bench.tenant.faults(json!([])).await;
    bench.tenant.until("the log is read again", async || self::lag(&bench).await.is_some_and(|lag| lag < 3.0)).await;
    bench.patch(TENANT, &json!({ "spec": { "driftDetection": { "mode": "Off" } } })).await;
    bench.tenant.until("nobody reads the log", async || self::lag(&bench).await.is_none()).await;
}

/// What the metrics say of the tenant's log.
async fn lag(bench: &Bench) -> Option<f64> {
    let metrics = Operator::shared(Cluster::shared().await).await.get("/metrics").await;
    let name = format!("auth0_operator_tenant_log_lag_seconds{{tenant=\"{}/default\"}} ", bench.namespace);
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map(|lag| lag.parse().unwrap())
}

#[tokio::test]
async fn a_tenant_that_is_deleted_is_asked_no_more_though_nothing_held_it() {
    let (bench, clock) = (bench("deleted").await, bench("watch").await);
    for key in [USER, CONNECTION, API] {
        bench.delete_and_wait(key).await;
    }
    let is_let_go = |tenant: &Object| tenant.0["metadata"]["finalizers"].is_null();
    bench.history.until(TENANT, "held by nobody", is_let_go).await;
    until_read(&bench, 1).await;
    assert_ne!(lag(&bench).await, None);
    bench.delete_and_wait(TENANT).await;
    bench.tenant.forget_calls().await;
    until_read(&clock, 3).await;
    assert_eq!((bench.tenant.log_reads().await, bench.tenant.calls().await.len()), (0, 0));
    assert_eq!(lag(&bench).await, None, "nor do the metrics show it");
}

#[tokio::test]
async fn without_leave_to_read_the_log_the_tenant_says_so() {
    let bench = bench("no-log").await;
    let audience = format!("https://{}/api/v2/", bench.tenant.domain());
    let state = bench.tenant.state().await;
    let grants = state["client_grants"].as_array().unwrap();
    let grant = grants.iter().find(|grant| grant["audience"] == audience && grant["client_id"] == "management");
    let grant = grant.expect("the management client has a grant");
    let scopes: Vec<&Value> =
        grant["scope"].as_array().unwrap().iter().filter(|scope| **scope != "read:logs").collect();
    bench.tenant.call(Method::PATCH, &path("client-grants", &grant["id"]), json!({ "scope": scopes })).await;
    let object = bench.force(TENANT, "look").await;
    assert_eq!(object.0["status"]["missingScopes"], json!(["read:logs"]));
    let message = object.condition("Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(object.is_ready() && message.contains("read:logs"), "{message}");
}
