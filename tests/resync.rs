//! Without a watch on Secrets, which takes more rights, they are looked at now and then.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use k8s_openapi::api::core::v1::Secret;
use kube::runtime::wait::await_condition;
use serde_json::json;
use support::{
    DEADLINE,
    bench::Bench,
    cluster::Cluster,
    operator::{Operator, Settings},
    samples::{CREDENTIALS, OUTPUT, PASSWORD, TENANT},
};

#[tokio::test]
async fn a_secret_that_changes_is_seen_though_nobody_watches_it() {
    let settings = Settings { flags: &["--resync", "10s"], ..Settings::default() };
    let operator = Operator::start(Cluster::shared().await, settings).await;
    let bench = Bench::new("resync").await;
    bench.set_up().await;
    bench.tenant.forget_calls().await;
    let passes = operator.passes("Auth0Connection").await;

    bench.patch(PASSWORD, &json!({ "stringData": { "password": "Another-Passw0rd!" } })).await;
    let is_set = |calls: &[String]| calls.iter().any(|call| call.starts_with("PATCH users/"));
    bench.tenant.until_calls("the new password", is_set).await;
    bench.log_in("Another-Passw0rd!").await.unwrap();
    bench.all_ready().await;
    assert_eq!(operator.passes("Auth0Connection").await, passes, "nor is everything looked at for it");

    let audience = bench.secret(OUTPUT).await["audience"].clone();
    bench.patch(&format!("Secret/{OUTPUT}"), &json!({ "stringData": { "audience": "wrong" } })).await;
    let is_mended = |secret: Option<&Secret>| {
        let data = secret.and_then(|secret| secret.data.as_ref());
        data.is_some_and(|data| data["audience"].0 == audience.as_bytes())
    };
    let mended = tokio::time::timeout(DEADLINE, await_condition(bench.secrets(), OUTPUT, is_mended)).await;
    mended.expect("the Secret for the application stays wrong").unwrap();
    let writes = bench.tenant.writes().await;
    assert_eq!(writes.len(), 1, "the password only: {writes:?}");

    bench.patch(CREDENTIALS, &json!({ "stringData": { "clientSecret": "wrong" } })).await;
    let warns = async || bench.events(TENANT).await.contains(&"Warning CredentialsInvalid".to_owned());
    bench.tenant.until("a warning that the credentials do not work", warns).await;
}
