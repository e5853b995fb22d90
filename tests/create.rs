//! What a first apply, a change and an apply of the same cost, and that `kubectl wait` can be trusted.
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
    kubectl::kubectl,
    operator::Operator,
    samples::{ALL, API, CONNECTION, CREDENTIALS, OUTPUT, PASSWORD, TENANT, USER, resource},
};

const CREATE_API: [&str; 3] = ["POST resource-servers", "POST clients", "POST client-grants"];
const CREATE_CONNECTION: [&str; 2] = ["POST connections", "PATCH connections/*/clients"];
const CREATE_USER: [&str; 1] = ["POST users"];

async fn bench(name: &str) -> Bench {
    let bench = Bench::new(name).await;
    Operator::shared(bench.cluster).await;
    bench
}

/// Makes one more API and waits for it: what was asked for before is over then.
async fn barrier(bench: &Bench) {
    const BARRIER: &str = "Auth0Api/barrier";
    let spec = json!({ "tenantRef": { "name": "default" }, "identifier": "https://barrier.example.com/" });
    bench.apply_object(&resource(BARRIER, spec)).await;
    bench.ready(BARRIER).await;
}

#[tokio::test]
async fn a_first_apply_makes_three_calls_for_an_api_two_for_a_connection_one_for_a_user_and_reads_nothing() {
    let bench = bench("first-apply").await;
    for key in ALL {
        bench.apply(key).await;
        if !key.starts_with("Secret/") {
            bench.ready(key).await;
        }
    }
    let expected = [&CREATE_API[..], &CREATE_CONNECTION, &CREATE_USER].concat();
    assert_eq!(bench.tenant.calls().await, expected);
    barrier(&bench).await;
    assert_eq!(bench.tenant.calls().await, [&expected[..], &CREATE_API].concat(), "calls after all was Ready");
    bench.assert_token().await;
    bench.assert_login().await;
}

#[tokio::test]
async fn applying_all_at_once_makes_no_more_calls_than_one_after_the_other() {
    let bench = bench("all-at-once").await;
    let file = bench.file(&ALL);
    bench.kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
    bench.all_ready().await;
    let mut calls = bench.tenant.calls().await;
    let mut expected = [&CREATE_API[..], &CREATE_CONNECTION, &CREATE_USER].concat();
    calls.sort();
    expected.sort_unstable();
    assert_eq!(calls, expected);
    bench.assert_made_once().await;
}

#[tokio::test]
async fn what_does_not_change_the_spec_makes_no_call() {
    let bench = bench("same-again").await;
    let file = bench.file(&ALL);
    bench.kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
    bench.all_ready().await;
    bench.tenant.forget_calls().await;
    let before = bench.history.now();

    let said = bench.kubectl(&["apply", "-f", file.to_str().unwrap()]).await;
    // Not the Secrets: kubectl never finds `stringData` in what the API server has.
    assert_eq!(said.matches("unchanged").count(), 4, "{said}");
    for key in [TENANT, API, CONNECTION, USER] {
        bench.kubectl(&["label", key, "team=numbers"]).await;
        bench.kubectl(&["annotate", key, "example.com/note=hello"]).await;
    }
    barrier(&bench).await;

    assert_eq!(bench.tenant.calls().await, CREATE_API, "only the barrier's calls");
    let states = bench.history.states_since(before);
    for key in [API, CONNECTION, USER] {
        // Our label and our annotation are two; no status was written.
        assert_eq!(states.iter().filter(|object| object.key() == key).count(), 2, "{key}");
    }
}

#[tokio::test]
async fn a_change_of_one_field_is_one_write() {
    let bench = bench("one-change").await;
    bench.set_up().await;
    for (case, key, change, writes) in [
        ("API", API, json!({ "spec": { "tokenLifetime": 7200 } }), vec!["PATCH resource-servers/*"]),
        ("client", API, json!({ "spec": { "client": { "description": "Adds" } } }), vec!["PATCH clients/*"]),
        (
            "scopes of API and grant",
            API,
            json!({ "spec": { "scopes": [{ "value": "add:numbers" }] } }),
            vec!["PATCH resource-servers/*", "PATCH client-grants/*"],
        ),
        ("connection", CONNECTION, json!({ "spec": { "displayName": "Calculator" } }), vec!["PATCH connections/*"]),
        (
            "clients of the connection",
            CONNECTION,
            json!({ "spec": { "enabledClients": [] } }),
            vec!["PATCH connections/*/clients"],
        ),
        ("user", USER, json!({ "spec": { "nickname": "countess" } }), vec!["PATCH users/*"]),
    ] {
        bench.tenant.forget_calls().await;
        bench.patch(key, &change).await;
        bench.ready(key).await;
        assert_eq!(bench.tenant.writes().await, writes, "{case}");
    }
}

#[tokio::test]
async fn a_changed_password_is_one_write_and_the_old_one_is_out() {
    let bench = bench("new-password").await;
    bench.set_up().await;
    bench.tenant.forget_calls().await;
    bench.apply_changed(PASSWORD, &json!({ "stringData": { "password": "An0ther-Passw0rd!" } })).await;
    bench.tenant.until_calls("a write of the password", |calls| calls.iter().any(|call| call == "PATCH users/*")).await;
    bench.force(USER, "after-the-password").await;
    assert_eq!(bench.tenant.writes().await, ["PATCH users/*"]);
    assert_eq!(bench.log_in(&bench.samples.password()).await.err().as_deref(), Some("Wrong email or password"));
}

#[tokio::test]
async fn kubectl_wait_returns_only_when_a_changed_spec_is_in_the_tenant() {
    let bench = bench("kubectl-wait").await;
    bench.set_up().await;
    bench
        .tenant
        .faults(json!([{ "method": "PATCH", "path": "^/api/v2/resource-servers/", "kind": "delay", "ms": 1500 }]))
        .await;

    bench.kubectl(&["patch", API, "--type=merge", "-p", r#"{"spec":{"tokenLifetime":7200}}"#]).await;
    bench.kubectl(&["wait", "--for=condition=Ready", API, "--timeout=60s"]).await;

    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    assert_eq!(api["token_lifetime"], 7200);
}

#[tokio::test]
async fn the_secret_for_the_application_holds_all_it_needs() {
    let bench = bench("output").await;
    bench.set_up().await;
    let secret = bench.secret(OUTPUT).await;
    let (endpoint, domain) = (bench.tenant.url(), bench.tenant.domain());
    let client = bench.tenant.object("clients", "name", &bench.samples.client()).await;
    for (key, value) in [
        ("clientId", client["client_id"].as_str().unwrap().to_owned()),
        ("audience", bench.samples.identifier()),
        ("domain", domain.to_owned()),
        ("issuer", format!("https://{domain}/")),
        ("tokenUrl", format!("{endpoint}/oauth/token")),
        ("authorizationUrl", format!("{endpoint}/authorize")),
        ("jwksUri", format!("{endpoint}/.well-known/jwks.json")),
        ("scope", "add:numbers subtract:numbers multiply:numbers divide:numbers".to_owned()),
    ] {
        assert_eq!(secret[key], value, "{key}");
    }
    assert_eq!(secret.len(), 9, "{:?}", secret.keys());
    let owner = bench.secrets().get(OUTPUT).await.unwrap().metadata.owner_references.unwrap_or_default();
    assert_eq!(
        owner.iter().map(|owner| (owner.kind.as_str(), owner.name.as_str())).collect::<Vec<_>>(),
        [("Auth0Api", "basic-calculator")]
    );
}

#[tokio::test]
async fn kubectl_shows_the_state_in_its_columns() {
    let bench = bench("columns").await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    let shown = kubectl(bench.cluster, &["get", "auth0", "--namespace", "columns"]).await;
    let words: Vec<_> = shown.split_whitespace().collect();
    assert!(words.windows(2).any(|pair| pair == ["True", "Available"]), "{shown}");
}
