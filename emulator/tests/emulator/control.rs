use reqwest::Method;
use serde_json::{Value, json};

use crate::tenant::{PASSWORD, Tenant, text};

#[tokio::test]
async fn a_reset_gives_the_tenant_of_the_start() {
    let tenant = Tenant::start().await;
    let (_, before) = tenant.call(Method::GET, "/emulator/state", None).await;
    tenant.create("/clients", json!({ "name": "Shop" })).await;
    tenant.faults(json!([{ "kind": "drop" }])).await;
    assert_eq!(tenant.call(Method::POST, "/emulator/reset", None).await, (204, Value::Null));
    assert_eq!(tenant.call(Method::GET, "/emulator/state", None).await, (200, before));
    assert_eq!(tenant.call(Method::GET, "/emulator/requests", None).await.1, json!({ "requests": [], "next": 1 }));
    assert_eq!(tenant.get("/clients").await.0, 200);
}

#[tokio::test]
async fn the_request_log_tells_of_every_request_but_no_secret() {
    let tenant = Tenant::start().await;
    tenant.create("/clients", json!({ "name": "Shop" })).await;
    tenant.get("/clients/nobody?fields=name").await;
    let (_, log) = tenant.call(Method::GET, "/emulator/requests?since=2", None).await;
    assert_eq!(log["next"], 4);
    let [post, get] = log["requests"].as_array().unwrap().as_slice() else { panic!("{log}") };
    for (request, expected) in [
        (post, json!([2, "POST", "/api/v2/clients", "", 201, "management"])),
        (get, json!([3, "GET", "/api/v2/clients/nobody", "fields=name", 404, "management"])),
    ] {
        let shown: Vec<_> =
            ["seq", "method", "path", "query", "status", "client_id"].iter().map(|key| request[*key].clone()).collect();
        assert_eq!(json!(shown), expected);
        assert!(request["at"].as_str().unwrap().ends_with('Z') && request["ms"].is_u64());
    }
    let (_, all) = tenant.call(Method::GET, "/emulator/requests", None).await;
    assert_eq!(all["requests"][0]["client_id"], "management", "of the token request");
    let all = all.to_string();
    assert!(!all.contains("management-secret") && !all.contains(&tenant.token));

    assert_eq!(tenant.call(Method::DELETE, "/emulator/requests", None).await.0, 204);
    tenant.get("/clients").await;
    let (_, log) = tenant.call(Method::GET, "/emulator/requests", None).await;
    assert_eq!((&log["requests"][0]["seq"], &log["next"]), (&json!(4), &json!(5)), "numbers go on");
}

#[tokio::test]
async fn the_state_shows_all_objects_and_no_secret() {
    let tenant = Tenant::start().await;
    tenant.database("users", json!({ "configuration": { "KEY": "database-secret" } })).await;
    let user = json!({ "connection": "users", "email": "a@example.com", "password": PASSWORD });
    tenant.create("/users", user).await;
    let oidc = json!({ "name": "idp", "strategy": "oidc", "options": { "client_secret": "oidc-secret" } });
    tenant.create("/connections", oidc).await;
    let api = json!({ "identifier": "orders", "signing_alg": "HS256", "signing_secret": "an-api-signing-secret" });
    tenant.create("/resource-servers", api).await;
    let (_, state) = tenant.call(Method::GET, "/emulator/state", None).await;
    let counts: Vec<_> = ["resource_servers", "clients", "client_grants", "connections", "connection_clients", "users"]
        .iter()
        .map(|key| state[*key].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [2, 2, 1, 2, 1, 1]);
    let ids: Vec<_> = state["clients"].as_array().unwrap().iter().map(|client| text(client, "client_id")).collect();
    assert!(ids.is_sorted());
    let secrets =
        ["management-secret", PASSWORD, "oidc-secret", "an-api-signing-secret", "database-secret", "PRIVATE KEY"];
    for secret in secrets {
        assert!(!state.to_string().contains(secret), "{secret}");
    }
    assert_eq!(
        state["connections"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["options"]["client_secret"] == "<redacted>")
            .count(),
        1
    );
}

#[tokio::test]
async fn the_control_interface_refuses_what_it_does_not_understand() {
    let tenant = Tenant::start().await;
    for (method, path, body, status) in [
        (Method::PUT, "/emulator/faults", json!([{ "kind": "explode" }]), 400),
        (Method::PUT, "/emulator/faults", json!({}), 400),
        (Method::PUT, "/emulator/rate", json!({ "rate": "gold" }), 400),
        (Method::PUT, "/emulator/rate", json!({}), 400),
        (Method::GET, "/emulator/requests?since=x", json!(null), 400),
        (Method::GET, "/emulator/nothing", json!(null), 404),
    ] {
        let (got, body) = tenant.call(method, path, body).await;
        assert_eq!((got, body["message"].is_string()), (status, true), "{path}");
    }
}

#[tokio::test]
async fn the_page_stands_alone() {
    let tenant = Tenant::start().await;
    for path in ["/emulator/", "/emulator"] {
        let page = tenant.http.get(tenant.url(path)).send().await.unwrap();
        assert_eq!(
            (page.status().as_u16(), &page.headers()["content-type"]),
            (200, &"text/html; charset=utf-8".parse().unwrap())
        );
        let html = page.text().await.unwrap();
        assert!(html.contains("/emulator/state") && html.contains("/emulator/requests"));
        for elsewhere in ["http://", "https://", "src=", "innerHTML", "secret"] {
            assert!(!html.contains(elsewhere), "{elsewhere}");
        }
    }
}
