//! The same manifests in two clusters, for one tenant: one of them has the objects, and the other writes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    bench::Bench,
    cluster::Cluster,
    operator::{Operator, Settings},
    samples::{API, CONNECTION, CREDENTIALS, PASSWORD, TENANT, USER, merge},
    tenant::Tenant,
};
use tokio::sync::{Mutex, MutexGuard};

const KINDS: [&str; 3] = [API, CONNECTION, USER];
const NOTHING: Vec<String> = vec![];

/// A test has both clusters for itself, since an operator looks after all of one.
static CLUSTERS: Mutex<()> = Mutex::const_new(());

/// A namespace of the same name in each cluster, and the operators.
struct Pair {
    benches: [Bench; 2],
    operators: [Operator; 2],
    /// Let go last.
    _clusters: MutexGuard<'static, ()>,
}

impl Pair {
    async fn new(name: &str) -> Self {
        let turn = CLUSTERS.lock().await;
        let tenant = Arc::new(Tenant::start(&format!("{name}.eu.auth0.com")).await);
        let clusters = [Cluster::shared().await, Cluster::other().await];
        let [one, other] = clusters.map(|cluster| Bench::within(cluster, Arc::clone(&tenant), name, ""));
        let benches = [one.await, other.await];
        let operators = start(clusters).await;
        for bench in &benches {
            for key in [CREDENTIALS, PASSWORD, TENANT] {
                bench.apply(key).await;
            }
            bench.ready(TENANT).await;
        }
        Self { benches, operators, _clusters: turn }
    }

    /// Applies the manifests in the first cluster, waits until all are Ready, and applies them in the second.
    async fn set_up(&self, change: &Value) {
        let [first, second] = &self.benches;
        for key in KINDS {
            apply(first, key, &json!({})).await;
            first.ready(key).await;
        }
        first.tenant.forget_calls().await;
        for key in KINDS {
            apply(second, key, change).await;
        }
    }

    /// Forces all objects of both clusters, in turn.
    async fn force(&self, token: &str) {
        for key in KINDS {
            for bench in &self.benches {
                bench.force(key, token).await;
            }
        }
    }

    async fn effects(&self) -> Vec<String> {
        self.benches[0].tenant.effects().await
    }
}

async fn start(clusters: [&Cluster; 2]) -> [Operator; 2] {
    let [one, other] = clusters.map(|cluster| Operator::start(cluster, Settings::default()));
    [one.await, other.await]
}

/// A sample that waits for no other: what the second cluster cannot have would keep the rest from being tried.
async fn apply(bench: &Bench, key: &str, change: &Value) {
    let mut object = bench.samples.get(key);
    let alone = match key {
        CONNECTION => json!({ "spec": { "enabledClients": null } }),
        USER => json!({ "spec": { "connectionRef": null, "connection": bench.samples.connection() } }),
        _ => json!({}),
    };
    for change in [&alone, change] {
        merge(&mut object, change);
    }
    bench.apply_object(&object).await;
}

async fn assert_refused(bench: &Bench) {
    for (key, reason) in [(API, "AlreadyExists"), (CONNECTION, "Conflict"), (USER, "Conflict")] {
        bench.reason(key, reason, "Stalled").await;
    }
}

#[tokio::test]
async fn the_second_cluster_writes_nothing_until_the_first_lets_go() {
    let mut pair = Pair::new("second-waits").await;
    pair.set_up(&json!({})).await;
    assert_refused(&pair.benches[1]).await;
    let before = pair.benches[0].tenant.state().await;
    pair.force("again").await;
    assert_refused(&pair.benches[1]).await;
    assert_eq!(pair.effects().await, NOTHING);
    assert_eq!(pair.benches[0].tenant.state().await, before);

    // What changes in the second cluster changes nothing in the tenant, and in the first just that.
    for (key, change, write) in [
        (API, json!({ "spec": { "tokenLifetime": 61 } }), "PATCH resource-servers/*"),
        (CONNECTION, json!({ "spec": { "displayName": "Calculator" } }), "PATCH connections/*"),
        (USER, json!({ "spec": { "givenName": "Augusta" } }), "PATCH users/*"),
    ] {
        let [first, second] = &pair.benches;
        second.patch(key, &change).await;
        second.history.until(key, "refused again", |object| object.is_observed() && object.is("Stalled")).await;
        assert_eq!(pair.effects().await, NOTHING, "{key}");
        first.patch(key, &change).await;
        first.ready(key).await;
        assert_eq!(pair.effects().await, [write]);
        first.tenant.forget_calls().await;
    }

    let [one, other] = pair.operators;
    one.terminate().await;
    other.terminate().await;
    pair.operators = start(pair.benches.each_ref().map(|bench| bench.cluster)).await;
    pair.force("after a restart").await;
    assert_refused(&pair.benches[1]).await;
    assert_eq!(pair.effects().await, NOTHING);

    for key in [USER, CONNECTION, API] {
        pair.benches[0].delete_and_wait(key).await;
    }
    for key in KINDS {
        pair.benches[1].annotate(key, "now").await;
        pair.benches[1].ready(key).await;
    }
    assert_eq!(pair.benches[0].tenant.added().await, pair.benches[0].samples.made());
}

#[tokio::test]
async fn what_the_second_cluster_adopts_is_left_to_it_by_the_first() {
    let pair = Pair::new("second-adopts").await;
    let [first, second] = &pair.benches;
    let adopt = json!({ "spec": { "adoptionPolicy": "Adopt" } });
    pair.set_up(&adopt).await;
    for key in KINDS {
        second.ready(key).await;
    }
    // Where both would adopt, the one that did last has it: else each would take it from the other for ever.
    for key in [CONNECTION, USER] {
        first.patch(key, &adopt).await;
        first.force(key, "look").await;
        first.reason(key, "Conflict", "Stalled").await;
    }
    let (before, made) = (first.tenant.state().await, pair.effects().await);
    for token in ["once", "twice", "three times"] {
        pair.force(token).await;
    }
    assert_eq!(pair.effects().await, made);
    assert_eq!(first.tenant.state().await, before);

    // The first goes, and takes nothing of the second's with it.
    for key in [USER, CONNECTION] {
        first.delete_and_wait(key).await;
    }
    assert_eq!(first.tenant.state().await, before);
    for key in [USER, CONNECTION] {
        second.force(key, "afterwards").await;
        second.ready(key).await;
    }
    assert_eq!(pair.effects().await, made);
}
