//! Auth0Connection: a source of users.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FreeForm,
    database::DatabaseOptions,
    schema::{free_form, stamped_strings},
    shared::{LocalRef, Policies, SecretKeyRef, TenantRef},
    status::CommonStatus,
};

/// The strategy of a database, and the default.
pub(super) const DATABASE_STRATEGY: &str = "auth0";

/// A source of users: a database, a passwordless service, a social or an enterprise identity provider.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "auth0-operator.dev",
    version = "v1alpha1",
    kind = "Auth0Connection",
    plural = "auth0connections",
    namespaced,
    status = "Auth0ConnectionStatus",
    derive = "PartialEq",
    category = "auth0",
    shortname = "a0conn",
    doc = "A source of users: a database, a passwordless service, a social or an enterprise identity provider.",
    printcolumn(name = "Strategy", type_ = "string", json_path = ".spec.strategy"),
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "On-Delete", type_ = "string", json_path = ".status.deletionPolicy"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Id", type_ = "string", json_path = ".status.id", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    selectable = ".spec.strategy",
    validation = Rule::new(
        "has(self.spec.name) || (self.metadata.name.size() <= 128 && self.metadata.name.matches('^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$'))")
        .message("metadata.name is the connection's name where spec.name is left out, and Auth0 takes at most 128 letters, digits and single '-' between them: set spec.name")
        .field_path(".spec.name"),
    validation = Rule::new(
        "(has(self.spec.name) ? self.spec.name : self.metadata.name) == (has(oldSelf.spec.name) ? oldSelf.spec.name : oldSelf.metadata.name)")
        .message("the connection's name (spec.name, else metadata.name) is immutable, since Auth0 cannot rename a connection: create another Auth0Connection with the new name")
        .field_path(".spec.name"),
)]
#[x_kube(validation = Rule::new("!has(self.database) || self.strategy == 'auth0'")
    .message("database is for strategy: auth0 only: write the options of other strategies under options, in Auth0's own spelling")
    .field_path(".database"))]
#[serde(rename_all = "camelCase")]
pub struct Auth0ConnectionSpec {
    /// The Auth0Tenant that the connection belongs to. Default: the operator's `--default-tenant`. Can change only to one
    /// that means the same tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_ref: Option<TenantRef>,
    /// Auth0: `name`, unique in the tenant: 1 to 128 letters, digits and single `-` between them. Default: metadata.name.
    /// Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$')")
        .message("Auth0 takes letters, digits and single '-' between them, such as Basic-Calculator: use displayName for anything else"))]
    pub name: Option<String>,
    /// Auth0: `strategy`, the kind of identity provider: `auth0` (a database), `email`, `sms`, `google-oauth2`, `oidc`,
    /// `okta`, `samlp`, `waad` and others. Default: auth0. Immutable.
    #[serde(default = "database_strategy")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("strategy is immutable: create another Auth0Connection with the other strategy"),
        validation = Rule::new("self.matches('^[a-z0-9-]+$')")
            .message("write one of Auth0's strategies, in lower case, such as auth0, email, google-oauth2 or oidc"),
    )]
    pub strategy: String,
    /// Auth0: `display_name`, shown on login pages. 1 to 128 characters. Auth0's default: the name. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub display_name: Option<String>,
    /// Auth0: `realms`, the names by which `password-realm` logins and home realm discovery find the connection. The whole
    /// list, at most 100. Auth0's default: the connection's name. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 255)))]
    pub realms: Option<Vec<String>>,
    /// Auth0: `is_domain_connection`, whether third-party applications may use the connection too. Needs a namespace that
    /// the tenant trusts. Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_domain_connection: Option<bool>,
    /// Auth0: `show_as_button`, whether login pages show a button for the connection; enterprise strategies only. Auth0's
    /// default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_as_button: Option<bool>,
    /// Auth0: `metadata`, keys and string values of your own, at most 9 (Auth0 takes 10, one is the operator's mark),
    /// values of at most 255 characters. The key `auth0_operator` is reserved. Keys written by others stay. Can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "stamped_strings")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Auth0: `authentication`, whether the connection serves logins. Auth0's default: active. Sent only when written. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Purpose>,
    /// Auth0: `connected_accounts`, whether users may connect accounts of this provider to theirs (Token Vault). Auth0's
    /// default: not active. Sent only when written, since not every plan has it. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_accounts: Option<Purpose>,
    /// Auth0: `options` of a database, typed. Only with `strategy: auth0`. A key must not be set here and under `options`
    /// too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseOptions>,
    /// Auth0: `options` of any strategy, in Auth0's own spelling (such as `client_id`), kept as written. Only the keys
    /// written here are managed; others stay as they are in the tenant. At most 256 keys. No secrets: use optionsFrom. Can
    /// change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub options: Option<FreeForm>,
    /// Secret values of Auth0's `options`, each from a Secret. At most 20, each path once. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["path".into()]))]
    pub options_from: Option<Vec<OptionFrom>>,
    /// The clients (applications) that may log users in through the connection, besides the tenant's management client. At
    /// most 1000. With `enabledClientsPolicy: Additive`, an entry that is removed disables that client if the operator had
    /// enabled it. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub enabled_clients: Option<Vec<EnabledClient>>,
    /// `Additive` (default): clients that others enabled are left alone. `Exclusive`: enabledClients is all; others are
    /// disabled; needs a namespace that the tenant trusts. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_clients_policy: Option<EnabledClientsPolicy>,
    /// Whether the operator's own client is enabled on the connection: Auth0 creates users only through a client that is.
    /// Default: true for `auth0`, `email` and `sms`, else false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_management_client: Option<bool>,
    /// What happens to a connection that was there before, to changes made elsewhere, and on deletion.
    #[serde(flatten)]
    pub policies: Policies,
}

fn database_strategy() -> String {
    DATABASE_STRATEGY.to_owned()
}

/// Whether a connection serves a purpose.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// Auth0: `active`, whether the connection is used for this.
    pub active: bool,
}

/// A place, and where its value is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OptionFrom {
    /// Where the value goes in Auth0's `options`, as a JSON Pointer (RFC 6901), such as `/client_secret` or
    /// `/configuration/API_KEY`.
    #[schemars(length(min = 2, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^(/([^/~]|~[01])+)+$')")
        .message("write a JSON Pointer into options, beginning with '/', such as /client_secret"))]
    pub path: String,
    /// The Secret and key, in this namespace, that hold the value.
    pub secret_key_ref: SecretKeyRef,
}

/// A client that may log users in through the connection.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.apiRef) != has(self.clientId)")
    .message("write exactly one of apiRef (the client of an Auth0Api in this namespace) and clientId (a client of the tenant) in each item"))]
#[serde(rename_all = "camelCase")]
pub struct EnabledClient {
    /// The Auth0Api in this namespace whose client is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_ref: Option<LocalRef>,
    /// Auth0: `client_id` of a client of the tenant. Needs a namespace that the tenant trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.matches('\\\\s')")
        .message("write the client id as Auth0's dashboard shows it, without blanks"))]
    pub client_id: Option<String>,
}

/// Whose clients the list speaks of.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum EnabledClientsPolicy {
    /// Ours; others' stay.
    #[default]
    Additive,
    /// All.
    Exclusive,
}

/// What the operator reports on a connection.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Auth0ConnectionStatus {
    /// What all kinds report.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Ids of the clients that the operator enabled on the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2000), inner(length(max = 1024)))]
    pub enabled_clients: Vec<String>,
    /// Keyed digest of the values of `optionsFrom` that are in the tenant, with a key that only the operator has: it tells
    /// whether a Secret has changed, and nothing about the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub options_fingerprint: Option<String>,
}
