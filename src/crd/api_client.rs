//! The non interactive client of an Auth0Api.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    schema::stamped_strings,
    shared::{NAME, NAME_HELP, OBJECT_NAME, OBJECT_NAME_HELP},
    status::Origin,
};

/// The API's non interactive client (machine to machine application), its grant and its Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApiClient {
    /// `Create` (default): the client, its grant for this API and the Secret are made. `None`: only the API is made; a
    /// client that was made before is no longer looked after. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<ClientPolicy>,
    /// Auth0: `name` of the client, shown in the dashboard. 1 to 200 characters, no `<` or `>`. Default: the API's name
    /// and ` (Non Interactive)`. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new(NAME).message(NAME_HELP))]
    pub name: Option<String>,
    /// Auth0: `scope` of the client grant, the API's permissions that the client gets. Default: all
    /// that the API has, and follows it. An empty list is a grant of nothing. At most 1000, each once. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), inner(length(min = 1, max = 280)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Option<Vec<String>>,
    /// Auth0: `grant_types`, the ways in which the client may get tokens, such as `client_credentials`,
    /// `authorization_code`, `refresh_token`, `password` or `http://auth0.com/oauth/grant-type/password-realm`. Default:
    /// `client_credentials` only. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30), inner(length(min = 1, max = 255)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub grant_types: Option<Vec<String>>,
    /// Auth0: `callbacks`, the URLs to which users may be sent after login. The whole list, at most 200. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2048)))]
    pub callbacks: Option<Vec<String>>,
    /// Auth0: `allowed_logout_urls`, the URLs to which users may be sent after logout. The whole list, at most 200. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2048)))]
    pub allowed_logout_urls: Option<Vec<String>>,
    /// Auth0: `web_origins`, the origins that may use silent authentication and the device flow. The whole list, at most
    /// 200. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2048)))]
    pub web_origins: Option<Vec<String>>,
    /// Auth0: `allowed_origins`, the origins from which JavaScript may call Auth0's API (CORS), besides those of
    /// `callbacks`. The whole list, at most 200. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2048)))]
    pub allowed_origins: Option<Vec<String>>,
    /// Auth0: `description` of the client. At most 140 characters. Default: none. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 140))]
    pub description: Option<String>,
    /// Auth0: `token_endpoint_auth_method`, how the client proves who it is: `client_secret_post` (in the body),
    /// `client_secret_basic` (in a header), or `none` (a public client, which gets no client credentials tokens).
    /// Default: Auth0's, which takes the secret either way. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// Auth0: `client_metadata`, keys and string values of your own, at most 9 (Auth0 takes 10, one is the operator's
    /// mark), values of at most 255 characters. The key `auth0_operator` is reserved. Keys written by others stay. Can
    /// change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "stamped_strings")]
    pub client_metadata: Option<BTreeMap<String, String>>,
    /// Auth0: `organization_usage` of the client, whether users log in through an organization: `deny` (Auth0's default),
    /// `allow` or `require`. Sent only when written, since not every plan has organizations. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_usage: Option<OrganizationUsage>,
    /// Name of the Secret, in this namespace, that the operator writes for the application: `clientId`, `clientSecret`,
    /// `audience`, `domain`, `issuer`, `tokenUrl`, `authorizationUrl`, `jwksUri`, `scope`. It must not exist yet: a Secret
    /// that is not this resource's is never written over. While the client secret is being replaced it holds
    /// `clientSecretNext`, too. Default: metadata.name and `-client`. Can change: the values move to the Secret of the new
    /// name, then the old one is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME).message(OBJECT_NAME_HELP))]
    pub secret_name: Option<String>,
    /// How often the client secret is replaced, such as `720h`. At least `10m`. Counts from
    /// `status.client.secretRotatedAt`, before that from the first writing of the Secret. Not for a public client
    /// (`tokenEndpointAuthMethod: none`). Default: never, only by the annotation `auth0-operator.dev/rotateClientSecret`.
    /// Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('10m')")
        .message("write a duration of at least 10m in whole hours, minutes and seconds, such as 720h"))]
    pub rotate_secret_every: Option<String>,
}

/// Whether the API's client is made.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[schemars(description = "")]
pub enum ClientPolicy {
    /// It is made.
    #[default]
    Create,
    /// There is none.
    None,
}

/// How the client proves who it is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum TokenEndpointAuthMethod {
    /// Not at all: a public client.
    None,
    /// With the secret in the body.
    ClientSecretPost,
    /// With the secret in the header.
    ClientSecretBasic,
}

/// Whether users log in through an organization.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum OrganizationUsage {
    /// They cannot.
    Deny,
    /// They can.
    Allow,
    /// They must.
    Require,
}

/// What the operator reports on the API's client.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApiClientStatus {
    /// The client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub id: Option<String>,
    /// Whether the operator made the client (`Created`) or took it over (`Adopted`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Auth0's id of the grant between the client and the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub grant_id: Option<String>,
    /// Name of the Secret that was written for the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret_name: Option<String>,
    /// When the client secret was last replaced, RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub secret_rotated_at: Option<String>,
}
