//! What a watch shows of the resources: when each became Ready, its ids, and the reasons that it ever gave.

use crate::{Result, kubernetes::api};
use futures::StreamExt;
use kube::{
    Client,
    api::DynamicObject,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};

/// Reasons that a resource passes through when all goes well.
const FINE: [&str; 7] =
    ["Available", "Pending", "Creating", "Updating", "ReferenceNotFound", "ReferenceNotReady", "TenantNotReady"];

/// All resources of ours, as the watches tell.
pub(crate) struct Seen {
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<()>,
    _watches: JoinSet<()>,
}

#[derive(Default)]
struct State {
    resources: HashMap<String, Resource>,
    /// How many are Ready, Auth0Tenants apart.
    ready: usize,
    /// Other reasons than those of good times, and how often they were seen.
    troubles: BTreeMap<String, usize>,
}

/// One resource.
#[derive(Clone, Default)]
pub(crate) struct Resource {
    /// Since when it is Ready with its newest spec.
    pub(crate) ready: Option<Instant>,
    pub(crate) generation: i64,
    pub(crate) status: Ids,
}

/// The ids of what a resource has in the tenant.
#[derive(Clone, Default)]
pub(crate) struct Ids {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) grant: String,
}

impl Seen {
    pub(crate) fn start(kubernetes: &Client) -> Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let (changes, changed) = watch::channel(());
        let mut watches = JoinSet::new();
        for kind in ["Auth0Tenant", "Auth0Api", "Auth0Connection", "Auth0User"] {
            let (api, state, changes) = (api(kubernetes, kind)?, state.clone(), changes.clone());
            watches.spawn(async move {
                let mut events = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff());
                while let Some(event) = events.next().await {
                    if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event {
                        lock(&state).take(kind, &object);
                        changes.send_replace(());
                    }
                }
            });
        }
        Ok(Self { state, changed, _watches: watches })
    }

    /// How many are Ready.
    pub(crate) fn ready(&self) -> usize {
        lock(&self.state).ready
    }

    /// What is known of a resource, by `Kind/name`.
    pub(crate) fn get(&self, key: &str) -> Option<Resource> {
        lock(&self.state).resources.get(key).cloned()
    }

    /// Other reasons than those of good times, and how often they were seen.
    pub(crate) fn troubles(&self) -> BTreeMap<String, usize> {
        lock(&self.state).troubles.clone()
    }

    /// Waits until so many are Ready. Gives false when nothing changed for so long.
    pub(crate) async fn until_ready(&self, count: usize, patience: Duration) -> bool {
        let mut changed = self.changed.clone();
        let mut told = Instant::now();
        while self.ready() < count {
            if !matches!(tokio::time::timeout(patience, changed.changed()).await, Ok(Ok(()))) {
                return false;
            }
            if told.elapsed() > Duration::from_secs(15) {
                eprintln!("  … {} of {count} are Ready", self.ready());
                told = Instant::now();
            }
        }
        true
    }

    /// Waits until a resource is Ready with a generation of its spec; gives since when.
    pub(crate) async fn until(&self, key: &str, generation: i64, patience: Duration) -> Result<Instant> {
        let mut changed = self.changed.clone();
        let wait = async {
            loop {
                if let Some(Resource { ready: Some(ready), generation: seen, .. }) = self.get(key)
                    && seen >= generation
                {
                    return ready;
                }
                // The error means that the watches have ended, which they do not.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout(patience, wait).await.map_err(|_| format!("{key} did not become Ready in time").into())
    }
}

impl State {
    fn take(&mut self, kind: &str, object: &DynamicObject) {
        let now = Instant::now();
        let key = format!("{kind}/{}", object.metadata.name.as_deref().unwrap_or_default());
        let generation = object.metadata.generation.unwrap_or_default();
        let status = &object.data["status"];
        let conditions = status["conditions"].as_array();
        let ready = conditions.and_then(|conditions| conditions.iter().find(|condition| condition["type"] == "Ready"));
        let is_ready =
            ready.is_some_and(|ready| ready["status"] == "True") && status["observedGeneration"] == generation;
        if let Some(reason) = ready.and_then(|ready| ready["reason"].as_str()).filter(|reason| !FINE.contains(reason)) {
            *self.troubles.entry(format!("{kind} {reason}")).or_default() += 1;
        }
        let known = self.resources.entry(key).or_default();
        let was_ready = known.ready.is_some();
        if generation != known.generation || !is_ready {
            known.ready = None;
        }
        if is_ready {
            known.ready.get_or_insert(now);
        }
        if kind != "Auth0Tenant" {
            self.ready = self.ready + usize::from(known.ready.is_some()) - usize::from(was_ready);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let client = &status["client"];
        known.generation = generation;
        known.status = Ids { id: text(&status["id"]), client: text(&client["id"]), grant: text(&client["grantId"]) };
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
