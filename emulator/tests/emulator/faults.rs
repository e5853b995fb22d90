use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::tenant::{Tenant, error, refusal, text};

async fn number_of_clients(tenant: &Tenant) -> usize {
    tenant.get("/clients").await.1.as_array().unwrap().len()
}

#[tokio::test]
async fn a_status_fault_answers_without_effect_as_often_as_asked() {
    let tenant = Tenant::start().await;
    let clients = number_of_clients(&tenant).await;
    tenant
        .faults(json!([{
            "method": "POST", "path": "^/api/v2/clients$", "skip": 1, "times": 2, "kind": "status", "status": 503,
            "headers": { "retry-after": "7" },
        }]))
        .await;
    let mut statuses = vec![];
    for name in ["a", "b", "c", "d"] {
        let response = tenant.send(Method::POST, "/api/v2/clients", json!({ "name": name })).await.unwrap();
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        statuses.push((response.status().as_u16(), retry_after));
    }
    let refused = (503, Some("7".to_owned()));
    assert_eq!(statuses, [(201, None), refused.clone(), refused, (201, None)]);
    assert_eq!(number_of_clients(&tenant).await, clients + 2);
    assert_eq!(
        tenant.requests_to("/api/v2/clients").await.iter().filter(|request| request["status"] == 503).count(),
        2
    );
}

#[tokio::test]
async fn a_status_fault_answers_as_auth0_would_when_no_body_is_given() {
    let tenant = Tenant::start().await;
    tenant.faults(json!([{ "kind": "status", "status": 429 }])).await;
    assert_eq!(error(tenant.get("/clients").await), refusal(429, "too_many_requests", "Global limit has been reached"));
    tenant.faults(json!([{ "kind": "status", "status": 400, "body": { "message": "", "x": 1 }, "echo": true }])).await;
    let (_, body) = tenant.post("/clients", json!({ "name": "sent" })).await;
    assert_eq!(body["x"], 1);
    assert!(text(&body, "message").contains("{\"name\":\"sent\"}"), "{body}");
}

#[tokio::test]
async fn the_first_fault_that_matches_acts() {
    let tenant = Tenant::start().await;
    tenant
        .faults(json!([
            { "path": "nothing", "kind": "status", "status": 500 },
            { "path": "^/api/v2/resource-servers/https://a/b$", "times": 1, "kind": "status", "status": 501 },
            { "kind": "status", "status": 502, "times": 1 },
        ]))
        .await;
    let path = "/resource-servers/https%3A%2F%2Fa%2Fb";
    let statuses = [tenant.get(path).await.0, tenant.get(path).await.0, tenant.get(path).await.0];
    assert_eq!(statuses, [501, 502, 404]);
}

#[tokio::test]
async fn probability_decides_whether_a_fault_acts() {
    let tenant = Tenant::start().await;
    tenant.faults(json!([{ "probability": 0.0, "kind": "drop" }])).await;
    assert_eq!(tenant.get("/clients").await.0, 200);
}

#[tokio::test]
async fn a_dropped_request_has_no_answer_and_no_effect() {
    let tenant = Tenant::start().await;
    let clients = number_of_clients(&tenant).await;
    tenant.faults(json!([{ "method": "POST", "times": 1, "kind": "drop" }])).await;
    let failed = tenant.send(Method::POST, "/api/v2/clients", json!({ "name": "x" })).await;
    assert!(failed.is_err_and(|error| error.is_request()));
    assert_eq!(number_of_clients(&tenant).await, clients);
    assert_eq!(tenant.requests_to("/api/v2/clients").await[1]["status"], 0);
}

#[tokio::test]
async fn a_committed_request_has_its_effect_though_no_answer() {
    let tenant = Tenant::start().await;
    let clients = number_of_clients(&tenant).await;
    tenant.faults(json!([{ "method": "POST", "times": 1, "kind": "commit_then_drop" }])).await;
    assert!(tenant.send(Method::POST, "/api/v2/clients", json!({ "name": "x" })).await.is_err());
    assert_eq!(number_of_clients(&tenant).await, clients + 1);
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_in_its_body() {
    let tenant = Tenant::start().await;
    let clients = number_of_clients(&tenant).await;
    tenant.faults(json!([{ "method": "POST", "times": 1, "kind": "truncate" }])).await;
    let mut response = tenant.send(Method::POST, "/api/v2/clients", json!({ "name": "x" })).await.unwrap();
    let promised = response.content_length().unwrap();
    assert_eq!(response.status(), 201);
    let mut received = 0;
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len() as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert_eq!((broken, received), (true, promised / 2));
    assert_eq!(number_of_clients(&tenant).await, clients + 1);
}

#[tokio::test]
async fn a_delayed_request_goes_on_as_usual_even_when_the_client_has_left() {
    let tenant = Tenant::start().await;
    let clients = number_of_clients(&tenant).await;
    tenant.faults(json!([{ "method": "POST", "kind": "delay", "ms": 600 }])).await;
    let started = Instant::now();
    assert_eq!(tenant.post("/clients", json!({ "name": "x" })).await.0, 201);
    assert!(started.elapsed() >= Duration::from_millis(600));
    let impatient = tenant.http.post(tenant.url("/api/v2/clients")).bearer_auth(&tenant.token);
    let impatient = impatient.json(&json!({ "name": "y" })).timeout(Duration::from_millis(300));
    assert!(impatient.send().await.is_err_and(|error| error.is_timeout()));
    let left = Instant::now();
    while number_of_clients(&tenant).await < clients + 2 {
        assert!(left.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_stale_read_shows_the_state_before_a_write_until_the_time_is_over() {
    let tenant = Tenant::start().await;
    for filter in [json!({ "method": "POST" }), json!({ "method": "GET" }), json!({})] {
        let mut fault = json!({ "path": "^/api/v2/clients", "kind": "stale", "ms": 600 });
        fault.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        tenant.faults(json!([fault])).await;
        let clients = number_of_clients(&tenant).await;
        let started = Instant::now();
        let id = text(&tenant.create("/clients", json!({ "name": "x" })).await, "client_id");
        let (seen, by_id) = (number_of_clients(&tenant).await, tenant.get(&format!("/clients/{id}")).await.0);
        assert_eq!((seen, by_id), (clients, 404), "{filter}");
        while number_of_clients(&tenant).await == clients {}
        assert!(started.elapsed() >= Duration::from_millis(600));
    }
}
