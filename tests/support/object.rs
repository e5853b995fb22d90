//! One of our objects, as the API server shows it.

use auth0_operator::crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0User};
use k8s_openapi::api::core::v1::Secret;
use kube::{CustomResourceExt, core::ApiResource};
use serde_json::Value;

/// Our kinds.
pub(crate) const KINDS: [&str; 4] = ["Auth0Tenant", "Auth0Api", "Auth0Connection", "Auth0User"];

/// What kube has to know of a kind.
pub(crate) fn resource(kind: &str) -> ApiResource {
    match kind {
        "Auth0Tenant" => Auth0Tenant::api_resource(),
        "Auth0Api" => Auth0Api::api_resource(),
        "Auth0Connection" => Auth0Connection::api_resource(),
        "Auth0User" => Auth0User::api_resource(),
        "Secret" => ApiResource::erase::<Secret>(&()),
        other => panic!("tests do not use the kind {other}"),
    }
}

/// An object of one of our kinds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// `Kind/name`
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.text("/kind"), self.text("/metadata/name"))
    }

    pub(crate) fn generation(&self) -> i64 {
        self.at("/metadata/generation").as_i64().unwrap_or_default()
    }

    pub(crate) fn conditions(&self) -> &[Value] {
        self.at("/status/conditions").as_array().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn condition(&self, type_: &str) -> Option<&Value> {
        self.conditions().iter().find(|condition| condition["type"] == type_)
    }

    /// Whether a condition is True.
    pub(crate) fn is(&self, type_: &str) -> bool {
        self.condition(type_).is_some_and(|condition| condition["status"] == "True")
    }

    /// Whether it is Ready, and that about its newest spec.
    pub(crate) fn is_ready(&self) -> bool {
        self.is("Ready") && self.is_observed()
    }

    /// The reason of Ready.
    pub(crate) fn reason(&self) -> &str {
        self.condition("Ready").and_then(|ready| ready["reason"].as_str()).unwrap_or_default()
    }

    /// Whether Ready is about the newest spec.
    pub(crate) fn is_observed(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready["observedGeneration"] == self.generation())
    }

    /// Reason of Ready, and what stands beside it; about the newest spec.
    pub(crate) fn verdict(&self) -> Option<(String, String)> {
        let beside: Vec<_> = ["Reconciling", "Stalled"].into_iter().filter(|type_| self.is(type_)).collect();
        self.is_observed().then(|| (self.reason().to_owned(), beside.join("+")))
    }
}
