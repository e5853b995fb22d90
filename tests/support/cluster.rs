//! The cluster of a test binary.

use auth0_operator::crd;
use controlplane::ControlPlane;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde_json::json;
use std::path::Path;
use tokio::sync::OnceCell;

/// The namespace that the operator has for itself.
pub(crate) const OPERATOR_NAMESPACE: &str = "auth0-operator";

/// A control plane that knows our kinds. It ends with the test process.
pub(crate) struct Cluster(ControlPlane);

impl Cluster {
    /// The one of this test binary.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Another one, for tests of two clusters.
    pub(crate) async fn other() -> &'static Self {
        static OTHER: OnceCell<Cluster> = OnceCell::const_new();
        OTHER.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let cluster = Self(ControlPlane::start().await.unwrap());
        let client = cluster.client();
        let definitions = Api::all(client.clone());
        for definition in crd::all() {
            let name = definition.name_any();
            definitions.create(&PostParams::default(), &definition).await.unwrap();
            await_condition(definitions.clone(), &name, is_crd_established()).await.unwrap();
        }
        cluster.namespace(OPERATOR_NAMESPACE).await;
        cluster
    }

    /// A client for the current test: its connections belong to the test's runtime.
    pub(crate) fn client(&self) -> Client {
        self.0.client()
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        self.0.kubeconfig()
    }

    /// Makes a namespace; one that is there stays.
    pub(crate) async fn namespace(&self, name: &str) {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        let namespaces = Api::<Namespace>::all(self.client());
        namespaces.patch(name, &PatchParams::apply("test"), &Patch::Apply(namespace)).await.unwrap();
    }
}
