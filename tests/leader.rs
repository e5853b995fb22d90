//! Leader election: one replica works, the other stands by and takes over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, runtime::wait::await_condition};
use serde_json::json;
use support::{
    DEADLINE,
    bench::Bench,
    cluster::{Cluster, OPERATOR_NAMESPACE},
    operator::{Operator, Settings},
    samples::API,
};

/// Waits until another than `before` holds the lease.
async fn holder(cluster: &Cluster, before: &str) -> String {
    let leases = Api::<Lease>::namespaced(cluster.client(), OPERATOR_NAMESPACE);
    let holder = |lease: &Lease| lease.spec.clone().and_then(|spec| spec.holder_identity).unwrap_or_default();
    let is_new = |lease: Option<&Lease>| lease.is_some_and(|lease| !["", before].contains(&holder(lease).as_str()));
    let lease = tokio::time::timeout(DEADLINE, await_condition(leases, "auth0-operator", is_new)).await;
    holder(&lease.expect("nobody holds the lease").unwrap().unwrap())
}

#[tokio::test]
async fn a_standby_is_ready_does_nothing_and_takes_over() {
    let cluster = Cluster::shared().await;
    let settings = Settings { flags: &["--leader-election"], ..Settings::default() };
    let leader = Operator::start(cluster, settings).await;
    let first = holder(cluster, "").await;
    let standby = Operator::start(cluster, settings).await;
    assert_eq!(standby.get("/readyz").await, "ok");

    let bench = Bench::new("leader").await;
    bench.set_up().await;
    assert!(!standby.get("/metrics").await.contains("passes_total{"), "the standby works");

    assert!(leader.terminate().await.success());
    assert_ne!(holder(cluster, &first).await, first);
    bench.patch(API, &json!({ "spec": { "tokenLifetime": 1800 } })).await;
    bench.ready(API).await;
    assert_eq!(
        bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await["token_lifetime"],
        1800
    );
    assert!(standby.terminate().await.success());
}
