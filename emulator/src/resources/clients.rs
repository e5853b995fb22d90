//! `/clients`: applications.

use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::{Answer, Refusal};
use crate::ids;
use crate::management::Call;
use crate::paging::{Fields, Paging, Style};
use crate::request::{Object, ObjectExt as _};
use crate::resources::{client_credentials, client_defaults};
use crate::tenant::Tenant;

/// Any of these lets a token read clients.
pub(crate) const READ: &[&str] =
    &["read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"];
/// Any of these lets a token try to change a client.
pub(crate) const UPDATE: &[&str] = &[
    "update:clients",
    "update:client_keys",
    "update:client_credentials",
    "update:client_token_vault_privileged_access",
];

const PAGING: Paging = Paging { key: "clients", id: "client_id", always: ALWAYS, default: 50, style: Style::Both };

/// Always in an answer, whatever `fields` says (recorded).
const ALWAYS: &[&str] = &["tenant"];

/// Only shown to tokens with `read:client_keys` or `read:client_credentials`.
const KEYS: &[&str] = &["client_secret", "signing_keys", "encryption_key", "client_authentication_methods"];

/// All that a token sees that has no more than `read:client_summary`. Auth0 does not list them; the fewest that fit the name.
const SUMMARY: &[&str] = &["tenant", "global", "client_id", "name", "app_type", "logo_uri"];

/// Objects that merge one level on PATCH; all others are replaced (recorded).
const MERGED: &[&str] = &[
    "client_metadata",
    "jwt_configuration",
    "mobile",
    "native_social_login",
    "session_transfer",
    "signed_request_object",
    "addons",
];

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let request = call.request;
    if request.parameter("q").is_some() {
        return Err(Refusal::invalid_query("Searching clients is not emulated", "q"));
    }
    let (global, first_party) = (request.flag("is_global")?, request.flag("is_first_party")?);
    let kinds: Option<Vec<_>> = request.parameter("app_type").map(|kinds| kinds.split(',').collect());
    let external = request.parameter("external_client_id");
    let clients = tenant
        .clients
        .iter()
        .filter(|client| global.is_none_or(|wanted| client.is_true("global") == wanted))
        .filter(|client| first_party.is_none_or(|wanted| client.is_true("is_first_party") == wanted))
        .filter(|client| kinds.as_ref().is_none_or(|kinds| kinds.contains(&client.text("app_type"))))
        .filter(|client| external.is_none_or(|id| client.text("external_client_id") == id));
    PAGING.answer(request, clients, |client| view(client, call.caller))
}

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    let client = tenant.clients.get(id).ok_or_else(inexistent)?;
    Ok(Answer::ok(fields.select(view(client, call.caller), ALWAYS)))
}

pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut body = call.object(&call.schemas.clients.create)?;
    check_scopes(&body, call.caller, "create")?;
    check(&body)?;
    check_aliases(tenant, &body, None)?;
    let (whole, credentials) = client_credentials::take(&mut body, &call.timestamp())?;
    let client = client_defaults::complete(body, &tenant.domain, call.keys);
    let id = client.text("client_id").to_owned();
    link_api(tenant, &client)?;
    if tenant.enables_client_connections() {
        for connection in tenant.connections.iter_mut() {
            connection.clients.insert(id.clone());
        }
    }
    tenant.clients.insert(id.clone(), client.clone());
    tenant.credentials.insert(id, credentials);

    let mut answer = with_secret(client);
    answer.insert("encrypted".into(), true.into());
    if let Some(key) = answer.get_mut("signing_keys") {
        key[0]["key"] = call.keys.private_key_pem().into();
    }
    answer.extend(whole);
    Ok(Answer::created(answer))
}

pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.clients.update)?;
    check_scopes(&body, call.caller, "update")?;
    check_aliases(tenant, &body, Some(id))?;
    client_credentials::check_names(tenant, id, &body)?;
    let client = tenant.clients.get_mut(id).ok_or_else(inexistent)?;
    let mut changed = client.clone();
    for (key, value) in body {
        patch(&mut changed, key, value);
    }
    check(&changed)?;
    *client = changed;
    Ok(Answer::ok(with_secret(client.clone())))
}

/// The client's grants go with it (recorded), and its place among the clients of connections.
pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    if tenant.clients.get(id).is_some_and(|client| client.is_true("global")) {
        return Err(Refusal::new(400, "operation_not_supported", "Global client cannot be deleted."));
    }
    tenant.clients.remove(id);
    tenant.credentials.remove(id);
    tenant.client_grants.retain(|grant| grant.text("client_id") != id);
    for connection in tenant.connections.iter_mut() {
        connection.clients.remove(id);
    }
    for api in tenant.resource_servers.iter_mut() {
        if api.text("client_id") == id {
            api.remove("client_id");
        }
    }
    Ok(Answer::no_content())
}

/// The old secret is void at once; Auth0 may take up to 30 seconds.
pub(crate) fn rotate_secret(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    let client = tenant.clients.get_mut(id).ok_or_else(inexistent)?;
    if client.contains_key("client_authentication_methods") {
        let message = "Cannot rotate the secret of a client with client_authentication_methods.";
        return Err(Refusal::new(400, "operation_not_supported", message));
    }
    client.insert("client_secret".into(), ids::client_secret().into());
    Ok(Answer::ok(with_secret(client.clone())))
}

pub(crate) fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_client", "The client does not exist")
}

/// A client as a token's scopes let it be seen.
pub(crate) fn view(client: &Object, caller: &Caller) -> Object {
    let mut client = with_secret(client.clone());
    if !caller.has_any(&["read:clients", "read:client_keys", "read:client_credentials"]) {
        client.retain(|key, _| SUMMARY.contains(&key.as_str()));
    }
    if !caller.has_any(&["read:client_keys", "read:client_credentials"]) {
        client.retain(|key, _| !KEYS.contains(&key.as_str()));
    }
    client
}

/// All of a client. The secret is hidden while other methods of authentication are in force, and two settings come under their old
/// names as well (recorded).
pub(crate) fn with_secret(mut client: Object) -> Object {
    if client.contains_key("client_authentication_methods") {
        client.remove("client_secret");
    }
    if let Some(value) = client.get("cross_origin_authentication").cloned() {
        client.insert("cross_origin_auth".into(), value);
    }
    if let Some(urls) =
        client.object(&["oidc_logout"]).and_then(|logout| logout.get("backchannel_logout_urls")).cloned()
    {
        client.insert("oidc_backchannel_logout".into(), json!({ "backchannel_logout_urls": urls }));
    }
    client
}

/// Auth0's OpenAPI description asks for these scopes on top for some properties.
fn check_scopes(body: &Object, caller: &Caller, verb: &str) -> Result<(), Refusal> {
    let only = |key: &str| body.keys().all(|other| other == key);
    if body.contains_key("client_secret") {
        caller.need_any(&["update:client_keys"])?;
    }
    if body.contains_key("client_authentication_methods") {
        caller.need_any(&[&format!("{verb}:client_credentials")])?;
    }
    if verb == "update" && !only("client_secret") && !only("client_authentication_methods") {
        caller.need_any(&["update:clients"])?;
    }
    Ok(())
}

fn check(client: &Object) -> Result<(), Refusal> {
    if client.contains_key("client_authentication_methods") && client.contains_key("token_endpoint_auth_method") {
        let message = "Cannot set both client_authentication_methods and token_endpoint_auth_method";
        return Err(Refusal::invalid_body(message));
    }
    if client.object(&["client_metadata"]).is_some_and(|metadata| metadata.len() > 10) {
        let message =
            "Payload validation error: 'Too many properties defined, maximum 10' on property client_metadata.";
        return Err(Refusal::invalid_body(message));
    }
    Ok(())
}

fn check_aliases(tenant: &Tenant, body: &Object, id: Option<&str>) -> Result<(), Refusal> {
    for alias in body.texts("client_aliases") {
        let taken = |client: &Object| {
            Some(client.text("client_id")) != id && client.texts("client_aliases").any(|other| other == alias)
        };
        if tenant.clients.iter().any(taken) {
            return Err(Refusal::conflict(None, "Another client exists with the same alias."));
        }
    }
    Ok(())
}

/// A client of type `resource_server` stands for an API, which then shows the client's id.
fn link_api(tenant: &mut Tenant, client: &Object) -> Result<(), Refusal> {
    let identifier = client.text("resource_server_identifier");
    if identifier.is_empty() {
        return Ok(());
    }
    let Some(api) = tenant.resource_servers.iter_mut().find(|api| api.text("identifier") == identifier) else {
        return Err(Refusal::new(404, "inexistent_resource_server", "The resource server does not exist"));
    };
    api.insert("client_id".into(), client.text("client_id").into());
    Ok(())
}

/// One property of a PATCH.
fn patch(client: &mut Object, key: String, value: Value) {
    match (key.as_str(), value) {
        (_, Value::Null) => {
            client.remove(&key);
        }
        ("oidc_logout" | "oidc_backchannel_logout", Value::Object(sent)) if sent.is_empty() => {
            client.remove(&key);
        }
        ("refresh_token", Value::Object(sent)) => client_defaults::overlay_refresh_token(client, sent),
        (name, Value::Object(sent)) if MERGED.contains(&name) && !sent.is_empty() => {
            let current = client.entry(key).or_insert_with(|| json!({}));
            if let Value::Object(current) = current {
                merge(current, sent);
            }
        }
        (_, value) => {
            client.insert(key, value);
        }
    }
}

/// Keys not sent stay, `null` deletes.
fn merge(current: &mut Object, sent: Object) {
    for (key, value) in sent {
        if value.is_null() {
            current.remove(&key);
        } else {
            current.insert(key, value);
        }
    }
}
