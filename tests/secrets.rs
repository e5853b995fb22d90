//! Secret values are nowhere but in Secrets: not in logs of the finest level, events, objects or metrics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{Api, api::ListParams};
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    cluster::OPERATOR_NAMESPACE,
    object::{KINDS, Object},
    operator::{self, Operator, Settings},
    samples::{API, CREDENTIALS, OUTPUT, PASSWORD, TENANT, USER, resource, secret},
};

const OTHER_PASSWORD: &str = "canary-0ther-Passw0rd!";
const IDP: &str = "Auth0Connection/idp";
const IDP_SECRET: &str = "canary-secret-of-the-identity-provider";
const OTHER_IDP_SECRET: &str = "canary-another-secret-of-the-identity-provider";
/// What somebody else keeps in the connection's options.
const OTHERS_SECRET: &str = "canary-secret-of-somebody-else";
const WRONG_SECRET: &str = "canary-wrong-secret";
const SIGNING_SECRET: &str = "canary-signing-secret";

/// A refusal of Auth0 that repeats what was sent, as its validation errors do.
fn echo(method: &str, path: &str) -> Value {
    let body = json!({ "statusCode": 400, "error": "Bad Request", "errorCode": "invalid_body", "message": "" });
    json!([{ "method": method, "path": path, "kind": "status", "status": 400, "body": body, "echo": true }])
}

#[tokio::test]
async fn secret_values_are_in_secrets_only() {
    let bench = Bench::new("secrets").await;
    let operator = Operator::start(
        bench.cluster,
        Settings { levels: "trace", flags: &["--watch-secrets", "--secret-settles-in", "1s"] },
    )
    .await;
    go_wrong_everywhere(&bench).await;
    bench.assert_token().await;

    let secrets = secret_values(&bench).await;
    let places = [
        ("the log", operator::log()),
        ("metrics", operator.get("/metrics").await),
        ("events", events(&bench).await),
        ("objects", objects(&bench).await),
        ("all states of objects", bench.history.states_since(0).iter().map(|object| object.0.to_string()).collect()),
    ];
    assert!(places[0].1.contains("TRACE"), "the log is of the finest level");
    for (place, text) in &places {
        assert!(text.len() > 100, "{place}: {text}");
        for (secret, value) in &secrets {
            assert!(value.len() >= 6, "{secret} is long enough to be looked for");
            for form in [value.clone(), STANDARD.encode(value)] {
                let found = text.find(&form).map(|at| &text[text.floor_char_boundary(at.saturating_sub(300))..at]);
                assert_eq!(found, None, "{secret} is in {place}, after this");
            }
        }
    }
    assert_eq!(operator.terminate().await.code(), Some(0));
}

/// Every call that carries a secret is refused with an echo once, then accepted.
async fn go_wrong_everywhere(bench: &Bench) {
    bench.tenant.faults(echo("POST", "^/oauth/token$")).await;
    bench.apply_changed(CREDENTIALS, &json!({ "stringData": { "clientSecret": WRONG_SECRET } })).await;
    bench.apply(TENANT).await;
    bench.reason(TENANT, "CredentialsInvalid", "Reconciling").await;
    bench.tenant.faults(json!([])).await;
    bench.apply(CREDENTIALS).await;
    bench.ready(TENANT).await;

    bench.tenant.faults(echo("POST", "^/api/v2/(resource-servers|connections|users)$")).await;
    bench.apply_all().await;
    bench.reason(API, "InvalidSpec", "Stalled").await;
    // The client's secret is lost with the answer, so a new one is set.
    let lost = json!([{ "method": "POST", "path": "^/api/v2/clients$", "kind": "commit_then_drop", "times": 1 }]);
    bench
        .tenant
        .faults(
            [lost, echo("PATCH", "^/api/v2/clients/"), echo("POST", "^/api/v2/users$")].iter().flat_map(flat).collect(),
        )
        .await;
    bench.force(API, "after-echo").await;
    bench.reason(API, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(echo("POST", "^/api/v2/users$")).await;
    bench.force(API, "after-second-echo").await;
    bench.ready(API).await;
    bench.reason(USER, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(echo("PATCH", "^/api/v2/users/")).await;
    bench.force(USER, "after-echo").await;
    bench.all_ready().await;
    bench.apply_changed(PASSWORD, &json!({ "stringData": { "password": OTHER_PASSWORD } })).await;
    bench.reason(USER, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(echo("PATCH", "^/api/v2/resource-servers/")).await;
    bench.apply_object(&secret("Secret/signing", json!({ "key": SIGNING_SECRET }))).await;
    let signing = json!({ "signingAlg": "HS256", "signingSecretRef": { "name": "signing", "key": "key" } });
    let asks = json!({ "annotations": { "auth0-operator.dev/rotateClientSecret": "1" } });
    bench.patch(API, &json!({ "metadata": asks, "spec": signing })).await;
    bench.reason(API, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(echo("PATCH", "^/api/v2/clients/")).await;
    bench.force(API, "after-third-echo").await;
    bench.reason(API, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(json!([])).await;
    bench.force(API, "after-fourth-echo").await;
    bench.force(USER, "after-second-echo").await;
    bench.all_ready().await;
    let is_answered = |object: &Object| object.text("/status/lastHandledRotateAt") == "1";
    bench.history.until(API, "with a new client secret", is_answered).await;
    go_wrong_with_options(bench).await;
}

/// The same for a connection with secrets in its options, one in a place that Auth0 does not have for secrets.
async fn go_wrong_with_options(bench: &Bench) {
    let from = |path: &str, key: &str| json!({ "path": path, "secretKeyRef": { "name": "idp", "key": key } });
    let spec = json!({
        "tenantRef": { "name": "default" }, "name": "idp", "strategy": "oidc", "options": { "client_id": "abc" },
        "optionsFrom": [from("/client_secret", "secret"), from("/upstream_params/key/value", "key")],
    });
    let values = |value: &str| secret("Secret/idp", json!({ "secret": value, "key": format!("{value}-key") }));
    bench.tenant.faults(echo("POST", "^/api/v2/connections$")).await;
    bench.apply_object(&values(IDP_SECRET)).await;
    bench.apply_object(&resource(IDP, spec)).await;
    bench.reason(IDP, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(echo("PATCH", "^/api/v2/connections/")).await;
    bench.force(IDP, "after-echo").await;
    bench.ready(IDP).await;
    bench.apply_object(&values(OTHER_IDP_SECRET)).await;
    bench.reason(IDP, "InvalidSpec", "Stalled").await;
    bench.tenant.faults(json!([])).await;

    let found = bench.tenant.call(Method::GET, "connections?name=idp", Value::Null).await;
    let mut options = found[0]["options"].clone();
    options["app_secret"] = json!(OTHERS_SECRET);
    options["client_id"] = json!("another");
    let path = format!("connections/{}", found[0]["id"].as_str().unwrap());
    bench.tenant.call(Method::PATCH, &path, json!({ "options": options })).await;
    bench.force(IDP, "after-others").await;
    bench.ready(IDP).await;
    let found = bench.tenant.call(Method::GET, "connections?name=idp", Value::Null).await;
    for (place, value) in [
        ("/client_secret", OTHER_IDP_SECRET.to_owned()),
        ("/upstream_params/key/value", format!("{OTHER_IDP_SECRET}-key")),
        ("/app_secret", OTHERS_SECRET.to_owned()),
        ("/client_id", "abc".to_owned()),
    ] {
        assert_eq!(found[0]["options"].pointer(place), Some(&json!(value)), "{place}");
    }
}

fn flat(faults: &Value) -> Vec<Value> {
    faults.as_array().unwrap().clone()
}

/// All values that nobody may see, each with a name.
async fn secret_values(bench: &Bench) -> Vec<(&'static str, String)> {
    let identity =
        Api::<Secret>::namespaced(bench.client(), OPERATOR_NAMESPACE).get("auth0-operator-identity").await.unwrap();
    let key = identity.data.unwrap()["fingerprintKey"].0.clone();
    vec![
        ("the operator's client secret", bench.tenant.management_secret().to_owned()),
        ("a wrong client secret", WRONG_SECRET.to_owned()),
        ("the identity provider's secret", IDP_SECRET.to_owned()),
        ("the identity provider's new secret", OTHER_IDP_SECRET.to_owned()),
        ("somebody else's secret in the options", OTHERS_SECRET.to_owned()),
        ("the user's password", bench.samples.password()),
        ("the user's new password", OTHER_PASSWORD.to_owned()),
        ("the application's client secret", bench.secret(OUTPUT).await["clientSecret"].clone()),
        ("the API's signing secret", SIGNING_SECRET.to_owned()),
        ("the fingerprint key", String::from_utf8(key).unwrap()),
        // How every JWT begins: {"alg":
        ("an access token", "eyJhbGci".to_owned()),
        ("an access token", "eyJ0eXAi".to_owned()),
    ]
}

async fn events(bench: &Bench) -> String {
    let events = Api::<Event>::namespaced(bench.client(), &bench.namespace).list(&ListParams::default()).await.unwrap();
    serde_json::to_string(&events.items).unwrap()
}

async fn objects(bench: &Bench) -> String {
    let mut text = String::new();
    for kind in KINDS {
        let objects = bench.api(kind).list(&ListParams::default()).await.unwrap();
        text.push_str(&serde_json::to_string(&objects.items).unwrap());
    }
    text
}
