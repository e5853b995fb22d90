use auth0_emulator::{Config, Rate};
use reqwest::Method;
use serde_json::json;

use crate::tenant::{Tenant, error, read, refusal};

/// Sends requests, faster than any bucket fills, until one is refused; its answer and the number of those before it.
async fn exhausted(tenant: &Tenant, path: &str) -> (usize, reqwest::Response) {
    for number in 0..100 {
        let response = tenant.send(Method::GET, path, None).await.unwrap();
        if response.status() != 200 {
            return (number, response);
        }
    }
    panic!("{path} has no limit");
}

#[tokio::test]
async fn a_full_bucket_refuses_with_auth0s_error_and_headers() {
    let tenant = Tenant::with(Config { rate: Rate::Free, ..Config::default() }).await;
    let (before, response) = exhausted(&tenant, "/api/v2/clients").await;
    assert!(before >= 2);
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let limits = (header("x-ratelimit-limit"), header("x-ratelimit-remaining"), header("retry-after"));
    assert_eq!(limits, (Some("2".to_owned()), Some("0".to_owned()), None));
    assert!(header("x-ratelimit-reset").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    let answer = read(response).await;
    assert_eq!(error(answer), refusal(429, "too_many_requests", "Global limit has been reached"));
}

#[tokio::test]
async fn an_unlimited_tenant_sends_no_headers_and_the_plan_can_be_changed() {
    let tenant = Tenant::start().await;
    let limit = async || {
        let response = tenant.send(Method::GET, "/api/v2/connections", None).await.unwrap();
        response.headers().get("x-ratelimit-limit").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(limit().await, None);
    for (rate, expected) in [("self-service", "5"), ("enterprise", "50"), ("free", "2")] {
        assert_eq!(tenant.call(Method::PUT, "/emulator/rate", json!({ "rate": rate })).await.0, 204);
        assert_eq!(limit().await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_group_of_endpoints_has_a_limit_of_its_own_on_self_service() {
    let tenant = Tenant::with(Config { rate: Rate::SelfService, ..Config::default() }).await;
    let (before, response) = exhausted(&tenant, "/api/v2/connections").await;
    assert!(before >= 5);
    let answer = read(response).await;
    assert_eq!(error(answer), refusal(429, "too_many_requests", "Endpoint limit has been reached"));
    assert_eq!(tenant.get("/clients").await.0, 200, "another group");
}
