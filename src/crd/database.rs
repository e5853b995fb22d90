//! The options of a database connection (strategy auth0), typed.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    database_attributes::Attributes,
    database_login::{AuthenticationMethods, PasskeyOptions},
    password_policy::{
        PasswordComplexityOptions, PasswordDictionary, PasswordHistory, PasswordNoPersonalInfo, PasswordOptions,
        PasswordPolicy,
    },
};

/// The options of a database. Only what is written is managed: the rest stays as it is in the tenant.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("!(has(self.attributes) && has(self.requiresUsername))")
        .message("Auth0 refuses attributes together with requiresUsername: remove requiresUsername and describe the username under attributes"),
    validation = Rule::new("!(has(self.attributes) && has(self.validation))")
        .message("Auth0 refuses attributes together with validation: remove validation and write attributes.username.validation"),
)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseOptions {
    /// Auth0: `passwordPolicy`, how strong passwords must be: `none` (not empty), `low` (a minimum length), `fair` (lower
    /// and upper case, digits), `good` (three of lower case, upper case, digits, special characters), `excellent` (and no
    /// more than two like characters in a row). Auth0's default: good; newest tenants have passwordOptions instead. Can
    /// change; passwords that are set stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_policy: Option<PasswordPolicy>,
    /// Auth0: `password_complexity_options`, the minimum length of passwords. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_complexity_options: Option<PasswordComplexityOptions>,
    /// Auth0: `password_history`, whether former passwords are refused. Auth0's default: no. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_history: Option<PasswordHistory>,
    /// Auth0: `password_dictionary`, whether common passwords are refused. Auth0's default: no. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_dictionary: Option<PasswordDictionary>,
    /// Auth0: `password_no_personal_info`, whether passwords with the user's own data are refused. Auth0's default: no. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_no_personal_info: Option<PasswordNoPersonalInfo>,
    /// Auth0: `password_options`, which passwords are taken, in the newer form that newest tenants have instead of the five
    /// fields above. Sent only when written. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_options: Option<PasswordOptions>,
    /// Auth0: `requires_username`, whether users have a username besides their e-mail address. Not together with
    /// attributes. Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_username: Option<bool>,
    /// Auth0: `validation`, how long usernames may be. Not together with attributes. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Auth0: `attributes`, which of e-mail address, phone number and username users have and log in with (flexible
    /// identifiers). One must be an active identifier. Not together with requiresUsername and validation. Sent only when
    /// written, since not every plan has it. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Auth0: `precedence`, the order in which identifiers are tried: `email`, `phone_number` and `username`, each once.
    /// Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3))]
    #[x_kube(validation = Rule::new("self.size() == 3 && self.all(one, self.exists_one(other, other == one))")
        .message("list email, phone_number and username, each once, in the order in which they are to be tried"))]
    pub precedence: Option<Vec<Precedence>>,
    /// Auth0: `disable_signup`, whether users cannot sign up by themselves. Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_signup: Option<bool>,
    /// Auth0: `brute_force_protection`, whether repeated wrong passwords block a login. Auth0's default: true. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brute_force_protection: Option<bool>,
    /// Auth0: `disable_self_service_change_password`, whether users cannot reset their password by themselves. Auth0's
    /// default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_self_service_change_password: Option<bool>,
    /// Auth0: `import_mode`, whether users of your own database are moved to Auth0's as they log in (customScripts login
    /// and getUser). Auth0's default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_mode: Option<bool>,
    /// Auth0: `enabledDatabaseCustomization`, whether users are kept in your own database, by customScripts. Auth0's
    /// default: false. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_database_customization: Option<bool>,
    /// Auth0: `customScripts`, the code that reaches your own database. Needs a namespace that the tenant trusts. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_scripts: Option<CustomScripts>,
    /// Auth0: `authentication_methods`, the ways in which users log in. Auth0's default: passwords only. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_methods: Option<AuthenticationMethods>,
    /// Auth0: `passkey_options`, how passkeys are asked for and made. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey_options: Option<PasskeyOptions>,
    /// Auth0: `mfa`, whether users of your own database may have second factors. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<Mfa>,
    /// Auth0: `non_persistent_attrs`, fields of the profile that Auth0 does not keep. The whole list, at most 100. Can
    /// change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 255)))]
    pub non_persistent_attrs: Option<Vec<String>>,
}

/// Rules for what users enter.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Auth0: `username`, how long usernames may be. Auth0's default: 1 to 15 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<UsernameLength>,
}

/// How long usernames may be.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = Rule::new("self.min <= self.max").message("min must not be above max: lower min or raise max"))]
#[serde(rename_all = "camelCase")]
pub struct UsernameLength {
    /// Auth0: `min`, fewest characters: 1 to 128.
    #[schemars(range(min = 1, max = 128))]
    pub min: i64,
    /// Auth0: `max`, most characters: 1 to 128.
    #[schemars(range(min = 1, max = 128))]
    pub max: i64,
}

/// An identifier, in the order of precedence.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum Precedence {
    /// The e-mail address.
    Email,
    /// The phone number.
    PhoneNumber,
    /// The username.
    Username,
}

/// Second factors of users in your own database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Mfa {
    /// Auth0: `active`, whether they may have second factors. Auth0's default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `return_enroll_settings`, whether scripts get the settings of enrolment. Auth0's default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_enroll_settings: Option<bool>,
}

/// JavaScript that reaches your own database, each at most 100000 characters.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CustomScripts {
    /// Auth0: `login`, checks a password and gives the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub login: Option<String>,
    /// Auth0: `get_user`, tells whether a user exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub get_user: Option<String>,
    /// Auth0: `create`, makes a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub create: Option<String>,
    /// Auth0: `verify`, notes that an e-mail address is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub verify: Option<String>,
    /// Auth0: `change_password`, sets a new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub change_password: Option<String>,
    /// Auth0: `delete`, deletes a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub delete: Option<String>,
    /// Auth0: `change_username`, sets a new username.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub change_username: Option<String>,
    /// Auth0: `change_email`, sets a new e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub change_email: Option<String>,
    /// Auth0: `change_phone_number`, sets a new phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub change_phone_number: Option<String>,
}
