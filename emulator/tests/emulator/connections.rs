use serde_json::{Value, json};

use crate::tenant::{Tenant, error, invalid, refusal, text};

#[tokio::test]
async fn a_database_gets_the_recorded_defaults_and_shows_its_clients_only_once() {
    let tenant = Tenant::start().await;
    let body = json!({ "name": "users", "strategy": "auth0", "enabled_clients": ["management"] });
    let created = tenant.create("/connections", body).await;
    assert_eq!(created["enabled_clients"], json!(["management"]));
    assert_eq!(
        created["options"],
        json!({
            "mfa": { "active": true, "return_enroll_settings": true }, "strategy_version": 2,
            "password_options": {
                "complexity": {
                    "min_length": 15, "character_types": [], "character_type_rule": "all",
                    "identical_characters": "allow", "sequential_characters": "allow", "max_length_exceeded": "error",
                },
                "profile_data": {
                    "active": false,
                    "blocked_fields": [
                        "name", "username", "nickname", "email", "phone_number", "user_metadata.name",
                        "user_metadata.first", "user_metadata.last",
                    ],
                },
                "history": { "active": false, "size": 3 },
                "dictionary": { "active": false, "custom": [], "default": "en_100k" },
            },
            "authentication_methods": {
                "password": { "enabled": true, "api_behavior": "required", "signup_behavior": "allow" },
                "passkey": { "enabled": false }, "email_otp": { "enabled": false }, "phone_otp": { "enabled": false },
            },
            "passkey_options": {
                "challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true,
            },
            "brute_force_protection": true,
        })
    );
    assert_eq!((&created["realms"], &created["is_domain_connection"]), (&json!(["users"]), &json!(false)));
    let path = format!("/connections/{}", text(&created, "id"));
    let (_, read) = tenant.get(&path).await;
    let (_, list) = tenant.get("/connections?name=users&strategy=auth0").await;
    let (_, patched) = tenant.patch(&path, json!({ "is_domain_connection": true })).await;
    for answer in [&read, &list[0], &patched] {
        assert_eq!(answer.get("enabled_clients"), None, "a modern tenant has it in the create answer only");
    }
    let (_, fields) = tenant.get(&format!("{path}?fields=name")).await;
    let mut keys: Vec<_> = fields.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["authentication", "connected_accounts", "id", "is_domain_connection", "name"]);
}

#[tokio::test]
async fn a_patch_replaces_options_as_a_whole_and_refills_some_defaults() {
    let tenant = Tenant::start().await;
    let id = tenant.database("users", json!({ "disable_signup": true, "password_history": { "enable": true } })).await;
    let path = format!("/connections/{id}");
    let (_, patched) = tenant.patch(&path, json!({ "options": { "import_mode": true } })).await;
    let mut keys: Vec<_> = patched["options"].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["authentication_methods", "brute_force_protection", "import_mode", "passkey_options"]);
    assert_eq!(tenant.get(&path).await.1, patched);
    let (_, other) = tenant.patch(&path, json!({ "metadata": { "team": "a" } })).await;
    assert_eq!(other["options"], patched["options"], "options that are not sent stay");
    let (_, emptied) = tenant.patch(&path, json!({ "options": {} })).await;
    assert_eq!(emptied["options"], json!({}));
}

#[tokio::test]
async fn a_patch_of_oidc_options_without_connection_settings_switches_pkce_off() {
    let tenant = Tenant::start().await;
    let created = tenant.create("/connections", json!({ "name": "idp", "strategy": "oidc", "options": {} })).await;
    assert_eq!(created["options"]["connection_settings"]["pkce"], "auto");
    let path = format!("/connections/{}", text(&created, "id"));
    let (_, patched) = tenant.patch(&path, json!({ "options": { "client_id": "x" } })).await;
    assert_eq!(patched["options"]["connection_settings"]["pkce"], "disabled");
}

#[tokio::test]
async fn a_display_name_that_is_not_sent_becomes_the_name_and_metadata_merges() {
    let tenant = Tenant::start().await;
    let body =
        json!({ "name": "users", "strategy": "auth0", "display_name": "Users", "metadata": { "a": "1", "b": "2" } });
    let path = format!("/connections/{}", text(&tenant.create("/connections", body).await, "id"));
    let (_, patched) = tenant.patch(&path, json!({ "metadata": { "a": null, "c": "3" } })).await;
    assert_eq!((&patched["display_name"], &patched["metadata"]), (&json!("users"), &json!({ "b": "2", "c": "3" })));
}

#[tokio::test]
async fn secrets_of_database_scripts_read_as_other_ciphertext_after_each_write() {
    let tenant = Tenant::start().await;
    let options = json!({ "configuration": { "KEY": "plain" } });
    let path = format!("/connections/{}", tenant.database("users", options.clone()).await);
    let first = tenant.get(&path).await.1["options"]["configuration"]["KEY"].clone();
    tenant.patch(&path, json!({ "options": options })).await;
    let second = tenant.get(&path).await.1["options"]["configuration"]["KEY"].clone();
    assert!(first != second && first != "plain" && first.as_str().unwrap().starts_with("2.0$"));
}

#[tokio::test]
async fn what_auth0_refuses_of_connections_is_refused() {
    let tenant = Tenant::start().await;
    let id = tenant.database("users", json!({})).await;
    let invalid_body = |message| refusal(400, "invalid_body", message);
    let attributes = |active: bool| json!({ "email": { "identifier": { "active": active } } });
    let database = |options: Value| json!({ "name": "x", "strategy": "auth0", "options": options });
    for (body, expected) in [
        (json!({ "name": "x" }), invalid("Missing required property: strategy'")),
        (json!({ "name": "x", "strategy": "ldap" }), invalid("No enum match for: ldap' on property strategy")),
        (
            json!({ "name": "a--b", "strategy": "auth0" }),
            invalid("String does not match pattern ^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$: a--b' on property name"),
        ),
        (
            json!({ "name": "users", "strategy": "auth0" }),
            refusal(409, None, "A connection with the same name already exists"),
        ),
        (json!({ "name": "x", "strategy": "okta" }), invalid_body("options.domain is required")),
        (
            json!({ "name": "x", "strategy": "auth0", "enabled_clients": ["nobody"] }),
            refusal(404, "inexistent_client", "The client does not exist"),
        ),
        (
            json!({ "name": "x", "strategy": "auth0", "cross_app_access_requesting_app": { "active": true } }),
            refusal(
                400,
                "operation_not_supported",
                "Cross App Access Requesting App is not supported for this connection.",
            ),
        ),
        (
            database(json!({ "passwordPolicy": "great" })),
            invalid("No enum match for: great' on property options.passwordPolicy"),
        ),
        (
            database(json!({ "attributes": attributes(false) })),
            invalid_body("attributes must contain one active identifier"),
        ),
        (
            database(json!({ "attributes": attributes(true), "requires_username": true })),
            invalid_body("Cannot set both options.attributes and options.requires_username"),
        ),
        (
            database(json!({ "attributes": attributes(true), "validation": { "username": { "min": 1, "max": 5 } } })),
            invalid_body("Cannot set both options.attributes and options.validation"),
        ),
        (
            database(json!({ "attributes": {
                "phone_number": { "identifier": { "active": true }, "profile_required": true, "signup": { "status": "inactive" } },
            } })),
            invalid_body("attribute phone_number must also be required on signup"),
        ),
    ] {
        assert_eq!(error(tenant.post("/connections", body.clone()).await), expected, "{body}");
    }
    let path = format!("/connections/{id}");
    for immutable in ["name", "strategy", "enabled_clients", "id"] {
        let expected = invalid(&format!("Additional properties not allowed: {immutable}'"));
        assert_eq!(error(tenant.patch(&path, json!({ immutable: "x" })).await), expected);
    }
    let non_unique = json!({ "attributes": { "email": { "identifier": { "active": true }, "unique": false } } });
    assert_eq!(
        error(tenant.patch(&path, json!({ "options": non_unique })).await),
        invalid_body("cannot add non-unique email attribute")
    );
    assert_eq!(
        error(tenant.get("/connections/con_nothing").await),
        refusal(404, "inexistent_connection", "The connection does not exist")
    );
}

#[tokio::test]
async fn enabled_clients_change_by_delta_and_all_or_nothing() {
    let tenant = Tenant::start().await;
    let path = format!("/connections/{}/clients", tenant.database("users", json!({})).await);
    let shop = text(&tenant.create("/clients", json!({ "name": "Shop" })).await, "client_id");
    let on = |client: &str| json!({ "client_id": client, "status": true });
    assert_eq!(tenant.patch(&path, json!([on(&shop)])).await, (204, Value::Null));
    let (_, clients) = tenant.get(&path).await;
    assert_eq!(clients["clients"].as_array().unwrap().len(), 2, "the other client is untouched");
    let (_, connections) = tenant.get(&format!("/clients/{shop}/connections")).await;
    assert_eq!(connections["connections"][0]["name"], "users");

    let off = json!({ "client_id": shop, "status": false });
    assert_eq!(
        error(tenant.patch(&path, json!([off, on("nobody")])).await),
        refusal(404, "inexistent_client", "The client does not exist")
    );
    let (_, page) = tenant.get(&format!("{path}?take=1")).await;
    let (_, rest) = tenant.get(&format!("{path}?take=1&from={}", text(&page, "next"))).await;
    assert_eq!((rest["clients"].as_array().unwrap().len(), rest.get("next")), (1, None));
    assert_eq!(error(tenant.patch(&path, json!([])).await), invalid("Array is too short (0), minimum 1'"));
    let many: Vec<_> = (0..51).map(|_| on(&shop)).collect();
    assert_eq!(error(tenant.patch(&path, json!(many)).await), invalid("Array is too long (51), maximum 50'"));

    tenant.patch(&path, json!([off])).await;
    tenant.delete(&format!("/clients/{shop}")).await;
    assert_eq!(tenant.get(&path).await.1, json!({ "clients": [{ "client_id": "management" }] }));
}

#[tokio::test]
async fn a_deletion_goes_on_for_a_while_and_takes_the_users_along() {
    let tenant = Tenant::start().await;
    let path = format!("/connections/{}", tenant.database("users", json!({})).await);
    let user = json!({ "connection": "users", "email": "a@example.com", "password": crate::tenant::PASSWORD });
    let user = text(&tenant.create("/users", user).await, "user_id").replace('|', "%7C");
    let (status, first) = tenant.delete(&path).await;
    assert_eq!((status, first["deleted_at"].is_string()), (202, true));
    assert_eq!(
        error(tenant.post("/connections", json!({ "name": "users", "strategy": "auth0" })).await),
        refusal(409, None, "A connection with the same name is being deleted, try again later")
    );
    assert_eq!(tenant.get(&path).await.0, 404);
    assert_eq!(tenant.get(&format!("/users/{user}")).await.0, 404);
    // The same answer as long as it goes on, then another: there is no event to wait for but the answer itself.
    loop {
        match tenant.delete(&path).await {
            (202, again) => assert_eq!(again, first),
            (status, _) => break assert_eq!(status, 204),
        }
    }
    tenant.create("/connections", json!({ "name": "users", "strategy": "auth0" })).await;
}

#[tokio::test]
async fn new_clients_are_enabled_everywhere_while_the_tenants_flag_says_so() {
    let tenant = Tenant::start().await;
    let path = format!("/connections/{}/clients", tenant.database("users", json!({})).await);
    let enabled = async || tenant.get(&path).await.1["clients"].as_array().unwrap().len();
    tenant.create("/clients", json!({ "name": "before" })).await;
    assert_eq!(enabled().await, 1);
    let (_, settings) =
        tenant.patch("/tenants/settings", json!({ "flags": { "enable_client_connections": true } })).await;
    assert_eq!(tenant.get("/tenants/settings").await.1, settings);
    tenant.create("/clients", json!({ "name": "after" })).await;
    assert_eq!(enabled().await, 2);
}

#[tokio::test]
async fn strategies_derive_options_from_those_sent() {
    let tenant = Tenant::start().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
    for (strategy, sent, key, expected) in [
        ("google-oauth2", json!({}), "scope", json!(["email", "profile"])),
        (
            "google-oauth2",
            json!({ "profile": true, "calendar": true }),
            "scope",
            json!(["profile", "https://www.googleapis.com/auth/calendar", "email"]),
        ),
        ("linkedin", json!({ "strategy_version": 2 }), "scope", json!(["r_liteprofile"])),
        ("wordpress", json!({ "scope": ["email"] }), "scope", json!(["profile"])),
        ("sms", json!({}), "brute_force_protection", json!(true)),
        ("samlp", json!({ "signingCert": certificate }), "cert", json!(certificate)),
        ("pingfederate", json!({ "pingFederateBaseUrl": "https://a" }), "signInEndpoint", json!("https://a")),
        ("okta", json!({ "domain": "x.okta.com" }), "attribute_map", json!({ "mapping_mode": "basic_profile" })),
    ] {
        let body =
            json!({ "name": format!("{strategy}-{}", sent.to_string().len()), "strategy": strategy, "options": sent });
        let created = tenant.create("/connections", body).await;
        assert_eq!(created["options"][key], expected, "{strategy} {sent}");
    }
}
