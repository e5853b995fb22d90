//! What the operator reports on the three kinds that stand for tenant objects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::DeletionPolicy;

/// Flattened into the status of Auth0Api, Auth0Connection and Auth0User.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// Generation of the spec that the last verdict (Ready or Stalled) is about; -1 until the operator has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Auth0's id of the tenant object, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub id: Option<String>,
    /// The tenant that the object was made in. A tenantRef that comes to mean another one is `TenantChanged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantPin>,
    /// Whether the operator made the tenant object (`Created`) or took it over (`Adopted`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// A create that was announced and whose outcome is not yet known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Paths of the fields that the operator has set in the tenant, never their values. A field that leaves the spec
    /// goes back to the tenant's default once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10000), inner(length(max = 1024)))]
    pub managed: Vec<String>,
    /// What happens to the tenant object when this resource is deleted: `Delete` or `Orphan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// The last value of the annotation `reconcile.auth0-operator.dev/requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub last_handled_reconcile_at: Option<String>,
    /// `Ready` always; `Reconciling` or `Stalled` while True; `Drifted` while the tenant differs from the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// One tenant: its domain, and the base URL when it is not the domain's own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantPin {
    /// The tenant's canonical domain.
    #[schemars(length(max = 253))]
    pub domain: String,
    /// The tenant's base URL, where the Auth0Tenant has an `endpoint`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub endpoint: Option<String>,
}

/// Who made the tenant object.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum Origin {
    /// The operator did.
    Created,
    /// It was there before and was taken over.
    Adopted,
}

/// A create that was announced before it was sent: after a crash it tells our object from a stranger's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The natural key of what is being made: identifier, connection name, or connection and user id.
    #[schemars(length(max = 1024))]
    pub key: String,
    /// Digest of the request's body, secrets left out.
    #[schemars(length(max = 256))]
    pub digest: String,
}
