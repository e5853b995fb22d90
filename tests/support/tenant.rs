//! An emulated tenant, seen from outside: what it holds, what it was asked, and what shall go wrong.

use super::DEADLINE;
use auth0_emulator::{Config, Emulator};
use reqwest::{Client, Method, Response};
use serde_json::{Map, Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// How often to look again for a request, which nobody announces.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What objects are told apart by: the list in the emulator's state, and its member that users choose.
const NAMED_BY: [(&str, &str); 5] = [
    ("resource_servers", "identifier"),
    ("clients", "name"),
    ("client_grants", "audience"),
    ("connections", "name"),
    ("users", "email"),
];

/// One tenant of its own.
pub(crate) struct Tenant {
    emulator: Emulator,
    http: Client,
    config: Config,
    initially: Value,
}

impl Tenant {
    pub(crate) async fn start(domain: &str) -> Self {
        Self::start_at((std::net::Ipv4Addr::LOCALHOST, 0).into(), domain).await
    }

    /// Starts one that listens at an address.
    pub(crate) async fn start_at(listen: SocketAddr, domain: &str) -> Self {
        let config = Config {
            listen,
            domain: domain.to_owned(),
            client_id: "management".to_owned(),
            client_secret: format!("canary-management-{domain}"),
            ..Config::default()
        };
        let emulator = Emulator::start(config.clone()).await.unwrap();
        let mut tenant = Self { emulator, http: Client::new(), config, initially: Value::Null };
        tenant.initially = tenant.state().await;
        tenant
    }

    pub(crate) fn url(&self) -> &str {
        self.emulator.url()
    }

    pub(crate) fn domain(&self) -> &str {
        &self.config.domain
    }

    /// The secret of the operator's own client, whose id is `management`.
    pub(crate) fn management_secret(&self) -> &str {
        &self.config.client_secret
    }

    /// All that the tenant holds.
    pub(crate) async fn state(&self) -> Value {
        self.control(Method::GET, "state", None).await.json().await.unwrap()
    }

    /// Whether it holds just what it held at the start.
    pub(crate) async fn assert_clean(&self) {
        assert_eq!(self.state().await, self.initially, "the tenant is not as it was");
    }

    /// The names of what came to the tenant since its start, one for each object, sorted; kinds without any are left out.
    pub(crate) async fn added(&self) -> Value {
        let state = self.state().await;
        let names = |(kind, member): (&str, &str)| {
            let list = |state: &Value| state[kind].as_array().unwrap().clone();
            let old = list(&self.initially);
            let new = list(&state).into_iter().filter(|object| !old.iter().any(|old| old[member] == object[member]));
            let mut names: Vec<_> = new.map(|object| object[member].as_str().unwrap_or_default().to_owned()).collect();
            names.sort();
            (kind.to_owned(), json!(names))
        };
        NAMED_BY.into_iter().map(names).filter(|(_, names)| *names != json!([])).collect::<Map<_, _>>().into()
    }

    /// The one object in a list of the state whose member has a value.
    pub(crate) async fn object(&self, kind: &str, member: &str, value: &str) -> Value {
        let state = self.state().await;
        let mut objects = state[kind].as_array().unwrap().iter().filter(|object| object[member] == value);
        let object = objects.next().unwrap_or_else(|| panic!("no {kind} with {member} {value}"));
        assert!(objects.next().is_none(), "{kind} with {member} {value}: more than one");
        object.clone()
    }

    /// From now on, these faults and no others.
    pub(crate) async fn faults(&self, faults: Value) {
        self.control(Method::PUT, "faults", Some(faults)).await;
    }

    /// From now on, the rate limits of a plan.
    pub(crate) async fn rate(&self, plan: &str) {
        self.control(Method::PUT, "rate", Some(json!({ "rate": plan }))).await;
    }

    /// The operator's requests to the Management API so far, as `POST clients`, ids as `*`.
    pub(crate) async fn calls(&self) -> Vec<String> {
        self.calls_of(|_status| true).await
    }

    /// The writes that had an effect.
    pub(crate) async fn effects(&self) -> Vec<String> {
        let done = self.calls_of(|status| status < 300).await;
        done.into_iter().filter(|call| !call.starts_with("GET")).collect()
    }

    async fn calls_of(&self, is_meant: impl Fn(u64) -> bool) -> Vec<String> {
        let log: Value = self.control(Method::GET, "requests", None).await.json().await.unwrap();
        let requests = log["requests"].as_array().unwrap().iter();
        let ours = requests
            .filter(|request| request["user_agent"].as_str().is_some_and(|agent| agent.starts_with("auth0-operator/")))
            .filter(|request| request["status"].as_u64().is_some_and(&is_meant));
        ours.filter_map(|request| call(request["method"].as_str()?, request["path"].as_str()?)).collect()
    }

    /// How often the operator has read the tenant's log.
    pub(crate) async fn log_reads(&self) -> usize {
        let log: Value = self.control(Method::GET, "requests", None).await.json().await.unwrap();
        log["requests"].as_array().unwrap().iter().filter(|request| request["path"] == "/api/v2/logs").count()
    }

    /// Waits until something is so that the tenant shows.
    pub(crate) async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let start = Instant::now();
        while !is_so().await {
            assert!(start.elapsed() < DEADLINE, "not so in time: {what}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The same without reads.
    pub(crate) async fn writes(&self) -> Vec<String> {
        self.calls().await.into_iter().filter(|call| !call.starts_with("GET")).collect()
    }

    /// Forgets the requests so far.
    pub(crate) async fn forget_calls(&self) {
        self.control(Method::DELETE, "requests", None).await;
    }

    /// Waits until the operator's calls are as described.
    pub(crate) async fn until_calls(&self, what: &str, are: impl Fn(&[String]) -> bool) {
        self.until(&format!("the operator's calls are {what}"), async || are(&self.calls().await)).await;
    }

    /// A call of somebody else than the operator; it has to succeed.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let audience = format!("https://{}/api/v2/", self.domain());
        let (status, token) = self.token("management", self.management_secret(), &audience).await;
        assert_eq!(status, 200, "{token}");
        let url = format!("{}/api/v2/{path}", self.url());
        let request = self.http.request(method, url).bearer_auth(token["access_token"].as_str().unwrap());
        let answer = if body.is_null() { request.send().await } else { request.json(&body).send().await };
        text(answer.unwrap()).await
    }

    /// What client credentials are answered with for an audience: status and body.
    pub(crate) async fn token(&self, client_id: &str, client_secret: &str, audience: &str) -> (u16, Value) {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "audience": audience,
        });
        let answer = self.http.post(format!("{}/oauth/token", self.url())).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let request = self.http.request(method, format!("{}/emulator/{path}", self.url()));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        request.send().await.unwrap().error_for_status().unwrap()
    }
}

async fn text(answer: Response) -> Value {
    let status = answer.status();
    let body = answer.text().await.unwrap();
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).unwrap_or_default()
}

/// Only the collection, and the sub-collection where there is one. `None` for what costs no rate: tokens, and the tenant's log,
/// which is read once for all objects.
fn call(method: &str, path: &str) -> Option<String> {
    let segments: Vec<_> = path.strip_prefix("/api/v2/")?.splitn(3, '/').collect();
    match segments.as_slice() {
        ["logs", ..] => None,
        [collection, _, "clients"] => Some(format!("{method} {collection}/*/clients")),
        [collection, _, ..] => Some(format!("{method} {collection}/*")),
        other => Some(format!("{method} {}", other.join("/"))),
    }
}
