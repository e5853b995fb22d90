//! What the operator sends to a tenant: method, path with ids as `*`, and the keys of the body, in the notation of the table.

use crate::support::upstream::Upstream;
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::Response,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// Stands between operator and tenant, passes everything on, and takes notes.
pub(crate) struct Wire {
    pub(crate) url: String,
    notes: Arc<Notes>,
    task: JoinHandle<()>,
}

struct Notes {
    tenant: Upstream,
    calls: Mutex<Vec<String>>,
}

impl Wire {
    /// A wire to the tenant at a base URL.
    pub(crate) async fn to(tenant: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let notes = Arc::new(Notes { tenant: Upstream::at(tenant), calls: Mutex::default() });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&notes));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, notes, task }
    }

    /// The calls since they were last taken, sorted.
    pub(crate) fn calls(&self) -> Vec<String> {
        let mut calls = self.notes.calls.lock().unwrap().clone();
        calls.sort();
        calls
    }

    pub(crate) fn take(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.notes.calls.lock().unwrap());
        calls.sort();
        calls
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(notes): State<Arc<Notes>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    notes.calls.lock().unwrap().extend(describe(parts.method.as_str(), parts.uri.path(), &body));
    notes.tenant.ask(parts, body).await
}

/// `PATCH users/*: blocked, connection`. `None` for the tenant's log, which is read once for all objects.
fn describe(method: &str, path: &str, body: &[u8]) -> Option<String> {
    let segments: Vec<_> = path.trim_start_matches('/').trim_start_matches("api/v2/").split('/').collect();
    let place = match segments.as_slice() {
        ["logs", ..] | [] => return None,
        ["oauth", ..] => return Some(format!("{method} {}", segments.join("/"))),
        [collection] => (*collection).to_owned(),
        [collection, _] => format!("{collection}/*"),
        [collection, _, below @ ..] => format!("{collection}/*/{}", below.join("/")),
    };
    let keys = serde_json::from_slice(body).map(|body| keys(&body)).unwrap_or_default();
    let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
    Some(if keys.is_empty() { format!("{method} {place}") } else { format!("{method} {place}: {keys}") })
}

/// The keys of an object, or of all objects in a list.
fn keys(body: &Value) -> BTreeSet<String> {
    match body {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => BTreeSet::new(),
    }
}
