use reqwest::Method;
use serde_json::{Value, json};

use crate::tenant::{AUDIENCE, PASSWORD, Tenant, error, invalid, read, refusal, text};

/// The end of the log: a position to tail from.
async fn now(tenant: &Tenant) -> String {
    let (_, newest) = tenant.get("/logs?per_page=1").await;
    text(&newest[0], "log_id")
}

/// The entries after a position, oldest first.
async fn after(tenant: &Tenant, position: &str) -> Vec<Value> {
    let (status, entries) = tenant.get(&format!("/logs?from={position}&take=100")).await;
    assert_eq!(status, 200, "{entries}");
    entries.as_array().unwrap().clone()
}

fn types(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

async fn alone(tenant: &Tenant, position: &str) -> Value {
    let entries = after(tenant, position).await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    entry.clone()
}

#[tokio::test]
async fn a_write_is_logged_with_all_that_an_entry_has() {
    let tenant = Tenant::start().await;
    let start = now(&tenant).await;
    let request = tenant.http.post(tenant.url("/api/v2/resource-servers?x=1")).bearer_auth(&tenant.token);
    let request = request.header("x-correlation-id", "c".repeat(70)).header("user-agent", "test/1");
    let request = request.header("auth0-client", "eyJuYW1lIjoidGVzdCJ9");
    let (_, api) = read(request.json(&json!({ "identifier": "orders", "scopes": [] })).send().await.unwrap()).await;
    let entry = alone(&tenant, &start).await;
    let id = text(&entry, "log_id");
    assert!(id.len() == 56 && id.starts_with("9002") && id > start, "{id}");
    let expected = json!({
        "_id": id, "log_id": id, "date": entry["date"], "type": "sapi", "description": "Create a resource server",
        "client_id": "management", "client_name": "", "ip": "127.0.0.1", "isMobile": false,
        "user_agent": "Other 0.0.0 / Other 0.0.0", "auth0_client": { "name": "test" },
        "tenant_name": "localhost", "environment_name": "emulator", "$event_schema": { "version": "1.0.0" },
        "references": { "correlation_id": "c".repeat(64) },
        "details": {
            "request": {
                "method": "post", "path": "/api/v2/resource-servers", "query": { "x": "1" }, "userAgent": "test/1",
                "body": { "identifier": "orders" }, "channel": "api", "ip": "127.0.0.1",
                "auth": { "user": {}, "strategy": "jwt", "credentials": {} },
            },
            "response": { "statusCode": 201, "body": {
                "id": api["id"], "identifier": "orders", "signing_alg": "RS256", "token_lifetime": 86400,
                "token_lifetime_for_web": 7200, "allow_offline_access": false,
            } },
        },
    });
    assert_eq!(entry, expected);
    assert_eq!(tenant.get(&format!("/logs/{id}")).await, (200, entry));
    assert_eq!(tenant.get("/logs/900").await.0, 404);
}

#[tokio::test]
async fn bodies_are_cut_and_secrets_masked() {
    let tenant = Tenant::start().await;
    let connection = tenant.database("users", json!({})).await;
    let user = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD });
    let user = text(&tenant.create("/users", user).await, "user_id").replace('|', "%7C");
    let client = text(&tenant.create("/clients", json!({ "name": "Shop" })).await, "client_id");
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    let grant = json!({ "client_id": client, "audience": "orders", "scope": [] });
    let all = after(&tenant, "900").await;
    assert_eq!(types(&all), ["seccft", "sapi", "sapi", "ss", "sapi", "sapi"]);
    assert_eq!(all[2]["details"]["request"]["body"]["password"], "*****");
    assert_eq!(all[3]["details"]["body"]["password"], "*****");
    assert_eq!(all[4]["details"]["response"]["body"]["client_secret"], "*****");
    assert_eq!(all[4]["details"]["accessedSecrets"], json!(["client_secret"]));
    assert!(!json!(all).to_string().contains(PASSWORD));

    for (method, path, body, request, response, deleted) in [
        ("POST", "/client-grants".to_owned(), grant.clone(), grant.clone(), grant, false),
        (
            "PATCH",
            format!("/connections/{connection}"),
            json!({ "options": { "disable_signup": true } }),
            json!({}),
            json!({ "id": connection, "name": "users", "strategy": "auth0", "realms": ["users"] }),
            false,
        ),
        (
            "PATCH",
            format!("/connections/{connection}/clients"),
            json!([{ "client_id": client, "status": true }]),
            json!({}),
            json!({}),
            false,
        ),
        ("DELETE", format!("/clients/{client}"), Value::Null, json!({}), json!({}), true),
        ("DELETE", format!("/users/{user}"), Value::Null, json!({}), json!({}), false),
        ("DELETE", format!("/connections/{connection}"), Value::Null, json!({}), json!({}), true),
    ] {
        let start = now(&tenant).await;
        let (status, answer) = tenant.call_as(&tenant.token, method.parse().unwrap(), &path, body).await;
        assert!(status < 300, "{answer}");
        let entry = &after(&tenant, &start).await[0];
        let details = &entry["details"];
        assert_eq!(details["request"]["path"], format!("/api/v2{path}"), "as it was sent");
        assert_eq!((&details["request"]["body"], &details["response"]["body"]), (&request, &response), "{path}");
        assert_eq!(details.get("deleted").is_some(), deleted, "{path}");
    }
}

#[tokio::test]
async fn users_leave_entries_of_their_own_beside_those_of_the_calls() {
    let tenant = Tenant::start().await;
    let connection = tenant.database("users", json!({})).await;
    let body = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD });
    let start = now(&tenant).await;
    let user = tenant.create("/users", body.clone()).await;
    assert_eq!(tenant.post("/users", body).await.0, 409);
    let id = text(&user, "user_id");
    let path = format!("/users/{}", id.replace('|', "%7C"));
    tenant.patch(&path, json!({ "email": "lovelace@example.com" })).await;
    tenant.patch(&path, json!({ "password": "Another-Horse-2" })).await;
    tenant.patch(&path, json!({ "blocked": true })).await;
    tenant.delete(&path).await;
    tenant.delete(&path).await;
    let entries = after(&tenant, &start).await;
    assert_eq!(
        types(&entries),
        ["sapi", "ss", "fs", "sapi", "sce", "sapi", "scp", "sapi", "sapi", "sdu", "sapi"],
        "a user who was gone already is not deleted once more"
    );
    for entry in [&entries[1], &entries[4], &entries[6]] {
        assert_eq!((&entry["user_id"], &entry["connection_id"]), (&json!(id), &json!(connection)), "{entry}");
        assert_eq!((&entry["connection"], &entry["strategy_type"]), (&json!("users"), &json!("database")));
    }
    assert_eq!(entries[2]["description"], "The user already exists.");
    let deleted = &entries[9];
    assert_eq!(deleted["description"], format!("user_id: {}", id.trim_start_matches("auth0|")));
    assert_eq!((&deleted["user_id"], &deleted["connection"]), (&json!(""), &json!("users")));
}

#[tokio::test]
async fn reads_and_failures_leave_nothing_unless_a_secret_was_read() {
    let tenant = Tenant::start().await;
    let start = now(&tenant).await;
    for path in ["/clients/management?fields=name", "/connections", "/clients?fields=client_id", "/users", "/logs"] {
        tenant.get(path).await;
    }
    tenant.post("/clients", json!({})).await;
    tenant.patch("/clients/nobody", json!({ "name": "x" })).await;
    assert_eq!(after(&tenant, &start).await, Vec::<Value>::new());
    tenant.get("/clients/management").await;
    let entry = alone(&tenant, &start).await;
    assert_eq!((&entry["type"], &entry["description"]), (&json!("mgmt_api_read"), &json!("Get client by ID")));
    assert_eq!(entry["details"]["accessedSecrets"], json!(["client_secret"]));
    assert_eq!(entry["details"]["response"]["body"], json!({ "client_id": "management" }));
    assert_eq!(entry["details"]["request"].get("body"), None);
}

#[tokio::test]
async fn tokens_and_refused_tokens_are_logged() {
    let tenant = Tenant::start().await;
    let id = tenant.database("users", json!({})).await;
    let user = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD });
    let user = text(&tenant.create("/users", user).await, "user_id");
    let grant = "http://auth0.com/oauth/grant-type/password-realm";
    let client = tenant.create("/clients", json!({ "name": "Shop", "grant_types": [grant] })).await;
    let (client, secret) = (text(&client, "client_id"), text(&client, "client_secret"));
    tenant.patch(&format!("/connections/{id}/clients"), json!([{ "client_id": client, "status": true }])).await;
    let start = now(&tenant).await;
    tenant.management_token("management", "management-secret").await;
    let by_password = async |name: &str, password: &str, secret: &str| {
        let form = [("grant_type", grant), ("realm", "users"), ("username", name), ("password", password)];
        tenant.oauth(&[&form[..], &[("client_id", client.as_str()), ("client_secret", secret)]].concat()).await
    };
    by_password("ada@example.com", PASSWORD, &secret).await;
    by_password("ada@example.com", "wrong", &secret).await;
    by_password("bob@example.com", "wrong", &secret).await;
    by_password("ada@example.com", PASSWORD, "wrong").await;
    tenant.patch(&format!("/users/{}", user.replace('|', "%7C")), json!({ "blocked": true })).await;
    by_password("ada@example.com", PASSWORD, &secret).await;
    tenant.oauth(&[("grant_type", "client_credentials"), ("client_id", "management"), ("client_secret", "x")]).await;
    let entries = after(&tenant, &start).await;
    assert_eq!(
        types(&entries),
        ["seccft", "sepft", "fp", "fepft", "fu", "fepft", "fepft", "sapi", "f", "fepft", "feccft"]
    );
    assert_eq!((&entries[0]["audience"], &entries[0]["client_name"]), (&json!(AUDIENCE), &json!("Management")));
    assert!(entries[0]["scope"].as_str().unwrap().contains("read:logs"));
    assert_eq!((&entries[1]["user_id"], &entries[1]["connection"]), (&json!(user), &json!("users")));
    assert_eq!(
        (&entries[2]["description"], &entries[2]["user_id"]),
        (&json!("Wrong email or password."), &json!(user))
    );
    assert_eq!(
        (&entries[8]["description"], &entries[10]["description"]),
        (&json!("user is blocked"), &json!("Unauthorized"))
    );
}

#[tokio::test]
async fn the_log_is_tailed_by_positions_that_may_be_made_up() {
    let tenant = Tenant::start().await;
    for n in 0..5 {
        tenant.create("/resource-servers", json!({ "identifier": format!("api{n}") })).await;
    }
    let all = after(&tenant, &format!("900{}{}", "20200101000000", "0".repeat(39))).await;
    assert_eq!((all.len(), &all[0]["type"]), (6, &json!("seccft")));
    let ids: Vec<_> = all.iter().map(|entry| text(entry, "log_id")).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    // All else is ignored.
    let path = format!("/api/v2/logs?from={}&take=2&q=type:x&fields=date", ids[1]);
    let first = tenant.send(Method::GET, &path, None).await.unwrap();
    let next = first.headers()["link"].to_str().unwrap().to_owned();
    assert_eq!(next, format!("<{AUDIENCE}logs?from={}&take=2>; rel=\"next\"", ids[3]));
    assert_eq!(read(first).await.1, json!(all[2..4]));
    let end = tenant.send(Method::GET, &format!("/api/v2/logs?from={}&take=2", ids[5]), None).await.unwrap();
    assert!(end.headers()["link"].to_str().unwrap().contains(&format!("from={}&take=2", ids[5])));
    assert_eq!(read(end).await, (200, json!([])));
    for query in ["from=900&take=101", "from=900&take=0", "from=x"] {
        assert_eq!(tenant.get(&format!("/logs?{query}")).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn the_log_is_searched() {
    let tenant = Tenant::start().await;
    for n in 0..3 {
        tenant.create("/resource-servers", json!({ "identifier": format!("api{n}") })).await;
    }
    tenant.create("/clients", json!({ "name": "Shop" })).await;
    let found = async |query: &str| {
        let (status, found) = tenant.get(&format!("/logs?{query}")).await;
        assert_eq!(status, 200, "{found}");
        found
    };
    let all = found("").await;
    assert!(all.as_array().unwrap().is_sorted_by(|a, b| a["log_id"].as_str() > b["log_id"].as_str()), "newest first");
    let oldest_first: Vec<_> = all.as_array().unwrap().iter().rev().cloned().collect();
    assert_eq!(found("sort=date:1").await, json!(oldest_first));
    assert_eq!(found("q=type:sapi&per_page=2&page=1").await, json!(all.as_array().unwrap()[2..4]));
    let day = text(&all[0], "date")[..10].to_owned();
    for (query, count) in [
        ("type:\"sapi\"", 4),
        ("type:(seccft OR scp)", 1),
        ("type:sapi AND description:\"Create a client\"", 1),
        ("description:*resource*", 3),
        ("client_id:management", 5),
        ("ip:127.0.0.1 -type:sapi", 1),
        (&format!("date:[{day} TO *]"), 5),
        (&format!("date:[* TO {day}}}"), 0),
        ("seccft", 1),
        (&format!("log_id:{}", text(&all[0], "log_id")), 1),
    ] {
        let query = query.replace(' ', "%20").replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
        assert_eq!(found(&format!("q={query}")).await.as_array().unwrap().len(), count, "{query}");
    }
    let totals = found("include_totals=true&per_page=2&fields=type").await;
    let entry = |n: usize| json!({ "_id": all[n]["_id"], "type": all[n]["type"] });
    let expected = json!({ "start": 0, "limit": 2, "length": 2, "total": 2, "logs": [entry(0), entry(1)] });
    assert_eq!(totals, expected);
    assert_eq!(tenant.get("/logs?q=type:").await.0, 400);
    let refused = refusal(400, "invalid_paging", "You can only page through the first 1000 records.");
    assert_eq!(error(tenant.get("/logs?page=10&per_page=100").await), refused);
    assert_ne!(error(tenant.post("/logs", json!({})).await), invalid(""));
}

#[tokio::test]
async fn faults_delay_and_drop_entries() {
    let tenant = Tenant::start().await;
    let start = now(&tenant).await;
    tenant
        .faults(json!([
            { "path": "resource-servers", "kind": "log_drop" },
            { "path": "/clients", "kind": "log_delay", "ms": 100 },
        ]))
        .await;
    tenant.create("/resource-servers", json!({ "identifier": "orders" })).await;
    tenant.create("/clients", json!({ "name": "Shop" })).await;
    tenant.database("users", json!({})).await;
    let mut entries = after(&tenant, &start).await;
    assert_eq!(entries[0]["description"], "Create a connection");
    while entries.len() < 2 {
        entries = after(&tenant, &start).await;
    }
    let (connection, client) = (&entries[0], &entries[1]);
    assert_eq!(client["description"], "Create a client");
    assert!(text(client, "date") <= text(connection, "date"), "the date is that of the call");
}

#[tokio::test]
async fn a_reset_empties_the_log() {
    let tenant = Tenant::start().await;
    assert_eq!(tenant.get("/logs").await.1.as_array().unwrap().len(), 1);
    tenant.call(Method::POST, "/emulator/reset", None).await;
    assert_eq!(tenant.get("/logs").await, (200, json!([])));
}
