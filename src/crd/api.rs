//! Auth0Api: a resource server, its non interactive client, the grant between them, and a Secret for the application.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    FreeForm,
    api_client::{ApiClient, ApiClientStatus},
    schema::free_form_list,
    shared::{NAME, NAME_HELP, Policies, SecretKeyRef, TenantRef},
    status::CommonStatus,
};

/// An API (Auth0: resource server) with its non interactive client, the grant between them, and the application's Secret.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "auth0-operator.dev",
    version = "v1alpha1",
    kind = "Auth0Api",
    plural = "auth0apis",
    namespaced,
    status = "Auth0ApiStatus",
    derive = "PartialEq",
    category = "auth0",
    shortname = "a0api",
    doc = "An API (Auth0: resource server) with its non interactive client, the grant between them, and a Secret for the application.",
    printcolumn(name = "Identifier", type_ = "string", json_path = ".spec.identifier"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "On-Delete", type_ = "string", json_path = ".status.deletionPolicy"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Id", type_ = "string", json_path = ".status.id", priority = 1),
    printcolumn(name = "Client-Id", type_ = "string", json_path = ".status.client.id", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    selectable = ".spec.identifier",
    validation = Rule::new("self.metadata.name.size() <= 63")
        .message("the name of an Auth0Api must be at most 63 characters: shorten metadata.name and set spec.name, which Auth0 shows"),
)]
#[x_kube(validation = Rule::new(
    "!has(self.signingSecretRef) || (has(self.signingAlg) && self.signingAlg == 'HS256')")
    .message("signingSecretRef is for signingAlg: HS256 only: set signingAlg to HS256, or remove signingSecretRef")
    .field_path(".signingSecretRef"))]
#[serde(rename_all = "camelCase")]
pub struct Auth0ApiSpec {
    /// The Auth0Tenant that the API belongs to. Default: the operator's `--default-tenant`. Can change only to one that
    /// means the same tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_ref: Option<TenantRef>,
    /// Auth0: `identifier`, the audience of the API's tokens; usually a URL, though nothing is ever called there. 1 to 600
    /// characters; a slash at the end counts. Unique in the tenant. Immutable.
    #[schemars(length(min = 1, max = 600))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("identifier is immutable, since tokens are issued for it: create another Auth0Api with the new identifier, move the applications, then delete this one"))]
    pub identifier: String,
    /// Auth0: `name`, shown in the dashboard and on consent pages. 1 to 200 characters, no `<` or `>`. Default:
    /// metadata.name. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    #[x_kube(validation = Rule::new(NAME).message(NAME_HELP))]
    pub name: Option<String>,
    /// Auth0: `signing_alg`, what signs the API's access tokens: `HS256`, `RS256`, `RS512` or `PS256` (an add-on of some
    /// plans). Auth0's default: RS256. Can change; running applications must accept the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_alg: Option<SigningAlg>,
    /// Auth0: `signing_secret`, the key for HS256, at least 16 characters, from a Secret. Only with `signingAlg: HS256`.
    /// Default: one that Auth0 makes. Can change, here or in the Secret; left out later, the tenant keeps the one it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret_ref: Option<SecretKeyRef>,
    /// Auth0: `scopes`, the permissions of the API: the whole list, at most 1000, each value once. Others' scopes are
    /// removed. Unwritten, the tenant's list stays. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["value".into()]))]
    pub scopes: Option<Vec<ApiScope>>,
    /// Auth0: `token_lifetime`, seconds that an access token is valid: 0 to 2592000 (30 days). Auth0's default: 86400 (a
    /// day). Can change; tokens that are out keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub token_lifetime: Option<i64>,
    /// Auth0: `allow_offline_access`, whether refresh tokens may be issued for the API. Auth0's default: false. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_offline_access: Option<bool>,
    /// Auth0: `allow_online_access`, whether online refresh tokens, bound to the session, may be issued for the API. Early
    /// access: sent only when written. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_online_access: Option<bool>,
    /// Auth0: `skip_consent_for_verifiable_first_party_clients`, whether users are not asked for consent in first-party
    /// applications. Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_consent_for_verifiable_first_party_clients: Option<bool>,
    /// Auth0: `enforce_policies`, whether role-based access control applies, so that a user gets only the scopes that
    /// their roles allow. Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_policies: Option<bool>,
    /// Auth0: `token_dialect`, the claims of access tokens. `access_token`: Auth0's own; `rfc9068_profile`: the IETF's
    /// profile; `access_token_authz` and `rfc9068_profile_authz`: the same with the claim `permissions`, for
    /// enforcePolicies. Auth0's default: access_token. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_dialect: Option<TokenDialect>,
    /// Auth0: `consent_policy`, how consent is asked for: `transactional-authorization-with-mfa`. Needs Auth0's Highly
    /// Regulated Identity: sent only when written. Default: none. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_policy: Option<ConsentPolicy>,
    /// Auth0: `authorization_details`, the types of rich authorization requests (RFC 9396) that the API knows, such as
    /// `type: payment`; each item as Auth0 takes it. At most 100. Needs Auth0's Highly Regulated Identity: sent only when
    /// written. Default: none. Can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form_list")]
    pub authorization_details: Option<Vec<FreeForm>>,
    /// Auth0: `authorization_policy`, a policy that decides whether tokens are issued for the API. Early access: sent only
    /// when written. Default: none. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_policy: Option<AuthorizationPolicy>,
    /// Auth0: `token_encryption`, encryption of access tokens to the API's key. Needs Auth0's Highly Regulated Identity:
    /// sent only when written. Default: none. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_encryption: Option<TokenEncryption>,
    /// Auth0: `proof_of_possession`, binding of access tokens to a key or certificate of the client. Sent only when
    /// written, since not every plan has it. Default: none. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof_of_possession: Option<ProofOfPossession>,
    /// Auth0: `subject_type_authorization`, which applications may get tokens for the API: on behalf of users, and on
    /// their own. Auth0's default: `allow_all` for users, `require_client_grant` for clients. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type_authorization: Option<SubjectTypeAuthorization>,
    /// The API's non interactive client (machine to machine application), its grant, and the Secret with its credentials.
    /// Left out: they are made with the defaults of the fields below; `policy: None` makes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ApiClient>,
    /// What happens to objects that were there before, to changes made elsewhere, and on deletion.
    #[serde(flatten)]
    pub policies: Policies,
}

/// One permission of the API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApiScope {
    /// Auth0: `value`, what stands in the token, such as `read:orders`. 1 to 280 characters, no blanks.
    #[schemars(length(min = 1, max = 280))]
    #[x_kube(validation = Rule::new("!self.contains(' ')")
        .message("a scope must not contain a blank, since tokens separate scopes by blanks: write one list item for each scope"))]
    pub value: String,
    /// Auth0: `description`, shown on consent pages. At most 500 characters. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
}

/// What signs access tokens.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(description = "")]
pub enum SigningAlg {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA with SHA-256 and the tenant's key.
    Rs256,
    /// RSA with SHA-512 and the tenant's key.
    Rs512,
    /// RSA-PSS with SHA-256 and the tenant's key.
    Ps256,
}

/// The claims of access tokens.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum TokenDialect {
    /// Auth0's own claims.
    #[serde(rename = "access_token")]
    AccessToken,
    /// Auth0's own claims, and permissions.
    #[serde(rename = "access_token_authz")]
    AccessTokenAuthz,
    /// The claims of RFC 9068.
    #[serde(rename = "rfc9068_profile")]
    Rfc9068Profile,
    /// The claims of RFC 9068, and permissions.
    #[serde(rename = "rfc9068_profile_authz")]
    Rfc9068ProfileAuthz,
}

/// How consent is asked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum ConsentPolicy {
    /// For each transaction, with a second factor.
    #[serde(rename = "transactional-authorization-with-mfa")]
    TransactionalAuthorizationWithMfa,
}

/// A policy that decides whether tokens are issued.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationPolicy {
    /// Auth0: `policy_id`, the id of the policy. 1 to 1024 characters.
    #[schemars(length(min = 1, max = 1024))]
    pub policy_id: String,
}

/// Encryption of access tokens.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TokenEncryption {
    /// Auth0: `format`, how the token is packed: `compact-nested-jwe`, a signed token within an encrypted one.
    pub format: EncryptionFormat,
    /// Auth0: `encryption_key`, the API's public key.
    pub encryption_key: EncryptionKey,
}

/// How an encrypted token is packed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum EncryptionFormat {
    /// A signed token within an encrypted one.
    #[serde(rename = "compact-nested-jwe")]
    CompactNestedJwe,
}

/// The public key that access tokens are encrypted to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionKey {
    /// Auth0: `name`, a name for the key. 1 to 128 characters. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
    /// Auth0: `alg`, how the content key is encrypted: `RSA-OAEP-256`, `RSA-OAEP-384` or `RSA-OAEP-512`.
    pub alg: EncryptionAlg,
    /// Auth0: `kid`, the key id that stands in the token. 1 to 128 characters. Default: one that Auth0 makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub kid: Option<String>,
    /// Auth0: `pem`, the public key as PEM. At most 4096 characters. Auth0 shows only its thumbprint afterwards.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("self.startsWith('-----BEGIN ') && !self.contains('PRIVATE KEY')")
        .message("write the public key as PEM, beginning with -----BEGIN PUBLIC KEY-----; never a private key"))]
    pub pem: String,
}

/// How the content key of an encrypted token is encrypted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum EncryptionAlg {
    /// RSA-OAEP with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// RSA-OAEP with SHA-384.
    #[serde(rename = "RSA-OAEP-384")]
    RsaOaep384,
    /// RSA-OAEP with SHA-512.
    #[serde(rename = "RSA-OAEP-512")]
    RsaOaep512,
}

/// Binding of access tokens to the client that got them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProofOfPossession {
    /// Auth0: `mechanism`: `mtls` (a client certificate) or `dpop` (a signed proof with each request).
    pub mechanism: PopMechanism,
    /// Auth0: `required`, whether tokens without proof are refused.
    pub required: bool,
    /// Auth0: `required_for`, whose tokens need proof: `public_clients` or `all_clients`. Default: Auth0's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_for: Option<PopRequiredFor>,
}

/// How possession is proven.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PopMechanism {
    /// By a client certificate.
    Mtls,
    /// By a signed proof with each request.
    Dpop,
}

/// Whose tokens need proof.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PopRequiredFor {
    /// Those of clients without a secret.
    PublicClients,
    /// Everybody's.
    AllClients,
}

/// Which applications may get tokens for the API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SubjectTypeAuthorization {
    /// Auth0: `user`, for tokens on behalf of a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserSubjectAuthorization>,
    /// Auth0: `client`, for tokens of an application on its own (client credentials).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientSubjectAuthorization>,
}

/// Which applications may get tokens on behalf of a user.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UserSubjectAuthorization {
    /// Auth0: `policy`: `allow_all` (Auth0's default), `deny_all`, or `require_client_grant` (only applications with a
    /// grant for users).
    pub policy: UserSubjectPolicy,
}

/// Which applications may get tokens on behalf of a user.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum UserSubjectPolicy {
    /// Every one.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with a grant.
    RequireClientGrant,
}

/// Which applications may get tokens on their own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClientSubjectAuthorization {
    /// Auth0: `policy`: `require_client_grant` (Auth0's default) or `deny_all`.
    pub policy: ClientSubjectPolicy,
}

/// Which applications may get tokens on their own.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum ClientSubjectPolicy {
    /// None.
    DenyAll,
    /// Those with a grant.
    RequireClientGrant,
}

/// What the operator reports on an API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Auth0ApiStatus {
    /// What all kinds report.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// The API's client, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ApiClientStatus>,
    /// Keyed digest of the signing secret that was last set, with a key that only the operator has: it tells whether the
    /// Secret has changed, and nothing about the signing secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub signing_secret_fingerprint: Option<String>,
    /// The last value of the annotation `auth0-operator.dev/rotateClientSecret` that was acted on: the Secret for
    /// applications holds the new client secret since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub last_handled_rotate_at: Option<String>,
    /// Digest of the public key in `tokenEncryption` that was last written: Auth0 does not show the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub token_encryption_key: Option<String>,
}
