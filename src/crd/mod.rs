//! What users write and read: the four kinds of the group `auth0-operator.dev`, their rules and their columns. No logic.
//!
//! Field names are Auth0's own in camelCase; values are Auth0's own as they are. An optional field that is not written
//! is not managed: the tenant's value stays. So a tenant field never has a default in the schema, and `None` means
//! "not ours to judge".
//!
//! An enum has no description in the schema (`description = ""`): kube would let it win over that of the field.
#![expect(clippy::duplicated_attributes, reason = "clippy takes the printcolumns of kube's derive for one")]
#![expect(unreachable_pub, reason = "kube's KubeSchema derive repeats each struct, with its `pub`, inside a function")]

mod api;
mod api_client;
mod connection;
mod database;
mod database_attributes;
mod database_login;
mod password_policy;
mod schema;
mod shared;
mod status;
mod tenant;
mod user;

pub use api::{
    ApiScope, Auth0Api, Auth0ApiSpec, Auth0ApiStatus, AuthorizationPolicy, ClientSubjectAuthorization,
    ClientSubjectPolicy, ConsentPolicy, EncryptionAlg, EncryptionFormat, EncryptionKey, PopMechanism, PopRequiredFor,
    ProofOfPossession, SigningAlg, SubjectTypeAuthorization, TokenDialect, TokenEncryption, UserSubjectAuthorization,
    UserSubjectPolicy,
};
pub use api_client::{ApiClient, ApiClientStatus, ClientPolicy, OrganizationUsage, TokenEndpointAuthMethod};
pub use connection::{
    Auth0Connection, Auth0ConnectionSpec, Auth0ConnectionStatus, EnabledClient, EnabledClientsPolicy, OptionFrom,
    Purpose,
};
pub use database::{CustomScripts, DatabaseOptions, Mfa, Precedence, UsernameLength, Validation};
pub use database_attributes::{
    Attributes, EmailAttribute, EmailIdentifier, EmailMethod, Identifier, PhoneAttribute, PhoneIdentifier, PhoneMethod,
    Signup, SignupStatus, SignupVerification, UsernameAttribute, UsernameSignup, UsernameTypes, UsernameValidation,
    VerificationMethod,
};
pub use database_login::{
    AuthenticationMethods, Enablement, PasskeyChallengeUi, PasskeyOptions, PasswordApiBehavior, PasswordMethod,
    PasswordSignupBehavior,
};
pub use password_policy::{
    CharacterType, CharacterTypeRule, DefaultDictionary, MaxLengthExceeded, PasswordComplexity,
    PasswordComplexityOptions, PasswordDictionary, PasswordDictionaryRule, PasswordHistory, PasswordHistoryRule,
    PasswordNoPersonalInfo, PasswordOptions, PasswordPolicy, PasswordProfileDataRule, RepeatedCharacters,
};
pub use shared::{AdoptionPolicy, DeletionPolicy, DriftPolicy, LocalRef, Policies, SecretKeyRef, TenantRef};
pub use status::{CommonStatus, Origin, Pending, TenantPin};
pub use tenant::{
    Auth0Tenant, Auth0TenantSpec, Auth0TenantStatus, Credentials, Deletions, DriftDetection, DriftMode,
    NamespaceAccess, NamespaceFrom, RateLimit, TenantDeletionPolicy,
};
pub use user::{Auth0User, Auth0UserSpec, Auth0UserStatus, GeneratePassword, Password};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The API group of all kinds.
pub const GROUP: &str = "auth0-operator.dev";

/// The only version so far.
pub const VERSION: &str = "v1alpha1";

/// The key of the operator's stamp in Auth0's metadata objects. Users cannot write it.
pub const STAMP_KEY: &str = "auth0_operator";

/// Free-form JSON, in Auth0's own spelling.
pub type FreeForm = serde_json::Map<String, serde_json::Value>;

/// The CustomResourceDefinitions, as they are to be installed. Tenants come first: the others refer to them.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    [Auth0Tenant::crd(), Auth0Api::crd(), Auth0Connection::crd(), Auth0User::crd()]
        .into_iter()
        .map(schema::finish)
        .collect()
}

/// One file a kind: its name (`<plural>.yaml`) and what stands in it.
#[must_use]
pub fn files() -> Vec<(String, String)> {
    all().iter().map(|crd| (format!("{}.yaml", crd.spec.names.plural), to_yaml(crd))).collect()
}

/// All CustomResourceDefinitions as one YAML stream, for `kubectl apply -f -`.
#[must_use]
pub fn yaml() -> String {
    all().iter().map(|crd| format!("---\n{}", to_yaml(crd))).collect()
}

#[expect(clippy::expect_used, reason = "a definition is plain data that always serializes; tests do so for every one")]
fn to_yaml(crd: &CustomResourceDefinition) -> String {
    serde_saphyr::to_string(crd).expect("a CustomResourceDefinition serializes")
}
