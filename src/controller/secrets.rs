//! Reads of Secrets, one at a time for each: a thousand users may take their password from one. Whoever asks while it is being
//! read shares the next read, so that nobody gets what was so before there was reason to ask. No value is kept: only which version
//! was read, where no watch tells of the next.

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A Secret, `None` when there is none; in `Arc`s since several share it.
type Answer = Result<Option<Arc<Secret>>, Arc<kube::Error>>;

/// Namespace and name.
pub(super) type Key = (String, String);

/// The resourceVersion of a Secret, `None` when there is none.
type Version = Option<String>;

/// Reads Secrets.
#[derive(Clone)]
pub(super) struct Secrets {
    client: Client,
    /// A `std` mutex: never held across an `.await`.
    lines: Arc<Mutex<HashMap<Key, Line>>>,
    /// The version that all who refer to a Secret have seen or are woken for; `None` where Secrets are watched.
    seen: Option<Arc<Mutex<HashMap<Key, Version>>>>,
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
    pub(super) fn new(client: Client, are_watched: bool) -> Self {
        Self { client, lines: Arc::default(), seen: (!are_watched).then(Arc::default) }
    }

    /// The Secrets of a namespace.
    fn of(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
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
        let answer = self.of(&key.0).get_opt(&key.1).await;
        let mut lines = self.lines();
        if lines.get(&key).is_some_and(|line| line.next.is_none()) {
            lines.remove(&key);
        }
        drop(lines);
        if let (Ok(secret), Some(mut seen)) = (&answer, self.seen()) {
            // A newer version than others have seen is news for them: the next look tells them.
            seen.entry(key).or_insert_with(|| secret.as_ref().and_then(ResourceExt::resource_version));
        }
        answer.map(|secret| secret.map(Arc::new)).map_err(Arc::new)
    }

    /// Looks at a Secret without reading its values. Gives whether it is another than was seen before, our own writes too: others
    /// may refer to it.
    ///
    /// # Errors
    /// Where Kubernetes does not answer or lets nobody read it.
    pub(super) async fn is_news(&self, key: &Key) -> Result<bool, kube::Error> {
        let secret = self.of(&key.0).get_metadata_opt(&key.1).await?;
        let version = secret.and_then(|secret| secret.resource_version());
        let Some(mut seen) = self.seen() else { return Ok(false) };
        let before = seen.insert(key.clone(), version.clone());
        Ok(before != Some(version))
    }

    /// Forgets Secrets that nobody refers to any more.
    pub(super) fn keep(&self, referred: &BTreeSet<Key>) {
        if let Some(mut seen) = self.seen() {
            seen.retain(|key, _| referred.contains(key));
        }
    }

    fn seen(&self) -> Option<MutexGuard<'_, HashMap<Key, Version>>> {
        Some(self.seen.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
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
        let secrets = Secrets::new(Client::new(service, "default"), false);
        let mut first = pin!(secrets.read("a", "one"));
        assert!(poll!(&mut first).is_pending());
        let mut later: futures::stream::FuturesUnordered<_> = (0..9).map(|_| secrets.read("a", "one")).collect();
        assert!(poll!(later.next()).is_pending());
        let ((), read) = futures::join!(answer(&mut server, "1"), first);
        assert_eq!(version(read), Some("1".to_owned()));
        let ((), all) =
            futures::join!(answer(&mut server, "2"), async { (&mut later).map(version).collect::<Vec<_>>().await });
        assert_eq!(all, vec![Some("2".to_owned()); 9]);
        assert!(secrets.lines().is_empty(), "no value is kept");
    }

    #[tokio::test]
    async fn a_read_that_its_asker_gave_up_does_not_hold_up_the_next() {
        let (service, mut server) = mock::pair();
        let secrets = Secrets::new(Client::new(service, "default"), false);
        let mut first = Box::pin(secrets.read("a", "one"));
        let mut second = Box::pin(secrets.read("a", "one"));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        drop((first, second));
        let ((), read) = futures::join!(answer(&mut server, "1"), secrets.read("a", "one"));
        assert_eq!(version(read), Some("1".to_owned()));
    }

    #[tokio::test]
    async fn a_secret_is_news_when_it_is_another_than_was_read() {
        let (service, mut server) = mock::pair();
        let secrets = Secrets::new(Client::new(service, "default"), false);
        let key = ("a".to_owned(), "one".to_owned());
        let ((), _) = futures::join!(answer(&mut server, "1"), secrets.read("a", "one"));
        let mut look = async |version: &str| {
            let ((), news) = futures::join!(answer(&mut server, version), secrets.is_news(&key));
            news.unwrap()
        };
        assert!(!look("1").await && look("2").await && !look("2").await);
        secrets.keep(&BTreeSet::new());
        assert!(look("2").await, "nobody is known to have seen it");
    }

    #[tokio::test]
    async fn a_newer_version_that_one_has_read_is_news_for_the_others() {
        let (service, mut server) = mock::pair();
        let secrets = Secrets::new(Client::new(service, "default"), false);
        for version in ["1", "2"] {
            let ((), _) = futures::join!(answer(&mut server, version), secrets.read("a", "one"));
        }
        let key = ("a".to_owned(), "one".to_owned());
        let ((), news) = futures::join!(answer(&mut server, "2"), secrets.is_news(&key));
        assert!(news.unwrap());
    }
}
