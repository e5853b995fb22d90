//! Auth0Tenant: which tenant, with which credentials, for whom.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shared::LocalRef;

/// `localhost` and a port are what emulators of a tenant are called, such as localhost:8080.
const DOMAIN: &str =
    "self.matches('^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+)(:[0-9]{1,5})?$')";
const HOST: &str = "self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+$')";

/// Which Auth0 tenant, with which credentials, and which namespaces may use it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "auth0-operator.dev",
    version = "v1alpha1",
    kind = "Auth0Tenant",
    plural = "auth0tenants",
    namespaced,
    status = "Auth0TenantStatus",
    derive = "PartialEq",
    category = "auth0",
    shortname = "a0tenant",
    doc = "An Auth0 tenant: its domain, the credentials of the operator's own client in it, and which namespaces may use it.",
    printcolumn(name = "Domain", type_ = "string", json_path = ".spec.domain"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Dependants", type_ = "integer", json_path = ".status.dependants"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".spec.endpoint", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    selectable = ".spec.domain"
)]
#[x_kube(validation = Rule::new(
    "has(self.endpoint) == has(oldSelf.endpoint) && (!has(self.endpoint) || self.endpoint == oldSelf.endpoint)")
    .message("endpoint is immutable, also from and to being left out: create another Auth0Tenant with the new endpoint and point tenantRef at it")
    .field_path(".endpoint"))]
#[serde(rename_all = "camelCase")]
pub struct Auth0TenantSpec {
    /// The tenant's canonical domain, without scheme and slash, such as `example.eu.auth0.com`; not a custom domain,
    /// since the Management API lives on the canonical one. Must match the operator's `--tenant-domains`. Immutable.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("domain is immutable: create another Auth0Tenant for the other domain and point tenantRef at it"),
        validation = Rule::new(DOMAIN)
            .message("write the tenant's canonical domain only, in lower case, without https:// and without a slash, such as example.eu.auth0.com"),
    )]
    pub domain: String,
    /// Base URL of the tenant when it is not `https://` and the domain, such as an emulator's: scheme, host and port,
    /// nothing behind. Must be allowed by the operator's `--allow-endpoint`. Immutable, also from and to being left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^https?://([a-z0-9.-]+|[[][0-9a-f:]+[]])(:[0-9]{1,5})?$')")
        .message("write scheme, host and port only, in lower case and without a slash at the end, such as http://127.0.0.1:8080"))]
    pub endpoint: Option<String>,
    /// The tenant's custom domain, without scheme and slash, such as `login.example.com`: what applications see as
    /// issuer and in the URLs of output Secrets, and what users see in mails (header `Auth0-Custom-Domain`, needed by
    /// tenants with several custom domains). Default: none, applications see the canonical domain. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(HOST)
        .message("write the custom domain only, in lower case, without https:// and without a slash, such as login.example.com"))]
    pub custom_domain: Option<String>,
    /// The operator's own client in the tenant: a machine-to-machine application that is authorized for Auth0's
    /// Management API. Can change; the old token serves until the new credentials are proven.
    pub credentials: Credentials,
    /// Which namespaces may refer to this tenant. Default: its own only (`from: Same`). Can change; objects of a
    /// namespace that is no longer allowed stop with `NamespaceNotAllowed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<NamespaceAccess>,
    /// Which of the allowed namespaces may also reach beyond what they made themselves: `adoptionPolicy: Adopt`, a
    /// user's `connection` by name, `clientId` in enabledClients, `enabledClientsPolicy: Exclusive`, customScripts,
    /// isDomainConnection. Default: the tenant's own only (`from: Same`). Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_namespaces: Option<NamespaceAccess>,
    /// How changes that others make in the tenant are found. Default: by the tenant's log. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_detection: Option<DriftDetection>,
    /// How much of the tenant's rate limit the operator takes. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// A brake on deletions in the tenant, so that a mistake (such as deleting the CustomResourceDefinitions) does not
    /// empty a user store before somebody sees it. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<Deletions>,
    /// What happens when this Auth0Tenant is deleted while objects depend on it. `Wait` (default): it stays until they
    /// are gone. `Abandon`: it goes at once; what its dependants made stays in the tenant, and each gets an event. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<TenantDeletionPolicy>,
    /// `true` stops every call to this tenant, for all objects, until it is taken out again. Default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// Where the operator's credentials are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The Secret in the Auth0Tenant's namespace. Its keys: `clientId` and `clientSecret`; or, for private_key_jwt,
    /// `clientId`, `privateKey` (PEM) and, where wanted, `keyId` and `algorithm` (default RS256).
    pub secret_ref: LocalRef,
}

/// A choice of namespaces.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
    .message("write selector with from: Selector, and only then: add the selector, or set from to Selector"))]
#[serde(rename_all = "camelCase")]
pub struct NamespaceAccess {
    /// `Same`: the Auth0Tenant's own namespace. `All`: every namespace. `Selector`: the Auth0Tenant's own and those
    /// whose labels match `selector`.
    pub from: NamespaceFrom,
    /// Labels of the namespaces, with `from: Selector` only. An empty selector matches every namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// How namespaces are chosen.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum NamespaceFrom {
    /// The tenant's own.
    #[default]
    Same,
    /// Every one.
    All,
    /// By their labels.
    Selector,
}

/// How changes made elsewhere are found.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DriftDetection {
    /// `Log` (default): read the tenant's log for changes (needs the scope read:logs), and sweep now and then. `Sweep`:
    /// only list the objects every `sweepInterval`. `Off` (in YAML `"Off"`, with quotes, since kubectl takes the bare word
    /// for a boolean): only at start, after `suspend`, and when a resource changes or is forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<DriftMode>,
    /// How often the tenant's log is read, in mode `Log`, such as `15s`. At least `1s`. Default: `15s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('1s')")
        .message("write a duration of at least 1s in whole hours, minutes and seconds, such as 15s or 1m30s"))]
    pub interval: Option<String>,
    /// How often all objects of the tenant are listed and compared, such as `1h`; users and the clients of connections, which
    /// cost more calls, every sixth time. In mode `Log` without the scope read:logs every 5 minutes. At least `1m`. Default: `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('1m')")
        .message("write a duration of at least 1m in whole hours, minutes and seconds, such as 30m or 1h"))]
    pub sweep_interval: Option<String>,
}

/// The means of drift detection.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum DriftMode {
    /// The tenant's log, and now and then a sweep.
    #[default]
    Log,
    /// Sweeps only.
    Sweep,
    /// None.
    Off,
}

/// The operator's part of the tenant's rate.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// The operator's part of the plan's Management API rate, 0.01 to 1; the rest is left to others. Default: 0.8.
    #[serde(skip_serializing_if = "Option::is_none")]
    // Not a range in the schema: kube-apiserver cuts the bounds to integers where the value is one, so 0 would pass.
    #[x_kube(validation = Rule::new("self >= 0.01 && self <= 1.0")
        .message("write the operator's part of the rate, from 0.01 to 1, such as 0.8"))]
    pub share: Option<f64>,
}

/// The brake on deletions. It counts resources whose tenant object is to be deleted, never those that are left there.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Deletions {
    /// How many resources may be deleted at once before the brake takes hold. 1 to 100000. Default: 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub burst: Option<i64>,
    /// How many resources a minute are deleted after that. 1 to 100000. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub per_minute: Option<i64>,
}

/// What the end of an Auth0Tenant means to its dependants.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum TenantDeletionPolicy {
    /// It stays until they are gone.
    #[default]
    Wait,
    /// They are let go; what they made stays in the tenant.
    Abandon,
}

/// What the operator reports on a tenant.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Auth0TenantStatus {
    /// Generation of the spec that the last verdict (Ready or Stalled) is about; -1 until the operator has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready` is True once a token was had; `Reconciling` or `Stalled` while True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Scopes of the Management API that objects need and the operator's client lacks. Grant them to the client in
    /// Auth0's dashboard, under Applications, APIs, Auth0 Management API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 280)))]
    pub missing_scopes: Vec<String>,
    /// How many resources have, or are about to have, an object in this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependants: Option<i64>,
    /// Name of the credentials Secret that the operator keeps from being deleted while the tenant has dependants.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub credentials_secret: Option<String>,
    /// The last value of the annotation `reconcile.auth0-operator.dev/requestedAt` that was acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub last_handled_reconcile_at: Option<String>,
}
