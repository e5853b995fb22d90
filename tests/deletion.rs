//! Deletion: of everything at once, of the namespace, with each policy; cluster and tenant end as they were.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt, api::ListParams};
use reqwest::Method;
use serde_json::json;
use support::{
    bench::Bench,
    object::Object,
    operator::Operator,
    samples::{ALL, API, CONNECTION, OUTPUT, TENANT, USER, resource},
};

async fn bench(name: &str) -> Bench {
    let bench = Bench::new(name).await;
    Operator::shared(bench.cluster).await;
    bench.set_up().await;
    bench
}

#[tokio::test]
async fn kubectl_delete_of_all_samples_at_once_leaves_nothing_in_cluster_and_tenant() {
    let bench = bench("delete-all").await;
    let file = bench.file(&ALL);

    bench.kubectl(&["delete", "-f", file.to_str().unwrap(), "--timeout=60s"]).await;

    bench.history.until_empty().await;
    bench.tenant.assert_clean().await;
    // Only the one for the application is left to the garbage collector, which takes its time with kinds as young as ours here;
    // tests/crash.rs waits for it.
    let left = bench.secrets().list(&ListParams::default()).await.unwrap();
    assert!(left.items.iter().all(|secret| secret.name_any() == OUTPUT), "{left:?}");
}

#[tokio::test]
async fn what_is_deleted_and_applied_again_is_made_again() {
    let bench = bench("again").await;
    let file = bench.file(&ALL);
    let before = bench.secret(OUTPUT).await;
    bench.kubectl(&["delete", "-f", file.to_str().unwrap(), "--timeout=60s"]).await;
    bench.history.until_empty().await;
    bench.kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
    bench.all_ready().await;
    bench.assert_made_once().await;
    assert_ne!(bench.secret(OUTPUT).await["clientId"], before["clientId"]);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_made_leaves_nothing() {
    let bench = Bench::new("deleted-at-once").await;
    Operator::shared(bench.cluster).await;
    bench.tenant.faults(json!([{ "method": "POST", "path": "^/api/v2/", "kind": "delay", "ms": 200 }])).await;
    let file = bench.file(&ALL);
    for calls in [1, 3, 4, 6] {
        bench.kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
        bench.tenant.until_calls("under way", |made| made.len() >= calls).await;
        bench.kubectl(&["delete", "-f", file.to_str().unwrap(), "--timeout=60s"]).await;
        bench.history.until_empty().await;
        bench.tenant.assert_clean().await;
        bench.tenant.forget_calls().await;
    }
}

#[tokio::test]
async fn kubectl_delete_of_the_namespace_leaves_nothing_in_cluster_and_tenant() {
    let bench = bench("delete-namespace").await;
    let namespaces = Api::<Namespace>::all(bench.client());
    support::kubectl::kubectl(bench.cluster, &["delete", "namespace", &bench.namespace, "--timeout=90s"]).await;
    bench.history.until_empty().await;
    bench.tenant.assert_clean().await;
    assert!(namespaces.get_opt(&bench.namespace).await.unwrap().is_none());
}

#[tokio::test]
async fn where_the_log_is_followed_deletions_cost_two_calls_for_an_api_and_one_for_all_else_and_read_nothing() {
    let bench = bench("deletion-calls").await;
    let follow = json!({ "spec": { "driftDetection": { "mode": "Log", "interval": "1s" } } });
    bench.apply_changed(TENANT, &follow).await;
    bench.tenant.until("the log is read", async || bench.tenant.log_reads().await > 0).await;
    for (key, calls) in [
        (USER, vec!["DELETE users/*"]),
        (CONNECTION, vec!["DELETE connections/*"]),
        (API, vec!["DELETE clients/*", "DELETE resource-servers/*"]),
        (TENANT, vec![]),
    ] {
        bench.tenant.forget_calls().await;
        bench.delete_and_wait(key).await;
        assert_eq!(bench.tenant.calls().await, calls, "{key}");
    }
    bench.tenant.assert_clean().await;
}

#[tokio::test]
async fn what_is_to_be_left_is_left_without_a_call() {
    let bench = bench("orphans").await;
    let orphan = json!({ "spec": { "deletionPolicy": "Orphan" } });
    for key in [USER, CONNECTION, API] {
        bench.patch(key, &orphan).await;
        bench.history.until(key, "an orphan to be", |object| object.text("/status/deletionPolicy") == "Orphan").await;
    }
    bench.tenant.forget_calls().await;
    let before = bench.tenant.state().await;
    let client_id = bench.secret(OUTPUT).await["clientId"].clone();

    for key in [USER, CONNECTION, API, TENANT] {
        bench.delete_and_wait(key).await;
    }

    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
    assert_eq!(bench.tenant.state().await, before);
    let output = bench.secrets().get(OUTPUT).await.unwrap();
    assert_eq!(
        output.metadata.owner_references.unwrap_or_default(),
        vec![],
        "the Secret of {client_id} outlives its API"
    );
}

#[tokio::test]
async fn a_connection_stays_in_the_tenant_unless_delete_is_written() {
    let bench = bench("connection-stays").await;
    bench.patch(CONNECTION, &json!({ "spec": { "deletionPolicy": null } })).await;
    bench.history.until(CONNECTION, "to stay", |object| object.text("/status/deletionPolicy") == "Orphan").await;
    bench.tenant.forget_calls().await;
    bench.delete(USER).await;
    bench.delete_and_wait(CONNECTION).await;
    bench.delete_and_wait(API).await;
    let left = bench.tenant.added().await;
    assert_eq!(left, json!({ "connections": [bench.samples.connection()] }));
}

#[tokio::test]
async fn a_tenant_stays_as_long_as_something_depends_on_it() {
    let bench = bench("tenant-waits").await;
    bench.delete(TENANT).await;
    let waiting =
        bench.history.until(TENANT, "waiting for its dependants", |object| object.reason() == "Deleting").await;
    assert!(waiting.is("Reconciling") && !waiting.is("Ready"), "{waiting:?}");
    for key in [USER, CONNECTION, API] {
        bench.delete(key).await;
    }
    bench.history.until_empty().await;
    bench.tenant.assert_clean().await;
}

#[tokio::test]
async fn trouble_delays_a_deletion_and_says_so() {
    let bench = bench("deletion-trouble").await;
    for (case, status, reason) in
        [("outage", 503, Some("TenantUnavailable")), ("rate", 429, Some("RateLimited")), ("token", 401, None)]
    {
        let key = format!("Auth0Api/{case}");
        let spec = json!({ "tenantRef": { "name": "default" }, "identifier": format!("https://{case}.example.com/") });
        bench.apply_object(&resource(&key, spec)).await;
        bench.ready(&key).await;
        bench.tenant.faults(json!([{ "method": "DELETE", "kind": "status", "status": status, "times": 1 }])).await;
        let before = bench.history.now();

        bench.delete_and_wait(&key).await;

        let states = bench.history.states_since(before);
        let seen = states.iter().find(|object| object.key() == key && object.is("Reconciling")).map(Object::reason);
        assert_eq!(seen, reason, "{case}");
    }
    assert_eq!(bench.tenant.added().await, bench.samples.made());
}

#[tokio::test]
async fn what_somebody_else_has_deleted_is_gone() {
    let bench = bench("deleted-elsewhere").await;
    let user = bench.tenant.object("users", "email", &bench.samples.email()).await;
    let path = format!("users/{}", user["user_id"].as_str().unwrap().replace('|', "%7C"));
    bench.tenant.call(Method::DELETE, &path, json!(null)).await;
    for key in [USER, CONNECTION, API, TENANT] {
        bench.delete_and_wait(key).await;
    }
    bench.tenant.assert_clean().await;
}
