//! Events: one for a transition, none for a state that goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use support::{
    bench::Bench,
    cluster::Cluster,
    operator::Operator,
    samples::{ALL, API, CONNECTION, TENANT, USER},
};
use tokio::sync::Mutex;

/// One test at a time, since passes are counted for the whole operator.
static TURN: Mutex<()> = Mutex::const_new(());

async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    Bench::new(name).await
}

/// Has the operator look at all resources of the namespace once more, by a label of the namespace, which they may depend on.
async fn look_again(bench: &Bench, label: &str) {
    let operator = Operator::shared(Cluster::shared().await).await;
    let passes = async || {
        let kinds = ["Auth0Api", "Auth0Connection", "Auth0User"];
        futures::future::join_all(kinds.map(|kind| operator.passes(kind))).await
    };
    let before = passes().await;
    let label = json!({ "metadata": { "labels": { "looked-at": label } } });
    let namespaces = Api::<Namespace>::all(bench.client());
    namespaces.patch(&bench.namespace, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    let have_come = async || passes().await.iter().zip(&before).all(|(now, before)| now > before);
    bench.tenant.until("a pass over a resource of each kind", have_come).await;
}

/// Type and reason of the events about an object so far, oldest first. Forces a pass, since the event of a pass is written
/// before the next one begins.
async fn events(bench: &Bench, key: &str, token: &str) -> Vec<String> {
    bench.force(key, token).await;
    bench.events(key).await
}

fn count(calls: &[String], call: &str) -> usize {
    calls.iter().filter(|other| *other == call).count()
}

#[tokio::test]
async fn a_create_is_one_event_and_another_look_none() {
    let _turn = TURN.lock().await;
    let bench = bench("events").await;
    for key in ALL {
        bench.apply(key).await;
        if !key.starts_with("Secret/") {
            bench.ready(key).await;
        }
    }
    for key in [TENANT, API, CONNECTION, USER] {
        assert_eq!(events(&bench, key, "after-create").await, ["Normal Available"], "{key}");
    }
    bench.tenant.forget_calls().await;
    let before = bench.history.now();

    for label in ["one", "two", "three"] {
        look_again(&bench, label).await;
    }

    assert_eq!(bench.history.states_since(before), vec![], "a pass that changes nothing writes nothing");
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new(), "what nothing has spoiled is not read again");
    for key in [TENANT, API, CONNECTION, USER] {
        assert_eq!(events(&bench, key, "after-looks").await, ["Normal Available"], "{key}");
    }
}

#[tokio::test]
async fn a_failure_is_one_warning_however_often_it_is_tried() {
    let _turn = TURN.lock().await;
    let bench = bench("warnings").await;
    let fault = json!([{ "method": "POST", "path": "^/api/v2/users$", "kind": "status", "status": 503 }]);
    bench.tenant.faults(fault).await;
    for key in ALL {
        bench.apply(key).await;
        if !key.starts_with("Secret/") && key != USER {
            bench.ready(key).await;
        }
    }
    bench.tenant.until_calls("three tries", |calls| count(calls, "POST users") >= 3).await;
    assert_eq!(events(&bench, USER, "failing").await, ["Warning TenantUnavailable"]);

    bench.tenant.faults(json!([])).await;
    bench.ready(USER).await;
    assert_eq!(events(&bench, USER, "mended").await, ["Warning TenantUnavailable", "Normal Available"]);
}

#[tokio::test]
async fn waiting_for_what_was_applied_together_is_no_warning() {
    let _turn = TURN.lock().await;
    let bench = bench("together").await;
    bench.set_up().await;
    for key in [TENANT, API, CONNECTION, USER] {
        let events = events(&bench, key, "after-create").await;
        assert_eq!(events.last().map(String::as_str), Some("Normal Available"), "{key}: {events:?}");
        assert!(events.iter().all(|event| event.starts_with("Normal ")), "{key}: {events:?}");
    }
}
