//! Options of the strategies that are no database, as Auth0 spells them, and those that come from Secrets.

use super::values::{flag, free_form, key, line, list, maybe, number, one_of, text, url, word};
use auth0_operator::crd::{FreeForm, OptionFrom, SecretKeyRef};
use proptest::{collection::btree_map, prelude::*, sample::subsequence, strategy::Union};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All but databases, and how many of a hundred cases are theirs.
pub(crate) const STRATEGIES: [&str; 6] = ["oidc", "samlp", "google-oauth2", "waad", "email", "sms"];

/// Those of enterprises, whose login pages may show a button.
pub(crate) const ENTERPRISE: [&str; 3] = ["oidc", "samlp", "waad"];

/// The Secret that options come from.
const SECRET: &str = "idp";

/// Its values: a word, and a key as PEM.
const VALUES: [(&str, &str); 3] =
    [("one", "canary é one"), ("two", "canary two"), ("key", "-----BEGIN KEY-----\ncanary\n-----END KEY-----\n")];

/// A certificate, of which Auth0 shows the facts.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBSjCB/aADAgECAhQgNNj+PUOo/f1qj/xQw88fCSynlTAFBgMrZXAwGjEYMBYG\n\
A1UEAwwPaWRwLmV4YW1wbGUuY29tMCAXDTI2MTEyNDEyNTM1OFoYDzIxMjYxMDMx\n\
MTI1MzU4WjAaMRgwFgYDVQQDDA9pZHAuZXhhbXBsZS5jb20wKjAFBgMrZXADIQB7\n\
Mg5sqX7hXkDoqEAvm9dGmtcuJ/SiBXy9TvHMoYQB16NTMFEwHQYDVR0OBBYEFNxt\n\
xaCxWC6h1U6eoWeTRARtXeEGMB8GA1UdIwQYMBaAFNxtxaCxWC6h1U6eoWeTRARt\n\
XeEGMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAVCCQmu0ql0nMWiOxrL4DegLs\n\
tYi7sC43HhGFsIWvsI2Qo1TCpwLymAwa4zuEwfXADYwmwzcPph2ScZnAoM7rAQ==\n\
-----END CERTIFICATE-----\n\
";

pub(crate) fn secrets() -> BTreeMap<(String, String), SecretString> {
    let value = |(key, value): (&str, &str)| ((SECRET.to_owned(), key.to_owned()), SecretString::from(value));
    VALUES.into_iter().map(value).collect()
}

/// Options and those from Secrets; the former only such that `database` does not have.
pub(crate) fn options(strategy: &'static str) -> impl Strategy<Value = (Option<FreeForm>, Option<Vec<OptionFrom>>)> {
    let places: &[&'static str] = match strategy {
        "auth0" => &["/configuration/API_KEY", "/configuration/a~1b", "/own/secret"],
        "oidc" | "waad" => &["/client_secret", "/own/secret"],
        "samlp" => &["/signing_key/key", "/decryptionKey/key", "/own/deep/er/secret"],
        "google-oauth2" => &["/client_secret", "/app_secret", "/x~0y/0"],
        "email" => &["/authParams/key", "/own/secret"],
        _ => &["/twilio_token", "/own/secret"],
    };
    let from = subsequence(places.to_vec(), 0..=places.len()).prop_flat_map(|places| {
        places.into_iter().map(|path| value_of().prop_map(move |key| option_from(path, key))).collect::<Vec<_>>()
    });
    let own = maybe(text(9).prop_map(|shown| json!({ "shown": shown, "deep": { "shown": 1 } })));
    (maybe((theirs(strategy), anything(), own)), maybe(from), gateway(strategy)).prop_map(|(options, from, gateway)| {
        let (mut options, mut from) = (
            options.map(|(theirs, mut anything, own)| {
                anything.extend(theirs);
                anything.extend(own.map(|own| ("own".to_owned(), own)));
                anything
            }),
            from,
        );
        if let Some((gateway, secret)) = gateway {
            options.get_or_insert_default().insert("gateway_authentication".to_owned(), gateway);
            from.get_or_insert_default().push(secret);
        }
        (options, from)
    })
}

fn value_of() -> impl Strategy<Value = &'static str> {
    one_of(VALUES.map(|(key, _)| key))
}

fn option_from(path: &str, key: &str) -> OptionFrom {
    OptionFrom { path: path.to_owned(), secret_key_ref: SecretKeyRef { name: SECRET.to_owned(), key: key.to_owned() } }
}

/// Keys that mean nothing to Auth0.
fn anything() -> impl Strategy<Value = FreeForm> {
    (free_form(), btree_map(key(), free_form(), 0..2)).prop_map(|(mut options, nested)| {
        options.extend(nested.into_iter().map(|(key, value)| (key, value.into())));
        options
    })
}

/// What authenticates at an SMS gateway: Auth0 takes it whole only.
fn gateway(strategy: &str) -> BoxedStrategy<Option<(Value, OptionFrom)>> {
    if strategy != "sms" {
        return Just(None).boxed();
    }
    maybe((word(9), maybe(word(9)), value_of()).prop_map(|(audience, subject, key)| {
        let mut gateway = json!({ "method": "bearer", "audience": audience });
        if let Some(subject) = subject {
            gateway["subject"] = subject.into();
        }
        (gateway, option_from("/gateway_authentication/secret", key))
    }))
}

/// Keys of the strategy; each may be left out, and those that Auth0 takes null for are null at times.
fn theirs(strategy: &str) -> BoxedStrategy<FreeForm> {
    let members: Vec<(&'static str, BoxedStrategy<Value>)> = match strategy {
        "auth0" => vec![("enable_script_context", flags())],
        "oidc" => vec![
            ("client_id", words()),
            ("scope", words()),
            ("type", among(&["back_channel", "front_channel"])),
            ("issuer", urls()),
            ("authorization_endpoint", urls()),
            ("token_endpoint", Union::new([urls(), Just(Value::Null).boxed()]).boxed()),
            ("upstream_params", upstream_params()),
            ("attribute_map", mapping()),
            (
                "connection_settings",
                among(&["auto", "S256", "plain", "disabled"]).prop_map(|pkce| json!({ "pkce": pkce })).boxed(),
            ),
            ("id_token_signed_response_algs", lists(&["RS256", "ES256", "PS256"])),
            ("domain_aliases", list(word(20)).prop_map(Value::from).boxed()),
        ],
        "samlp" => vec![
            ("signInEndpoint", urls()),
            ("signOutEndpoint", urls()),
            ("signingCert", among(&[CERTIFICATE, "no certificate"])),
            ("decryptionKey", line(9).prop_map(|cert| json!({ "cert": cert })).boxed()),
            ("fieldsMap", btree_map(key(), list(word(9)), 0..3).prop_map(|fields| json!(fields)).boxed()),
            ("signSAMLRequest", flags()),
            ("debug", flags()),
            ("signatureAlgorithm", among(&["rsa-sha256", "rsa-sha1"])),
            ("idpinitiated", maybe(word(9)).prop_map(|client| json!({ "enabled": true, "client_id": client })).boxed()),
            ("tenant_domain", words()),
        ],
        "google-oauth2" => vec![
            ("client_id", words()),
            ("allowed_audiences", list(word(20)).prop_map(Value::from).boxed()),
            ("email", flags()),
            ("profile", flags()),
            ("calendar", flags()),
            ("gmail", flags()),
            ("upstream_params", upstream_params()),
        ],
        "waad" => vec![
            ("client_id", words()),
            ("domain", words()),
            ("app_domain", words()),
            ("basic_profile", flags()),
            ("ext_groups", flags()),
            ("use_wsfed", flags()),
            ("useCommonEndpoint", flags()),
            ("max_groups_to_retrieve", number(0, 250).prop_map(|number| number.to_string().into()).boxed()),
            ("identity_api", among(&["microsoft-identity-platform-v2.0", "azure-active-directory-v1.0"])),
            ("upstream_params", upstream_params()),
        ],
        "email" => vec![
            ("name", words()),
            ("email", message()),
            ("totp", totp()),
            ("disable_signup", flags()),
            ("brute_force_protection", flags()),
            ("authParams", words().prop_map(|scope| json!({ "scope": scope })).boxed()),
        ],
        "sms" => vec![
            ("name", words()),
            ("from", Just(json!("+17777777777")).boxed()),
            ("template", text(60).prop_map(Value::from).boxed()),
            ("syntax", among(&["liquid", "md_with_macros"])),
            ("provider", among(&["sms_gateway", "twilio"])),
            ("gateway_url", urls()),
            ("messaging_service_sid", Union::new([words(), Just(Value::Null).boxed()]).boxed()),
            ("totp", totp()),
            ("forward_req_info", flags()),
            ("brute_force_protection", flags()),
        ],
        other => panic!("no strategy {other}"),
    };
    let members = members.into_iter().map(|(key, value)| maybe(value).prop_map(move |value| Some((key, value?))));
    members
        .collect::<Vec<_>>()
        .prop_map(|members| members.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
        .boxed()
}

fn flags() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn words() -> BoxedStrategy<Value> {
    word(40).prop_map(Value::from).boxed()
}

fn urls() -> BoxedStrategy<Value> {
    url().prop_map(Value::from).boxed()
}

fn among(values: &'static [&'static str]) -> BoxedStrategy<Value> {
    one_of(values).prop_map(Value::from).boxed()
}

fn lists(values: &'static [&'static str]) -> BoxedStrategy<Value> {
    subsequence(values, 0..=values.len()).prop_shuffle().prop_map(|values| json!(values)).boxed()
}

/// Parameters that Auth0 hands on: each is one of two forms, never both.
fn upstream_params() -> BoxedStrategy<Value> {
    let form = prop_oneof![
        one_of(["login_hint", "prompt"]).prop_map(|alias| json!({ "alias": alias })),
        text(20).prop_map(|value| json!({ "value": value })),
    ];
    btree_map(key(), form, 0..3).prop_map(|parameters| json!(parameters)).boxed()
}

fn mapping() -> BoxedStrategy<Value> {
    let attributes = btree_map(key(), word(20), 0..3);
    (among(&["bind_all", "use_map", "basic_profile"]), maybe(attributes))
        .prop_map(|(mode, attributes)| {
            let mut mapping = json!({ "mapping_mode": mode });
            if let Some(attributes) = attributes {
                mapping["attributes"] = json!(attributes);
            }
            mapping
        })
        .boxed()
}

fn message() -> BoxedStrategy<Value> {
    let part = || maybe(text(40));
    (part(), part(), flag())
        .prop_map(|(from, subject, is_liquid)| {
            let syntax = is_liquid.map(|is_liquid| if is_liquid { "liquid" } else { "md_with_macros" });
            json!({ "from": from, "subject": subject, "syntax": syntax, "body": "{{ code }} é" })
        })
        .boxed()
}

fn totp() -> BoxedStrategy<Value> {
    (number(60, 900), maybe(number(4, 10)))
        .prop_map(|(time_step, length)| json!({ "time_step": time_step, "length": length }))
        .boxed()
}
