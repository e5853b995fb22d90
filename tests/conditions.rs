//! What can be wrong, one thing at a time: the condition says so, it heals when mended, and nothing is lost or made twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use futures::future::join_all;
use kube::api::ListParams;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{
    bench::Bench,
    object::Object,
    operator::Operator,
    samples::{ALL, API, CONNECTION, CREDENTIALS, PASSWORD, TENANT, USER, resource},
    tenant::Tenant,
};

/// Something wrong, and what mends it.
struct Case {
    case: &'static str,
    wrong: Wrong,
    /// Which object says so, with what reason, and whether beside Reconciling or Stalled.
    says: Vec<(&'static str, &'static str, &'static str)>,
    mended: Mended,
}

enum Wrong {
    /// A sample that is applied with a change.
    Changed(&'static str, Value),
    /// A sample that is missing.
    Missing(&'static str),
    /// Requests that the tenant answers wrongly.
    Fault(Value),
}

enum Mended {
    /// By the sample as it should be.
    Apply,
    /// By the sample, once the wrong one is deleted, since the field never changes.
    Replace,
    /// By the tenant.
    ByItself,
    /// By the tenant, and somebody who asks for a pass.
    Forced,
}

const RECONCILING: &str = "Reconciling";
const STALLED: &str = "Stalled";

fn waiting_for_tenant() -> [(&'static str, &'static str, &'static str); 3] {
    [API, CONNECTION, USER].map(|key| (key, "TenantNotReady", RECONCILING))
}

fn tenant_says(reason: &'static str, beside: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    [&[(TENANT, reason, beside)][..], &waiting_for_tenant()].concat()
}

fn status(method: &str, path: &str, status: u16, message: &str) -> Wrong {
    let body = json!({ "statusCode": status, "error": "x", "message": message });
    Wrong::Fault(json!([{ "method": method, "path": path, "kind": "status", "status": status, "body": body }]))
}

fn cases() -> Vec<Case> {
    let limit = "You reached the limit of entities of this type for this tenant.";
    let upgrade = "Please upgrade your subscription to use this feature.";
    vec![
        Case {
            case: "domain-not-allowed",
            wrong: Wrong::Changed(TENANT, json!({ "spec": { "domain": "auth0.example.com", "endpoint": null } })),
            says: tenant_says("InvalidSpec", STALLED),
            mended: Mended::Replace,
        },
        Case {
            case: "endpoint-not-allowed",
            wrong: Wrong::Changed(TENANT, json!({ "spec": { "endpoint": "http://127.0.0.2:8080" } })),
            says: tenant_says("InvalidSpec", STALLED),
            mended: Mended::Replace,
        },
        Case {
            case: "wrong-client-secret",
            wrong: Wrong::Changed(CREDENTIALS, json!({ "stringData": { "clientSecret": "canary-wrong" } })),
            says: tenant_says("CredentialsInvalid", RECONCILING),
            mended: Mended::Apply,
        },
        Case {
            case: "credentials-missing",
            wrong: Wrong::Missing(CREDENTIALS),
            says: tenant_says("SecretNotFound", RECONCILING),
            mended: Mended::Apply,
        },
        Case {
            case: "credentials-key-missing",
            wrong: Wrong::Changed(CREDENTIALS, json!({ "stringData": { "clientSecret": null } })),
            says: tenant_says("SecretKeyMissing", RECONCILING),
            mended: Mended::Apply,
        },
        Case {
            case: "tenant-missing",
            wrong: Wrong::Missing(TENANT),
            says: [API, CONNECTION, USER].map(|key| (key, "ReferenceNotFound", RECONCILING)).to_vec(),
            mended: Mended::Apply,
        },
        Case {
            case: "api-missing",
            wrong: Wrong::Missing(API),
            says: vec![(CONNECTION, "ReferenceNotFound", RECONCILING), (USER, "ReferenceNotReady", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "connection-missing",
            wrong: Wrong::Missing(CONNECTION),
            says: vec![(USER, "ReferenceNotFound", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "password-missing",
            wrong: Wrong::Missing(PASSWORD),
            says: vec![(USER, "SecretNotFound", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "password-key-missing",
            wrong: Wrong::Changed(PASSWORD, json!({ "stringData": { "password": null, "other": "x" } })),
            says: vec![(USER, "SecretKeyMissing", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "password-too-weak",
            wrong: Wrong::Changed(PASSWORD, json!({ "stringData": { "password": "canary" } })),
            says: vec![(USER, "PasswordRefused", STALLED)],
            mended: Mended::Apply,
        },
        Case {
            case: "tenant-suspended",
            wrong: Wrong::Changed(TENANT, json!({ "spec": { "suspend": true } })),
            says: [TENANT, API, CONNECTION, USER].map(|key| (key, "Suspended", "")).to_vec(),
            mended: Mended::Apply,
        },
        Case {
            case: "suspended",
            wrong: Wrong::Changed(API, json!({ "spec": { "suspend": true } })),
            says: vec![(API, "Suspended", ""), (CONNECTION, "ReferenceNotReady", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "option-set-twice",
            wrong: Wrong::Changed(CONNECTION, json!({ "spec": { "options": { "disable_signup": false } } })),
            says: vec![(CONNECTION, "InvalidSpec", STALLED), (USER, "ReferenceNotReady", RECONCILING)],
            mended: Mended::Apply,
        },
        Case {
            case: "refused-by-auth0",
            wrong: status("POST", "^/api/v2/resource-servers$", 400, "Payload validation error: 'x' on property name."),
            says: vec![(API, "InvalidSpec", STALLED), (CONNECTION, "ReferenceNotReady", RECONCILING)],
            mended: Mended::Forced,
        },
        Case {
            case: "limit-reached",
            wrong: status("POST", "^/api/v2/(clients|connections)$", 403, limit),
            says: vec![(API, "LimitReached", STALLED), (CONNECTION, "ReferenceNotReady", RECONCILING)],
            mended: Mended::Forced,
        },
        Case {
            case: "feature-unavailable",
            wrong: status("POST", "^/api/v2/users$", 403, upgrade),
            says: vec![(USER, "FeatureUnavailable", STALLED)],
            mended: Mended::Forced,
        },
        Case {
            case: "custom-domain-required",
            wrong: Wrong::Fault(json!([{
                "method": "POST", "path": "^/api/v2/users$", "kind": "status", "status": 409,
                "body": { "statusCode": 409, "error": "Conflict", "errorCode": "custom_domain_conflict", "message": "…" },
            }])),
            says: vec![(USER, "CustomDomainRequired", STALLED)],
            mended: Mended::Forced,
        },
        Case {
            case: "rate-limited",
            wrong: Wrong::Fault(json!([{
                "method": "POST", "path": "^/api/v2/", "kind": "status", "status": 429, "headers": { "retry-after": "1" },
            }])),
            says: vec![(API, "RateLimited", RECONCILING)],
            mended: Mended::ByItself,
        },
        Case {
            case: "outage",
            wrong: Wrong::Fault(json!([{ "path": "^/api/v2/", "kind": "status", "status": 503 }])),
            says: vec![(API, "TenantUnavailable", RECONCILING)],
            mended: Mended::ByItself,
        },
        Case {
            case: "outage-of-tokens",
            wrong: Wrong::Fault(json!([{ "path": "^/oauth/token$", "kind": "status", "status": 503 }])),
            says: vec![(TENANT, "TenantUnavailable", RECONCILING)],
            mended: Mended::ByItself,
        },
        Case {
            case: "being-deleted",
            wrong: status(
                "POST",
                "^/api/v2/connections$",
                409,
                "A connection with the same name is being deleted, try again later",
            ),
            says: vec![(CONNECTION, "Retrying", RECONCILING)],
            mended: Mended::ByItself,
        },
    ]
}

#[tokio::test]
async fn whatever_is_wrong_has_its_reason_and_heals_when_it_is_mended() {
    join_all(cases().into_iter().map(run)).await;
}

async fn run(Case { case, wrong, says, mended }: Case) {
    let bench = Bench::new(case).await;
    Operator::shared(bench.cluster).await;
    if let Wrong::Fault(faults) = &wrong {
        bench.tenant.faults(faults.clone()).await;
    }
    for key in ALL {
        match &wrong {
            Wrong::Missing(missing) if *missing == key => {}
            Wrong::Changed(changed, change) if *changed == key => bench.apply_changed(key, change).await,
            Wrong::Missing(_) | Wrong::Changed(..) | Wrong::Fault(_) => bench.apply(key).await,
        }
    }
    for (key, reason, beside) in &says {
        let object = bench.reason(key, reason, beside).await;
        assert!(!object.is("Ready"), "{case}: {object:?}");
    }

    match (&wrong, mended) {
        (Wrong::Missing(key), _) | (Wrong::Changed(key, _), Mended::Apply) => bench.apply(key).await,
        (Wrong::Changed(key, _), _) => {
            bench.delete_and_wait(key).await;
            bench.apply(key).await;
        }
        (Wrong::Fault(_), mended) => {
            bench.tenant.faults(json!([])).await;
            if matches!(mended, Mended::Forced) {
                bench.annotate(says[0].0, "try-again").await;
            }
        }
    }
    bench.all_ready().await;
    bench.assert_made_once().await;
}

#[tokio::test]
async fn a_tenant_that_nobody_answers_for_is_used_when_somebody_does() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bench = Bench::new("nobody-listens").await;
    Operator::shared(bench.cluster).await;
    bench.samples.endpoint = format!("http://{address}");
    bench.apply_all().await;
    bench.reason(TENANT, "TenantUnavailable", RECONCILING).await;

    let tenant = Tenant::start_at(address, bench.tenant.domain()).await;
    bench.tenant = Arc::new(tenant);

    bench.all_ready().await;
    bench.assert_made_once().await;
}

#[tokio::test]
async fn an_outage_and_bad_credentials_never_take_away_ready() {
    let bench = Bench::new("stays-ready").await;
    Operator::shared(bench.cluster).await;
    bench.set_up().await;
    let before = bench.history.now();
    for (token, faults) in [
        ("outage", json!([{ "path": "^/", "kind": "status", "status": 503 }])),
        ("drop", json!([{ "path": "^/", "kind": "drop" }])),
        ("rate", json!([{ "path": "^/", "kind": "status", "status": 429, "headers": { "retry-after": "1" } }])),
    ] {
        bench.tenant.faults(faults).await;
        for key in [API, CONNECTION, USER, TENANT] {
            bench.force(key, token).await;
        }
    }
    bench.tenant.faults(json!([])).await;
    bench.apply_changed(CREDENTIALS, &json!({ "stringData": { "clientSecret": "canary-wrong" } })).await;
    bench.force(TENANT, "credentials").await;
    for key in [API, CONNECTION, USER] {
        bench.force(key, "credentials").await;
    }
    let states = bench.history.states_since(before);
    let unready = states.iter().find(|object| object.is_observed() && !object.is("Ready"));
    assert_eq!(unready, None);
}

#[tokio::test]
async fn within_the_rate_of_the_smallest_plan_all_is_made_once() {
    let bench = Bench::new("free-plan").await;
    let operator = Operator::shared(bench.cluster).await;
    bench.tenant.rate("free").await;
    let more = ["Auth0Api/one", "Auth0Api/two"];
    for key in more {
        let spec = json!({ "tenantRef": { "name": "default" }, "identifier": format!("urn:{key}") });
        bench.apply_object(&resource(key, spec)).await;
    }
    bench.set_up().await;
    for key in more {
        bench.ready(key).await;
    }
    let made = bench.tenant.added().await;
    let counts = ["resource_servers", "clients", "client_grants"].map(|kind| made[kind].as_array().unwrap().len());
    assert_eq!(counts, [more.len() + 1; 3], "{made}");

    let metrics = operator.get("/metrics").await;
    let gauge = |name: &str, labels: &str| {
        let name = format!("auth0_operator_tenant_{name}{{tenant=\"{}/default\"{labels}}} ", bench.namespace);
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        value.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse::<f64>().unwrap()
    };
    assert!((0.0..=2.0).contains(&gauge("bucket_level", ",bucket=\"all\"")));
    assert_eq!(gauge("calls_queued", ""), 0.0);
}

#[tokio::test]
async fn the_limit_of_one_tenant_does_not_hold_up_another() {
    /// Passes of a kind over one tenant that are at work at the same time, and the one that was refused.
    const AT_WORK: usize = 17;
    let full = Bench::new("full").await;
    let free = Bench::new("free").await;
    Operator::shared(full.cluster).await;
    for bench in [&full, &free] {
        bench.apply(CREDENTIALS).await;
        bench.apply(TENANT).await;
        bench.ready(TENANT).await;
    }
    let refusal = json!([{
        "method": "POST", "path": "^/api/v2/", "kind": "status", "status": 429, "headers": { "retry-after": "60" },
    }]);
    full.tenant.faults(refusal).await;
    for number in 0..=AT_WORK {
        let spec = json!({ "tenantRef": { "name": "default" }, "identifier": format!("urn:{number}") });
        full.apply_object(&resource(&format!("Auth0Api/api-{number}"), spec)).await;
    }
    let are_at_work = async || {
        let all = full.api("Auth0Api").list(&ListParams::default()).await.unwrap();
        all.items.iter().filter(|object| object.data["status"]["conditions"].is_array()).count() >= AT_WORK
    };
    full.tenant.until("as many passes as there may be wait for the tenant", are_at_work).await;

    free.apply(API).await;
    free.ready(API).await;
    assert_eq!(full.tenant.calls().await, ["POST resource-servers"], "the others still wait");
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named_and_used_as_soon_as_it_is_granted() {
    let mut bench = Bench::new("scopes").await;
    Operator::shared(bench.cluster).await;
    let client = json!({ "name": "Operator", "app_type": "non_interactive", "grant_types": ["client_credentials"] });
    let client = bench.tenant.call(Method::POST, "clients", client).await;
    let all = bench.tenant.object("client_grants", "client_id", "management").await;
    let scopes: Vec<_> = all["scope"].as_array().unwrap().iter().filter(|scope| **scope != "create:users").collect();
    let grant = json!({ "client_id": client["client_id"], "audience": all["audience"], "scope": scopes });
    let grant = bench.tenant.call(Method::POST, "client-grants", grant).await;
    let before = bench.tenant.added().await;
    bench.samples.client_secret = client["client_secret"].as_str().unwrap().to_owned();
    let credentials = json!({ "stringData": { "clientId": client["client_id"] } });

    bench.apply_changed(CREDENTIALS, &credentials).await;
    for key in ALL.into_iter().filter(|key| *key != CREDENTIALS) {
        bench.apply(key).await;
    }
    let user = bench.reason(USER, "ScopeMissing", RECONCILING).await;
    assert!(user.condition("Ready").unwrap()["message"].as_str().unwrap().contains("create:users"), "{user:?}");
    let lists = |object: &Object| object.at("/status/missingScopes") == &json!(["create:users"]);
    assert!(bench.history.until(TENANT, "listing the scope", lists).await.is("Ready"));
    bench.ready(CONNECTION).await;
    assert_eq!(before.get("users"), bench.tenant.added().await.get("users"));

    let path = format!("client-grants/{}", grant["id"].as_str().unwrap());
    bench.tenant.call(Method::PATCH, &path, json!({ "scope": all["scope"] })).await;
    bench.force(TENANT, "granted").await;
    bench.all_ready().await;
    assert_eq!(bench.tenant.added().await["users"], json!([bench.samples.email()]));
}

#[tokio::test]
async fn a_suspended_object_keeps_what_was_said_of_it_and_makes_no_call() {
    let bench = Bench::new("suspended-later").await;
    Operator::shared(bench.cluster).await;
    bench.set_up().await;
    bench.tenant.forget_calls().await;
    bench.patch(API, &json!({ "spec": { "suspend": true } })).await;
    bench.history.until(API, "suspended", |object| object.reason() == "Suspended" && object.is("Ready")).await;
    bench.patch(API, &json!({ "spec": { "tokenLifetime": 7200 } })).await;
    let suspended = bench.force(API, "while-suspended").await;
    assert_eq!(
        (suspended.reason(), suspended.is("Ready"), suspended.at("/status/observedGeneration")),
        ("Suspended", true, &json!(1))
    );
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());

    bench.patch(API, &json!({ "spec": { "suspend": false } })).await;
    bench.ready(API).await;
    assert_eq!(bench.tenant.writes().await, ["PATCH resource-servers/*"]);
}
