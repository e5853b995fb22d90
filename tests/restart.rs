//! What a restart of the operator costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use serde_json::json;
use support::{
    bench::Bench,
    cluster::Cluster,
    object::Object,
    operator::{Operator, Settings},
    samples::{API, CONNECTION, TENANT, USER, merge},
};

/// Applies the samples once more under another name, for the same Auth0Tenant.
async fn apply_copies(bench: &Bench, suffix: &str) {
    for (key, change) in [
        (
            API,
            json!({ "spec": { "identifier": format!("https://{suffix}.example.com/"), "client": { "name": suffix } } }),
        ),
        (CONNECTION, json!({ "spec": { "name": suffix } })),
        (USER, json!({ "spec": { "email": format!("{suffix}@example.com") } })),
    ] {
        let mut copy = bench.samples.get(key);
        merge(&mut copy, &change);
        copy["metadata"]["name"] = json!(suffix);
        bench.apply_object(&copy).await;
        bench.ready(&format!("{}/{suffix}", copy["kind"].as_str().unwrap())).await;
    }
}

#[tokio::test]
async fn a_restart_reads_lists_and_what_lists_do_not_show_and_writes_nothing() {
    let cluster = Cluster::shared().await;
    let bench = Bench::new("restart").await;
    let operator = Operator::start(cluster, Settings::default()).await;
    bench.set_up().await;
    for suffix in ["second", "third"] {
        apply_copies(&bench, suffix).await;
    }
    let are_counted = |tenant: &Object| tenant.0["status"]["dependants"] == 9;
    bench.history.until(TENANT, "counting its dependants", are_counted).await;
    assert_eq!(operator.terminate().await.code(), Some(0));
    bench.tenant.forget_calls().await;
    let before = bench.history.now();

    let operator = Operator::start(cluster, Settings::default()).await;
    for kind in ["Auth0Api", "Auth0Connection", "Auth0User"] {
        let are_done = async || operator.passes(kind).await >= 3;
        bench.tenant.until(&format!("a pass over each {kind}"), are_done).await;
    }
    let mut calls = bench.tenant.calls().await;
    calls.sort();
    let lists = [
        "GET client-grants",
        "GET clients",
        "GET connections",
        "GET connections/*/clients",
        "GET connections/*/clients",
        "GET connections/*/clients",
        "GET resource-servers",
        "GET users",
    ];
    assert_eq!(calls, lists);
    assert_eq!(bench.history.states_since(before), vec![], "and nothing to Kubernetes");

    // What a list showed is enough for an edit, except of users: their lists lag behind.
    bench.tenant.forget_calls().await;
    for (key, change) in [
        (API, json!({ "spec": { "tokenLifetime": 60 } })),
        (CONNECTION, json!({ "spec": { "showAsButton": true } })),
        (USER, json!({ "spec": { "givenName": "Augusta" } })),
    ] {
        bench.patch(key, &change).await;
        bench.ready(key).await;
    }
    bench.ready(TENANT).await;
    assert_eq!(
        bench.tenant.calls().await,
        ["PATCH resource-servers/*", "PATCH connections/*", "GET users/*", "PATCH users/*"]
    );
}
