//! Users in every kind of connection that takes them: by e-mail, name or number, with and without a password.
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
    samples::{CREDENTIALS, PASSWORD, TENANT, resource},
};

const CONNECTION: &str = "Auth0Connection/it";
const USER: &str = "Auth0User/it";

/// A user in one kind of connection.
struct Case {
    name: &'static str,
    /// The connection's spec.
    connection: Value,
    /// The user's spec.
    user: Value,
    /// By what the user is told from others.
    login: (&'static str, &'static str),
    /// How the id begins.
    id: &'static str,
    /// A change of the user's spec, what the tenant then holds, and the writes that it takes.
    change: Value,
    follows: Value,
    writes: usize,
}

fn cases() -> Vec<Case> {
    let identified_by = |attribute: &str| {
        let mut attributes =
            json!({ "email": { "identifier": { "active": false }, "signup": { "status": "optional" } } });
        attributes[attribute] =
            json!({ "identifier": { "active": true }, "profileRequired": true, "signup": { "status": "required" } });
        attributes
    };
    let password = json!({ "secretKeyRef": { "name": "ada", "key": "password" } });
    vec![
        Case {
            name: "database-by-name",
            connection: json!({ "strategy": "auth0", "database": { "attributes": identified_by("username") } }),
            user: json!({ "username": "Ada", "password": password, "nickname": "ada" }),
            login: ("username", "ada"),
            id: "auth0|",
            change: json!({ "username": "Countess", "blocked": true }),
            follows: json!({ "username": "countess", "blocked": true }),
            writes: 2,
        },
        Case {
            name: "database-by-number",
            connection: json!({ "strategy": "auth0", "database": { "attributes": identified_by("phoneNumber") } }),
            user: json!({ "phoneNumber": "+4930123456", "phoneVerified": true, "password": password }),
            login: ("phone_number", "+4930123456"),
            id: "auth0|",
            change: json!({ "phoneNumber": "+4930654321", "familyName": "Lovelace" }),
            follows: json!({ "phone_number": "+4930654321", "phone_verified": true, "family_name": "Lovelace" }),
            writes: 1,
        },
        Case {
            name: "database-without-password",
            connection: json!({
                "strategy": "auth0",
                "database": { "authenticationMethods": { "password": { "apiBehavior": "optional" } } },
            }),
            user: json!({ "email": "ada@example.com" }),
            login: ("email", "ada@example.com"),
            id: "auth0|",
            change: json!({ "appMetadata": { "plan": "gold" } }),
            follows: json!({ "email": "ada@example.com" }),
            writes: 1,
        },
        Case {
            name: "email",
            connection: json!({ "strategy": "email", "options": { "name": "email" } }),
            user: json!({ "email": "Ada@example.com", "emailVerified": true }),
            login: ("email", "ada@example.com"),
            id: "email|",
            change: json!({ "email": "eve@example.com", "name": "Eve" }),
            follows: json!({ "email": "eve@example.com", "email_verified": true, "name": "Eve" }),
            writes: 2,
        },
        Case {
            name: "sms",
            connection: json!({ "strategy": "sms", "options": { "name": "sms" } }),
            user: json!({ "phoneNumber": "+4930123456" }),
            login: ("phone_number", "+4930123456"),
            id: "sms|",
            change: json!({ "phoneVerified": true, "name": "Ada" }),
            follows: json!({ "phone_verified": true, "name": "Ada" }),
            writes: 1,
        },
    ]
}

async fn bench(name: &str) -> Bench {
    let bench = Bench::new(name).await;
    Operator::shared(bench.cluster).await;
    for key in [CREDENTIALS, TENANT, PASSWORD] {
        bench.apply(key).await;
    }
    bench.ready(TENANT).await;
    bench
}

/// A spec of ours, for the samples' tenant.
fn spec(spec: &Value, more: &Value) -> Value {
    let mut whole = spec.clone();
    whole["tenantRef"] = json!({ "name": "default" });
    support::samples::merge(&mut whole, more);
    whole
}

async fn apply_connection(bench: &Bench, name: &str, connection: &Value) {
    let connection = spec(connection, &json!({ "name": name, "deletionPolicy": "Delete" }));
    bench.apply_object(&resource(CONNECTION, connection)).await;
    bench.ready(CONNECTION).await;
}

#[tokio::test]
async fn each_step_in_the_life_of_a_user_costs_what_it_must_and_does_what_the_spec_says() {
    let bench = bench("users").await;
    for Case { name, connection, user, login, id, change, follows, writes } in cases() {
        apply_connection(&bench, name, &connection).await;
        bench.tenant.forget_calls().await;
        bench.apply_object(&resource(USER, spec(&user, &json!({ "connectionRef": { "name": "it" } })))).await;
        let made = bench.ready(USER).await;
        assert_eq!(bench.tenant.calls().await, ["POST users"], "{name}: create");
        assert!(made.text("/status/id").starts_with(id), "{name}: {}", made.text("/status/id"));
        let held = bench.tenant.object("users", login.0, login.1).await;
        assert_eq!(held["user_id"], made.text("/status/id"), "{name}");

        bench.force(USER, "again").await;
        assert_eq!(bench.tenant.writes().await, ["POST users"], "{name}: looked again");

        bench.tenant.forget_calls().await;
        bench.patch(USER, &json!({ "spec": change })).await;
        bench.ready(USER).await;
        bench.force(USER, "after-the-change").await;
        assert_eq!(bench.tenant.writes().await, vec!["PATCH users/*"; writes], "{name}: change");
        let held = bench.tenant.object("users", "user_id", made.text("/status/id")).await;
        for (key, value) in follows.as_object().unwrap() {
            assert_eq!(held[key], *value, "{name}: {key}");
        }

        bench.tenant.forget_calls().await;
        bench.delete_and_wait(USER).await;
        bench.delete_and_wait(CONNECTION).await;
        assert_eq!(bench.tenant.writes().await, ["DELETE users/*", "DELETE connections/*"], "{name}: delete");
        assert_eq!(bench.tenant.added().await, json!({}), "{name}: nothing is left");
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_makes_no_second_user() {
    let bench = bench("users-lost").await;
    for Case { name, connection, user, login, .. } in cases() {
        apply_connection(&bench, name, &connection).await;
        bench.tenant.forget_calls().await;
        let lost = json!([{ "method": "POST", "path": "^/api/v2/users$", "kind": "commit_then_drop", "times": 1 }]);
        bench.tenant.faults(lost).await;
        bench.apply_object(&resource(USER, spec(&user, &json!({ "connectionRef": { "name": "it" } })))).await;
        let found = bench.ready(USER).await;
        assert_eq!(bench.tenant.writes().await, ["POST users"], "{name}");
        let held = bench.tenant.object("users", login.0, login.1).await;
        assert_eq!(held["user_id"], found.text("/status/id"), "{name}");
        assert_eq!(found.at("/status/origin"), "Created", "{name}");
        bench.delete_and_wait(USER).await;
        bench.delete_and_wait(CONNECTION).await;
    }
}

#[tokio::test]
async fn a_user_of_somebody_else_is_found_by_what_they_log_in_with() {
    let bench = bench("users-adopted").await;
    for Case { name, connection, user, login, .. } in cases() {
        apply_connection(&bench, name, &connection).await;
        let mut theirs = json!({ "connection": name, login.0: login.1, "user_metadata": { "theme": "dark" } });
        if user["password"].is_object() {
            theirs["password"] = json!("S0mebody-Else's-Passw0rd!");
        }
        let theirs = bench.tenant.call(Method::POST, "users", theirs).await;
        // By the connection's name, which says nothing of its strategy.
        let ours = spec(&user, &json!({ "connection": name }));
        bench.apply_object(&resource(USER, ours)).await;
        bench.reason(USER, "AlreadyExists", "Stalled").await;
        bench.patch(USER, &json!({ "spec": { "adoptionPolicy": "Adopt", "password": null } })).await;
        let adopted = bench.ready(USER).await;
        assert_eq!(adopted.at("/status/id"), &theirs["user_id"], "{name}");
        assert_eq!(adopted.at("/status/origin"), "Adopted", "{name}");
        let held = bench.tenant.object("users", login.0, login.1).await;
        assert_eq!(held["user_metadata"], json!({ "theme": "dark" }), "{name}: only what the spec names changes");
        bench.patch(USER, &json!({ "spec": { "deletionPolicy": "Delete" } })).await;
        bench.delete_and_wait(USER).await;
        bench.delete_and_wait(CONNECTION).await;
        assert_eq!(bench.tenant.added().await, json!({}), "{name}: nothing is left");
    }
}

#[tokio::test]
async fn a_user_who_does_not_fit_the_connection_is_told_so_before_any_call() {
    let bench = bench("users-unfit").await;
    apply_connection(&bench, "sms", &json!({ "strategy": "sms", "options": { "name": "sms" } })).await;
    bench.tenant.forget_calls().await;
    bench
        .apply_object(&resource(
            USER,
            spec(&json!({ "email": "ada@example.com" }), &json!({ "connectionRef": { "name": "it" } })),
        ))
        .await;
    let refused = bench.reason(USER, "InvalidSpec", "Stalled").await;
    let message = refused.condition("Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "a user in a connection of strategy sms needs spec.phoneNumber; add it");
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_whom_the_tenant_does_not_show_yet_is_looked_for_again() {
    let bench = bench("users-late").await;
    apply_connection(&bench, "sms", &json!({ "strategy": "sms", "options": { "name": "sms" } })).await;
    let faults = json!([
        { "method": "POST", "path": "^/api/v2/users$", "kind": "commit_then_drop", "times": 1 },
        { "method": "GET", "path": "^/api/v2/users$", "kind": "stale", "ms": 600_000 },
    ]);
    bench.tenant.faults(faults).await;
    let user = spec(&json!({ "phoneNumber": "+4930123456" }), &json!({ "connectionRef": { "name": "it" } }));
    bench.apply_object(&resource(USER, user)).await;
    bench
        .tenant
        .until_calls("a second try", |calls| calls.iter().filter(|call| *call == "POST users").count() > 1)
        .await;
    bench.reason(USER, "Retrying", "Reconciling").await;
    bench.tenant.faults(json!([])).await;
    let found = bench.ready(USER).await;
    let held = bench.tenant.object("users", "phone_number", "+4930123456").await;
    assert_eq!(held["user_id"], found.text("/status/id"));
}

#[tokio::test]
async fn two_resources_for_one_user_conflict_however_they_name_the_connection() {
    const OTHER: &str = "Auth0User/other";
    let bench = bench("users-twice").await;
    apply_connection(&bench, "email", &json!({ "strategy": "email", "options": { "name": "email" } })).await;
    let user = json!({ "email": "ada@example.com" });
    bench.apply_object(&resource(USER, spec(&user, &json!({ "connectionRef": { "name": "it" } })))).await;
    bench.ready(USER).await;
    bench.tenant.forget_calls().await;
    bench.apply_object(&resource(OTHER, spec(&user, &json!({ "connection": "email" })))).await;
    bench.reason(OTHER, "Conflict", "Stalled").await;
    assert_eq!(bench.tenant.calls().await, Vec::<String>::new());
    bench.delete_and_wait(USER).await;
    bench.ready(OTHER).await;
}
