//! `options` of connections: what a strategy fills in, derives and refuses. Recorded, where not said otherwise.
//!
//! A PATCH replaces the options as a whole, and then gets *other* defaults than a create does: what was there before does not
//! matter to either.

use serde_json::{Value, json};

use crate::answer::Refusal;
use crate::certificates::Certificate;
use crate::ids;
use crate::request::{Object, ObjectExt as _, object_of};

/// Whether options belong to a new connection or replace those of an old one.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Write {
    Create,
    Replace,
}

/// Refuses what the schema lets through.
pub(crate) fn check(strategy: &str, options: &Object, before: Option<&Object>) -> Result<(), Refusal> {
    match strategy {
        "auth0" => check_database(options, before),
        "okta" if options.text("domain").is_empty() => Err(Refusal::invalid_body("options.domain is required")),
        _ => Ok(()),
    }
}

/// The options as they are stored.
pub(crate) fn complete(strategy: &str, mut options: Object, write: Write, domain: &str) -> Object {
    // `{"options":{}}` empties them.
    if write == Write::Replace && options.is_empty() {
        return options;
    }
    if let Some(Value::Object(configuration)) = options.get_mut("configuration") {
        encrypt(configuration);
    }
    if strategy == "auth0" {
        database(&mut options, write);
        return options;
    }
    derive_scope(strategy, &mut options);
    derive_endpoint(strategy, &mut options, domain);
    derive_certificate(strategy, &mut options);
    for (key, value) in defaults(strategy, write) {
        options.entry(key).or_insert(value);
    }
    options
}

fn check_database(options: &Object, before: Option<&Object>) -> Result<(), Refusal> {
    let Some(attributes) = options.object(&["attributes"]) else { return Ok(()) };
    for exclusive in ["requires_username", "validation"] {
        if options.get(exclusive).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
            return Err(Refusal::invalid_body(format!("Cannot set both options.attributes and options.{exclusive}")));
        }
    }
    let part = |name: &str, key: &str| attributes.object(&[name, key]);
    let is_active = |name: &str| part(name, "identifier").is_some_and(|identifier| identifier.is_true("active"));
    if !["email", "phone_number", "username"].into_iter().any(is_active) {
        return Err(Refusal::invalid_body("attributes must contain one active identifier"));
    }
    for (name, attribute) in attributes {
        let is_required = attribute["profile_required"] == true;
        let status = part(name, "signup").map(|signup| signup.text("status")).unwrap_or_default();
        if is_required && !status.is_empty() && status != "required" {
            return Err(Refusal::invalid_body(format!("attribute {name} must also be required on signup")));
        }
    }
    check_unique(attributes, before)
}

/// E-mails are unique when the request does not say otherwise; whether they are can only be said when a connection is made.
fn check_unique(attributes: &Object, before: Option<&Object>) -> Result<(), Refusal> {
    let is_unique =
        |attributes: &Object| attributes.object(&["email"]).map(|email| email.get("unique") != Some(&false.into()));
    let Some(before) = before else { return Ok(()) };
    let was = before.object(&["attributes"]).and_then(is_unique);
    match (was, is_unique(attributes)) {
        (None | Some(true), Some(false)) => Err(Refusal::invalid_body("cannot add non-unique email attribute")),
        // The words are not recorded, the refusal is.
        (Some(false), Some(true)) => Err(Refusal::invalid_body("cannot make email attribute unique")),
        _ => Ok(()),
    }
}

/// Older ways to say how strong passwords must be. Where a create uses one, the newest tenants show theirs beside it (recorded); here
/// they leave it out, since it is not known which of the two would be in force.
const OLD_POLICY: &[&str] = &[
    "passwordPolicy",
    "password_complexity_options",
    "password_history",
    "password_no_personal_info",
    "password_dictionary",
];

/// The newest tenants have `password_options` (recorded in 2026) where older ones had `passwordPolicy: good`.
fn database(options: &mut Object, write: Write) {
    if write == Write::Create {
        options.entry("mfa").or_insert_with(|| json!({ "active": true, "return_enroll_settings": true }));
        options.entry("strategy_version").or_insert_with(|| 2.into());
        if OLD_POLICY.iter().any(|key| options.contains_key(*key)) {
            if !options.contains_key("password_options") {
                options.entry("passwordPolicy").or_insert_with(|| "good".into());
            }
        } else {
            options.entry("password_options").or_insert_with(|| json!({}));
        }
    }
    options.entry("brute_force_protection").or_insert_with(|| true.into());
    options.entry("authentication_methods").or_insert_with(|| {
        json!({
            "password": { "enabled": true, "api_behavior": "required", "signup_behavior": "allow" },
            "passkey": { "enabled": false },
            "email_otp": { "enabled": false },
            "phone_otp": { "enabled": false },
        })
    });
    options.entry("passkey_options").or_insert_with(
        || json!({ "challenge_ui": "both", "progressive_enrollment_enabled": true, "local_enrollment_enabled": true }),
    );
    if let Some(Value::Object(email)) = options.get_mut("attributes").and_then(|attributes| attributes.get_mut("email"))
    {
        email.entry("verification_method").or_insert_with(|| "link".into());
        email.entry("unique").or_insert_with(|| true.into());
    }
    if let Some(Value::Object(sent)) = options.get_mut("password_options") {
        let mut whole = password_options();
        for (part, value) in std::mem::take(sent) {
            match (whole.get_mut(&part), value) {
                (Some(Value::Object(default)), Value::Object(value)) => default.extend(value),
                (_, value) => {
                    whole.insert(part, value);
                }
            }
        }
        *sent = whole;
    }
}

fn password_options() -> Object {
    object_of(json!({
        "complexity": {
            "min_length": 15, "character_types": [], "character_type_rule": "all", "identical_characters": "allow",
            "sequential_characters": "allow", "max_length_exceeded": "error",
        },
        "profile_data": {
            "active": false,
            "blocked_fields": [
                "name", "username", "nickname", "email", "phone_number", "user_metadata.name", "user_metadata.first",
                "user_metadata.last",
            ],
        },
        "history": { "active": false, "size": 3 },
        "dictionary": { "active": false, "custom": [], "default": "en_100k" },
    }))
}

/// Secrets of custom database scripts: readers see ciphertext, another one after every write.
fn encrypt(configuration: &mut Object) {
    configuration.retain(|_, value| !value.is_null());
    for value in configuration.values_mut() {
        *value = format!("2.0${}${}", ids::opaque(), ids::opaque()).into();
    }
}

/// Google's scopes, by the flag that asks for them; in this order they come in the answer.
const GOOGLE_SCOPES: &[(&str, &str)] = &[
    ("email", "email"),
    ("profile", "profile"),
    ("analytics", "https://www.googleapis.com/auth/analytics"),
    ("calendar", "https://www.googleapis.com/auth/calendar"),
    ("contacts", "https://www.google.com/m8/feeds"),
    ("gmail", "https://mail.google.com/"),
    ("google_drive", "https://www.googleapis.com/auth/drive"),
    ("google_drive_files", "https://www.googleapis.com/auth/drive.file"),
    ("tasks", "https://www.googleapis.com/auth/tasks"),
    ("youtube", "https://www.googleapis.com/auth/youtube"),
];

/// The scope of a social connection follows from its flags, whatever scope was sent.
fn derive_scope(strategy: &str, options: &mut Object) {
    let is_v2 = options.get("strategy_version") == Some(&2.into());
    let scope: Vec<&str> = match strategy {
        "google-oauth2" | "google-apps" => {
            let sent = GOOGLE_SCOPES.iter().filter(|(flag, _)| options.is_true(flag));
            let default = GOOGLE_SCOPES[..2].iter().filter(|(flag, _)| !options.contains_key(*flag));
            sent.chain(default).map(|(_, scope)| *scope).collect()
        }
        "line" => {
            ["openid"].into_iter().chain(options.is_true("email").then_some("email")).chain(["profile"]).collect()
        }
        "linkedin" if is_v2 => vec!["r_liteprofile"],
        "linkedin" => vec!["r_basicprofile"],
        "windowslive" if is_v2 => vec![],
        "windowslive" => vec!["wl.signin"],
        "wordpress" => vec!["profile"],
        _ => return,
    };
    options.insert("scope".into(), scope.into());
}

/// Where an enterprise connection sends its users.
fn derive_endpoint(strategy: &str, options: &mut Object, domain: &str) {
    let (key, value) = match strategy {
        "adfs" => ("signInEndpoint", passive_endpoint(options.text("fedMetadataXml"))),
        "pingfederate" => ("signInEndpoint", Some(options.text("pingFederateBaseUrl").to_owned())),
        "waad" => ("app_domain", Some(domain.to_owned())),
        _ => return,
    };
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        options.insert(key.into(), value.into());
    }
}

/// The address in the `PassiveRequestorEndpoint` of a federation's metadata.
fn passive_endpoint(metadata: &str) -> Option<String> {
    let (_, endpoint) = metadata.split_once("PassiveRequestorEndpoint")?;
    let (_, address) = endpoint.split_once("Address>")?;
    Some(address.split_once('<')?.0.trim().to_owned())
}

/// SAML: facts of the certificate that the identity provider signs with. PingFederate keeps it under its other name only.
fn derive_certificate(strategy: &str, options: &mut Object) {
    if !matches!(strategy, "samlp" | "pingfederate") {
        return;
    }
    let pem = options.text("signingCert").to_owned();
    let Some(certificate) = Certificate::parse(&pem) else { return };
    options.insert("expires".into(), certificate.expires.into());
    options.insert("subject".into(), certificate.subject.into());
    options.insert("thumbprints".into(), json!([certificate.thumbprint]));
    options.insert("cert".into(), pem.into());
    if strategy == "pingfederate" {
        options.remove("signingCert");
    }
}

fn defaults(strategy: &str, write: Write) -> Object {
    let is_create = write == Write::Create;
    object_of(match strategy {
        "ad" if is_create => json!({ "ips": null, "brute_force_protection": true }),
        "ad" => json!({ "ips": null }),
        "adfs" => {
            json!({ "thumbprints": [], "should_trust_email_verified_connection": "always_set_emails_as_verified" })
        }
        "email" | "sms" if is_create => json!({ "brute_force_protection": true }),
        "facebook" => json!({ "scope": "" }),
        "github" | "salesforce" => json!({ "scope": [] }),
        "google-oauth2" => json!({ "email": true, "profile": true }),
        "google-apps" if is_create => {
            json!({ "email": true, "profile": true, "map_user_id_to_id": false, "handle_login_from_social": true })
        }
        "google-apps" => json!({
            "email": true, "profile": true, "map_user_id_to_id": false, "handle_login_from_social": true,
            "api_enable_users": true,
        }),
        "line" | "linkedin" | "wordpress" => json!({ "profile": true }),
        "windowslive" => json!({ "signin": true }),
        // A trap: a PATCH without `connection_settings` switches PKCE off.
        "oidc" | "okta" => json!({
            "type": if strategy == "okta" { "back_channel" } else { "front_channel" },
            "schema_version": "oidc-V4",
            "attribute_map": { "mapping_mode": if strategy == "okta" { "basic_profile" } else { "bind_all" } },
            "connection_settings": { "pkce": if is_create { "auto" } else { "disabled" } },
        }),
        "waad" => json!({
            "thumbprints": [], "identity_api": "microsoft-identity-platform-v2.0", "useCommonEndpoint": false,
            "should_trust_email_verified_connection": "never_set_emails_as_verified", "waad_common_endpoint": false,
            "use_wsfed": false, "waad_protocol": "openid-connect",
        }),
        _ => json!({}),
    })
}
