use reqwest::Method;
use serde_json::json;

use crate::tenant::{Tenant, error, read, refusal, text};

#[tokio::test]
async fn every_endpoint_asks_for_its_scope() {
    let tenant = Tenant::start().await;
    let (_, token) = tenant.token_with(&[]).await;
    for (method, path, scopes) in [
        ("GET", "/resource-servers", "read:resource_servers"),
        ("POST", "/resource-servers", "create:resource_servers"),
        ("PATCH", "/resource-servers/x", "update:resource_servers"),
        ("DELETE", "/resource-servers/x", "delete:resource_servers"),
        ("GET", "/clients/x", "read:clients,read:client_keys,read:client_credentials,read:client_summary"),
        ("POST", "/clients", "create:clients"),
        ("POST", "/clients/x/rotate-secret", "update:client_keys"),
        ("DELETE", "/clients/x", "delete:clients"),
        ("GET", "/clients/x/connections", "read:connections"),
        ("GET", "/client-grants", "read:client_grants"),
        ("PATCH", "/client-grants/x", "update:client_grants"),
        ("GET", "/connections", "read:connections"),
        ("PATCH", "/connections/x", "update:connections"),
        ("PATCH", "/connections/x/clients", "update:connections"),
        ("GET", "/users", "read:users"),
        ("GET", "/users-by-email", "read:users"),
        ("PATCH", "/users/auth0%7Cx", "update:users,update:users_app_metadata"),
        ("GET", "/logs", "read:logs,read:logs_users"),
        ("GET", "/tenants/settings", "read:tenant_settings"),
        ("GET", "/actions/actions", "read:actions"),
    ] {
        let answer = tenant.call_as(&token, method.parse().unwrap(), path, json!({})).await;
        let message = format!("Insufficient scope, expected any of: {scopes}");
        assert_eq!(error(answer), refusal(403, "insufficient_scope", &message), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_not_emulated_is_empty_or_out_of_reach() {
    let tenant = Tenant::start().await;
    let none = json!({ "actions": [], "total": 0, "page": 0, "per_page": 100 });
    assert_eq!(tenant.get("/actions/actions?per_page=100").await, (200, none));
    for (method, path, scope) in [
        ("POST", "/actions/actions", "create:actions"),
        ("GET", "/rules", "read:rules"),
        ("PUT", "/guardian/factors/sms", "update:guardian_factors"),
        ("DELETE", "/organizations/x/members", "delete:organizations"),
    ] {
        let answer = tenant.call(method.parse().unwrap(), &format!("/api/v2{path}"), json!({})).await;
        let message = format!("Insufficient scope, expected any of: {scope}");
        assert_eq!(error(answer), refusal(403, "insufficient_scope", &message), "{method} {path}");
    }
    assert_eq!(tenant.get("/rulez").await.0, 404);
    let anonymous = tenant.http.get(tenant.url("/api/v2/rules")).send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
}

#[tokio::test]
async fn the_settings_of_the_tenant_can_be_changed_and_changed_back() {
    let tenant = Tenant::start().await;
    let (_, before) = tenant.get("/tenants/settings").await;
    let (status, after) =
        tenant.patch("/tenants/settings", json!({ "friendly_name": "Shop", "session_lifetime_in_minutes": 90 })).await;
    assert_eq!((status, &after["friendly_name"], &after["session_lifetime"]), (200, &json!("Shop"), &json!(1.5)));
    assert_eq!(tenant.get("/tenants/settings").await.1, after);
    let back = json!({ "friendly_name": before["friendly_name"], "session_lifetime": before["session_lifetime"] });
    assert_eq!(tenant.patch("/tenants/settings", back).await, (200, before));
}

#[tokio::test]
async fn secrets_and_options_are_shown_only_with_their_scopes() {
    let tenant = Tenant::start().await;
    let id = tenant.database("users", json!({})).await;
    let (_, plain) = tenant.token_with(&["read:clients", "read:connections", "update:connections"]).await;
    let (_, client) = tenant.get_as(&plain, "/clients/management").await;
    assert_eq!(
        (client.get("client_secret"), client.get("signing_keys"), &client["name"]),
        (None, None, &json!("Management"))
    );
    let path = format!("/connections/{id}");
    assert_eq!(tenant.get_as(&plain, &path).await.1.get("options"), None);
    let refused = tenant.call_as(&plain, Method::PATCH, &path, json!({ "options": {} })).await;
    let message = "Insufficient scope, expected any of: update:connections_options";
    assert_eq!(error(refused), refusal(403, "insufficient_scope", message));

    let (_, keys) = tenant.token_with(&["read:client_keys"]).await;
    assert_eq!(tenant.get_as(&keys, "/clients/management").await.1["client_secret"], "management-secret");
    let (_, summary) = tenant.token_with(&["read:client_summary"]).await;
    assert_eq!(tenant.get_as(&summary, "/clients/management").await.1.get("grant_types"), None);
    let (_, update) = tenant.token_with(&["update:clients"]).await;
    let refused = tenant.call_as(&update, Method::PATCH, "/clients/management", json!({ "client_secret": "x" })).await;
    assert_eq!(error(refused).2, "Insufficient scope, expected any of: update:client_keys");
}

#[tokio::test]
async fn a_token_has_to_be_this_tenants_own() {
    let tenant = Tenant::start().await;
    let other = Tenant::start().await;
    let (header, rest) = tenant.token.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let unsigned = format!("{header}.{claims}.AAAA");
    for (token, status, message) in [
        (other.token.as_str(), 401, "Invalid signature received for JSON Web Token validation"),
        (&unsigned, 401, "Invalid signature received for JSON Web Token validation"),
        ("a.b.c", 401, "Invalid token"),
        ("opaque", 400, "Bad HTTP authentication header format"),
    ] {
        let (got, body) = tenant.get_as(token, "/clients").await;
        assert_eq!((got, text(&body, "message").as_str()), (status, message));
    }
    let response = tenant.http.get(tenant.url("/api/v2/clients")).send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let expected = json!({ "statusCode": 401, "error": "Unauthorized", "message": "Missing authentication" });
    assert_eq!(read(response).await, (401, expected));
}

#[tokio::test]
async fn a_token_for_another_api_is_not_one_for_the_management_api() {
    let tenant = Tenant::start().await;
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    tenant.create("/client-grants", json!({ "client_id": "management", "audience": "orders" })).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "management"),
        ("client_secret", "management-secret"),
        ("audience", "orders"),
    ];
    let (_, answer) = tenant.oauth(&form).await;
    let (status, body) = tenant.get_as(&text(&answer, "access_token"), "/clients").await;
    assert_eq!((status, text(&body, "message").as_str()), (401, "Invalid token"));
}
