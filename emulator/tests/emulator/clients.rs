use reqwest::Method;
use serde_json::json;

use crate::tenant::{Tenant, error, invalid, refusal, text};

#[tokio::test]
async fn a_client_gets_the_recorded_defaults() {
    let tenant = Tenant::start().await;
    let client = tenant.create("/clients", json!({ "name": "Shop" })).await;
    assert_eq!((text(&client, "client_id").len(), text(&client, "client_secret").len()), (32, 64));
    for (key, expected) in [
        ("tenant", json!("localhost")),
        ("global", json!(false)),
        ("is_first_party", json!(true)),
        ("oidc_conformant", json!(false)),
        ("custom_login_page_on", json!(true)),
        ("cross_origin_auth", json!(false)),
        ("encrypted", json!(true)),
        ("grant_types", json!(["authorization_code", "implicit", "refresh_token", "client_credentials"])),
        ("jwt_configuration", json!({ "secret_encoded": false, "lifetime_in_seconds": 36000 })),
    ] {
        assert_eq!(client[key], expected, "{key}");
    }
    assert_eq!(client["refresh_token"]["idle_token_lifetime"], 1_296_000);
    for absent in ["app_type", "token_endpoint_auth_method", "callbacks", "client_metadata"] {
        assert_eq!(client.get(absent), None);
    }
    // Only the create answer has these.
    assert!(text(&client["signing_keys"][0], "key").starts_with("-----BEGIN PRIVATE KEY-----"));
    let (_, read) = tenant.get(&format!("/clients/{}", text(&client, "client_id"))).await;
    assert_eq!((read.get("encrypted"), read["signing_keys"][0].get("key")), (None, None));
}

#[tokio::test]
async fn defaults_of_a_client_depend_on_what_is_sent() {
    let tenant = Tenant::start().await;
    for (sent, key, expected) in [
        (
            json!({ "token_endpoint_auth_method": "none" }),
            "grant_types",
            json!(["authorization_code", "implicit", "refresh_token"]),
        ),
        (
            json!({ "jwt_configuration": { "alg": "RS256" } }),
            "jwt_configuration",
            json!({ "alg": "RS256", "secret_encoded": false }),
        ),
        (json!({ "app_type": "resource_server" }), "oidc_conformant", json!(true)),
    ] {
        let mut body = json!({ "name": "x" });
        body.as_object_mut().unwrap().extend(sent.as_object().unwrap().clone());
        assert_eq!(tenant.create("/clients", body).await[key], expected);
    }
    let body = json!({ "name": "x", "token_endpoint_auth_method": "client_secret_post" });
    assert_eq!(tenant.create("/clients", body).await["refresh_token"]["token_lifetime"], 31_557_600);
    let expiring = json!({ "rotation_type": "rotating", "expiration_type": "expiring" });
    let client = tenant.create("/clients", json!({ "name": "x", "refresh_token": expiring })).await;
    assert_eq!(client["refresh_token"]["infinite_token_lifetime"], false);
    assert_eq!(client["refresh_token"]["token_lifetime"], 2_592_000);
}

#[tokio::test]
async fn a_patch_of_a_client_merges_objects_one_level_and_replaces_arrays() {
    let tenant = Tenant::start().await;
    let client = tenant
        .create(
            "/clients",
            json!({
                "name": "Shop", "organization_usage": "allow", "callbacks": ["https://a.example.com"],
                "client_metadata": { "a": "1", "b": "2" }, "jwt_configuration": { "alg": "RS256" },
                "oidc_logout": { "backchannel_logout_urls": ["https://a.example.com"] },
                "session_transfer": { "allow_refresh_token": true },
            }),
        )
        .await;
    let path = format!("/clients/{}", text(&client, "client_id"));
    let patch = json!({
        "client_metadata": { "a": null, "c": "3" }, "callbacks": ["https://b.example.com"],
        "jwt_configuration": { "lifetime_in_seconds": 60 }, "oidc_logout": {}, "session_transfer": {}, "organization_usage": null,
    });
    let (status, patched) = tenant.patch(&path, patch).await;
    assert_eq!((status, &patched["name"], patched.get("organization_usage")), (200, &client["name"], None));
    assert_eq!(patched["client_metadata"], json!({ "b": "2", "c": "3" }));
    assert_eq!(patched["callbacks"], json!(["https://b.example.com"]));
    assert_eq!(
        patched["jwt_configuration"],
        json!({ "alg": "RS256", "secret_encoded": false, "lifetime_in_seconds": 60 })
    );
    assert_eq!((patched.get("oidc_logout"), &patched["session_transfer"]), (None, &json!({})));
    let (_, patched) = tenant.patch(&path, json!({ "client_metadata": {}, "session_transfer": null })).await;
    assert_eq!((&patched["client_metadata"], patched.get("session_transfer")), (&json!({}), None));
}

#[tokio::test]
async fn what_auth0_refuses_of_clients_is_refused() {
    let tenant = Tenant::start().await;
    tenant.create("/clients", json!({ "name": "Shop", "client_aliases": ["shop"] })).await;
    let cases = [
        (json!({}), invalid("Missing required property: name'")),
        (json!({ "name": "x", "client_id": "mine" }), invalid("Additional properties not allowed: client_id'")),
        (json!({ "name": "x", "client_secret": "mine" }), invalid("Additional properties not allowed: client_secret'")),
        (
            json!({ "name": "x", "description": "d".repeat(141) }),
            invalid("String is too long (141 chars), maximum 140' on property description"),
        ),
        (
            json!({ "name": "x", "description": null }),
            invalid("Expected type string but found type null' on property description"),
        ),
        (json!({ "name": "x", "app_type": "web" }), invalid("No enum match for: web' on property app_type")),
        (
            json!({ "name": "x", "grant_types": ["password", "password"] }),
            invalid("Array items are not unique (indexes 0 and 1)' on property grant_types"),
        ),
        (
            json!({ "name": "x", "client_metadata": { "k": 1 } }),
            invalid("Expected type string,null but found type integer' on property client_metadata.k"),
        ),
        (
            json!({ "name": "x", "callbacks": ["nowhere"] }),
            invalid("Object didn't pass validation for format callback-url: nowhere' on property callbacks[0]"),
        ),
        (
            json!({ "name": "x", "refresh_token": { "leeway": 1 } }),
            invalid("Missing required property: rotation_type' on property refresh_token"),
        ),
        (
            json!({ "name": "x", "default_organization": { "flows": ["client_credentials"] } }),
            invalid("Missing required property: organization_id' on property default_organization"),
        ),
        (
            json!({ "name": "x", "client_aliases": ["shop"] }),
            refusal(409, None, "Another client exists with the same alias."),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(error(tenant.post("/clients", body.clone()).await), expected, "{body}");
    }
    assert_eq!(
        error(tenant.patch("/clients/management", json!({})).await),
        invalid("Too few properties defined (0), minimum 1'")
    );
    for immutable in ["client_id", "tenant", "global", "signing_keys", "resource_server_identifier"] {
        let expected = invalid(&format!("Additional properties not allowed: {immutable}'"));
        assert_eq!(error(tenant.patch("/clients/management", json!({ immutable: "x" })).await), expected);
    }
    assert_eq!(
        error(tenant.patch("/clients/nobody", json!({ "name": "x" })).await),
        refusal(404, "inexistent_client", "The client does not exist")
    );
}

#[tokio::test]
async fn a_rotated_secret_replaces_the_old_one() {
    let tenant = Tenant::start().await;
    let client = tenant.create("/clients", json!({ "name": "Shop" })).await;
    let path = format!("/api/v2/clients/{}/rotate-secret", text(&client, "client_id"));
    let (status, rotated) = tenant.call(Method::POST, &path, None).await;
    assert_eq!((status, &rotated["name"]), (200, &client["name"]));
    assert_ne!(rotated["client_secret"], client["client_secret"]);
    let (_, read) = tenant.get(&format!("/clients/{}", text(&client, "client_id"))).await;
    assert_eq!(read["client_secret"], rotated["client_secret"]);
}

#[tokio::test]
async fn the_secret_hides_while_other_authentication_methods_are_set() {
    let tenant = Tenant::start().await;
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let credential = json!({ "credential_type": "public_key", "name": "k", "pem": pair.public_key_pem() });
    let methods = json!({ "private_key_jwt": { "credentials": [credential] } });
    let client = tenant.create("/clients", json!({ "name": "Shop", "client_authentication_methods": methods })).await;
    let shown = &client["client_authentication_methods"]["private_key_jwt"]["credentials"][0];
    assert_eq!((shown.get("pem"), &shown["alg"], client.get("client_secret")), (None, &json!("RS256"), None));
    let path = format!("/clients/{}", text(&client, "client_id"));
    let (_, read) = tenant.get(&path).await;
    let ids_only = json!({ "private_key_jwt": { "credentials": [{ "id": shown["id"] }] } });
    assert_eq!(read["client_authentication_methods"], ids_only);
    let both = tenant.patch(&path, json!({ "token_endpoint_auth_method": "client_secret_post" })).await;
    assert_eq!(both.0, 400);
    let switch = json!({ "client_authentication_methods": null, "token_endpoint_auth_method": "client_secret_post" });
    let (status, patched) = tenant.patch(&path, switch).await;
    assert_eq!((status, text(&patched, "client_secret").len()), (200, 64));
}

#[tokio::test]
async fn deleting_a_client_removes_its_grants_and_can_be_repeated() {
    let tenant = Tenant::start().await;
    let id = text(&tenant.create("/clients", json!({ "name": "Shop" })).await, "client_id");
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    tenant.create("/client-grants", json!({ "client_id": id, "audience": "orders", "scope": [] })).await;
    for _ in 0..2 {
        assert_eq!(tenant.delete(&format!("/clients/{id}")).await.0, 204);
    }
    assert_eq!(tenant.get(&format!("/client-grants?client_id={id}")).await, (200, json!([])));
}

#[tokio::test]
async fn the_global_client_is_listed_and_cannot_be_deleted() {
    let tenant = Tenant::start().await;
    let (_, all) = tenant.get("/clients?is_global=true&fields=name,client_id").await;
    assert_eq!((&all[0]["name"], all.as_array().unwrap().len()), (&json!("All Applications"), 1));
    let message = "Global client cannot be deleted.";
    let deletion = tenant.delete(&format!("/clients/{}", text(&all[0], "client_id"))).await;
    assert_eq!(error(deletion), refusal(400, "operation_not_supported", message));
}

#[tokio::test]
async fn lists_come_in_three_styles() {
    let tenant = Tenant::start().await;
    for name in ["a", "b", "c"] {
        tenant.create("/clients", json!({ "name": name, "app_type": "spa" })).await;
    }
    let names = |list: &serde_json::Value| -> String {
        list.as_array().unwrap().iter().map(|client| client["name"].as_str().unwrap()).collect()
    };
    let (_, bare) = tenant.get("/clients?app_type=spa").await;
    assert_eq!(names(&bare), "abc");
    let (_, offset) = tenant.get("/clients?app_type=spa&per_page=2&page=1&include_totals=true").await;
    assert_eq!((&offset["total"], &offset["start"], &offset["limit"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(names(&offset["clients"]), "c");
    let (_, first) = tenant.get("/clients?app_type=spa&take=2&include_totals=true&fields=name").await;
    assert_eq!((names(&first["clients"]).as_str(), first.get("total")), ("ab", None));
    assert_eq!(first["clients"][0], json!({ "name": "a", "tenant": "localhost" }));
    let (_, last) = tenant.get(&format!("/clients?app_type=spa&take=2&from={}", text(&first, "next"))).await;
    assert_eq!((names(&last["clients"]).as_str(), last.get("next")), ("c", None));
    let (_, without) = tenant.get("/clients?app_type=spa&fields=name,tenant&include_fields=false").await;
    assert_eq!((without[0].get("name"), &without[0]["app_type"]), (None, &json!("spa")));
    let (status, _) = tenant.get("/clients?per_page=101").await;
    assert_eq!(status, 400);
}
