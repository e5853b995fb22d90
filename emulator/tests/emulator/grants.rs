use serde_json::json;

use crate::tenant::{Tenant, error, invalid, refusal, text};

async fn with_api() -> Tenant {
    let tenant = Tenant::start().await;
    tenant.create("/resource-servers", json!({ "identifier": "orders", "scopes": [{ "value": "read" }] })).await;
    tenant
}

#[tokio::test]
async fn a_grant_is_for_one_client_api_and_subject_type() {
    let tenant = with_api().await;
    let body = json!({ "client_id": "management", "audience": "orders", "scope": ["read", "not-of-the-api"] });
    let mut grant = tenant.create("/client-grants", body.clone()).await;
    let id = text(&grant, "id");
    assert_eq!((id.len(), &id[..4]), (20, "cgr_"));
    assert_eq!(tenant.get(&format!("/client-grants/{id}")).await, (200, grant.clone()));
    grant.as_object_mut().unwrap().remove("id");
    let mut expected = body.clone();
    expected["subject_type"] = "client".into();
    assert_eq!(grant, expected);
    assert_eq!(
        error(tenant.post("/client-grants", body.clone()).await),
        refusal(409, None, "A client grant already exists between management and orders")
    );
    let mut for_users = body;
    for_users["subject_type"] = "user".into();
    tenant.create("/client-grants", for_users).await;
    let (_, found) = tenant.get("/client-grants?audience=orders&subject_type=user").await;
    assert_eq!(found.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_patch_replaces_scopes_and_allow_all_scopes_hides_them() {
    let tenant = with_api().await;
    let body =
        json!({ "client_id": "management", "audience": "orders", "scope": ["read"], "organization_usage": "allow" });
    let path = format!("/client-grants/{}", text(&tenant.create("/client-grants", body).await, "id"));
    for (patch, scope) in [
        (json!({ "scope": [] }), Some(json!([]))),
        (json!({ "allow_all_scopes": true }), None),
        (json!({ "allow_all_scopes": false, "scope": ["read"] }), Some(json!(["read"]))),
    ] {
        let (status, patched) = tenant.patch(&path, patch).await;
        assert_eq!((status, patched.get("scope")), (200, scope.as_ref()));
    }
    let (_, patched) = tenant.patch(&path, json!({ "organization_usage": null })).await;
    assert_eq!(patched.get("organization_usage"), None);
}

#[tokio::test]
async fn what_auth0_refuses_of_grants_is_refused() {
    let tenant = with_api().await;
    let express = tenant.create("/clients", json!({ "name": "x", "app_type": "express_configuration" })).await;
    for (body, expected) in [
        (json!({ "audience": "orders" }), invalid("Missing required property: client_id'")),
        (json!({ "client_id": "management" }), invalid("Missing required property: audience'")),
        (
            json!({ "client_id": "management", "audience": "nothing" }),
            refusal(404, "inexistent_resource_server", "The resource server does not exist"),
        ),
        (
            json!({ "client_id": "nobody", "audience": "orders" }),
            refusal(404, "inexistent_client", "The client does not exist"),
        ),
        (
            json!({ "client_id": express["client_id"], "audience": "orders" }),
            refusal(400, "validation_error", "Client of type express_configuration cannot be used"),
        ),
    ] {
        assert_eq!(error(tenant.post("/client-grants", body.clone()).await), expected, "{body}");
    }
    let id =
        text(&tenant.create("/client-grants", json!({ "client_id": "management", "audience": "orders" })).await, "id");
    let path = format!("/client-grants/{id}");
    for (patch, expected) in [
        (json!({ "client_id": "x", "audience": "y" }), "Additional properties not allowed: audience,client_id'"),
        (json!({ "subject_type": "user" }), "Additional properties not allowed: subject_type'"),
        (json!({}), "Too few properties defined (0), minimum 1'"),
    ] {
        assert_eq!(error(tenant.patch(&path, patch).await), invalid(expected));
    }
    for _ in 0..2 {
        assert_eq!(tenant.delete(&path).await.0, 204);
    }
    assert_eq!(error(tenant.get(&path).await), refusal(404, "inexistent_client_grant", "The grant does not exist."));
}
