//! What others change in the tenant, and what the tenant makes of what we write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    cluster::Cluster,
    object::Object,
    operator::Operator,
    samples::{ALL, API, CONNECTION, TENANT, USER},
};

/// A bench with all samples Ready, whose operator reads the tenant's log each second: what is to be seen here is what happens
/// unasked, since a forced pass begins anew.
async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    let bench = Bench::new(name).await;
    bench.apply_changed(TENANT, &json!({ "spec": { "driftDetection": { "mode": "Log", "interval": "1s" } } })).await;
    for key in ALL.into_iter().filter(|key| *key != TENANT) {
        bench.apply(key).await;
    }
    bench.all_ready().await;
    bench.tenant.forget_calls().await;
    bench
}

/// The API of the samples, as the tenant has it.
async fn api(bench: &Bench) -> Value {
    bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await
}

/// How long its tokens live, as the tenant has it.
async fn lifetime(bench: &Bench) -> Value {
    api(bench).await["token_lifetime"].clone()
}

/// Somebody changes the API of the samples.
async fn change_api(bench: &Bench, change: Value) {
    let id = api(bench).await["id"].as_str().unwrap().to_owned();
    bench.tenant.call(Method::PATCH, &format!("resource-servers/{id}"), change).await;
}

/// Waits until the operator has written so often.
async fn until_writes(bench: &Bench, count: usize) {
    let are = |calls: &[String]| calls.iter().filter(|call| !call.starts_with("GET")).count() >= count;
    bench.tenant.until_calls(&format!("{count} writes"), are).await;
}

/// Waits until an object is drifted for a reason; gives the message.
async fn drifted(bench: &Bench, key: &str, reason: &str) -> String {
    let is = |object: &Object| object.condition("Drifted").is_some_and(|drifted| drifted["reason"] == reason);
    let object = bench.history.until(key, &format!("drifted: {reason}"), is).await;
    assert!(object.is_ready(), "drift stands beside Ready: {object:?}");
    object.condition("Drifted").unwrap()["message"].as_str().unwrap().to_owned()
}

async fn until_not_drifted(bench: &Bench, key: &str) {
    bench.history.until(key, "not drifted", |object| object.is_ready() && object.condition("Drifted").is_none()).await;
}

/// What was said about corrections of an object.
async fn corrections(bench: &Bench, key: &str) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(bench.client(), &bench.namespace);
    let is_about = |event: &Event| {
        event.reason.as_deref() == Some("DriftCorrected")
            && event.regarding.as_ref().is_some_and(|about| {
                key.split_once('/')
                    == Some((about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default()))
            })
    };
    let events = events.list(&ListParams::default()).await.unwrap().items.into_iter().filter(is_about);
    events.filter_map(|event| event.note).collect()
}

#[tokio::test]
async fn what_the_tenant_makes_something_else_of_is_written_twice_and_the_rest_goes_on() {
    let bench = bench("normalised").await;
    // A tenant that says yes and keeps what it has.
    let fault = json!([{
        "method": "PATCH", "path": "^/api/v2/resource-servers/", "kind": "status", "status": 200, "body": api(&bench).await,
    }]);
    bench.tenant.faults(fault).await;
    bench.patch(API, &json!({ "spec": { "tokenLifetime": 7200 } })).await;
    let message = drifted(&bench, API, "NormalizedByTenant").await;
    assert!(message.contains("token_lifetime of the API") && !message.contains("7200"), "{message}");
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"; 2]);
    assert_eq!(corrections(&bench, API).await, Vec::<String>::new(), "nobody else changed anything");

    bench.tenant.faults(json!([])).await;
    change_api(&bench, json!({ "allow_offline_access": true, "name": "Another" })).await;
    until_writes(&bench, 3).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"; 3]);
    let api = api(&bench).await;
    assert_eq!((&api["name"], &api["token_lifetime"]), (&json!("Basic Calculator"), &json!(3600)));
    drifted(&bench, API, "NormalizedByTenant").await;

    bench.force(API, "again").await;
    until_not_drifted(&bench, API).await;
    assert_eq!(lifetime(&bench).await, 7200);
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"; 4]);
}

#[tokio::test]
async fn one_option_that_the_tenant_changes_does_not_keep_the_others_from_being_corrected() {
    let bench = bench("normalised-option").await;
    let connection = bench.tenant.object("connections", "name", &bench.samples.connection()).await;
    let path = format!("connections/{}", connection["id"].as_str().unwrap());
    let fault = json!([{
        "method": "PATCH", "path": "^/api/v2/connections/[^/]*$", "kind": "status", "status": 200, "body": connection,
    }]);
    bench.tenant.faults(fault).await;
    bench.patch(CONNECTION, &json!({ "spec": { "database": { "mfa": { "active": false } } } })).await;
    let message = drifted(&bench, CONNECTION, "NormalizedByTenant").await;
    assert!(message.contains("options.mfa of the connection"), "{message}");

    bench.tenant.faults(json!([])).await;
    bench.tenant.forget_calls().await;
    let mut options = connection["options"].clone();
    options["disable_signup"] = json!(false);
    bench.tenant.call(Method::PATCH, &path, json!({ "options": options })).await;
    until_writes(&bench, 1).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH connections/*"]);
    let after = bench.tenant.object("connections", "name", &bench.samples.connection()).await;
    assert_eq!(after["options"], connection["options"], "the one is put right, the other is as it was");
    let corrections = corrections(&bench, CONNECTION).await;
    let said = "had to update options.disable_signup of the connection";
    assert!(corrections.len() == 1 && corrections[0].contains(said), "{corrections:?}");
}

#[tokio::test]
async fn a_field_that_somebody_keeps_changing_is_contested_after_the_third_correction() {
    let bench = bench("contested").await;
    for round in 1..=3 {
        change_api(&bench, json!({ "token_lifetime": 60 })).await;
        until_writes(&bench, round).await;
    }
    let message = drifted(&bench, API, "Contested").await;
    assert!(message.starts_with("the client management keeps changing token_lifetime of the API"), "{message}");
    assert_eq!(lifetime(&bench).await, 3600);

    change_api(&bench, json!({ "token_lifetime": 60 })).await;
    change_api(&bench, json!({ "name": "Another" })).await;
    until_writes(&bench, 4).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"; 4]);
    drifted(&bench, API, "Contested").await;
    let after = api(&bench).await;
    assert_eq!((&after["name"], &after["token_lifetime"]), (&json!("Basic Calculator"), &json!(60)));

    bench.force(API, "now").await;
    until_not_drifted(&bench, API).await;
    assert_eq!(lifetime(&bench).await, 3600);
    let corrections = corrections(&bench, API).await;
    assert!(corrections.iter().any(|note| note.contains("had to update token_lifetime of the API")), "{corrections:?}");
    assert!(corrections.iter().all(|note| !note.contains("3600")), "{corrections:?}");
}

#[tokio::test]
async fn what_somebody_deleted_is_made_again_users_too() {
    let bench = bench("made-again").await;
    let before = bench.tenant.added().await;
    delete(&bench, "resource_servers").await;
    delete(&bench, "users").await;
    // The grant went with its API.
    let creates = ["POST resource-servers", "POST client-grants", "POST users"];
    let are_made = |calls: &[String]| creates.iter().all(|create| calls.iter().any(|call| call == create));
    bench.tenant.until_calls("all of it again", are_made).await;
    assert_eq!(bench.tenant.added().await, before);
    for (key, said) in [(API, "had to create the API"), (USER, "had to create the user")] {
        bench.force(key, "after").await;
        let corrections = corrections(&bench, key).await;
        assert!(corrections.iter().any(|note| note.contains(said)), "{key}: {corrections:?}");
    }
    bench.assert_made_once().await;
}

#[tokio::test]
async fn with_warn_what_somebody_deleted_is_reported_and_not_made_again() {
    let bench = bench("warn-deleted").await;
    for key in [API, CONNECTION, USER] {
        bench.patch(key, &json!({ "spec": { "driftPolicy": "Warn" } })).await;
        bench.ready(key).await;
    }
    bench.tenant.forget_calls().await;
    // The user first, who goes with the connection.
    for (kind, key, said) in [
        ("users", USER, "would create the user"),
        ("connections", CONNECTION, "would create the connection"),
        ("resource_servers", API, "would create the API"),
    ] {
        delete(&bench, kind).await;
        let is = |object: &Object| {
            let drifted = object.condition("Drifted").filter(|drifted| drifted["reason"] == "Warned");
            drifted.is_some_and(|drifted| drifted["message"].as_str().unwrap().contains(said)) && object.is_ready()
        };
        bench.history.until(key, said, is).await;
    }
    for key in [API, CONNECTION, USER] {
        bench.force(key, "look").await;
    }
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
}

/// Somebody deletes the object of the samples.
async fn delete(bench: &Bench, kind: &str) {
    let samples = &bench.samples;
    let (member, value, id) = match kind {
        "resource_servers" => ("identifier", samples.identifier(), "id"),
        "connections" => ("name", samples.connection(), "id"),
        "users" => ("email", samples.email(), "user_id"),
        other => panic!("no kind of the samples: {other}"),
    };
    let object = bench.tenant.object(kind, member, &value).await;
    let id = object[id].as_str().unwrap().replace('|', "%7C");
    bench.tenant.call(Method::DELETE, &format!("{}/{id}", kind.replace('_', "-")), Value::Null).await;
}
