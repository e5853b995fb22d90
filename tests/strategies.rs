//! Connections of every kind of strategy, over their whole life: what each step costs, and what the tenant holds after it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{
    bench::Bench,
    operator::Operator,
    samples::{CREDENTIALS, TENANT, merge, resource, secret},
};

const KEY: &str = "Auth0Connection/it";
const SECRET: &str = "Secret/it";

/// One kind of connection.
struct Strategy {
    name: &'static str,
    /// In the spec, in Auth0's spelling.
    options: Value,
    /// The place of a secret in them.
    secret: &'static str,
    /// What Auth0 adds to them on a create (recorded).
    added: Value,
    /// A change of the spec's options, and what follows in the tenant.
    change: Value,
    follows: Value,
    /// An option that leaves the spec.
    unset: &'static str,
    /// Whether the operator's own client is enabled, so that it can make users.
    is_enabled: bool,
}

fn strategies() -> Vec<Strategy> {
    vec![
        Strategy {
            name: "oidc",
            options: json!({
                "client_id": "abc", "scope": "openid", "type": "back_channel", "issuer": "https://idp.example.com",
                "authorization_endpoint": "https://idp.example.com/authorize", "token_endpoint": null,
                "upstream_params": { "screen_name": { "alias": "login_hint" } },
            }),
            secret: "/client_secret",
            added: json!({
                "schema_version": "oidc-V4", "attribute_map": { "mapping_mode": "bind_all" },
                "connection_settings": { "pkce": "auto" },
            }),
            change: json!({ "scope": "openid profile" }),
            follows: json!({ "scope": "openid profile" }),
            unset: "/upstream_params/screen_name",
            is_enabled: false,
        },
        Strategy {
            name: "samlp",
            options: json!({
                "signInEndpoint": "https://idp.example.com/saml", "decryptionKey": { "cert": "certificate" },
                "fieldsMap": { "email": "EmailAddress" }, "tenant_domain": "example.com",
            }),
            secret: "/decryptionKey/key",
            added: json!({}),
            change: json!({ "fieldsMap": { "family_name": "LastName" } }),
            follows: json!({ "fieldsMap": { "family_name": "LastName" } }),
            unset: "/tenant_domain",
            is_enabled: false,
        },
        Strategy {
            name: "google-oauth2",
            options: json!({
                "client_id": "abc", "calendar": true, "scope": ["email"], "allowed_audiences": ["example.com"],
            }),
            secret: "/client_secret",
            added: json!({
                "email": true, "profile": true,
                "scope": ["https://www.googleapis.com/auth/calendar", "email", "profile"],
            }),
            change: json!({ "calendar": false }),
            // Auth0 makes the scope from the flags, which are all there now.
            follows: json!({ "calendar": false, "scope": ["email", "profile"] }),
            unset: "/allowed_audiences",
            is_enabled: false,
        },
        Strategy {
            name: "waad",
            options: json!({ "client_id": "abc", "domain": "example.onmicrosoft.com", "basic_profile": true }),
            secret: "/client_secret",
            added: json!({
                "thumbprints": [], "identity_api": "microsoft-identity-platform-v2.0", "useCommonEndpoint": false,
                "should_trust_email_verified_connection": "never_set_emails_as_verified", "waad_common_endpoint": false,
                "use_wsfed": false, "waad_protocol": "openid-connect", "app_domain": "strategies.eu.auth0.com",
            }),
            change: json!({ "domain": "example.com" }),
            follows: json!({ "domain": "example.com" }),
            unset: "/basic_profile",
            is_enabled: false,
        },
        Strategy {
            name: "email",
            options: json!({
                "name": "email", "totp": { "time_step": 300, "length": 6 }, "disable_signup": true,
                "email": { "syntax": "liquid", "from": "it@example.com", "subject": "Hello", "body": "{{ code }}" },
            }),
            secret: "/authParams/key",
            added: json!({ "brute_force_protection": true }),
            change: json!({ "email": { "subject": "Good day" } }),
            follows: json!({ "email": { "subject": "Good day" } }),
            unset: "/disable_signup",
            is_enabled: true,
        },
        Strategy {
            name: "sms",
            options: json!({
                "name": "sms", "from": "+17777777777", "syntax": "liquid", "template": "{{ code }}", "provider": "sms_gateway",
                "gateway_url": "https://sms.example.com", "messaging_service_sid": null, "forward_req_info": true,
                "gateway_authentication": { "method": "bearer", "subject": "it", "audience": "sms.example.com" },
            }),
            secret: "/gateway_authentication/secret",
            added: json!({ "brute_force_protection": true }),
            change: json!({ "gateway_authentication": { "audience": "sms.example.org" } }),
            follows: json!({ "gateway_authentication": { "audience": "sms.example.org" } }),
            unset: "/forward_req_info",
            is_enabled: true,
        },
    ]
}

async fn bench(name: &str) -> Bench {
    let bench = Bench::new(name).await;
    Operator::shared(bench.cluster).await;
    bench.apply(CREDENTIALS).await;
    bench.apply(TENANT).await;
    bench.ready(TENANT).await;
    bench
}

/// A value at a place, with nothing beside it.
fn nested(pointer: &str, value: Value) -> Value {
    pointer.rsplit('/').filter(|key| !key.is_empty()).fold(value, |inner, key| json!({ key: inner }))
}

/// A value with another at a place; null takes it away.
fn with(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    merge(&mut value, &nested(pointer, new));
    value
}

/// What the tenant shows as the connection's options, secrets and all.
async fn options(bench: &Bench, strategy: &str) -> Value {
    let found = bench.tenant.call(Method::GET, &format!("connections?name={strategy}"), Value::Null).await;
    found[0]["options"].clone()
}

#[tokio::test]
async fn each_step_in_the_life_of_a_connection_costs_what_it_must_and_does_what_the_spec_says() {
    let bench = bench("strategies").await;
    for strategy in strategies() {
        let name = strategy.name;
        live(&bench, strategy).await;
        assert_eq!(bench.tenant.added().await, json!({}), "{name}: nothing is left");
    }
    assert!(!support::operator::log().contains("canary-option"), "secrets are in Secrets only");
}

async fn live(bench: &Bench, strategy: Strategy) {
    let Strategy { name, options: wanted, secret: place, added, change, follows, unset, is_enabled } = strategy;
    let value = |value: &str| secret(SECRET, json!({ "value": format!("canary-option-{name}-{value}") }));
    let spec = json!({
        "tenantRef": { "name": "default" }, "name": name, "strategy": name, "deletionPolicy": "Delete",
        "options": wanted, "optionsFrom": [{ "path": place, "secretKeyRef": { "name": "it", "key": "value" } }],
    });
    bench.tenant.forget_calls().await;

    // It waits for its Secret, then is made at once.
    bench.apply_object(&resource(KEY, spec)).await;
    bench.reason(KEY, "SecretNotFound", "Reconciling").await;
    bench.apply_object(&value("one")).await;
    bench.ready(KEY).await;
    let enable = is_enabled.then_some("PATCH connections/*/clients");
    let expected: Vec<_> = ["POST connections"].into_iter().chain(enable).collect();
    assert_eq!(bench.tenant.calls().await, expected, "{name}: create");
    let mut held = with(&wanted, place, json!(format!("canary-option-{name}-one")));
    merge(&mut held, &json!({ "token_endpoint": null, "messaging_service_sid": null }));
    merge(&mut held, &added);
    assert_eq!(options(bench, name).await, held, "{name}: create");

    // The tenant is as the spec says.
    bench.tenant.forget_calls().await;
    bench.force(KEY, "again").await;
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new(), "{name}: looked again");

    // What others add stays, secrets too, when an option changes.
    let id = bench.tenant.object("connections", "name", name).await["id"].as_str().unwrap().to_owned();
    let theirs = json!({ "icon_url": "https://example.com/icon.png", "app_secret": "canary-option-theirs" });
    merge(&mut held, &theirs);
    bench.tenant.call(Method::PATCH, &format!("connections/{id}"), json!({ "options": held })).await;
    bench.tenant.forget_calls().await;
    bench.patch(KEY, &json!({ "spec": { "options": change } })).await;
    bench.ready(KEY).await;
    assert_eq!(bench.tenant.calls().await, ["GET connections/*", "PATCH connections/*"], "{name}: an option");
    merge(&mut held, &follows);
    assert_eq!(options(bench, name).await, held, "{name}: an option");

    // A secret changes.
    bench.tenant.forget_calls().await;
    bench.apply_object(&value("two")).await;
    bench.tenant.until_calls("a write", |calls| calls.iter().any(|call| call == "PATCH connections/*")).await;
    bench.force(KEY, "after-the-secret").await;
    assert_eq!(bench.tenant.writes().await, ["PATCH connections/*"], "{name}: a secret");
    held = with(&held, place, json!(format!("canary-option-{name}-two")));
    assert_eq!(options(bench, name).await, held, "{name}: a secret");

    // An option leaves the spec.
    bench.tenant.forget_calls().await;
    bench.patch(KEY, &nested(&format!("/spec/options{unset}"), Value::Null)).await;
    bench.ready(KEY).await;
    bench.force(KEY, "after-the-unset").await;
    assert_eq!(bench.tenant.writes().await, ["PATCH connections/*"], "{name}: unset");
    held = with(&held, unset, Value::Null);
    if name == "oidc" {
        held = with(&held, "/upstream_params", Value::Null);
    }
    assert_eq!(options(bench, name).await, held, "{name}: unset");

    bench.tenant.forget_calls().await;
    bench.delete_and_wait(KEY).await;
    bench.kubectl(&["delete", "secret", "it"]).await;
    assert_eq!(bench.tenant.writes().await, ["DELETE connections/*"], "{name}: delete");
}

/// A connection with one secret option, Ready.
async fn apply_with_secret(bench: &Bench, strategy: &str, options: Value, place: &str) {
    bench.apply_object(&secret(SECRET, json!({ "value": "canary-option-one" }))).await;
    let from = json!([{ "path": place, "secretKeyRef": { "name": "it", "key": "value" } }]);
    let spec = json!({
        "tenantRef": { "name": "default" }, "name": "it", "strategy": strategy, "options": options, "optionsFrom": from,
    });
    bench.apply_object(&resource(KEY, spec)).await;
    bench.ready(KEY).await;
}

/// Somebody sets an option, and leaves the others as they are.
async fn somebody_sets(bench: &Bench, place: &str, value: &str) {
    let id = bench.tenant.object("connections", "name", "it").await["id"].as_str().unwrap().to_owned();
    let options = with(&options(bench, "it").await, place, json!(value));
    bench.tenant.call(Method::PATCH, &format!("connections/{id}"), json!({ "options": options })).await;
}

#[tokio::test]
async fn a_secret_that_somebody_changes_in_the_tenant_is_drift() {
    let bench = bench("secret-drift").await;
    apply_with_secret(&bench, "oidc", json!({ "client_id": "abc" }), "/client_secret").await;
    somebody_sets(&bench, "/client_secret", "canary-option-theirs").await;
    bench.force(KEY, "drift").await;
    assert_eq!(options(&bench, "it").await["client_secret"], "canary-option-one");
    assert!(bench.events(KEY).await.contains(&"Normal DriftCorrected".to_owned()), "{:?}", bench.events(KEY).await);

    bench.patch(KEY, &json!({ "spec": { "driftPolicy": "Warn" } })).await;
    bench.ready(KEY).await;
    somebody_sets(&bench, "/client_secret", "canary-option-theirs").await;
    let warned = bench.force(KEY, "warn").await;
    assert_eq!(warned.condition("Drifted").unwrap()["reason"], "Warned");
    assert_eq!(options(&bench, "it").await["client_secret"], "canary-option-theirs");

    // What changes in the cluster is written all the same.
    bench.tenant.forget_calls().await;
    bench.apply_object(&secret(SECRET, json!({ "value": "canary-option-two" }))).await;
    bench.tenant.until_calls("a write", |calls| calls.iter().any(|call| call == "PATCH connections/*")).await;
    bench.force(KEY, "after-the-secret").await;
    assert_eq!(options(&bench, "it").await["client_secret"], "canary-option-two");
}

#[tokio::test]
async fn a_secret_of_which_the_tenant_shows_a_ciphertext_is_written_when_it_changes_and_never_lost() {
    let bench = bench("ciphertext").await;
    apply_with_secret(&bench, "auth0", json!({ "import_mode": false }), "/configuration/KEY").await;
    let ciphertext = options(&bench, "it").await["configuration"]["KEY"].clone();
    bench.tenant.forget_calls().await;
    bench.force(KEY, "again").await;
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());

    bench.apply_object(&secret(SECRET, json!({ "value": "canary-option-two" }))).await;
    bench.tenant.until_calls("a write", |calls| calls.iter().any(|call| call == "PATCH connections/*")).await;
    bench.force(KEY, "after-the-secret").await;
    assert_eq!(bench.tenant.writes().await, ["PATCH connections/*"]);
    assert_ne!(options(&bench, "it").await["configuration"]["KEY"], ciphertext);

    // One that the operator does not know would be lost with the next change.
    somebody_sets(&bench, "/configuration/THEIRS", "canary-option-theirs").await;
    bench.tenant.forget_calls().await;
    bench.patch(KEY, &json!({ "spec": { "options": { "import_mode": true } } })).await;
    let refused = bench.reason(KEY, "InvalidSpec", "Stalled").await;
    let message = refused.condition("Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("options.configuration.THEIRS"), "{message}");
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_option_that_the_tenant_changes_is_written_again_with_the_secrets_of_others() {
    let bench = bench("normalised-secret").await;
    apply_with_secret(&bench, "oidc", json!({ "client_id": "abc", "scope": "openid" }), "/client_secret").await;
    somebody_sets(&bench, "/app_secret", "canary-option-theirs").await;
    let connection = bench.tenant.call(Method::GET, "connections?name=it", Value::Null).await[0].clone();
    let held = connection["options"].clone();
    let scope = |scope: &str| with(&held, "/scope", json!(scope));
    let deaf = async |times: Value, answer: &Value| {
        let fault = json!([{
            "method": "PATCH", "path": "^/api/v2/connections/[^/]*$", "times": times,
            "kind": "status", "status": 200, "body": answer,
        }]);
        bench.tenant.faults(fault).await;
        bench.tenant.forget_calls().await;
    };
    let read_and_written_twice =
        ["GET connections/*", "PATCH connections/*", "GET connections/*", "PATCH connections/*"];

    // Of an answer to a write it is not known that it shows secrets.
    let silent = with(&connection, "/options", json!({ "app_secret": null, "client_secret": null }));
    deaf(json!(1), &silent).await;
    bench.patch(KEY, &json!({ "spec": { "options": { "scope": "openid email" } } })).await;
    bench.ready(KEY).await;
    assert_eq!(bench.tenant.calls().await, read_and_written_twice);
    assert_eq!(options(&bench, "it").await, scope("openid email"));

    deaf(Value::Null, &connection).await;
    bench.patch(KEY, &json!({ "spec": { "options": { "scope": "openid profile" } } })).await;
    let it = bench.ready(KEY).await;
    assert_eq!(it.condition("Drifted").unwrap()["reason"], "NormalizedByTenant", "{it:?}");
    assert_eq!(bench.tenant.calls().await, read_and_written_twice);

    bench.tenant.faults(json!([])).await;
    bench.force(KEY, "again").await;
    assert_eq!(options(&bench, "it").await, scope("openid profile"));
}
