//! The user of the samples logs in to their application with a real browser, through the tenant's login page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use axum::{Router, http::Uri, routing::get};
use reqwest::Url;
use serde_json::json;
use support::{
    DEADLINE,
    bench::Bench,
    browser::Browser,
    login::Application,
    operator::Operator,
    samples::{ALL, API, OUTPUT},
};
use tokio::{net::TcpListener, sync::mpsc};

/// The application, as far as browsers see it: a page to come back to.
struct Callback {
    url: String,
    visits: mpsc::UnboundedReceiver<String>,
}

impl Callback {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (visit, visits) = mpsc::unbounded_channel();
        let url = format!("{origin}/callback");
        let welcome = move |uri: Uri| {
            visit.send(format!("{origin}{uri}")).unwrap();
            std::future::ready("Welcome back")
        };
        let router = Router::new().route("/callback", get(welcome));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, visits }
    }

    /// Waits for a browser: the URL with which it came.
    async fn visit(&mut self) -> Url {
        let visit = tokio::time::timeout(DEADLINE, self.visits.recv()).await;
        visit.expect("no browser came to the callback").unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_user_logs_in_through_the_login_page_with_a_browser() {
    let bench = Bench::new("browser").await;
    Operator::shared(bench.cluster).await;
    let mut callback = Callback::listen().await;
    for key in ALL.into_iter().filter(|key| *key != API) {
        bench.apply(key).await;
    }
    bench.apply_changed(API, &json!({ "spec": { "client": { "callbacks": [&callback.url] } } })).await;
    bench.all_ready().await;
    let application = Application::new(bench.secret(OUTPUT).await, &callback.url).unwrap();
    let browser = Browser::start().await;

    let attempt = application.begin().unwrap();
    browser.open(attempt.url.as_str()).await;
    let page = browser.text("body").await;
    assert!(page.contains(&bench.samples.client()), "{page}");
    browser.type_into("[name=username]", &bench.samples.email()).await;
    browser.type_into("[name=password]", "wrong").await;
    browser.click("button").await;
    assert_eq!(browser.text("[role=alert]").await, "Wrong email or password");
    assert!(callback.visits.try_recv().is_err(), "a wrong password came to the callback");

    // The name is still there.
    browser.type_into("[name=password]", &bench.samples.password()).await;
    browser.click("button").await;
    let landed = callback.visit().await;
    assert_eq!(browser.text("body").await, "Welcome back");
    let user = application.finish(attempt, &landed).await.unwrap();
    assert_eq!((&user.identity["email"], &user.identity["name"]), (&json!("ada@example.com"), &json!("Ada Lovelace")));
    assert_eq!(user.access["sub"], user.identity["sub"]);
}
