//! Auth0's own APIs: the Management API, which every tenant has, and those that come into being when somebody creates them, with a
//! fixed name and scopes (recorded).

use serde_json::{Value, json};

use crate::access;
use crate::request::{Object, object_of};

/// What the Management API has beside an API's defaults.
pub(crate) fn management_api(audience: &str) -> Object {
    let scopes =
        access::SCOPES.iter().map(|(value, description)| json!({ "value": value, "description": description }));
    object_of(json!({
        "name": "Auth0 Management API",
        "identifier": audience,
        "is_system": true,
        "scopes": scopes.collect::<Vec<_>>(),
    }))
}

/// What an API with this identifier is, if the identifier belongs to Auth0.
pub(crate) fn of_identifier(identifier: &str, domain: &str) -> Option<Object> {
    if identifier == "urn:auth0:express-configure" {
        return Some(object_of(json!({
            "name": "Okta OIN Express Configuration API",
            "is_system": true,
            "enforce_policies": true,
            "token_lifetime": 300,
            "scopes": scopes(&[
                ("express_configure:sso", "Ability to create SSO configurations"),
                ("express_configure:scim", "Ability to create scim configurations"),
            ]),
            "subject_type_authorization": { "user": { "policy": "allow_all" }, "client": { "policy": "deny_all" } },
        })));
    }
    if identifier == format!("https://{domain}/me/") {
        return Some(object_of(json!({
            "name": "Auth0 My Account API",
            "is_system": true,
            "allow_offline_access": true,
            "skip_consent_for_verifiable_first_party_clients": true,
            "token_lifetime": 600,
            "token_lifetime_for_web": 600,
            "proof_of_possession": { "mechanism": "dpop", "required": false },
            "scopes": scopes(&[
                ("create:me:connected_accounts", "Create Connected Accounts"),
                ("read:me:connected_accounts", "Read Connected Accounts"),
                ("delete:me:connected_accounts", "Delete Connected Accounts"),
            ]),
            "subject_type_authorization": { "user": { "policy": "require_client_grant" }, "client": { "policy": "deny_all" } },
        })));
    }
    None
}

/// Identifiers that no API of a customer may have. Auth0 does not list them; these are audiences of its own.
pub(crate) fn is_reserved(identifier: &str, domain: &str) -> bool {
    ["api/v2/", "userinfo", "mfa/"].iter().any(|path| identifier == format!("https://{domain}/{path}"))
}

/// What tools change of system APIs other than the Management API (the official ones' code).
pub(crate) const PATCHABLE: &[&str] = &[
    "token_lifetime",
    "proof_of_possession",
    "skip_consent_for_verifiable_first_party_clients",
    "subject_type_authorization",
    "authorization_policy",
];

fn scopes(scopes: &[(&str, &str)]) -> Value {
    scopes.iter().map(|(value, description)| json!({ "value": value, "description": description })).collect()
}
