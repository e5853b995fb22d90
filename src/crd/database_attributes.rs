//! Flexible identifiers of a database: which of e-mail address, phone number and username users have and log in with.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What users have and log in with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.email) || has(self.phoneNumber) || has(self.username)")
    .message("attributes must not be empty: describe at least one of email, phoneNumber and username, or remove attributes"))]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// Auth0: `email`, the users' e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAttribute>,
    /// Auth0: `phone_number`, the users' phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<PhoneAttribute>,
    /// Auth0: `username`, the users' username.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<UsernameAttribute>,
}

/// The users' e-mail address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EmailAttribute {
    /// Auth0: `identifier`, whether users log in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<EmailIdentifier>,
    /// Auth0: `unique`, whether an address belongs to one user of the connection only. Auth0's default: true. Only for
    /// connections made with it: Auth0 refuses to add a non-unique address later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// Auth0: `profile_required`, whether every user must have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_required: Option<bool>,
    /// Auth0: `verification_method`, how the address is verified: by `link` or by `otp` (a code).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_method: Option<VerificationMethod>,
    /// Auth0: `signup`, whether users enter it when they sign up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup: Option<Signup>,
}

/// Whether users log in with their e-mail address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct EmailIdentifier {
    /// Auth0: `active`, whether users log in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `default_method`, what is asked for first: `password` or `email_otp`. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_method: Option<EmailMethod>,
}

/// What is asked for after an e-mail address.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum EmailMethod {
    /// A password.
    Password,
    /// A code sent by e-mail.
    EmailOtp,
}

/// How an address is verified.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum VerificationMethod {
    /// By a link.
    Link,
    /// By a code.
    Otp,
}

/// The users' phone number.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PhoneAttribute {
    /// Auth0: `identifier`, whether users log in with it. Then signup.status must be `required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<PhoneIdentifier>,
    /// Auth0: `profile_required`, whether every user must have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_required: Option<bool>,
    /// Auth0: `signup`, whether users enter it when they sign up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup: Option<Signup>,
}

/// Whether users log in with their phone number.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PhoneIdentifier {
    /// Auth0: `active`, whether users log in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `default_method`, what is asked for first: `password` or `phone_otp`. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_method: Option<PhoneMethod>,
}

/// What is asked for after a phone number.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PhoneMethod {
    /// A password.
    Password,
    /// A code sent by phone.
    PhoneOtp,
}

/// Whether users enter a value when they sign up, and verify it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Signup {
    /// Auth0: `status`: `required`, `optional` or `inactive` (not asked for).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SignupStatus>,
    /// Auth0: `verification`, whether users must verify it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<SignupVerification>,
}

/// Whether users enter a value when they sign up.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum SignupStatus {
    /// They must.
    Required,
    /// They may.
    Optional,
    /// They are not asked.
    Inactive,
}

/// Whether users must verify a value when they sign up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SignupVerification {
    /// Auth0: `active`, whether they must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// The users' username.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UsernameAttribute {
    /// Auth0: `identifier`, whether users log in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier>,
    /// Auth0: `profile_required`, whether every user must have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_required: Option<bool>,
    /// Auth0: `signup`, whether users enter it when they sign up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup: Option<UsernameSignup>,
    /// Auth0: `validation`, which usernames are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<UsernameValidation>,
}

/// Whether users log in with a value.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Identifier {
    /// Auth0: `active`, whether users log in with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// Whether users enter a username when they sign up.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UsernameSignup {
    /// Auth0: `status`: `required`, `optional` or `inactive` (not asked for).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SignupStatus>,
}

/// Which usernames are taken.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("!has(self.minLength) || !has(self.maxLength) || self.minLength <= self.maxLength")
    .message("minLength must not be above maxLength: lower minLength or raise maxLength"))]
#[serde(rename_all = "camelCase")]
pub struct UsernameValidation {
    /// Auth0: `min_length`, fewest characters: 1 to 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 128))]
    pub min_length: Option<i64>,
    /// Auth0: `max_length`, most characters: 1 to 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 128))]
    pub max_length: Option<i64>,
    /// Auth0: `allowed_types`, whether usernames may look like something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_types: Option<UsernameTypes>,
}

/// What usernames may look like.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct UsernameTypes {
    /// Auth0: `email`, whether they may be e-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<bool>,
    /// Auth0: `phone_number`, whether they may be phone numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<bool>,
}
