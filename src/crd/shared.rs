//! Parts that several kinds have: references, and the policies of the three kinds that stand for tenant objects.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rule for the name of a Kubernetes object that is referred to or made.
pub(super) const OBJECT_NAME: &str = "self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')";
/// What to do when [`OBJECT_NAME`] does not hold.
pub(super) const OBJECT_NAME_HELP: &str = "must be the name of a Kubernetes object: lower-case letters, digits, '-' and \
     '.', beginning and ending with a letter or digit; no namespace and no '/' in it";

/// Rule for a key of a Secret.
pub(super) const SECRET_KEY: &str = "self.matches('^[-._a-zA-Z0-9]+$')";
/// What to do when [`SECRET_KEY`] does not hold.
pub(super) const SECRET_KEY_HELP: &str =
    "must be a key of the Secret's data: letters, digits, '-', '_' and '.' only, such as password";

/// Rule for a display name in Auth0.
pub(super) const NAME: &str = "!self.contains('<') && !self.contains('>')";
/// What to do when [`NAME`] does not hold.
pub(super) const NAME_HELP: &str = "must not contain '<' or '>' (Auth0 refuses them in names): leave them out";

/// Which Auth0Tenant an object belongs to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantRef {
    /// Name of the Auth0Tenant.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME).message(OBJECT_NAME_HELP))]
    pub name: String,
    /// Namespace of the Auth0Tenant. Default: the namespace of this object. The tenant must admit this object's
    /// namespace in its `allowedNamespaces`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')")
        .message("must be the name of a namespace: lower-case letters, digits and '-', beginning and ending with a letter or digit"))]
    pub namespace: Option<String>,
}

/// An object in the same namespace, by name.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object, which is in the same namespace as this one.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME).message(OBJECT_NAME_HELP))]
    pub name: String,
}

/// One value of a Secret in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, which is in the same namespace as this object.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME).message(OBJECT_NAME_HELP))]
    pub name: String,
    /// Key in the Secret's `data` that holds the value.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(SECRET_KEY).message(SECRET_KEY_HELP))]
    pub key: String,
}

/// How the operator treats the tenant object: flattened into the spec of Auth0Api, Auth0Connection and Auth0User.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Policies {
    /// What to do when the tenant already has such an object that this resource did not make. `Fail` (default): touch
    /// nothing and report `AlreadyExists`. `Adopt`: take it over and change only the fields written here; needs a
    /// namespace that the tenant trusts (`trustedNamespaces`). Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// What happens in the tenant when this resource is deleted. `Delete`: the tenant object goes too. `Orphan`: it
    /// stays. Default: what the operator created is deleted, what it adopted stays; a connection always stays unless
    /// `Delete` is written, since deleting a connection deletes its users. Can change; `status.deletionPolicy` shows
    /// what will happen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// What to do when somebody changes or deletes the tenant object elsewhere, such as in Auth0's dashboard. `Correct`
    /// (default): write it back as it is here, with an event. `Warn`: write nothing, only report the condition
    /// `Drifted`. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// `true` stops every call to the tenant for this object until it is taken out again. Default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What to do with a tenant object that was there before.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum AdoptionPolicy {
    /// Leave it alone and report `AlreadyExists`.
    #[default]
    Fail,
    /// Take it over; change only what the spec names.
    Adopt,
}

/// What happens to the tenant object when its resource is deleted. There is no one default: it depends on the kind and
/// on who made the object.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum DeletionPolicy {
    /// It is deleted.
    Delete,
    /// It stays.
    Orphan,
}

/// What to do about changes made elsewhere.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum DriftPolicy {
    /// Write it back as the spec says.
    #[default]
    Correct,
    /// Report it, write nothing.
    Warn,
}
