//! Auth0User: a user in a connection.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    FreeForm,
    schema::{free_form, stamped_free_form},
    shared::{LocalRef, OBJECT_NAME, OBJECT_NAME_HELP, Policies, SecretKeyRef, TenantRef},
    status::CommonStatus,
};

/// A user in a connection.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "auth0-operator.dev",
    version = "v1alpha1",
    kind = "Auth0User",
    plural = "auth0users",
    namespaced,
    status = "Auth0UserStatus",
    derive = "PartialEq",
    category = "auth0",
    shortname = "a0user",
    doc = "A user in a connection, such as a database: who they are and how they log in.",
    printcolumn(name = "Email", type_ = "string", json_path = ".spec.email"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "On-Delete", type_ = "string", json_path = ".status.deletionPolicy"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Username", type_ = "string", json_path = ".spec.username", priority = 1),
    printcolumn(name = "Id", type_ = "string", json_path = ".status.id", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    selectable = ".spec.email"
)]
#[x_kube(
    validation = Rule::new("has(self.connectionRef) != has(self.connection)")
        .message("write exactly one of connectionRef (an Auth0Connection in this namespace) and connection (a connection's name in the tenant)"),
    validation = Rule::new(
        "has(self.connectionRef) == has(oldSelf.connectionRef) && (!has(self.connectionRef) || self.connectionRef.name == oldSelf.connectionRef.name)")
        .message("connectionRef is immutable, since Auth0 cannot move a user: create another Auth0User for the other connection and delete this one")
        .field_path(".connectionRef"),
    validation = Rule::new(
        "has(self.connection) == has(oldSelf.connection) && (!has(self.connection) || self.connection == oldSelf.connection)")
        .message("connection is immutable, since Auth0 cannot move a user: create another Auth0User for the other connection and delete this one")
        .field_path(".connection"),
    validation = Rule::new("has(self.userId) == has(oldSelf.userId) && (!has(self.userId) || self.userId == oldSelf.userId)")
        .message("userId is immutable, also from and to being left out: create another Auth0User with the other userId and delete this one")
        .field_path(".userId"),
    validation = Rule::new("has(self.email) || has(self.username) || has(self.phoneNumber) || has(self.userId)")
        .message("write what the user logs in with: email, username or phoneNumber, as the connection asks; or userId for a user that is adopted"),
)]
#[serde(rename_all = "camelCase")]
pub struct Auth0UserSpec {
    /// The Auth0Tenant that the user belongs to. Default: the operator's `--default-tenant`. Can change only to one that
    /// means the same tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_ref: Option<TenantRef>,
    /// The Auth0Connection in this namespace that stores the user. Exactly one of connectionRef and connection. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_ref: Option<LocalRef>,
    /// Auth0: `connection`, name (not id) of a connection of the tenant that stores the user, such as
    /// `Username-Password-Authentication`. Needs a namespace that the tenant trusts. Exactly one of connectionRef and
    /// connection. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("!self.matches('^con_[a-zA-Z0-9]{16}$')")
        .message("write the connection's name, not its id, such as Username-Password-Authentication"))]
    pub connection: Option<String>,
    /// Auth0: `email`. Databases keep it in lower case, and compare without case. Can change; unless `emailVerified` is
    /// written too, Auth0 then takes it as not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 320))]
    #[x_kube(validation = Rule::new("self.matches('^[^@\\\\s<>]+@[^@\\\\s<>]+$')")
        .message("write one e-mail address only, without a name and without blanks, such as ada@example.com"))]
    pub email: Option<String>,
    /// Auth0: `username`, 1 to 128 characters (the connection may allow fewer), kept in lower case. Only for connections
    /// that use usernames. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("!self.matches('\\\\s')")
        .message("a username must not contain blanks: write it without, such as ada.lovelace"))]
    pub username: Option<String>,
    /// Auth0: `phone_number`, `+` and 1 to 15 digits (E.164). For connections that use phone numbers. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[+][0-9]{1,15}$')")
        .message("write '+', the country code and the number, digits only, such as +4930123456"))]
    pub phone_number: Option<String>,
    /// The user's password, from a Secret or generated. Needed by databases to create a user, unless the connection lets
    /// users be without; may be left out for a user that is adopted. Passwords go from the Secret to the tenant and
    /// nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// Auth0: `user_id` without the part before `|`: the user of a database becomes `auth0|` and this. 1 to 255 characters,
    /// no blanks. Default: the uid of this resource in databases; passwordless connections choose one themselves. Immutable,
    /// also from and to being left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("self.matches('^[^\\\\s|]+$')")
        .message("write only what stands after auth0|, without blanks and without '|'"))]
    pub user_id: Option<String>,
    /// Auth0: `email_verified`, whether the address is known to be the user's. Auth0's default: false. Can change from
    /// false to true; true to false is never written unasked, once the user has verified the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// Auth0: `phone_verified`, whether the phone number is known to be the user's. Auth0's default: false. Can change, as
    /// emailVerified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_verified: Option<bool>,
    /// Auth0: `verify_email`, whether Auth0 sends the user a verification mail when the user is created or `email`
    /// changes. Write-only. Default: false, no mail unless asked. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_email: Option<bool>,
    /// Auth0: `blocked`, whether the user cannot log in. Auth0's default: false. Can change; a block that somebody set in
    /// the tenant is never lifted unasked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// Auth0: `given_name`, 1 to 150 characters. Can change; written when it changes here, not corrected when users change
    /// it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 150))]
    pub given_name: Option<String>,
    /// Auth0: `family_name`, 1 to 150 characters. Can change; written when it changes here, not corrected when users
    /// change it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 150))]
    pub family_name: Option<String>,
    /// Auth0: `name`, the full name, 1 to 300 characters. Auth0's default: the e-mail address. Can change; written when it
    /// changes here, not corrected when users change it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    pub name: Option<String>,
    /// Auth0: `nickname`, 1 to 300 characters. Auth0's default: the e-mail address up to the `@`. Can change; written when
    /// it changes here, not corrected when users change it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    pub nickname: Option<String>,
    /// Auth0: `picture`, URL of a picture of the user. Auth0's default: one of gravatar.com. Can change; written when it
    /// changes here, not corrected when users change it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^\\\\s]+$')")
        .message("write the whole URL of the picture, such as https://example.com/ada.png"))]
    pub picture: Option<String>,
    /// Auth0: `user_metadata`, data that the user may change, in your own spelling. Merged at the first level: keys written
    /// by others stay, a key removed here goes. Written when it changes here, not corrected when users change it
    /// themselves. At most 256 keys. Can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_form")]
    pub user_metadata: Option<FreeForm>,
    /// Auth0: `app_metadata`, data that the user cannot change, such as a plan or rights, in your own spelling. Merged at
    /// the first level: keys written by others stay, a key removed here goes. At most 256 keys; the key `auth0_operator`
    /// is reserved. Can change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "stamped_free_form")]
    pub app_metadata: Option<FreeForm>,
    /// What happens to a user who was there before, to changes made elsewhere, and on deletion.
    #[serde(flatten)]
    pub policies: Policies,
}

/// Where the user's password comes from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.secretKeyRef) != has(self.generate)")
    .message("write exactly one of secretKeyRef (a password that you keep in a Secret) and generate (one that the operator makes)"))]
#[serde(rename_all = "camelCase")]
pub struct Password {
    /// The Secret and key, in this namespace, that hold the password. When the value changes, the tenant's password
    /// changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// A password that the operator makes and writes into a Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<GeneratePassword>,
    /// Whether the password of a user that was adopted is replaced by this one. Default: false, an adopted user keeps
    /// theirs. Can change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take_over: Option<bool>,
}

/// A password that the operator makes: all four classes of characters, none three times in a row.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GeneratePassword {
    /// Name of the Secret, in this namespace, that the operator makes for the password. A Secret that is not this
    /// resource's is never written over.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(OBJECT_NAME).message(OBJECT_NAME_HELP))]
    pub secret_name: String,
    /// Length of the password: 15 to 72 characters. Default: 24. A change means a new password only when one is made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 15, max = 72))]
    pub length: Option<i64>,
}

/// What the operator reports on a user.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Auth0UserStatus {
    /// What all kinds report.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Keyed digest of the password that was last set, with a key that only the operator has: it tells whether the Secret
    /// has changed, and nothing about the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub password_fingerprint: Option<String>,
}
