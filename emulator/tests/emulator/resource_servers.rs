use serde_json::json;

use crate::tenant::{AUDIENCE, Tenant, error, invalid, refusal, text};

#[tokio::test]
async fn an_api_gets_the_recorded_defaults_and_nothing_else() {
    let tenant = Tenant::start().await;
    let mut api = tenant.create("/resource-servers", json!({ "identifier": "https://orders.example.com/" })).await;
    let id = text(&api, "id");
    assert_eq!((id.len(), id.chars().all(|c| c.is_ascii_hexdigit())), (24, true));
    api.as_object_mut().unwrap().remove("id");
    assert_eq!(
        api,
        json!({
            "identifier": "https://orders.example.com/",
            "allow_offline_access": false,
            "skip_consent_for_verifiable_first_party_clients": false,
            "subject_type_authorization": { "client": { "policy": "require_client_grant" }, "user": { "policy": "allow_all" } },
            "token_lifetime": 86400, "token_lifetime_for_web": 7200, "signing_alg": "RS256",
        })
    );
}

#[tokio::test]
async fn an_api_is_found_by_id_and_by_encoded_identifier() {
    let tenant = Tenant::start().await;
    let api = tenant.create("/resource-servers", json!({ "identifier": "https://orders.example.com/" })).await;
    for id in [text(&api, "id").as_str(), "https%3A%2F%2Forders.example.com%2F"] {
        assert_eq!(tenant.get(&format!("/resource-servers/{id}")).await, (200, api.clone()));
    }
    let (_, found) = tenant.get("/resource-servers?identifiers=https%3A%2F%2Forders.example.com%2F").await;
    assert_eq!(found, json!([api]));
    assert_eq!(
        error(tenant.get("/resource-servers/https%3A%2F%2Forders.example.com").await),
        refusal(404, "inexistent_resource_server", "The resource server does not exist")
    );
}

#[tokio::test]
async fn a_patch_keeps_what_is_not_sent_replaces_objects_and_clears_by_null() {
    let tenant = Tenant::start().await;
    let api = json!({
        "identifier": "orders", "name": "Orders", "scopes": [{ "value": "b" }, { "value": "a", "description": "A" }],
        "proof_of_possession": { "mechanism": "mtls", "required": true, "required_for": "all_clients" },
    });
    tenant.create("/resource-servers", api.clone()).await;
    let patch = json!({ "proof_of_possession": { "mechanism": "dpop", "required": false }, "token_lifetime": 60 });
    let (status, patched) = tenant.patch("/resource-servers/orders", patch.clone()).await;
    assert_eq!((status, &patched["name"], &patched["scopes"]), (200, &api["name"], &api["scopes"]));
    assert_eq!(
        (&patched["proof_of_possession"], &patched["token_lifetime"]),
        (&patch["proof_of_possession"], &json!(60))
    );
    let (_, patched) =
        tenant.patch("/resource-servers/orders", json!({ "proof_of_possession": null, "scopes": [] })).await;
    assert_eq!((patched.get("proof_of_possession"), &patched["scopes"]), (None, &json!([])));
}

#[tokio::test]
async fn what_auth0_refuses_of_apis_is_refused() {
    let tenant = Tenant::start().await;
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    for (body, expected) in [
        (json!({}), invalid("Missing required property: identifier'")),
        (json!({ "identifier": "" }), invalid("String is too short (0 chars), minimum 1' on property identifier")),
        (json!({ "identifier": "x", "scope": [] }), invalid("Additional properties not allowed: scope'")),
        (
            json!({ "identifier": "x", "signing_alg": "ES256" }),
            invalid("No enum match for: ES256' on property signing_alg"),
        ),
        (
            json!({ "identifier": "x", "token_lifetime": 2_592_001 }),
            invalid("Value 2592001 is greater than maximum 2592000' on property token_lifetime"),
        ),
        (
            json!({ "identifier": "x", "name": "<b>" }),
            invalid("String does not match pattern ^[^<>]+$: <b>' on property name"),
        ),
        (
            json!({ "identifier": "x", "scopes": [{ "value": "a" }, { "value": "a" }] }),
            invalid("Array items are not unique (indexes 0 and 1)' on property scopes"),
        ),
        (
            json!({ "identifier": "orders" }),
            refusal(409, None, "A resource server with the same identifier already exists."),
        ),
        (json!({ "identifier": AUDIENCE }), refusal(400, "invalid_body", "The selected identifier is reserved.")),
    ] {
        assert_eq!(error(tenant.post("/resource-servers", body.clone()).await), expected, "{body}");
    }
    assert_eq!(
        error(tenant.patch("/resource-servers/orders", json!({ "id": "x", "identifier": "y" })).await),
        invalid("Additional properties not allowed: id,identifier'")
    );
}

#[tokio::test]
async fn the_management_api_is_listed_and_cannot_be_changed() {
    let tenant = Tenant::start().await;
    let (_, list) = tenant.get("/resource-servers?include_totals=true").await;
    assert_eq!((&list["total"], &list["start"], &list["limit"]), (&json!(1), &json!(0), &json!(50)));
    let api = &list["resource_servers"][0];
    assert_eq!((&api["identifier"], &api["is_system"]), (&json!(AUDIENCE), &json!(true)));
    let path = format!("/resource-servers/{}", text(api, "id"));
    let message = "System resource servers cannot be patched.";
    assert_eq!(
        error(tenant.patch(&path, json!({ "name": "Mine" })).await),
        refusal(400, "operation_not_supported", message)
    );
    let message = "System resource servers cannot be deleted.";
    assert_eq!(error(tenant.delete(&path).await), refusal(400, "operation_not_supported", message));
}

#[tokio::test]
async fn deleting_an_api_takes_its_grants_along_and_can_be_repeated() {
    let tenant = Tenant::start().await;
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    let grant =
        tenant.create("/client-grants", json!({ "client_id": "management", "audience": "orders", "scope": [] })).await;
    for _ in 0..2 {
        assert_eq!(tenant.delete("/resource-servers/orders").await.0, 204);
    }
    assert_eq!(tenant.get("/resource-servers/orders").await.0, 404);
    assert_eq!(tenant.get(&format!("/client-grants/{}", text(&grant, "id"))).await.0, 404);
}

#[tokio::test]
async fn apis_of_auth0_come_with_a_fixed_name_and_can_be_changed_a_little() {
    let tenant = Tenant::start().await;
    for (identifier, name) in [
        ("urn:auth0:express-configure", "Okta OIN Express Configuration API"),
        ("https://localhost:8080/me/", "Auth0 My Account API"),
    ] {
        let api = tenant.create("/resource-servers", json!({ "identifier": identifier, "name": "Mine" })).await;
        assert_eq!((&api["name"], &api["is_system"]), (&json!(name), &json!(true)));
        let path = format!("/resource-servers/{}", text(&api, "id"));
        assert_eq!(tenant.patch(&path, json!({ "name": "Mine" })).await.0, 400);
        assert_eq!(tenant.patch(&path, json!({ "token_lifetime": 60 })).await.1["token_lifetime"], 60);
        assert_eq!(tenant.delete(&path).await.0, 204);
    }
}
