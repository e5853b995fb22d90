//! The tenant from outside: its control interface, and somebody else who changes it.

use crate::{Result, calls::Call, manifests::DOMAIN, plan::name_of};
use auth0_emulator::Rate;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// The emulated tenant.
#[derive(Clone)]
pub(crate) struct Tenant {
    http: Client,
    pub(crate) url: String,
}

/// How many objects of ours and others the tenant holds.
pub(crate) struct Population {
    pub(crate) apis: usize,
    pub(crate) clients: usize,
    pub(crate) grants: usize,
    pub(crate) connections: usize,
}

impl Tenant {
    pub(crate) fn new(url: &str) -> Self {
        Self { http: Client::new(), url: url.to_owned() }
    }

    /// From now on, the limits of a plan, with all buckets full.
    pub(crate) async fn limit(&self, plan: Rate) -> Result<()> {
        self.control(Method::PUT, "rate", Some(json!({ "rate": name_of(plan) }))).await?;
        Ok(())
    }

    /// From now on, these faults and no others.
    pub(crate) async fn faults(&self, faults: Value) -> Result<()> {
        self.control(Method::PUT, "faults", Some(faults)).await?;
        Ok(())
    }

    /// The requests from a number on, and the number that the next one will have.
    pub(crate) async fn requests(&self, since: u64) -> Result<(Vec<Call>, u64)> {
        let log = self.control(Method::GET, &format!("requests?since={since}"), None).await?;
        let requests = log["requests"].as_array().into_iter().flatten().map(Call::of).collect::<Result<_>>()?;
        Ok((requests, log["next"].as_u64().unwrap_or_default()))
    }

    /// The operator's requests from a number on.
    pub(crate) async fn operator_calls(&self, since: u64) -> Result<Vec<Call>> {
        let (mut calls, _) = self.requests(since).await?;
        calls.retain(|call| call.is_operator);
        Ok(calls)
    }

    /// The number that the next request will have.
    pub(crate) async fn now(&self) -> Result<u64> {
        Ok(self.requests(u64::MAX).await?.1)
    }

    /// All that it holds, without what differs by time alone.
    pub(crate) async fn state(&self) -> Result<Value> {
        let mut state = self.control(Method::GET, "state", None).await?;
        timeless(&mut state);
        Ok(state)
    }

    pub(crate) async fn population(&self) -> Result<Population> {
        let state = self.state().await?;
        let count = |kind: &str| state[kind].as_array().map_or(0, Vec::len);
        Ok(Population {
            apis: count("resource_servers"),
            clients: count("clients"),
            grants: count("client_grants"),
            connections: count("connections"),
        })
    }

    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let request = self.http.request(method, format!("{}/emulator/{path}", self.url));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        read(request.send().await?).await
    }
}

/// Somebody with a client of their own that may change everything.
pub(crate) struct Somebody {
    tenant: Tenant,
    client_id: String,
    token: String,
}

impl Somebody {
    /// Makes the client, with the operator's credentials, and fetches a token for it.
    pub(crate) async fn enter(tenant: &Tenant) -> Result<Self> {
        let audience = format!("https://{DOMAIN}/api/v2/");
        let token = token(tenant, "management", "management-secret", &audience).await?;
        let operator = Self { tenant: tenant.clone(), client_id: "management".to_owned(), token };
        let client =
            json!({ "name": "Somebody", "app_type": "non_interactive", "grant_types": ["client_credentials"] });
        let client = operator.send(Method::POST, "clients", &client).await?;
        let (id, secret) = (client["client_id"].as_str(), client["client_secret"].as_str());
        let (id, secret) = (id.ok_or("a client without id")?, secret.ok_or("a client without secret")?);
        let scopes = ["resource_servers", "clients", "client_grants", "connections", "connections_options", "users"];
        let scopes = scopes.iter().flat_map(|of| [format!("read:{of}"), format!("update:{of}")]);
        let scopes: Vec<_> = scopes.chain(["update:users_app_metadata".to_owned()]).collect();
        let grant = json!({ "client_id": id, "audience": audience, "scope": scopes });
        operator.send(Method::POST, "client-grants", &grant).await?;
        let token = self::token(tenant, id, secret, &audience).await?;
        Ok(Self { tenant: tenant.clone(), client_id: id.to_owned(), token })
    }

    /// A call of the Management API. The path's ids are not encoded yet.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/api/v2/{}", self.tenant.url, path.replace('|', "%7C"));
        let request = self.tenant.http.request(method, url).bearer_auth(&self.token);
        let request = if body.is_null() { request } else { request.json(body) };
        read(request.send().await?).await
    }

    /// A login that fails: the cheapest way to an entry in the tenant's log.
    pub(crate) async fn fail_to_log_in(&self) -> Result<()> {
        let body = json!({
            "grant_type": "client_credentials", "client_id": self.client_id, "client_secret": "wrong", "audience": "x",
        });
        self.tenant.http.post(format!("{}/oauth/token", self.tenant.url)).json(&body).send().await?;
        Ok(())
    }
}

async fn token(tenant: &Tenant, id: &str, secret: &str, audience: &str) -> Result<String> {
    let body = json!({
        "grant_type": "client_credentials", "client_id": id, "client_secret": secret, "audience": audience,
    });
    let answer = tenant.http.post(format!("{}/oauth/token", tenant.url)).json(&body).send().await?;
    let answer = read(answer).await?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
}

async fn read(answer: Response) -> Result<Value> {
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    if !status.is_success() {
        return Err(format!("{url}: {status} {body}").into());
    }
    Ok(serde_json::from_str(&body).unwrap_or_default())
}

/// Takes out the times of changes and logins.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("updated_at");
            members.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        _ => {}
    }
}
