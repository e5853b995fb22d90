//! How far a resource can reach: only into its own tenant, only to what is its own, and only with trust beyond that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use kube::{Api, api::DeleteParams, runtime::wait::await_condition};
use reqwest::Method;
use serde_json::json;
use support::{
    DEADLINE,
    bench::Bench,
    cluster::Cluster,
    operator::Operator,
    samples::{ALL, API, CONNECTION, CREDENTIALS, PASSWORD, TENANT, USER},
    tenant::Tenant,
};

async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    Bench::new(name).await
}

#[tokio::test]
async fn an_auth0tenant_made_anew_for_another_tenant_never_leads_to_the_old_one() {
    let mut bench = bench("made-anew").await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    let old = bench.tenant.clone();
    old.forget_calls().await;
    bench.delete_and_wait(TENANT).await;

    let new = Tenant::start("made-anew-2.eu.auth0.com").await;
    // Long enough for the API's pass to come first.
    new.faults(json!([{ "path": "^/oauth/token$", "kind": "delay", "ms": 500 }])).await;
    bench.samples.domain = new.domain().to_owned();
    bench.samples.endpoint = new.url().to_owned();
    bench.samples.client_secret = new.management_secret().to_owned();
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.apply(API).await;
    bench.ready(API).await;
    assert_eq!(old.calls().await, Vec::<String>::new());
    assert_eq!(new.writes().await, ["POST resource-servers", "POST clients", "POST client-grants"]);
}

#[tokio::test]
async fn a_reference_never_leads_into_another_tenant() {
    let bench = bench("other-tenant").await;
    bench.set_up().await;
    let other = Tenant::start("other-tenant-2.eu.auth0.com").await;
    let secret =
        json!({ "metadata": { "name": "other" }, "stringData": { "clientSecret": other.management_secret() } });
    bench.apply_changed(CREDENTIALS, &secret).await;
    let tenant = json!({
        "metadata": { "name": "other" },
        "spec": { "domain": other.domain(), "endpoint": other.url(), "credentials": { "secretRef": { "name": "other" } } },
    });
    bench.apply_changed(TENANT, &tenant).await;
    bench.ready("Auth0Tenant/other").await;
    let elsewhere = json!({ "metadata": { "name": "eve" }, "spec": { "tenantRef": { "name": "other" }, "email": "eve@example.com" } });
    bench.apply_changed(USER, &elsewhere).await;
    let user = bench.reason("Auth0User/eve", "InvalidSpec", "Stalled").await;
    assert!(user.text("/status/conditions/0/message").contains("same spec.tenantRef"));
    assert_eq!(other.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn custom_scripts_need_trust_in_either_spelling() {
    let owner = bench("scripts-tenant").await;
    owner.apply(CREDENTIALS).await;
    owner.apply_changed(TENANT, &json!({ "spec": { "allowedNamespaces": { "from": "All" } } })).await;
    owner.ready(TENANT).await;
    let mut guest = Bench::sharing(&owner.tenant, "scripts-guest".to_owned()).await;
    guest.samples.tenant_namespace = Some(owner.namespace.clone());
    let scripts = json!({ "login": "function login() {}" });
    for options in [
        json!({ "spec": { "enabledClients": null, "database": { "customScripts": scripts } } }),
        json!({ "spec": { "enabledClients": null, "options": { "customScripts": scripts } } }),
    ] {
        guest.apply_changed(CONNECTION, &options).await;
        guest.reason(CONNECTION, "NamespaceNotTrusted", "Reconciling").await;
    }
    assert_eq!(owner.tenant.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_grant_that_was_switched_off_and_on_in_the_dashboard_is_found() {
    let bench = bench("grant").await;
    bench.set_up().await;
    let object = bench.ready(API).await;
    let (client, grant) = (object.text("/status/client/id"), object.text("/status/client/grantId"));
    bench.tenant.call(Method::DELETE, &format!("client-grants/{grant}"), json!(null)).await;
    let again = json!({ "client_id": client, "audience": bench.samples.identifier(), "scope": [] });
    bench.tenant.call(Method::POST, "client-grants", again).await;
    assert!(bench.force(API, "look").await.is_ready());
    bench.assert_made_once().await;
}

#[tokio::test]
async fn a_client_that_was_left_is_found_by_its_stamp_when_its_api_is_made_again() {
    let bench = bench("left-client").await;
    bench.set_up().await;
    bench.patch(API, &json!({ "spec": { "deletionPolicy": "Orphan" } })).await;
    bench.delete_and_wait(API).await;
    bench.secrets().delete(support::samples::OUTPUT, &DeleteParams::default()).await.unwrap();
    bench.apply_changed(API, &json!({ "spec": { "adoptionPolicy": "Adopt" } })).await;
    bench.ready(API).await;
    bench.assert_made_once().await;
}

#[tokio::test]
async fn an_api_whose_answer_was_lost_is_ours_also_when_auth0_filled_something_in() {
    let bench = bench("filled-in").await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    bench
        .tenant
        .faults(
            json!([{ "method": "POST", "path": "^/api/v2/resource-servers$", "times": 1, "kind": "commit_then_drop" }]),
        )
        .await;
    let policy = json!({ "spec": { "subjectTypeAuthorization": { "user": { "policy": "deny_all" } } } });
    bench.apply_changed(API, &policy).await;
    bench.ready(API).await;
    assert_eq!(bench.tenant.added().await["resource_servers"], json!([bench.samples.identifier()]));
}

#[tokio::test]
async fn an_answer_that_is_not_auth0s_never_means_gone() {
    let bench = bench("proxy").await;
    bench.set_up().await;
    bench
        .tenant
        .faults(
            json!([{ "method": "DELETE", "times": 2, "kind": "status", "status": 404, "body": { "oops": "nginx" } }]),
        )
        .await;
    bench.delete_and_wait(API).await;
    bench.tenant.faults(json!([])).await;
    assert_eq!(bench.tenant.added().await["resource_servers"], json!(null));
}

#[tokio::test]
async fn a_credentials_secret_that_is_no_longer_used_is_let_go() {
    let bench = bench("new-secret").await;
    bench.set_up().await;
    bench.apply_changed(CREDENTIALS, &json!({ "metadata": { "name": "second" } })).await;
    bench.patch(TENANT, &json!({ "spec": { "credentials": { "secretRef": { "name": "second" } } } })).await;
    bench
        .history
        .until(TENANT, "held by the second", |object| object.text("/status/credentialsSecret") == "second")
        .await;
    let secrets = bench.secrets();
    let uid = secrets.get("auth0-management").await.unwrap().metadata.uid.unwrap();
    secrets.delete("auth0-management", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(secrets, "auth0-management", kube::runtime::conditions::is_deleted(&uid));
    tokio::time::timeout(DEADLINE, gone).await.expect("the old Secret is not let go").unwrap();
    for key in ALL.into_iter().filter(|key| ![CREDENTIALS, PASSWORD].contains(key)) {
        bench.delete(key).await;
    }
    bench.until_gone(TENANT).await;
    let second = Api::<k8s_openapi::api::core::v1::Secret>::namespaced(bench.cluster.client(), &bench.namespace)
        .get("second")
        .await;
    assert_eq!(second.unwrap().metadata.finalizers, None);
}

#[tokio::test]
async fn a_resource_that_got_nothing_does_not_hold_its_tenant() {
    let bench = bench("got-nothing").await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    let theirs = json!({ "identifier": bench.samples.identifier(), "name": "theirs" });
    bench.tenant.call(Method::POST, "resource-servers", theirs).await;
    bench.apply(API).await;
    bench.reason(API, "AlreadyExists", "Stalled").await;
    bench.delete_and_wait(TENANT).await;
}

#[tokio::test]
async fn a_new_e_mail_is_verified_in_the_same_call_when_the_spec_says_so() {
    let bench = bench("new-email").await;
    bench.set_up().await;
    bench.tenant.forget_calls().await;
    bench.patch(USER, &json!({ "spec": { "email": "countess@example.com" } })).await;
    bench.ready(USER).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH users/*"]);
    assert_eq!(bench.tenant.object("users", "email", "countess@example.com").await["email_verified"], true);
}
