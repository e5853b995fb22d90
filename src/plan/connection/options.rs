//! The options of a connection: typed and untyped ones of the spec, secret ones of Secrets, and those of others.
//!
//! A PATCH replaces the options whole (recordings), so what the tenant shows is overlaid with what the spec wants and sent back,
//! secrets of others included. In the spec null equals absent, as in all free-form fields.

use super::super::{
    Body, Fields, Reason, Refusal,
    concealed::{SECRET_OPTIONS, conceal, digest_of, is_encrypted, is_within},
    diff, fingerprint,
    fingerprint::Relation,
    pointer,
    unset::Defaults,
};
use super::{View, database_options};
use crate::crd::{Auth0ConnectionSpec, OptionFrom};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keys that Auth0 makes from others, whatever is sent (recorded): sent when the spec has them, but never a difference.
fn derived(strategy: &str) -> &'static [&'static str] {
    match strategy {
        "google-oauth2" | "google-apps" | "line" | "linkedin" | "windowslive" | "wordpress" => &["scope"],
        "okta" => {
            &["authorization_endpoint", "issuer", "jwks_uri", "oidc_metadata", "token_endpoint", "userinfo_endpoint"]
        }
        "samlp" | "pingfederate" => &OF_CERTIFICATE,
        "waad" => &["app_domain", "thumbprints"],
        _ => &[],
    }
}

/// What Auth0 reads in `signingCert` (recorded).
pub(in crate::plan) const OF_CERTIFICATE: [&str; 4] = ["cert", "expires", "subject", "thumbprints"];

/// What Auth0 adds to the e-mail attribute of a database (recorded).
const OF_EMAIL: [&str; 2] = ["unique", "verification_method"];

/// What stands in objects that Auth0 fills in only as a whole (recorded), by its place.
const DEFAULTS: Defaults = &[
    ("/authentication_methods/password/enabled", || json!(true)),
    ("/authentication_methods/password/api_behavior", || json!("required")),
    ("/authentication_methods/password/signup_behavior", || json!("allow")),
    ("/authentication_methods/passkey/enabled", || json!(false)),
    ("/authentication_methods/email_otp/enabled", || json!(false)),
    ("/authentication_methods/phone_otp/enabled", || json!(false)),
    ("/passkey_options/challenge_ui", || json!("both")),
    ("/passkey_options/progressive_enrollment_enabled", || json!(true)),
    ("/passkey_options/local_enrollment_enabled", || json!(true)),
    ("/connection_settings/pkce", || json!("auto")),
];

/// Whether the options can be as the spec wants them, whatever the tenant holds.
pub(super) fn check(spec: &Auth0ConnectionSpec) -> Result<(), Refusal> {
    let mut untyped = spec.options.clone().unwrap_or_default();
    if let Some(place) = conceal(&mut untyped, SECRET_OPTIONS).into_keys().next() {
        return Err(Refusal::invalid(format!(
            "spec.options{place} would hold a secret in clear; keep it in a Secret and name it under spec.optionsFrom, with path {place}"
        )));
    }
    let typed = database_options(spec.database.as_ref())?;
    if let Some(key) = untyped.keys().find(|key| typed.contains_key(*key)) {
        return Err(Refusal::invalid(format!(
            "options.{key} is set in spec.database and in spec.options; remove one of the two"
        )));
    }
    let wanted = wanted(spec)?;
    for path in places(spec) {
        let is_barred = |end: usize| {
            let there = pointer::find(&wanted, &path[..end]);
            there.is_some_and(|value| end == path.len() || !value.is_object())
        };
        let mut ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]).filter(|end| *end > 0);
        if let Some(end) = ends.find(|end| is_barred(*end)) {
            return Err(Refusal::invalid(format!(
                "options{} is set in spec.optionsFrom (path {path}) and in spec.options or spec.database; remove one of the two",
                &path[..end]
            )));
        }
        if let Some(other) = places(spec).find(|other| *other != path && is_within(other, path)) {
            return Err(Refusal::invalid(format!(
                "the paths {path} and {other} of spec.optionsFrom exclude each other; remove one of the two"
            )));
        }
    }
    Ok(())
}

/// The places that take values from Secrets, as JSON Pointers into the options.
pub(super) fn places(spec: &Auth0ConnectionSpec) -> impl Iterator<Item = &str> {
    spec.options_from.iter().flatten().map(|option| option.path.as_str())
}

/// The options that the spec wants, without secrets.
pub(super) fn wanted(spec: &Auth0ConnectionSpec) -> Result<Fields, Refusal> {
    let mut wanted = database_options(spec.database.as_ref())?;
    wanted.extend(spec.options.clone().unwrap_or_default());
    drop_nulls(&mut wanted);
    Ok(wanted)
}

/// Puts the options of a new connection into its body.
pub(super) fn create(spec: &Auth0ConnectionSpec, view: &View<'_>, body: &mut Body) {
    let secrets = secrets(spec, view);
    if !secrets.is_empty() {
        body.fields.entry("options").or_insert_with(|| Fields::new().into());
    }
    put_secrets(secrets, body);
}

/// Puts the whole options into the body of a change, when they are not as `wanted` (which has null for what left the spec) or
/// a secret is another one.
pub(super) fn change(
    spec: &Auth0ConnectionSpec,
    wanted: &Fields,
    have: &Fields,
    view: &View<'_>,
    body: &mut Body,
) -> Result<(), Refusal> {
    let secrets = secrets(spec, view);
    if wanted.is_empty() && secrets.is_empty() {
        return Ok(());
    }
    let Some(Value::Object(shown)) = have.get("options") else {
        return Err(Refusal::new(
            Reason::ScopeMissing,
            "the tenant does not show the connection's options; grant the operator's client the scope read:connections_options",
        ));
    };
    let relation = relation(spec, view);
    if is_as_wanted(&spec.strategy, wanted, shown) && secrets_are_there(&secrets, shown, relation) {
        return Ok(());
    }
    let mut whole = shown.clone();
    overlay(&mut whole, wanted);
    drop_completed_email(&mut whole, &self::wanted(spec)?, wanted);
    put_back_defaults(&spec.strategy, &mut whole, wanted);
    if whole.contains_key("signingCert") || wanted.contains_key("signingCert") {
        OF_CERTIFICATE.iter().for_each(|key| drop(whole.remove(*key)));
    }
    for place in secrets.keys() {
        pointer::put(&mut whole, place, Value::Null);
    }
    let mut all = secrets;
    for (place, secret) in &view.remote.option_secrets {
        if pointer::find(&whole, place) == Some(&digest_of(place, secret).into()) && !is_encrypted(place) {
            pointer::put(&mut whole, place, Value::Null);
            all.insert(place.clone(), secret.clone());
        }
    }
    let configuration = whole.get("configuration").and_then(Value::as_object);
    if let Some((key, _)) = configuration.into_iter().flatten().find(|(_, value)| !value.is_null()) {
        return Err(Refusal::invalid(format!(
            "a change of the connection's options would lose options.configuration.{key}, which the tenant does not show; name it under spec.optionsFrom, or remove it in the tenant"
        )));
    }
    body.fields.insert("options".to_owned(), Value::Object(whole));
    body.follows_secret = matches!(relation, Relation::Changed | Relation::Unknown) && !all.is_empty();
    put_secrets(all, body);
    Ok(())
}

/// The fingerprint of the values that the spec takes from Secrets; none when there are none.
pub(super) fn fingerprint(spec: &Auth0ConnectionSpec, view: &View<'_>) -> Option<String> {
    let secrets = secrets(spec, view);
    (!secrets.is_empty()).then(|| view.key.fingerprint_of_options(&view.owner.uid, &view.tenant.domain, &secrets))
}

fn relation(spec: &Auth0ConnectionSpec, view: &View<'_>) -> fingerprint::Relation {
    let recorded = view.status.options_fingerprint.as_deref();
    fingerprint(spec, view).map_or(Relation::Same, |fingerprint| view.key.relation(recorded, &fingerprint))
}

/// The values that the spec takes from Secrets, by their places.
fn secrets(spec: &Auth0ConnectionSpec, view: &View<'_>) -> BTreeMap<String, SecretString> {
    let value = |OptionFrom { path, secret_key_ref }: &OptionFrom| {
        let secret = view.references.secrets.get(&(secret_key_ref.name.clone(), secret_key_ref.key.clone()))?;
        Some((path.clone(), secret.clone()))
    };
    spec.options_from.iter().flatten().filter_map(value).collect()
}

fn put_secrets(secrets: BTreeMap<String, SecretString>, body: &mut Body) {
    body.secrets.extend(secrets.into_iter().map(|(place, secret)| (format!("/options{place}"), secret)));
}

fn is_as_wanted(strategy: &str, wanted: &Fields, shown: &Fields) -> bool {
    let mut wanted = wanted.clone();
    wanted.retain(|key, _| !derived(strategy).contains(&key.as_str()));
    // PingFederate's certificate is shown under its other name only (recorded).
    if strategy == "pingfederate" && shown.get("cert").is_some() && wanted.get("signingCert") == shown.get("cert") {
        wanted.remove("signingCert");
    }
    diff(&wanted, shown).is_empty()
}

/// Whether the tenant holds the secrets. It shows them, or else their fingerprint tells.
fn secrets_are_there(secrets: &BTreeMap<String, SecretString>, shown: &Fields, relation: Relation) -> bool {
    secrets.iter().all(|(place, secret)| match pointer::find(shown, place) {
        Some(Value::String(_)) if is_encrypted(place) => matches!(relation, Relation::Same | Relation::ForeignKey),
        Some(value) => *value == digest_of(place, secret),
        None => false,
    })
}

/// Puts what is wanted over what there is, member by member; null takes away.
fn overlay(have: &mut Fields, want: &Fields) {
    for (key, value) in want {
        match (have.get_mut(key), value) {
            (_, Value::Null) => drop(have.remove(key)),
            (Some(Value::Object(current)), Value::Object(members)) => {
                overlay(current, members);
                if current.is_empty() {
                    have.remove(key);
                }
            }
            // What is to go from it is not there.
            (_, Value::Object(members)) if !members.is_empty() => {
                let mut new = Fields::new();
                overlay(&mut new, members);
                have.remove(key);
                if !new.is_empty() {
                    have.insert(key.clone(), new.into());
                }
            }
            (_, value) => drop(have.insert(key.clone(), value.clone())),
        }
    }
    drop_nulls(have);
}

/// Puts back what a new connection has by itself and Auth0 does not put back where options are replaced (recorded): else what was
/// off would stay off, or worse, after it left the spec. What leaves as a whole Auth0 fills in as a whole.
fn put_back_defaults(strategy: &str, whole: &mut Fields, wanted: &Fields) {
    for (place, default) in DEFAULTS {
        let key = place.split('/').nth(1).unwrap_or_default();
        let has_left = pointer::find(wanted, place) == Some(&Value::Null) && pointer::find(whole, place).is_none();
        if has_left && whole.contains_key(key) {
            pointer::put(whole, place, default());
        }
    }
    match strategy {
        // A PATCH without them switches PKCE off.
        "oidc" | "okta" => {
            whole.entry("connection_settings").or_insert_with(|| json!({"pkce": "auto"}));
        }
        "ad" | "email" | "sms" if wanted.contains_key("brute_force_protection") => {
            whole.entry("brute_force_protection").or_insert(Value::Bool(true));
        }
        _ => {}
    }
}

/// Takes the e-mail attribute out that left the `spec` and of which nothing remains but what Auth0 had added: attributes without
/// an identifier, or beside the older options for usernames, are refused (recorded).
fn drop_completed_email(whole: &mut Fields, spec: &Fields, wanted: &Fields) {
    const EMAIL: &str = "/attributes/email";
    let has_left = pointer::find(spec, EMAIL).is_none() && pointer::find(wanted, EMAIL).is_some();
    let Some(attributes) = whole.get_mut("attributes").and_then(Value::as_object_mut).filter(|_| has_left) else {
        return;
    };
    let email = attributes.get("email").and_then(Value::as_object);
    if email.is_some_and(|email| email.keys().all(|key| OF_EMAIL.contains(&key.as_str()))) {
        attributes.remove("email");
    }
    if attributes.is_empty() {
        whole.remove("attributes");
    }
}

fn drop_nulls(fields: &mut Fields) {
    fields.retain(|_, value| !value.is_null());
    fields.values_mut().filter_map(Value::as_object_mut).for_each(drop_nulls);
}
