//! The operator is killed, at rest and at the worst moments, and started again: nothing is lost, nothing is made twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use futures::future::join_all;
use serde_json::json;
use support::{
    bench::Bench,
    cluster::Cluster,
    operator::{Operator, Settings},
    samples::{ALL, API, CONNECTION, CREDENTIALS, OUTPUT, PASSWORD, TENANT, USER, resource},
    tap::{
        Hold,
        Moment::{self, AfterEffect, BeforeEffect},
        Tap,
    },
};
use tokio::sync::Mutex;

/// Only one test at a time has its operator: each looks after the whole cluster.
static TURN: Mutex<()> = Mutex::const_new(());

async fn start() -> Operator {
    Operator::start(Cluster::shared().await, Settings::default()).await
}

#[tokio::test]
async fn a_restart_at_rest_writes_neither_to_the_tenant_nor_to_kubernetes() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("restart").await;
    let operator = start().await;
    bench.set_up().await;
    bench.force(TENANT, "settled").await;
    operator.kill();
    bench.tenant.forget_calls().await;
    let before = bench.history.now();

    let operator = start().await;
    let looked = [
        "GET resource-servers/*",
        "GET clients/*",
        "GET client-grants/*",
        "GET connections/*",
        "GET connections/*/clients",
        "GET users/*",
    ];
    bench
        .tenant
        .until_calls("a look at each object", |calls| looked.iter().all(|look| calls.iter().any(|call| call == look)))
        .await;

    // Passes over one object do not overlap, so with the answer to this one the first is over.
    for key in [TENANT, API, CONNECTION, USER] {
        bench.force(key, "after-restart").await;
    }
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
    for key in [TENANT, API, CONNECTION, USER] {
        let states = bench.history.states_since(before);
        let first = states.iter().find(|object| object.key() == key).unwrap();
        assert!(first.0.to_string().contains("after-restart"), "{key} was written before it was forced: {first:?}");
        assert_eq!(
            states.iter().filter(|object| object.key() == key).count(),
            2,
            "the annotation and its answer: {key}"
        );
    }
    assert_eq!(operator.terminate().await.code(), Some(0));
}

/// Every call of a first apply that changes the tenant.
const WRITES: [(&str, &str); 6] = [
    ("POST", "resource-servers"),
    ("POST", "clients"),
    ("POST", "client-grants"),
    ("POST", "connections"),
    ("PATCH", "connections/*/clients"),
    ("POST", "users"),
];

/// One bench for each write and moment, whose tap holds just that.
async fn tapped(prefix: &str, writes: &[(&'static str, &'static str)], moments: &[Moment]) -> Vec<(Bench, Tap)> {
    let holds = writes.iter().flat_map(|(method, path)| moments.iter().map(|at| Hold { method, path, at: *at }));
    let benches = holds.enumerate().map(async |(number, hold)| {
        let mut bench = Bench::new(&format!("{prefix}-{number}")).await;
        let tap = bench.tap(hold).await;
        (bench, tap)
    });
    join_all(benches).await
}

#[tokio::test]
async fn killed_in_the_middle_of_any_create_it_ends_with_one_of_each_and_all_of_it_works() {
    let _turn = TURN.lock().await;
    let benches = tapped("create-killed", &WRITES, &[BeforeEffect, AfterEffect]).await;
    let operator = start().await;
    join_all(benches.iter().map(async |(bench, tap)| {
        bench.apply_all().await;
        tap.holds().await;
    }))
    .await;

    operator.kill();
    let operator = start().await;

    join_all(benches.iter().map(async |(bench, _)| {
        bench.all_ready().await;
        bench.assert_made_once().await;
    }))
    .await;
    assert_eq!(operator.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_object() {
    let _turn = TURN.lock().await;
    let _operator = start().await;
    // With the last, the second attempt has looked in vain before the one whose answer is lost.
    let losses: [&[&str]; 4] = [&["commit_then_drop"], &["truncate"], &["drop"], &["drop", "commit_then_drop"]];
    let faults = losses.iter().flat_map(|kinds| WRITES.iter().map(move |write| (kinds, write)));
    let benches = join_all(faults.enumerate().map(async |(number, (kinds, (method, path)))| {
        let bench = Bench::new(&format!("lost-{number}")).await;
        let path = format!("^/api/v2/{}$", path.replace('*', "[^/]+"));
        let fault = |kind| json!({ "method": method, "path": path, "kind": kind, "times": 1 });
        bench.tenant.faults(kinds.iter().map(fault).collect()).await;
        bench
    }))
    .await;
    join_all(benches.iter().map(async |bench| {
        bench.set_up().await;
        bench.assert_made_once().await;
    }))
    .await;
}

#[tokio::test]
async fn killed_in_the_middle_of_any_deletion_it_ends_with_nothing_left() {
    const DELETES: [(&str, &str); 4] =
        [("DELETE", "users/*"), ("DELETE", "connections/*"), ("DELETE", "clients/*"), ("DELETE", "resource-servers/*")];
    let _turn = TURN.lock().await;
    let moments = [BeforeEffect, AfterEffect];
    let by_file = tapped("delete-killed", &DELETES, &moments).await;
    let by_namespace = tapped("namespace-killed", &DELETES, &moments).await;
    let operator = start().await;
    let benches: Vec<_> =
        by_file.iter().map(|bench| (bench, false)).chain(by_namespace.iter().map(|bench| (bench, true))).collect();
    join_all(benches.iter().map(async |((bench, tap), with_namespace)| {
        bench.set_up().await;
        let file = bench.file(&ALL);
        let what = if *with_namespace { ["namespace", &bench.namespace] } else { ["-f", file.to_str().unwrap()] };
        bench.kubectl(&["delete", what[0], what[1], "--wait=false"]).await;
        tap.holds().await;
    }))
    .await;

    operator.kill();
    let _operator = start().await;

    join_all(benches.iter().map(async |((bench, _), _)| {
        bench.history.until_empty().await;
        bench.tenant.assert_clean().await;
        bench.until_gone(&format!("Secret/{OUTPUT}")).await;
    }))
    .await;
}

#[tokio::test]
async fn asked_to_end_it_finishes_what_runs() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("terminated").await;
    let operator = start().await;
    for key in [CREDENTIALS, TENANT] {
        bench.apply(key).await;
    }
    bench.ready(TENANT).await;
    bench.tenant.faults(json!([{ "method": "POST", "path": "^/api/v2/", "kind": "delay", "ms": 700 }])).await;
    bench.apply(API).await;
    bench.history.until(API, "being created", |object| object.reason() == "Creating").await;

    assert_eq!(operator.terminate().await.code(), Some(0));

    bench.ready(API).await;
    bench.assert_token().await;
}

#[tokio::test]
async fn a_namespace_that_is_deleted_while_the_operator_is_away_goes_when_it_is_back() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("deleted-meanwhile").await;
    let operator = start().await;
    bench.set_up().await;
    operator.kill();
    support::kubectl::kubectl(bench.cluster, &["delete", "namespace", &bench.namespace, "--wait=false"]).await;
    let _operator = start().await;
    bench.history.until_empty().await;
    bench.tenant.assert_clean().await;
}

#[tokio::test]
async fn a_create_whose_outcome_is_unknown_leaves_nothing_when_its_resource_is_deleted_meanwhile() {
    let _turn = TURN.lock().await;
    let creates = [("POST", "resource-servers"), ("POST", "clients"), ("POST", "connections"), ("POST", "users")];
    let benches = tapped("pending-deleted", &creates, &[BeforeEffect, AfterEffect]).await;
    let operator = start().await;
    join_all(benches.iter().map(async |(bench, tap)| {
        bench.apply_all().await;
        tap.holds().await;
    }))
    .await;
    operator.kill();
    for (bench, _) in &benches {
        let file = bench.file(&ALL);
        bench.kubectl(&["delete", "-f", file.to_str().unwrap(), "--wait=false"]).await;
    }
    let _operator = start().await;
    join_all(benches.iter().map(async |(bench, _)| {
        bench.history.until_empty().await;
        bench.tenant.assert_clean().await;
    }))
    .await;
}

#[tokio::test]
async fn what_changed_while_the_operator_was_away_is_done_when_it_is_back() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("changed-meanwhile").await;
    let operator = start().await;
    for key in [CREDENTIALS, TENANT, API] {
        bench.apply(key).await;
    }
    bench.ready(API).await;
    assert_eq!(operator.terminate().await.code(), Some(0));

    bench.patch(API, &json!({ "spec": { "tokenLifetime": 7200 } })).await;
    for key in [CONNECTION, PASSWORD, USER] {
        bench.apply(key).await;
    }
    let later = json!({ "tenantRef": { "name": "default" }, "identifier": "https://later.example.com/" });
    bench.apply_object(&resource("Auth0Api/later", later)).await;
    let _operator = start().await;

    bench.all_ready().await;
    bench.ready("Auth0Api/later").await;
    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    assert_eq!(api["token_lifetime"], 7200);
}
