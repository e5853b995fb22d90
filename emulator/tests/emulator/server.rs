use std::time::{Duration, Instant};

use auth0_emulator::{Config, Emulator, Tls};

use crate::tenant::{Tenant, read};

#[tokio::test]
async fn it_serves_https_with_the_certificate_given() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let generated = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, generated.cert.pem()).unwrap();
    std::fs::write(&key, generated.signing_key.serialize_pem()).unwrap();
    let tls = Some(Tls { cert: cert.clone(), key });
    let emulator = Emulator::start(Config { tls, ..Config::default() }).await.unwrap();
    assert!(emulator.url().starts_with("https://127.0.0.1:"));
    let root = reqwest::Certificate::from_pem(generated.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let answer = http.get(format!("{}/.well-known/jwks.json", emulator.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let missing = Tls { cert: folder.path().join("none.pem"), key: cert };
    let error = Emulator::start(Config { tls: Some(missing), ..Config::default() }).await.err().unwrap();
    assert!(error.to_string().contains("none.pem"), "{error}");
}

#[tokio::test]
async fn it_stops_when_asked_and_when_dropped() {
    for by_drop in [true, false] {
        let tenant = Tenant::start().await;
        let url = tenant.url("/.well-known/jwks.json");
        assert!(tenant.http.get(&url).send().await.is_ok());
        if by_drop {
            drop(tenant.emulator);
        } else {
            tenant.emulator.stop().await;
        }
        // Dropping does not wait for the task; a few connections may still be accepted.
        let started = Instant::now();
        while reqwest::get(&url).await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(10));
        }
    }
}

#[tokio::test]
async fn every_answer_is_held_back_by_the_latency() {
    let latency = Duration::from_millis(50);
    let tenant = Tenant::with(Config { latency, ..Config::default() }).await;
    let started = Instant::now();
    tenant.get("/clients").await;
    assert!(started.elapsed() >= latency);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let tenant = Tenant::start().await;
    let request = tenant.http.post(tenant.url("/api/v2/clients")).bearer_auth(&tenant.token);
    let (status, body) = read(request.body(" ".repeat((1 << 20) + 1)).send().await.unwrap()).await;
    assert_eq!((status, body["statusCode"].as_u64()), (413, Some(413)));
}
