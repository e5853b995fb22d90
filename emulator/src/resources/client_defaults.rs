//! What a new client has that its creator did not say (recorded), and the clients that every tenant has.

use serde_json::{Value, json};

use crate::config::Config;
use crate::ids;
use crate::keys::Keys;
use crate::request::{Object, ObjectExt as _, object_of};
use crate::tenant::tenant_name;

/// A client as Auth0 stores it after a create with this body. `null`s are as if they were not sent.
pub(crate) fn complete(body: Object, domain: &str, keys: &Keys) -> Object {
    let kind = body.text("app_type").to_owned();
    let conformant = matches!(kind.as_str(), "resource_server" | "express_configuration");
    let mut client = object_of(json!({
        "tenant": tenant_name(domain),
        "global": false,
        "client_id": ids::client_id(),
        "client_secret": ids::client_secret(),
        "signing_keys": keys.client_signing_keys(domain),
        "callback_url_template": false,
        "is_first_party": true,
        "oidc_conformant": conformant,
        "is_token_endpoint_ip_header_trusted": false,
        "sso_disabled": false,
        "cross_origin_authentication": false,
        "custom_login_page_on": true,
        "grant_types": grant_types(&kind, body.text("token_endpoint_auth_method")),
        "jwt_configuration": if conformant {
            json!({ "secret_encoded": false, "alg": "RS256" })
        } else {
            json!({ "secret_encoded": false, "lifetime_in_seconds": 36000 })
        },
        "refresh_token": refresh_token(body.text("token_endpoint_auth_method")),
    }));
    if kind == "express_configuration" {
        client.extend(object_of(json!({
            "callbacks": ["https://system-admin.okta.com/admin/app/generic/oauth20redirect"],
            "organization_usage": "require",
            "organization_require_behavior": "pre_login_prompt",
            "client_authentication_methods": { "private_key_jwt": { "credentials": [] } },
        })));
    }
    for (key, value) in body {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("jwt_configuration", Value::Object(sent)) => {
                let mut all = object_of(json!({ "secret_encoded": false }));
                all.extend(sent);
                client.insert(key, all.into());
            }
            ("refresh_token", Value::Object(sent)) => overlay_refresh_token(&mut client, sent),
            (_, Value::Object(mut sent)) => {
                sent.retain(|_, value| !value.is_null());
                client.insert(key, sent.into());
            }
            (_, value) => {
                client.insert(key, value);
            }
        }
    }
    client
}

/// What `refresh_token` becomes when a request sends one: the numbers stay, but a lifetime is infinite only when that is said,
/// or when the token does not expire at all (recorded).
pub(crate) fn overlay_refresh_token(client: &mut Object, sent: Object) {
    let Some(Value::Object(all)) = client.get_mut("refresh_token") else {
        client.insert("refresh_token".into(), sent.into());
        return;
    };
    if sent.text("expiration_type") == "expiring" {
        all.insert("infinite_token_lifetime".into(), false.into());
        all.insert("infinite_idle_token_lifetime".into(), false.into());
    }
    all.extend(sent);
}

/// The "All Applications" client, which cannot be deleted.
pub(crate) fn global(domain: &str, keys: &Keys) -> Object {
    let mut client = complete(object_of(json!({ "name": "All Applications" })), domain, keys);
    client.insert("global".into(), true.into());
    client
}

/// The client whose credentials the emulator was started with.
pub(crate) fn management(config: &Config, keys: &Keys) -> Object {
    let body = json!({
        "name": "Management",
        "app_type": "non_interactive",
        "grant_types": ["client_credentials"],
        "client_id": config.client_id,
        "client_secret": config.client_secret,
    });
    complete(object_of(body), &config.domain, keys)
}

fn grant_types(app_type: &str, token_endpoint_auth_method: &str) -> Vec<&'static str> {
    match (app_type, token_endpoint_auth_method) {
        ("resource_server", _) => vec![],
        ("express_configuration", _) => vec!["authorization_code", "client_credentials"],
        (_, "none") => vec!["authorization_code", "implicit", "refresh_token"],
        _ => vec!["authorization_code", "implicit", "refresh_token", "client_credentials"],
    }
}

fn refresh_token(token_endpoint_auth_method: &str) -> Value {
    let (lifetime, idle) = match token_endpoint_auth_method {
        "client_secret_post" => (31_557_600, 2_592_000),
        _ => (2_592_000, 1_296_000),
    };
    json!({
        "rotation_type": "non-rotating",
        "expiration_type": "non-expiring",
        "leeway": 0,
        "infinite_token_lifetime": true,
        "infinite_idle_token_lifetime": true,
        "token_lifetime": lifetime,
        "idle_token_lifetime": idle,
    })
}
