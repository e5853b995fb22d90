//! Whose an object in the tenant is: somebody else's, another resource's, one of Auth0's own; and which namespaces may do what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    bench::Bench,
    operator::Operator,
    samples::{ALL, API, CONNECTION, CREDENTIALS, OUTPUT, TENANT, USER, resource, secret},
    tenant::Tenant,
};

const STALLED: &str = "Stalled";
const RECONCILING: &str = "Reconciling";

async fn bench(name: &str) -> Bench {
    let bench = Bench::new(name).await;
    Operator::shared(bench.cluster).await;
    bench
}

/// A user of somebody's in the samples' connection, as in a tenant that was there before the operator.
async fn existing_user(bench: &Bench) -> Value {
    let connection = bench.tenant.object("connections", "name", &bench.samples.connection()).await;
    let enable = json!([{ "client_id": "management", "status": true }]);
    let path = format!("connections/{}/clients", connection["id"].as_str().unwrap());
    bench.tenant.call(Method::PATCH, &path, enable).await;
    let user = json!({
        "connection": bench.samples.connection(),
        "email": bench.samples.email(),
        "password": "S0mebody-Else's-Passw0rd!",
        "user_metadata": { "theme": "dark" },
        "verify_email": false,
    });
    bench.tenant.call(Method::POST, "users", user).await
}

#[tokio::test]
async fn what_was_there_before_is_left_alone_until_it_is_to_be_adopted() {
    let bench = bench("adoption").await;
    let identifier = bench.samples.identifier();
    let api = json!({ "identifier": identifier, "name": "Somebody else's", "allow_offline_access": true });
    bench.tenant.call(Method::POST, "resource-servers", api).await;
    let connection =
        json!({ "name": bench.samples.connection(), "strategy": "auth0", "options": { "requires_username": false } });
    bench.tenant.call(Method::POST, "connections", connection).await;
    let user = existing_user(&bench).await;
    let before = bench.tenant.state().await;
    let adopt = json!({ "spec": { "adoptionPolicy": "Adopt" } });

    for key in ALL {
        bench.apply(key).await;
    }
    bench.reason(API, "AlreadyExists", STALLED).await;
    // It waits for the API's client, which is not there.
    bench.reason(CONNECTION, "ReferenceNotReady", RECONCILING).await;
    assert_eq!(bench.tenant.state().await, before);

    bench.patch(API, &adopt).await;
    bench.ready(API).await;
    bench.reason(CONNECTION, "AlreadyExists", STALLED).await;
    let taken = bench.tenant.object("resource_servers", "identifier", &identifier).await;
    assert_eq!((&taken["name"], &taken["allow_offline_access"]), (&json!("Basic Calculator"), &json!(true)));

    bench.patch(CONNECTION, &adopt).await;
    bench.ready(CONNECTION).await;
    bench.reason(USER, "AlreadyExists", STALLED).await;

    bench.patch(USER, &adopt).await;
    bench.ready(USER).await;
    let taken = bench.tenant.object("users", "email", &bench.samples.email()).await;
    assert_eq!((&taken["user_id"], &taken["user_metadata"]["theme"]), (&user["user_id"], &json!("dark")));
    assert_eq!(taken["family_name"], "Lovelace");
    bench.assert_token().await;
    assert_eq!(bench.tenant.added().await, bench.samples.made());

    // What was adopted stays; the client and its grant are the operator's own.
    bench.patch(CONNECTION, &json!({ "spec": { "deletionPolicy": null } })).await;
    for key in [USER, CONNECTION, API] {
        bench.history.until(key, "an orphan to be", |object| object.text("/status/deletionPolicy") == "Orphan").await;
        bench.delete_and_wait(key).await;
    }
    let mut left = bench.samples.made();
    left.as_object_mut().unwrap().retain(|kind, _| !kind.starts_with("client"));
    assert_eq!(bench.tenant.added().await, left);
}

#[tokio::test]
async fn of_two_resources_for_one_object_the_second_waits_for_the_end_of_the_first() {
    let bench = bench("conflict").await;
    bench.set_up().await;
    let pairs = [(USER, "Auth0User/second"), (CONNECTION, "Auth0Connection/second"), (API, "Auth0Api/second")];
    for (first, second) in pairs {
        let mut object = bench.samples.get(first);
        object["metadata"]["name"] = json!("second");
        bench.apply_object(&object).await;
        let conflict = bench.reason(second, "Conflict", STALLED).await;
        let message = conflict.condition("Ready").unwrap()["message"].as_str().unwrap();
        assert!(message.contains(first.split_once('/').unwrap().1), "names the winner: {message}");
    }
    bench.assert_made_once().await;

    for (first, second) in pairs {
        bench.delete_and_wait(first).await;
        bench.ready(second).await;
    }
    let mut left = bench.samples.made();
    // With the first connection went the users in it.
    left.as_object_mut().unwrap().remove("users");
    assert_eq!(bench.tenant.added().await, left);
}

#[tokio::test]
async fn a_user_of_the_same_address_in_another_connection_is_nobody_s_business() {
    let bench = bench("same-address").await;
    let connection = json!({ "name": "Elsewhere", "strategy": "auth0" });
    let connection = bench.tenant.call(Method::POST, "connections", connection).await;
    let path = format!("connections/{}/clients", connection["id"].as_str().unwrap());
    bench.tenant.call(Method::PATCH, &path, json!([{ "client_id": "management", "status": true }])).await;
    let user =
        json!({ "connection": "Elsewhere", "email": bench.samples.email(), "password": "S0mebody-Else's-Passw0rd!" });
    bench.tenant.call(Method::POST, "users", user).await;
    bench.set_up().await;
    bench.assert_token().await;
    bench.assert_login().await;
}

#[tokio::test]
async fn an_api_for_auth0_s_own_management_api_is_never_touched_however_it_is_spelled() {
    let bench = bench("system-api").await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    let domain = bench.tenant.domain().to_owned();
    let before = bench.tenant.state().await;
    let spellings = [
        format!("https://{domain}/api/v2/"),
        format!("https://{domain}/api/v2"),
        format!("HTTPS://{}/API/v2/", domain.to_uppercase()),
        format!("https://{domain}/api%2Fv2/"),
        format!("https://{domain}//api/v2/"),
        format!("https://{domain}/userinfo"),
        "urn:auth0:authz:api".to_owned(),
    ];
    join_all(spellings.iter().enumerate().map(async |(number, identifier)| {
        let key = format!("Auth0Api/system-{number}");
        let spec = json!({ "tenantRef": { "name": "default" }, "identifier": identifier, "adoptionPolicy": "Adopt" });
        bench.apply_object(&resource(&key, spec)).await;
        bench.reason(&key, "InvalidSpec", STALLED).await;
        bench.force(&key, "again").await;
        bench.delete_and_wait(&key).await;
    }))
    .await;
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
    assert_eq!(bench.tenant.state().await, before);
}

/// A namespace that uses the tenant of another.
async fn guest(host: &Bench, name: &str) -> Bench {
    let mut guest = Bench::with(Arc::clone(&host.tenant), name, "").await;
    guest.samples.tenant_namespace = Some(host.namespace.clone());
    guest
}

#[tokio::test]
async fn a_tenant_is_used_only_from_namespaces_that_it_allows() {
    let host = bench("host").await;
    let guest = guest(&host, "guest").await;
    host.apply(CREDENTIALS).await;
    host.apply(TENANT).await;
    host.ready(TENANT).await;
    guest.apply(API).await;
    guest.reason(API, "NamespaceNotAllowed", RECONCILING).await;
    assert_eq!(host.tenant.calls().await, Vec::<String>::new());

    let selector = json!({ "from": "Selector", "selector": { "matchLabels": { "team": "numbers" } } });
    host.patch(TENANT, &json!({ "spec": { "allowedNamespaces": selector } })).await;
    support::kubectl::kubectl(host.cluster, &["label", "namespace", "guest", "team=numbers"]).await;
    guest.ready(API).await;

    // What is no longer allowed stops, and still can be deleted.
    support::kubectl::kubectl(host.cluster, &["label", "namespace", "guest", "team-"]).await;
    guest.reason(API, "NamespaceNotAllowed", RECONCILING).await;
    guest.delete_and_wait(API).await;
    host.tenant.assert_clean().await;
}

#[tokio::test]
async fn only_trusted_namespaces_reach_beyond_what_they_made() {
    let host = bench("trusting-host").await;
    let guest = guest(&host, "trusted-guest").await;
    host.apply(CREDENTIALS).await;
    host.apply_changed(TENANT, &json!({ "spec": { "allowedNamespaces": { "from": "All" } } })).await;
    let api = json!({ "identifier": guest.samples.identifier(), "name": "Somebody else's" });
    host.tenant.call(Method::POST, "resource-servers", api).await;
    let beyond = [
        (API, json!({ "spec": { "adoptionPolicy": "Adopt" } })),
        (CONNECTION, json!({ "spec": { "enabledClients": [{ "clientId": "management" }] } })),
    ];
    for (key, change) in &beyond {
        guest.apply_changed(key, change).await;
        guest.reason(key, "NamespaceNotTrusted", RECONCILING).await;
    }
    assert_eq!(host.tenant.calls().await, Vec::<String>::new());

    host.patch(TENANT, &json!({ "spec": { "trustedNamespaces": { "from": "All" } } })).await;
    for (key, _) in &beyond {
        guest.ready(key).await;
    }
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_not_written_over() {
    const TAKEN: &str = "Secret/basic-calculator-client";
    let bench = bench("secret-taken").await;
    bench.apply_object(&secret(TAKEN, json!({ "mine": "yes" }))).await;
    bench.apply_all().await;
    bench.reason(API, "SecretNotOwned", STALLED).await;
    assert_eq!(bench.secret(OUTPUT).await, [("mine".to_owned(), "yes".to_owned())].into());

    bench.delete_and_wait(TAKEN).await;
    bench.all_ready().await;
    bench.assert_made_once().await;
}

#[tokio::test]
async fn a_resource_that_is_pointed_at_another_tenant_stops() {
    let bench = bench("tenant-changed").await;
    bench.set_up().await;
    let other = Tenant::start("other.eu.auth0.com").await;
    let mut tenant = bench.samples.get(TENANT);
    tenant["metadata"]["name"] = json!("other");
    tenant["spec"]["domain"] = json!(other.domain());
    tenant["spec"]["endpoint"] = json!(other.url());
    tenant["spec"]["credentials"]["secretRef"]["name"] = json!("other");
    let credentials = json!({ "clientId": "management", "clientSecret": other.management_secret() });
    bench.apply_object(&secret("Secret/other", credentials)).await;
    bench.apply_object(&tenant).await;
    bench.ready("Auth0Tenant/other").await;

    bench.patch(API, &json!({ "spec": { "tenantRef": { "name": "other" } } })).await;
    bench.reason(API, "TenantChanged", STALLED).await;
    other.assert_clean().await;

    bench.patch(API, &json!({ "spec": { "tenantRef": { "name": "default" } } })).await;
    bench.ready(API).await;
    bench.assert_made_once().await;
}
