//! The end of a cell: a pass that finds nothing to do writes nothing.

use crate::{cell::Scene, support::object::Object};
use kube::{ResourceExt, api::ListParams};
use serde_json::Value;

/// What must not change where nothing is written.
pub(crate) struct Moment {
    history: usize,
    status: Value,
    /// Every Secret with its resourceVersion.
    secrets: Vec<(String, Option<String>)>,
    events: Vec<String>,
}

impl Scene<'_> {
    /// A pass that reads everything anew finds nothing to do: no write to the tenant, none to Kubernetes but the answer to who
    /// asked for it, no event. All this since an earlier moment, where one is given.
    pub(crate) async fn at_rest(&self, name: &str, since: Option<Moment>) {
        let (kind, resource_name) = self.it.split_once('/').unwrap();
        let object = self.bench.api(kind).get_opt(resource_name).await.unwrap();
        let object = object.map(|object| Object(serde_json::to_value(object).unwrap()));
        if !object.is_some_and(|object| object.is_ready() && object.reason() == "Available") {
            return self.assert_calls(name, &[]).await;
        }
        let before = if let Some(since) = since { since } else { self.settled(name).await };
        self.look(name, "at rest").await;
        let states = self.bench.history.states_since(before.history);
        let states: Vec<_> = states.iter().filter(|state| state.key() == self.it).collect();
        assert_eq!(states.len(), 2, "{name}: the question and its answer are all that is written, not {states:#?}");
        let after = self.now().await;
        assert_eq!(after.status, before.status, "{name}: at rest, the status stays");
        assert_eq!(after.secrets, before.secrets, "{name}: at rest, no Secret is written");
        assert_eq!(after.events, before.events, "{name}: at rest, there is no event");
    }

    /// A moment at which everything is over that went before, its events too: passes do not overlap.
    pub(crate) async fn settled(&self, name: &str) -> Moment {
        self.look(name, "settled").await;
        self.now().await
    }

    async fn look(&self, name: &str, why: &str) {
        self.bench.force(&self.it, why).await;
        self.assert_calls(&format!("{name}, {why}"), &self.at_rest).await;
    }

    async fn now(&self) -> Moment {
        let secrets = self.bench.secrets().list(&ListParams::default()).await.unwrap().items.into_iter();
        let states = self.bench.history.states_since(0);
        Moment {
            history: states.len(),
            status: states.iter().rev().find(|state| state.key() == self.it).map(status).unwrap_or_default(),
            secrets: secrets.map(|secret| (secret.name_any(), secret.resource_version())).collect(),
            events: self.bench.events(&self.it).await,
        }
    }
}

/// A status without what a pass that was asked for writes into it.
fn status(object: &Object) -> Value {
    let mut status = object.at("/status").clone();
    status.as_object_mut().unwrap().remove("lastHandledReconcileAt");
    status
}
