//! The operator's own client: by private key, and with credentials that change while it runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    cluster::Cluster,
    operator::Operator,
    samples::{API, CREDENTIALS, TENANT},
};

async fn bench(name: &str) -> Bench {
    Operator::shared(Cluster::shared().await).await;
    Bench::new(name).await
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Makes another client that may do what the operator needs; gives its id.
async fn management_client(bench: &Bench, client: Value) -> String {
    let made = bench.tenant.call(Method::POST, "clients", client).await;
    let id = made["client_id"].as_str().unwrap().to_owned();
    let scopes: Vec<String> = ["resource_servers", "clients", "client_grants", "connections", "users"]
        .iter()
        .flat_map(|of| ["read", "create", "update", "delete"].map(|verb| format!("{verb}:{of}")))
        .chain(
            ["read:client_keys", "update:client_keys", "read:connections_options", "update:connections_options"]
                .map(str::to_owned),
        )
        .collect();
    let audience = format!("https://{}/api/v2/", bench.tenant.domain());
    bench
        .tenant
        .call(Method::POST, "client-grants", json!({ "client_id": id, "audience": audience, "scope": scopes }))
        .await;
    id
}

/// The old token serves, so the tenant stays Ready; an event tells of the credentials.
async fn warned(bench: &Bench) {
    assert!(bench.force(TENANT, "with wrong credentials").await.is_ready());
    bench.force(TENANT, "after the event").await;
    assert!(bench.events(TENANT).await.contains(&"Warning CredentialsInvalid".to_owned()));
}

#[tokio::test]
async fn a_private_key_proves_who_the_operator_is() {
    let bench = bench("private-key").await;
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let credential =
        json!({ "credential_type": "public_key", "pem": pem("PUBLIC KEY", public.as_ref()), "alg": "RS256" });
    let id = management_client(
        &bench,
        json!({
            "name": "operator",
            "app_type": "non_interactive",
            "grant_types": ["client_credentials"],
            "client_authentication_methods": { "private_key_jwt": { "credentials": [credential] } },
        }),
    )
    .await;
    bench
        .apply_object(&json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "auth0-management" },
            "stringData": { "clientId": id, "privateKey": pem("PRIVATE KEY", private.as_ref()) },
        }))
        .await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    bench.apply(API).await;
    bench.ready(API).await;

    bench.apply_changed(CREDENTIALS, &json!({ "stringData": { "clientId": id, "privateKey": "not a key" } })).await;
    warned(&bench).await;
}

#[tokio::test]
async fn changed_credentials_are_used_without_a_restart_and_wrong_ones_unready_nobody() {
    let bench = bench("changed-credentials").await;
    bench.set_up().await;
    let id = management_client(&bench, json!({ "name": "other", "grant_types": ["client_credentials"] })).await;
    let client = bench.tenant.call(Method::GET, &format!("clients/{id}"), Value::Null).await;
    let wrong = json!({ "stringData": { "clientId": id, "clientSecret": "wrong" } });
    bench.apply_changed(CREDENTIALS, &wrong).await;
    warned(&bench).await;
    assert!(bench.force(API, "with wrong credentials").await.is_ready());

    let right = json!({ "stringData": { "clientId": id, "clientSecret": client["client_secret"] } });
    bench.apply_changed(CREDENTIALS, &right).await;
    bench.ready(TENANT).await;
    bench.patch(API, &json!({ "spec": { "tokenLifetime": 1800 } })).await;
    bench.ready(API).await;
    let api = bench.tenant.object("resource_servers", "identifier", &bench.samples.identifier()).await;
    assert_eq!(api["token_lifetime"], 1800);
}
