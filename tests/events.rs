//! Events: one for a transition, none for a state that goes on.
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
    operator::{Operator, Settings},
    samples::{ALL, API, CONNECTION, TENANT, USER},
    tenant::Tenant,
};
use tokio::sync::OnceCell;

/// One operator that looks at everything each second.
async fn operator() -> &'static Operator {
    static OPERATOR: OnceCell<Operator> = OnceCell::const_new();
    let settings = Settings { flags: &["--watch-secrets", "--resync", "1s"], ..Settings::default() };
    OPERATOR.get_or_init(async || Operator::start(Cluster::shared().await, settings).await).await
}

async fn bench(name: &str) -> Bench {
    operator().await;
    Bench::new(name).await
}

/// Waits for so many more passes over resources of a kind that end Ready.
async fn until_passes(tenant: &Tenant, kind: &str, more: u64) {
    let operator = operator().await;
    let enough = operator.passes(kind).await + more;
    tenant.until(&format!("{more} more passes over an {kind}"), async || operator.passes(kind).await >= enough).await;
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
async fn a_create_is_one_event_and_a_resync_none() {
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

    for kind in ["Auth0Api", "Auth0Connection", "Auth0User"] {
        until_passes(&bench.tenant, kind, 9).await;
    }

    assert_eq!(bench.history.states_since(before), vec![], "a resync that changes nothing writes nothing");
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new(), "what nothing has spoiled is not read again");
    for key in [TENANT, API, CONNECTION, USER] {
        assert_eq!(events(&bench, key, "after-resync").await, ["Normal Available"], "{key}");
    }
}

#[tokio::test]
async fn a_failure_is_one_warning_however_often_it_is_tried() {
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
    let bench = bench("together").await;
    bench.set_up().await;
    for key in [TENANT, API, CONNECTION, USER] {
        let events = events(&bench, key, "after-create").await;
        assert_eq!(events.last().map(String::as_str), Some("Normal Available"), "{key}: {events:?}");
        assert!(events.iter().all(|event| event.starts_with("Normal ")), "{key}: {events:?}");
    }
}
