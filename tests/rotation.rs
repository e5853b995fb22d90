//! The secrets of an API over time: the client's is replaced, lost and moved, the signing secret changes, and the application
//! works at every moment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use futures::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{
    DEADLINE,
    bench::Bench,
    cluster::Cluster,
    object::Object,
    operator::{Operator, Settings},
    samples::{ALL, API, CREDENTIALS, OUTPUT, TENANT, secret},
    tap::{
        Hold,
        Moment::{AfterEffect, BeforeEffect},
    },
};
use tokio::sync::Mutex;

const ROTATE: &str = "auth0-operator.dev/rotateClientSecret";

/// Auth0 says 30 s, which no test waits for.
const SOON: &[&str] = &["--watch-secrets", "--secret-settles-in", "1s"];
/// A secret stays next to the old one until the operator is killed.
const NEVER: &[&str] = &["--watch-secrets", "--secret-settles-in", "1h"];

/// Only one test at a time has its operator: each looks after the whole cluster.
static TURN: Mutex<()> = Mutex::const_new(());

async fn start(flags: &[&str]) -> Operator {
    Operator::start(Cluster::shared().await, Settings { flags, ..Settings::default() }).await
}

/// Asks for a new client secret.
async fn ask(bench: &Bench, token: &str) {
    bench.patch(API, &json!({ "metadata": { "annotations": { ROTATE: token } } })).await;
}

async fn answered(bench: &Bench, token: &str) -> Object {
    let is_answered = |object: &Object| object.text("/status/lastHandledRotateAt") == token;
    bench.history.until(API, &format!("answered ({token})"), is_answered).await
}

/// Waits until the Secret holds a client secret that is to take the place of the other.
async fn until_next(bench: &Bench) {
    let is = |secret: Option<&Secret>| {
        secret.is_some_and(|secret| secret.data.iter().flatten().any(|(key, _)| key == "clientSecretNext"))
    };
    let seen = tokio::time::timeout(DEADLINE, await_condition(bench.secrets(), OUTPUT, is)).await;
    seen.expect("there is no next client secret").unwrap();
}

/// Does something while an application that reads the Secret, and tries both of its client secrets, gets tokens all the time.
async fn while_it_works<T>(bench: &Bench, done: impl Future<Output = T>) -> T {
    let application = async {
        loop {
            let version = bench.secrets().get(OUTPUT).await.unwrap().resource_version();
            let secret = bench.secret(OUTPUT).await;
            if !works(bench, &secret).await {
                // It may have been replaced between reading and trying.
                let now = bench.secrets().get(OUTPUT).await.unwrap().resource_version();
                assert_ne!(version, now, "no client secret of {OUTPUT} works");
            }
        }
    };
    tokio::select! {
        () = application => unreachable!(),
        done = done => done,
    }
}

async fn works(bench: &Bench, secret: &BTreeMap<String, String>) -> bool {
    for key in ["clientSecret", "clientSecretNext"] {
        if let Some(value) = secret.get(key)
            && bench.tenant.token(&secret["clientId"], value, &secret["audience"]).await.0 == 200
        {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_client_secret_that_is_asked_for_is_one_call_and_the_application_works_at_every_moment() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("asked").await;
    let _operator = start(SOON).await;
    bench.set_up().await;
    let old = bench.secret(OUTPUT).await;
    bench.tenant.forget_calls().await;
    let before = bench.history.now();

    let object = while_it_works(&bench, async {
        ask(&bench, "1").await;
        answered(&bench, "1").await
    })
    .await;

    assert_eq!(bench.tenant.calls().await, ["PATCH clients/*"]);
    let new = bench.secret(OUTPUT).await;
    assert_ne!(new["clientSecret"], old["clientSecret"]);
    assert!(!new.contains_key("clientSecretNext"), "{:?}", new.keys());
    bench.assert_token().await;
    assert_ne!(object.text("/status/client/secretRotatedAt"), "");
    let states = bench.history.states_since(before);
    assert!(states.iter().filter(|object| object.key() == API).all(Object::is_ready), "Ready all the time: {states:?}");
    bench.force(API, "after the event").await;
    let told = |event: &&String| *event == "Normal SecretRotated";
    assert_eq!(bench.events(API).await.iter().filter(told).count(), 1);
    assert_eq!(bench.tenant.writes().await, ["PATCH clients/*"], "once");
}

#[tokio::test]
async fn killed_at_any_step_it_ends_with_one_new_secret_and_the_application_works_at_every_moment() {
    let _turn = TURN.lock().await;
    let holds = [Some(BeforeEffect), Some(AfterEffect), None];
    let benches = join_all(holds.iter().enumerate().map(async |(number, at)| {
        let mut bench = Bench::new(&format!("killed-{number}")).await;
        let hold = at.map(|at| Hold { method: "PATCH", path: "clients/*", at });
        let tap = if let Some(hold) = hold { Some(bench.tap(hold).await) } else { None };
        (bench, tap)
    }))
    .await;
    let operator = start(NEVER).await;
    let olds = join_all(benches.iter().map(async |(bench, tap)| {
        bench.set_up().await;
        let old = bench.secret(OUTPUT).await["clientSecret"].clone();
        ask(bench, "1").await;
        match tap {
            Some(tap) => tap.holds().await,
            None => {
                bench
                    .tenant
                    .until_calls("a new secret", |calls| calls.iter().any(|call| call == "PATCH clients/*"))
                    .await;
            }
        }
        let kept = bench.secret(OUTPUT).await;
        assert_eq!(kept["clientSecret"], old);
        (old, kept["clientSecretNext"].clone())
    }))
    .await;
    operator.kill();
    let _operator = start(SOON).await;

    join_all(benches.iter().zip(olds).map(async |((bench, _), (old, next))| {
        while_it_works(bench, answered(bench, "1")).await;
        let new = bench.secret(OUTPUT).await;
        assert_eq!((&new["clientSecret"], new.contains_key("clientSecretNext")), (&next, false));
        assert_ne!(next, old);
        bench.assert_made_once().await;
        bench.force(API, "once more").await;
        assert_eq!(bench.secret(OUTPUT).await, new);
    }))
    .await;
}

#[tokio::test]
async fn a_client_secret_that_is_older_than_its_interval_is_replaced() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("interval").await;
    let _operator = start(SOON).await;
    bench.set_up().await;
    bench.patch(API, &json!({ "spec": { "client": { "rotateSecretEvery": "720h" } } })).await;
    bench.ready(API).await;
    bench.tenant.forget_calls().await;
    bench.force(API, "not yet").await;
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());

    let old = bench.secret(OUTPUT).await;
    let long_ago = json!({ "status": { "client": { "secretRotatedAt": "2020-01-01T00:00:00Z" } } });
    let name = API.split_once('/').unwrap().1;
    bench.api("Auth0Api").patch_status(name, &PatchParams::default(), &Patch::Merge(long_ago)).await.unwrap();
    bench.force(API, "now").await;
    let is_new =
        |object: &Object| !["", "2020-01-01T00:00:00Z"].contains(&object.text("/status/client/secretRotatedAt"));
    while_it_works(&bench, bench.history.until(API, "rotated", is_new)).await;

    assert_ne!(bench.secret(OUTPUT).await["clientSecret"], old["clientSecret"]);
    assert_eq!(bench.tenant.writes().await, ["PATCH clients/*"]);
    bench.assert_token().await;
}

#[tokio::test]
async fn a_secret_that_was_deleted_and_that_the_tenant_does_not_show_is_replaced_when_that_is_asked_for() {
    let _turn = TURN.lock().await;
    let mut bench = Bench::new("lost").await;
    let client = json!({ "name": "Operator", "app_type": "non_interactive", "grant_types": ["client_credentials"] });
    let client = bench.tenant.call(Method::POST, "clients", client).await;
    let all = bench.tenant.object("client_grants", "client_id", "management").await;
    let shows = ["read:client_keys", "read:client_credentials"];
    let scopes: Vec<_> =
        all["scope"].as_array().unwrap().iter().filter(|scope| !shows.contains(&scope.as_str().unwrap())).collect();
    let grant = json!({ "client_id": client["client_id"], "audience": all["audience"], "scope": scopes });
    bench.tenant.call(Method::POST, "client-grants", grant).await;
    bench.samples.client_secret = client["client_secret"].as_str().unwrap().to_owned();
    let _operator = start(SOON).await;
    bench.apply_changed(CREDENTIALS, &json!({ "stringData": { "clientId": client["client_id"] } })).await;
    for key in ALL.into_iter().filter(|key| *key != CREDENTIALS) {
        bench.apply(key).await;
    }
    bench.all_ready().await;
    let old = bench.secret(OUTPUT).await;

    bench.secrets().delete(OUTPUT, &DeleteParams::default()).await.unwrap();
    let lost = bench.reason(API, "SecretNotRecoverable", "Stalled").await;
    assert!(lost.condition("Ready").unwrap()["message"].as_str().unwrap().contains(ROTATE), "{lost:?}");
    ask(&bench, "lost").await;
    answered(&bench, "lost").await;

    bench.ready(API).await;
    assert_ne!(bench.secret(OUTPUT).await["clientSecret"], old["clientSecret"]);
    bench.assert_token().await;
    bench.force(API, "after the event").await;
    assert!(bench.events(API).await.contains(&"Normal SecretRotated".to_owned()));
}

#[tokio::test]
async fn a_public_client_has_no_secret_to_replace_and_whoever_asks_is_told() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("public").await;
    let _operator = start(SOON).await;
    bench.set_up().await;
    bench.patch(API, &json!({ "spec": { "client": { "tokenEndpointAuthMethod": "none" } } })).await;
    bench.ready(API).await;
    let old = bench.secret(OUTPUT).await;
    bench.tenant.forget_calls().await;

    ask(&bench, "1").await;
    assert!(answered(&bench, "1").await.is_ready());
    bench.force(API, "after the event").await;

    assert!(bench.events(API).await.contains(&"Warning Notice".to_owned()));
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());
    assert_eq!(bench.secret(OUTPUT).await, old);
}

#[tokio::test]
async fn a_secret_that_gets_another_name_keeps_its_values_and_the_old_one_goes() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("renamed").await;
    let _operator = start(SOON).await;
    bench.set_up().await;
    let old = bench.secret(OUTPUT).await;
    bench.tenant.forget_calls().await;

    bench.patch(API, &json!({ "spec": { "client": { "secretName": "renamed" } } })).await;
    let object = bench.ready(API).await;

    assert_eq!(object.text("/status/client/secretName"), "renamed");
    assert_eq!(bench.secret("renamed").await, old);
    bench.until_gone(&format!("Secret/{OUTPUT}")).await;
    assert_eq!(bench.tenant.writes().await, Vec::<String>::new());

    bench
        .secrets()
        .patch("taken", &PatchParams::apply("test"), &Patch::Apply(secret("Secret/taken", json!({}))))
        .await
        .unwrap();
    bench.patch(API, &json!({ "spec": { "client": { "secretName": "taken" } } })).await;
    bench.reason(API, "SecretNotOwned", "Stalled").await;
    assert_eq!(bench.secret("renamed").await, old, "the old one stays until there is a new one");

    bench.patch(API, &json!({ "spec": { "deletionPolicy": "Orphan" } })).await;
    bench.delete_and_wait(API).await;
    let kept = bench.secrets().get("renamed").await.unwrap();
    assert_eq!(kept.owner_references().len(), 0, "it outlives the resource, though the spec names another");
}

#[tokio::test]
async fn a_renamed_secret_moves_in_the_middle_of_a_rotation() {
    let _turn = TURN.lock().await;
    let bench = Bench::new("renamed-rotating").await;
    let operator = start(NEVER).await;
    bench.set_up().await;
    ask(&bench, "1").await;
    until_next(&bench).await;
    let both = bench.secret(OUTPUT).await;
    bench.patch(API, &json!({ "spec": { "client": { "secretName": "renamed" } } })).await;
    bench.ready(API).await;
    assert_eq!(bench.secret("renamed").await, both);

    operator.kill();
    let _operator = start(SOON).await;
    answered(&bench, "1").await;
    assert_eq!(bench.secret("renamed").await["clientSecret"], both["clientSecretNext"]);
}

/// Whether a token for the API is signed with a secret.
async fn signs(bench: &Bench, signing_secret: &str) -> bool {
    let secret = bench.secret(OUTPUT).await;
    let (status, token) = bench.tenant.token(&secret["clientId"], &secret["clientSecret"], &secret["audience"]).await;
    assert_eq!(status, 200, "{token}");
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[&secret["audience"]]);
    let key = DecodingKey::from_secret(signing_secret.as_bytes());
    jsonwebtoken::decode::<Value>(token["access_token"].as_str().unwrap(), &key, &validation).is_ok()
}

#[tokio::test]
async fn a_signing_secret_goes_from_its_secret_to_the_tenant_whenever_it_changes_on_either_side() {
    const FIRST: &str = "canary-first-signing-secret";
    const SECOND: &str = "canary-second-signing-secret";
    let _turn = TURN.lock().await;
    let bench = Bench::new("signing").await;
    let _operator = start(SOON).await;
    for key in [CREDENTIALS, TENANT] {
        bench.apply(key).await;
    }
    let signing = json!({ "spec": { "signingAlg": "HS256", "signingSecretRef": { "name": "signing", "key": "key" } } });
    bench.apply_changed(API, &signing).await;
    bench.reason(API, "SecretNotFound", "Reconciling").await;
    bench.apply_object(&secret("Secret/signing", json!({ "key": "too short" }))).await;
    bench.reason(API, "SecretKeyMissing", "Reconciling").await;
    bench.apply_object(&secret("Secret/signing", json!({ "key": FIRST }))).await;
    let api = bench.ready(API).await;
    assert_eq!(bench.tenant.writes().await, ["POST resource-servers", "POST clients", "POST client-grants"]);
    assert!(signs(&bench, FIRST).await);

    bench.tenant.forget_calls().await;
    bench.apply_object(&secret("Secret/signing", json!({ "key": SECOND }))).await;
    let is_sent = |calls: &[String]| calls.iter().any(|call| call == "PATCH resource-servers/*");
    bench.tenant.until_calls("a new signing secret", is_sent).await;
    bench.force(API, "after the change").await;
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"]);
    assert!(signs(&bench, SECOND).await);

    let path = format!("resource-servers/{}", api.text("/status/id"));
    bench.tenant.call(Method::PATCH, &path, json!({ "signing_secret": "somebody's own signing secret" })).await;
    bench.force(API, "after somebody's change").await;
    assert!(signs(&bench, SECOND).await);

    bench.patch(API, &json!({ "spec": { "signingSecretRef": null } })).await;
    bench.ready(API).await;
    assert!(signs(&bench, SECOND).await, "it stays when the spec names it no more");
    let states = bench.history.states_since(0);
    assert!(states.iter().all(|object| !object.0.to_string().contains("canary-")), "no value is in a status");
}
