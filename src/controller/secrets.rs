//! Reads of Secrets, one at a time for each: a thousand users may take their password from one. Whoever asks while it is being
//! read shares the next read, so that nobody gets what was so before there was reason to ask. Nothing is kept.

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A Secret, `None` when there is none; in `Arc`s since several share it.
type Answer = Result<Option<Arc<Secret>>, Arc<kube::Error>>;

/// Namespace and name.
type Key = (String, String);

/// Reads Secrets.
#[derive(Clone)]
pub(super) struct Secrets {
    client: Client,
    /// A `std` mutex: never held across an `.await`.
    lines: Arc<Mutex<HashMap<Key, Line>>>,
}

/// The reads of one Secret.
#[derive(Default)]
struct Line {
    /// Held by the read under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The read that comes after it.
    next: Option<Shared<BoxFuture<'static, Answer>>>,
}

impl Secrets {
    pub(super) fn new(client: Client) -> Self {
        Self { client, lines: Arc::default() }
    }

    /// A Secret as it is now.
    pub(super) async fn read(&self, namespace: &str, name: &str) -> Answer {
        let key = (namespace.to_owned(), name.to_owned());
        let read = {
            let mut lines = self.lines();
            let Line { turn, next } = lines.entry(key.clone()).or_default();
            next.get_or_insert_with(|| self.clone().read_next(key, turn.clone()).boxed().shared()).clone()
        };
        read.await
    }

    async fn read_next(self, key: Key, turn: Arc<tokio::sync::Mutex<()>>) -> Answer {
        let _turn = turn.lock().await;
        if let Some(line) = self.lines().get_mut(&key) {
            line.next = None;
        }
        let answer = Api::<Secret>::namespaced(self.client.clone(), &key.0).get_opt(&key.1).await;
        let mut lines = self.lines();
        if lines.get(&key).is_some_and(|line| line.next.is_none()) {
            lines.remove(&key);
        }
        answer.map(|secret| secret.map(Arc::new)).map_err(Arc::new)
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Key, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, poll};
    use http::{Request, Response};
    use kube::client::Body;
    use std::pin::pin;
    use tower_test::mock;

    /// Answers the next read with a Secret of that resourceVersion.
    async fn answer(server: &mut mock::Handle<Request<Body>, Response<Body>>, version: &str) {
        let (request, respond) = server.next_request().await.unwrap();
        assert_eq!(request.uri().path(), "/api/v1/namespaces/a/secrets/one");
        let secret = serde_json::json!({"metadata": {"name": "one", "resourceVersion": version}});
        respond.send_response(Response::new(Body::from(serde_json::to_vec(&secret).unwrap())));
    }

    fn version(answer: Answer) -> Option<String> {
        answer.unwrap().unwrap().metadata.resource_version.clone()
    }

    #[tokio::test]
    async fn whoever_asks_during_a_read_shares_the_next() {
        let (service, mut server) = mock::pair();
        let secrets = Secrets::new(Client::new(service, "default"));
        let mut first = pin!(secrets.read("a", "one"));
        assert!(poll!(&mut first).is_pending());
        let mut later: futures::stream::FuturesUnordered<_> = (0..9).map(|_| secrets.read("a", "one")).collect();
        assert!(poll!(later.next()).is_pending());
        let ((), read) = futures::join!(answer(&mut server, "1"), first);
        assert_eq!(version(read), Some("1".to_owned()));
        let ((), all) =
            futures::join!(answer(&mut server, "2"), async { (&mut later).map(version).collect::<Vec<_>>().await });
        assert_eq!(all, vec![Some("2".to_owned()); 9]);
        assert!(secrets.lines().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn a_read_that_its_asker_gave_up_does_not_hold_up_the_next() {
        let (service, mut server) = mock::pair();
        let secrets = Secrets::new(Client::new(service, "default"));
        let mut first = Box::pin(secrets.read("a", "one"));
        let mut second = Box::pin(secrets.read("a", "one"));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        drop((first, second));
        let ((), read) = futures::join!(answer(&mut server, "1"), secrets.read("a", "one"));
        assert_eq!(version(read), Some("1".to_owned()));
    }
}
