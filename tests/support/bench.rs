//! A namespace with a tenant of its own.

use super::{
    DEADLINE,
    cluster::Cluster,
    history::History,
    kubectl::kubectl,
    login::{Application, CALLBACK, User},
    object::{KINDS, Object, resource},
    operator,
    samples::{ALL, API, CONNECTION, OUTPUT, Samples, TENANT, USER, merge},
    tap::{Hold, Tap},
    tenant::Tenant,
};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
    runtime::{conditions::is_deleted, wait::await_condition},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// Asks for a pass, whatever else is so.
const FORCE: &str = "reconcile.auth0-operator.dev/requestedAt";

pub(crate) struct Bench {
    pub(crate) cluster: &'static Cluster,
    pub(crate) namespace: String,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) history: History,
    pub(crate) samples: Samples,
    client: Client,
    files: TempDir,
}

impl Bench {
    /// A new namespace and a new tenant; the name is the test's.
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(Arc::new(Tenant::start(&format!("{name}.eu.auth0.com")).await), name, "").await
    }

    /// A new namespace whose objects live in a tenant with those of others; the namespace makes their names different.
    pub(crate) async fn sharing(tenant: &Arc<Tenant>, name: String) -> Self {
        Self::with(Arc::clone(tenant), &name, &format!("-{name}")).await
    }

    /// A namespace for a tenant; `suffix` goes to the names in the tenant.
    pub(crate) async fn with(tenant: Arc<Tenant>, name: &str, suffix: &str) -> Self {
        Self::within(Cluster::shared().await, tenant, name, suffix).await
    }

    /// A namespace of a cluster.
    pub(crate) async fn within(cluster: &'static Cluster, tenant: Arc<Tenant>, name: &str, suffix: &str) -> Self {
        let samples = Samples {
            domain: tenant.domain().to_owned(),
            endpoint: tenant.url().to_owned(),
            client_secret: tenant.management_secret().to_owned(),
            suffix: suffix.to_owned(),
            tenant_namespace: None,
        };
        cluster.namespace(name).await;
        let client = cluster.client();
        let history = History::of(&client, name);
        Self { cluster, namespace: name.to_owned(), tenant, history, samples, client, files: TempDir::new().unwrap() }
    }

    /// Puts a tap between operator and tenant. Before anything is applied.
    pub(crate) async fn tap(&mut self, hold: Hold) -> Tap {
        let tap = Tap::before(self.tenant.url(), hold).await;
        self.samples.endpoint.clone_from(&tap.url);
        tap
    }

    /// Applies a sample, by `Kind/name`.
    pub(crate) async fn apply(&self, key: &str) {
        self.apply_object(&self.samples.get(key)).await;
    }

    /// Applies a sample with a change merged over it.
    pub(crate) async fn apply_changed(&self, key: &str, change: &Value) {
        let mut object = self.samples.get(key);
        merge(&mut object, change);
        self.apply_object(&object).await;
    }

    /// Applies an object.
    pub(crate) async fn apply_object(&self, object: &Value) {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let applied = self.api(kind).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await;
        self.until_seen(applied.unwrap_or_else(|error| panic!("{kind}/{name} is not accepted: {error}"))).await;
    }

    /// Applies all samples.
    pub(crate) async fn apply_all(&self) {
        for key in ALL {
            self.apply(key).await;
        }
    }

    /// Applies all samples and waits until they are Ready.
    pub(crate) async fn set_up(&self) {
        self.apply_all().await;
        self.all_ready().await;
    }

    pub(crate) async fn ready(&self, key: &str) -> Object {
        self.history.until(key, "Ready", Object::is_ready).await
    }

    pub(crate) async fn all_ready(&self) {
        for key in [TENANT, API, CONNECTION, USER] {
            self.ready(key).await;
        }
    }

    /// Waits until an object's verdict on its newest spec has a reason, and `beside` stands beside Ready.
    pub(crate) async fn reason(&self, key: &str, reason: &str, beside: &str) -> Object {
        let verdict = Some((reason.to_owned(), beside.to_owned()));
        self.history.until(key, &format!("{reason}, {beside}"), |object| object.verdict() == verdict).await
    }

    /// Forces a pass over an object and waits for the answer: passes over one object do not overlap, so whatever went before
    /// is over, too.
    pub(crate) async fn force(&self, key: &str, token: &str) -> Object {
        self.annotate(key, token).await;
        let is_answered = |object: &Object| object.text("/status/lastHandledReconcileAt") == token;
        self.history.until(key, &format!("forced ({token})"), is_answered).await
    }

    /// Asks for a pass without waiting for it: what is ending may go at once.
    pub(crate) async fn annotate(&self, key: &str, token: &str) {
        self.write(key, &json!({ "metadata": { "annotations": { FORCE: token } } })).await;
    }

    /// A merge patch.
    pub(crate) async fn patch(&self, key: &str, change: &Value) {
        self.until_seen(self.write(key, change).await).await;
    }

    async fn write(&self, key: &str, change: &Value) -> DynamicObject {
        let (kind, name) = key.split_once('/').unwrap();
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap()
    }

    /// Waits until the history knows of a write, so that nobody takes an older state for the answer to it.
    async fn until_seen(&self, written: DynamicObject) {
        let written = Object(serde_json::to_value(written).unwrap());
        if KINDS.contains(&written.text("/kind")) {
            let is_known = |object: &Object| object.generation() >= written.generation();
            self.history.until(&written.key(), "seen as it was written", is_known).await;
        }
    }

    /// Asks for a deletion without waiting for it.
    pub(crate) async fn delete(&self, key: &str) {
        let (kind, name) = key.split_once('/').unwrap();
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Deletes an object and waits until it is gone.
    pub(crate) async fn delete_and_wait(&self, key: &str) {
        self.delete(key).await;
        self.until_gone(key).await;
    }

    /// Waits until an object is gone that is being deleted.
    pub(crate) async fn until_gone(&self, key: &str) {
        let (kind, name) = key.split_once('/').unwrap();
        let Some(object) = self.api(kind).get_opt(name).await.unwrap() else { return };
        let uid = object.metadata.uid.unwrap();
        let gone = tokio::time::timeout(DEADLINE, await_condition(self.api(kind), name, is_deleted(&uid))).await;
        gone.unwrap_or_else(|_| panic!("{key} is not gone:\n{}", operator::tail(&self.namespace))).unwrap();
    }

    /// The values of a Secret.
    pub(crate) async fn secret(&self, name: &str) -> BTreeMap<String, String> {
        let secret = self.secrets().get(name).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value.0))).collect()
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The tenant holds just what the samples make, once each, and all of it works.
    pub(crate) async fn assert_made_once(&self) {
        assert_eq!(self.tenant.added().await, self.samples.made());
        self.assert_token().await;
        self.assert_login().await;
    }

    /// The application gets a token for the API with its Secret.
    pub(crate) async fn assert_token(&self) {
        let secret = self.secret(OUTPUT).await;
        let (status, token) =
            self.tenant.token(&secret["clientId"], &secret["clientSecret"], &secret["audience"]).await;
        assert_eq!((status, token["scope"].as_str()), (200, Some(secret["scope"].as_str())), "{token}");
    }

    /// The user can log in, with the password of the samples.
    pub(crate) async fn assert_login(&self) {
        let user = self.log_in(&self.samples.password()).await.unwrap();
        assert_eq!(user.identity["email"], self.samples.email());
    }

    /// The samples' user logs in to their application. Fails with the words that the user sees.
    pub(crate) async fn log_in(&self, password: &str) -> Result<User, String> {
        let application = Application::new(self.secret(OUTPUT).await, CALLBACK).unwrap();
        application.log_in(&self.samples.email(), password).await.map_err(|error| error.to_string())
    }

    /// Type and reason of the events about an object, oldest first; one that was repeated says so.
    pub(crate) async fn events(&self, key: &str) -> Vec<String> {
        let events =
            Api::<Event>::namespaced(self.client.clone(), &self.namespace).list(&ListParams::default()).await.unwrap();
        let is_about = |event: &Event| {
            event.regarding.as_ref().is_some_and(|about| {
                key.split_once('/')
                    == Some((about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default()))
            })
        };
        let mut events: Vec<_> = events.items.into_iter().filter(is_about).collect();
        events.sort_by_key(|event| event.event_time.clone());
        let describe = |event: Event| {
            let repeated = event.series.map(|series| format!(" {} times", series.count)).unwrap_or_default();
            format!("{} {}{repeated}", event.type_.unwrap_or_default(), event.reason.unwrap_or_default())
        };
        events.into_iter().map(describe).collect()
    }

    /// A file with samples, for kubectl.
    pub(crate) fn file(&self, keys: &[&str]) -> PathBuf {
        let objects: Vec<_> = keys.iter().map(|key| self.samples.get(key)).collect();
        let path = self.files.path().join("samples.json");
        std::fs::write(&path, json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()).unwrap();
        path
    }

    /// kubectl in this namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(self.cluster, &[&["--namespace", self.namespace.as_str()], arguments].concat()).await
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }
}
