//! What happens to tenant objects over time: fields that leave a spec, what others change, and the end of a tenant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use kube::api::DeleteParams;
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    cluster::Cluster,
    operator::Operator,
    samples::{ALL, API, CONNECTION, TENANT, USER},
};

async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    Bench::new(name).await
}

/// The user of the samples, as the tenant has it.
async fn user(bench: &Bench) -> Value {
    bench.tenant.object("users", "email", &bench.samples.email()).await
}

#[tokio::test]
async fn a_field_that_leaves_a_spec_goes_back_to_the_tenants_default_in_one_call() {
    let bench = bench("unset").await;
    bench.set_up().await;
    bench.patch(USER, &json!({ "spec": { "userMetadata": { "colour": "red", "size": "big" } } })).await;
    bench.ready(USER).await;
    bench.tenant.forget_calls().await;
    bench.patch(API, &json!({ "spec": { "tokenLifetime": null } })).await;
    bench.ready(API).await;
    bench.patch(CONNECTION, &json!({ "spec": { "database": { "disableSignup": null } } })).await;
    bench.ready(CONNECTION).await;
    bench.patch(USER, &json!({ "spec": { "userMetadata": { "colour": null } } })).await;
    bench.ready(USER).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*", "PATCH connections/*", "PATCH users/*"]);
    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    let connection = bench.tenant.object("connections", "name", &bench.samples.connection()).await;
    assert_eq!(api["token_lifetime"], 86_400);
    assert_eq!(connection["options"]["disable_signup"], Value::Null);
    assert_eq!(connection["options"]["brute_force_protection"], true, "what the spec still has stays");
    assert_eq!(user(&bench).await["user_metadata"], json!({ "size": "big" }));

    bench.tenant.forget_calls().await;
    for key in [API, CONNECTION, USER] {
        bench.force(key, "once").await;
    }
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_who_was_blocked_in_the_tenant_stays_blocked_while_other_changes_are_written() {
    let bench = bench("blocked").await;
    bench.set_up().await;
    let path = format!("users/{}", user(&bench).await["user_id"].as_str().unwrap().replace('|', "%7C"));
    bench.tenant.call(Method::PATCH, &path, json!({ "blocked": true })).await;
    bench.patch(USER, &json!({ "spec": { "blocked": false, "givenName": "Augusta" } })).await;
    bench.force(USER, "look").await;
    let object = bench.ready(USER).await;
    assert_eq!(object.condition("Drifted").map(|drifted| &drifted["reason"]), Some(&json!("BlockedInTenant")));
    let user = user(&bench).await;
    assert_eq!((&user["blocked"], &user["given_name"]), (&json!(true), &json!("Augusta")));

    bench.tenant.call(Method::PATCH, &path, json!({ "blocked": false })).await;
    let object = bench.force(USER, "look again").await;
    assert_eq!(object.condition("Drifted"), None);
}

#[tokio::test]
async fn with_warn_what_others_changed_is_reported_and_left() {
    let bench = bench("warned").await;
    bench.apply_all().await;
    bench.patch(API, &json!({ "spec": { "driftPolicy": "Warn" } })).await;
    bench.all_ready().await;
    let id = bench.ready(API).await.text("/status/id").to_owned();
    bench.tenant.call(Method::PATCH, &format!("resource-servers/{id}"), json!({ "token_lifetime": 60 })).await;
    bench.tenant.forget_calls().await;
    let object = bench.force(API, "look").await;
    let drifted = object.condition("Drifted").unwrap();
    assert_eq!((&drifted["reason"], object.is_ready()), (&json!("Warned"), true));
    assert!(drifted["message"].as_str().unwrap().contains("token_lifetime"), "{drifted}");
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_that_abandons_goes_at_once_and_its_dependants_go_without_a_call() {
    let bench = bench("abandon").await;
    bench.set_up().await;
    bench.patch(TENANT, &json!({ "spec": { "deletionPolicy": "Abandon" } })).await;
    bench.delete_and_wait(TENANT).await;
    bench.tenant.forget_calls().await;
    for key in [API, CONNECTION, USER] {
        assert_eq!(
            bench.reason(key, "ReferenceNotFound", "Reconciling").await.text("/status/deletionPolicy"),
            "Orphan",
            "{key}"
        );
        bench.delete_and_wait(key).await;
    }
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
    assert_eq!(bench.tenant.added().await, bench.samples.made());
}

#[tokio::test]
async fn deletions_beyond_the_burst_wait_for_their_turn_and_orphans_do_not() {
    let bench = bench("brake").await;
    bench.apply_all().await;
    bench.patch(TENANT, &json!({ "spec": { "deletions": { "burst": 1, "perMinute": 1 } } })).await;
    bench.all_ready().await;
    bench.delete_and_wait(USER).await;
    bench.delete(CONNECTION).await;
    let waiting = bench.reason(CONNECTION, "DeletionPaced", "Reconciling").await;
    assert!(waiting.text("/status/conditions/0/message").contains("deletionPolicy to Orphan"));
    bench.patch(API, &json!({ "spec": { "deletionPolicy": "Orphan" } })).await;
    bench.delete_and_wait(API).await;
    // The way out that the message names.
    bench.patch(CONNECTION, &json!({ "spec": { "deletionPolicy": "Orphan" } })).await;
    bench.until_gone(CONNECTION).await;
}

#[tokio::test]
async fn a_generated_password_is_kept_in_a_secret_that_goes_with_its_user() {
    let bench = bench("generated").await;
    for key in ALL.into_iter().filter(|key| *key != USER) {
        bench.apply(key).await;
    }
    let generate =
        json!({ "spec": { "password": { "secretKeyRef": null, "generate": { "secretName": "ada-login" } } } });
    bench.apply_changed(USER, &generate).await;
    bench.ready(USER).await;
    let password = bench.secret("ada-login").await["password"].clone();
    assert_eq!(password.len(), 24);
    bench.log_in(&password).await.unwrap();

    bench.tenant.forget_calls().await;
    bench.secrets().delete("ada-login", &DeleteParams::default()).await.unwrap();
    bench.tenant.until_calls("a new password", |calls| calls.iter().any(|call| call == "PATCH users/*")).await;
    assert_ne!(bench.secret("ada-login").await["password"], password);
}
