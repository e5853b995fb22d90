use reqwest::Method;
use serde_json::{Value, json};

use crate::tenant::{PASSWORD, Tenant, error, invalid, refusal, text};

async fn with_database(options: Value) -> Tenant {
    let tenant = Tenant::start().await;
    tenant.database("users", options).await;
    tenant
}

fn user(email: &str) -> Value {
    json!({ "connection": "users", "email": email, "password": PASSWORD })
}

fn with(mut user: Value, more: impl Into<Value>) -> Value {
    let Value::Object(more) = more.into() else { panic!("not an object") };
    user.as_object_mut().unwrap().extend(more);
    user
}

fn path(user: &Value) -> String {
    format!("/users/{}", text(user, "user_id").replace('|', "%7C"))
}

#[tokio::test]
async fn a_user_gets_the_recorded_defaults_in_lower_case() {
    let tenant = with_database(json!({})).await;
    let created = tenant
        .create("/users", with(user("Ada@Example.com"), json!({ "app_metadata": {}, "user_metadata": {} })))
        .await;
    let id = text(&created, "user_id");
    assert_eq!((id.len(), &id[..6]), (30, "auth0|"));
    let identity = json!({ "connection": "users", "user_id": &id[6..], "provider": "auth0", "isSocial": false });
    for (key, expected) in [
        ("email", json!("ada@example.com")),
        ("email_verified", json!(false)),
        ("name", json!("ada@example.com")),
        ("nickname", json!("ada")),
        ("identities", json!([identity])),
        ("user_metadata", json!({})),
    ] {
        assert_eq!(created[key], expected, "{key}");
    }
    assert!(text(&created, "picture").starts_with("https://s.gravatar.com/avatar/"));
    for absent in ["password", "connection", "blocked", "app_metadata", "verify_email"] {
        assert_eq!(created.get(absent), None, "{absent}");
    }
    assert_eq!(tenant.get(&path(&created)).await, (200, created.clone()));
    assert_eq!(tenant.get("/users-by-email?email=ada@example.com").await.1, json!([created]));
    assert_eq!(tenant.get("/users-by-email?email=Ada@Example.com").await.1, json!([]));
    let (_, found) = tenant.get("/users?q=identities.connection:%22users%22&include_totals=true").await;
    assert_eq!((&found["total"], &found["length"], &found["users"][0]), (&json!(1), &json!(1), &created));
}

#[tokio::test]
async fn users_can_only_be_made_by_a_client_that_is_enabled_on_the_connection() {
    let tenant = Tenant::start().await;
    let database = tenant.create("/connections", json!({ "name": "users", "strategy": "auth0" })).await;
    assert_eq!(
        error(tenant.post("/users", user("a@example.com")).await),
        refusal(400, "auth0_idp_error", "The connection is disabled")
    );
    let (other, token) = tenant.token_with(&["create:users"]).await;
    let enable = json!([{ "client_id": other, "status": true }]);
    tenant.patch(&format!("/connections/{}/clients", text(&database, "id")), enable).await;
    let message = "Connection must be enabled for this client to perform single user creation and signup operations \
                   (client_id: management - connection: users)";
    assert_eq!(error(tenant.post("/users", user("a@example.com")).await), refusal(400, "auth0_idp_error", message));
    let (status, _) = tenant.call_as(&token, Method::POST, "/users", user("a@example.com")).await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn what_auth0_refuses_of_users_is_refused() {
    let tenant = with_database(json!({})).await;
    tenant.create("/users", with(user("taken@example.com"), json!({ "user_id": "1" }))).await;
    tenant.create("/connections", json!({ "name": "google", "strategy": "google-oauth2" })).await;
    let exists = || refusal(409, "auth0_idp_error", "The user already exists.");
    for (body, expected) in [
        (json!({ "connection": "users", "password": PASSWORD }), invalid("Missing required property: email'")),
        (json!({ "connection": "users", "email": "a@example.com" }), invalid("Missing required property: password'")),
        (json!({ "email": "a@example.com" }), invalid("Missing required property: connection'")),
        (user("nonsense"), invalid("Object didn't pass validation for format email: nonsense' on property email")),
        (with(user("a@example.com"), json!({ "role": "x" })), invalid("Additional properties not allowed: role'")),
        (
            with(user("a@example.com"), json!({ "username": "ada" })),
            refusal(400, "invalid_body", "Cannot set username for connection without requires_username."),
        ),
        (
            with(user("a@example.com"), json!({ "connection": "none" })),
            refusal(400, "inexistent_connection", "Connection does not exist."),
        ),
        (
            with(user("a@example.com"), json!({ "connection": "google" })),
            refusal(
                400,
                "invalid_body",
                "Connection does not support user creation through the API. It must either be a database or passwordless \
                 connection.",
            ),
        ),
        (user("Taken@example.com"), exists()),
        (with(user("a@example.com"), json!({ "user_id": "1" })), exists()),
        (
            with(user("a@example.com"), json!({ "password": "weak" })),
            refusal(400, "invalid_password", "PasswordStrengthError: Password is too weak"),
        ),
    ] {
        assert_eq!(error(tenant.post("/users", body.clone()).await), expected, "{body}");
    }
    let message = "Path validation error: 'String does not match pattern ^.+\\|.+$: 1' on property id (The user_id of the user to \
                   retrieve).";
    assert_eq!(error(tenant.get("/users/1").await), refusal(400, "invalid_uri", message));
    assert_eq!(
        error(tenant.get("/users/auth0%7C2").await),
        refusal(404, "inexistent_user", "The user does not exist.")
    );
    for _ in 0..2 {
        assert_eq!(tenant.delete("/users/auth0%7C1").await.0, 204);
    }
}

#[tokio::test]
async fn a_patch_of_a_user_merges_metadata_on_its_first_level_only() {
    let tenant = with_database(json!({})).await;
    let metadata = json!({ "a": { "b": 1, "c": 2 }, "d": 3 });
    let created = tenant
        .create("/users", with(user("a@example.com"), json!({ "user_metadata": metadata, "app_metadata": metadata })))
        .await;
    let path = path(&created);
    let change = json!({ "a": { "b": 9 }, "d": null, "e": 5 });
    let (status, patched) =
        tenant.patch(&path, json!({ "user_metadata": change, "app_metadata": change, "blocked": true })).await;
    let expected = json!({ "a": { "b": 9 }, "e": 5 });
    assert_eq!((status, &patched["user_metadata"], &patched["app_metadata"]), (200, &expected, &expected));
    assert_eq!((&patched["blocked"], &patched["email"]), (&json!(true), &created["email"]));
    let (_, cleared) = tenant.patch(&path, json!({ "user_metadata": {}, "app_metadata": {} })).await;
    assert_eq!((&cleared["user_metadata"], cleared.get("app_metadata")), (&json!({}), None));
    tenant.patch(&path, json!({ "given_name": "Ada" })).await;
    assert_eq!(tenant.patch(&path, json!({ "given_name": null })).await.1.get("given_name"), None);
}

#[tokio::test]
async fn what_cannot_be_changed_of_a_user_is_refused() {
    let tenant = with_database(json!({})).await;
    tenant.create("/users", user("taken@example.com")).await;
    let path = path(&tenant.create("/users", user("a@example.com")).await);
    for (one, other) in [
        ("password", "email"),
        ("password", "email_verified"),
        ("username", "email"),
        ("username", "email_verified"),
        ("username", "password"),
    ] {
        let value = |key: &str| match key {
            "email" => json!("b@example.com"),
            "email_verified" => json!(true),
            _ => json!(PASSWORD),
        };
        assert_eq!(
            tenant.patch(&path, json!({ one: value(one), other: value(other) })).await.0,
            400,
            "{one} with {other}"
        );
    }
    assert_eq!(
        error(tenant.patch(&path, json!({ "email": "TAKEN@example.com" })).await),
        refusal(400, "auth0_idp_error", "The specified new email already exists")
    );
    let (status, body) = tenant.patch(&path, json!({ "user_id": "x", "identities": [] })).await;
    let message = text(&body, "message");
    assert_eq!(status, 400);
    assert!(
        message.starts_with(
            "Payload validation error: 'Additional properties not allowed: identities,user_id (consider storing"
        ),
        "{message}"
    );
    let (_, patched) = tenant.patch(&path, json!({ "email": "New@example.com", "email_verified": true })).await;
    assert_eq!((&patched["email"], &patched["email_verified"]), (&json!("new@example.com"), &json!(true)));
}

#[tokio::test]
async fn a_new_password_is_held_against_the_policy_of_the_connection() {
    let tenant = with_database(json!({
        "passwordPolicy": "good", "password_history": { "enable": true, "size": 2 },
        "password_dictionary": { "enable": true, "dictionary": ["Acme-Corp-1"] }, "password_no_personal_info": { "enable": true },
    }))
    .await;
    let created = tenant.create("/users", user("lovelace@example.com")).await;
    let path = path(&created);
    for (password, message) in [
        ("short", "PasswordStrengthError: Password is too weak"),
        ("acme-Corp-1", "PasswordDictionaryError: Password is too common"),
        ("My-Lovelace-1", "PasswordNoUserInfoError: Password contains user information"),
        (PASSWORD, "PasswordHistoryError: Password has previously been used"),
    ] {
        let patch = json!({ "connection": "users", "password": password });
        assert_eq!(error(tenant.patch(&path, patch).await), refusal(400, "invalid_password", message));
    }
    let (status, patched) = tenant.patch(&path, json!({ "connection": "users", "password": "Another-Horse-2" })).await;
    assert_eq!((status, patched["last_password_reset"].is_string(), patched.get("password")), (200, true, None));
}

#[tokio::test]
async fn a_database_that_says_nothing_of_passwords_wants_fifteen_characters() {
    for (options, password, status) in [
        (json!({}), "Fourteen-chars", 400),
        (json!({}), "all lower case!", 201),
        (json!({ "passwordPolicy": "fair" }), "Eight-c1", 201),
        (json!({ "password_history": { "enable": true, "size": 2 } }), "Eight-c1", 201),
        (json!({ "password_options": { "complexity": { "min_length": 8 } } }), "eight ch", 201),
    ] {
        let tenant = with_database(options.clone()).await;
        let body = with(user("ada@example.com"), json!({ "password": password }));
        assert_eq!(tenant.post("/users", body).await.0, status, "{options} {password}");
    }
}

#[tokio::test]
async fn user_names_need_a_connection_that_requires_them() {
    let tenant =
        with_database(json!({ "requires_username": true, "validation": { "username": { "min": 2, "max": 4 } } })).await;
    assert_eq!(
        error(tenant.post("/users", user("a@example.com")).await),
        invalid("Missing required property: username'")
    );
    let named = |email, name| with(user(email), json!({ "username": name }));
    assert_eq!(tenant.create("/users", named("a@example.com", "ADA")).await["username"], "ada");
    assert_eq!(tenant.post("/users", named("b@example.com", "Ada")).await.0, 409);
    assert_eq!(tenant.post("/users", named("b@example.com", "longer")).await.0, 400);
}

#[tokio::test]
async fn users_of_passwordless_connections_have_an_e_mail_or_a_number_and_no_password() {
    let tenant = Tenant::start().await;
    for strategy in ["email", "sms"] {
        let connection = json!({ "name": strategy, "strategy": strategy, "enabled_clients": ["management"] });
        tenant.create("/connections", connection).await;
    }
    let ada = json!({ "connection": "email", "email": "ada@example.com" });
    let sms = json!({ "connection": "sms", "phone_number": "+4930123456" });
    let refuse = |message: &str| refusal(400, "invalid_body", message);
    for (body, expected) in [
        (json!({ "connection": "email", "phone_number": "+49" }), invalid("Missing required property: email'")),
        (json!({ "connection": "sms", "email": "a@example.com" }), invalid("Missing required property: phone_number'")),
        (
            with(ada.clone(), json!({ "password": PASSWORD })),
            refuse("Cannot set password for a passwordless connection."),
        ),
        (
            with(sms.clone(), json!({ "username": "ada" })),
            refuse("Cannot set username for connection without requires_username."),
        ),
    ] {
        assert_eq!(error(tenant.post("/users", body.clone()).await), expected, "{body}");
    }
    for (body, provider) in [(ada, "email|"), (sms, "sms|")] {
        let created = tenant.create("/users", body.clone()).await;
        assert!(text(&created, "user_id").starts_with(provider), "{created}");
        let exists = refusal(409, "auth0_idp_error", "The user already exists.");
        assert_eq!(error(tenant.post("/users", body).await), exists, "a second one");
    }
    let other = tenant.create("/users", json!({ "connection": "sms", "phone_number": "+4930654321" })).await;
    for (change, expected) in [
        (json!({ "email": "a@example.com" }), refuse("Cannot update email for non-database user.")),
        (json!({ "email_verified": true }), refuse("Email verification is not supported for passwordless sms users.")),
        (
            json!({ "phone_number": "+4930123456" }),
            refusal(400, "auth0_idp_error", "The specified new phone_number already exists"),
        ),
    ] {
        assert_eq!(error(tenant.patch(&path(&other), change.clone()).await), expected, "{change}");
    }
    let (_, verified) = tenant.patch(&path(&other), json!({ "phone_verified": true })).await;
    let (_, moved) = tenant.patch(&path(&other), json!({ "phone_number": "+49301" })).await;
    assert_eq!((&verified["phone_verified"], &moved["phone_verified"]), (&json!(true), &json!(false)));
}
