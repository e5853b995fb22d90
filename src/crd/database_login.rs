//! How users of a database log in: passwords, passkeys, one-time codes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ways in which users log in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationMethods {
    /// Auth0: `password`. Auth0's default: enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordMethod>,
    /// Auth0: `passkey`. Auth0's default: not enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey: Option<Enablement>,
    /// Auth0: `email_otp`, one-time codes by e-mail. Auth0's default: not enabled. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_otp: Option<Enablement>,
    /// Auth0: `phone_otp`, one-time codes by phone. Auth0's default: not enabled. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_otp: Option<Enablement>,
}

/// Whether a way to log in is open.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Enablement {
    /// Auth0: `enabled`, whether users may log in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Login by password.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordMethod {
    /// Auth0: `enabled`, whether users may log in with a password. Auth0's default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Auth0: `api_behavior`, whether a user made through the API must have a password: `required` (Auth0's default) or
    /// `optional`. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_behavior: Option<PasswordApiBehavior>,
    /// Auth0: `signup_behavior`, whether users may choose a password when they sign up: `allow` (Auth0's default) or
    /// `block`. Early access: sent only when written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_behavior: Option<PasswordSignupBehavior>,
}

/// Whether a user made through the API must have a password.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PasswordApiBehavior {
    /// They must.
    Required,
    /// They need not.
    Optional,
}

/// Whether users may choose a password when they sign up.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PasswordSignupBehavior {
    /// They may.
    Allow,
    /// They may not.
    Block,
}

/// How passkeys are asked for and made.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyOptions {
    /// Auth0: `challenge_ui`, how login pages offer passkeys: `both` (Auth0's default), `autofill` or `button`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge_ui: Option<PasskeyChallengeUi>,
    /// Auth0: `progressive_enrollment_enabled`, whether users who log in otherwise are offered to make a passkey. Auth0's
    /// default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progressive_enrollment_enabled: Option<bool>,
    /// Auth0: `local_enrollment_enabled`, whether users who log in with another device's passkey are offered to make one
    /// on this device. Auth0's default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_enrollment_enabled: Option<bool>,
}

/// How login pages offer passkeys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PasskeyChallengeUi {
    /// As autofill and as a button.
    Both,
    /// As autofill of the first field.
    Autofill,
    /// As a button.
    Button,
}
