//! A tap between operator and tenant, which holds a request at the worst moment: after it took effect, and before the operator
//! knows; or when the operator has sent it, and nothing has happened yet.

use super::upstream::Upstream;
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::Response,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// Which request is held, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) method: &'static str,
    /// How the path ends, ids and all; a `*` segment stands for any.
    pub(crate) path: &'static str,
    pub(crate) at: Moment,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    BeforeEffect,
    AfterEffect,
}

/// Passes all requests on; holds the first that its [`Hold`] names until its sender is gone.
pub(crate) struct Tap {
    pub(crate) url: String,
    held: Arc<Held>,
    task: JoinHandle<()>,
}

struct Held {
    tenant: Upstream,
    hold: Hold,
    is_used: AtomicBool,
    holds: Notify,
}

impl Tap {
    /// A tap before the tenant at a base URL.
    pub(crate) async fn before(tenant: &str, hold: Hold) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::new(Held {
            tenant: Upstream::at(tenant),
            hold,
            is_used: AtomicBool::new(false),
            holds: Notify::new(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&held));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, held, task }
    }

    /// Waits until it holds the request.
    pub(crate) async fn holds(&self) {
        let hold = self.held.hold;
        let holds = tokio::time::timeout(super::DEADLINE, self.held.holds.notified()).await;
        holds.unwrap_or_else(|_| panic!("there was no {hold:?}:\n{}", super::operator::tail("")));
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(held): State<Arc<Held>>, request: Request) -> Response {
    let holds = held.hold.matches(&request) && !held.is_used.swap(true, Ordering::SeqCst);
    if holds && matches!(held.hold.at, Moment::BeforeEffect) {
        return held.for_ever().await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let response = held.tenant.ask(parts, body).await;
    if holds { held.for_ever().await } else { response }
}

impl Held {
    /// Ends when the operator hangs up.
    async fn for_ever(&self) -> Response {
        self.holds.notify_one();
        std::future::pending().await
    }
}

impl Hold {
    fn matches(&self, request: &Request) -> bool {
        let path: Vec<_> = request.uri().path().trim_start_matches("/api/v2/").split('/').collect();
        let wanted: Vec<_> = self.path.split('/').collect();
        let is_path =
            path.len() == wanted.len() && wanted.iter().zip(path).all(|(wanted, is)| *wanted == "*" || *wanted == is);
        request.method() == self.method && is_path
    }
}
