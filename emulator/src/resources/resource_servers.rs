//! `/resource-servers`: APIs.

use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::ids;
use crate::keys::thumbprint;
use crate::management::Call;
use crate::paging::{Fields, Paging, Style};
use crate::request::{Object, ObjectExt as _, object_of};
use crate::resources::system_apis;
use crate::tenant::Tenant;

const PAGING: Paging = Paging { key: "resource_servers", id: "id", always: &[], default: 50, style: Style::Offset };

/// The Management API as an object of its own tenant.
pub(crate) fn management_api(audience: &str) -> Object {
    let mut api = defaults();
    api.insert("id".into(), ids::resource_server_id().into());
    api.extend(system_apis::management_api(audience));
    api
}

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted: Vec<_> = call.request.parameters("identifiers").collect();
    if wanted.len() > 10 {
        let what = format!("Array is too long ({}), maximum 10", wanted.len());
        return Err(Refusal::invalid_query(what, "identifiers"));
    }
    let apis = tenant.resource_servers.iter();
    let apis = apis.filter(|api| wanted.is_empty() || wanted.contains(&api.text("identifier")));
    PAGING.answer(call.request, apis, Object::clone)
}

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    let api = tenant.resource_server(id).ok_or_else(inexistent)?;
    Ok(Answer::ok(fields.select(api.clone(), &[])))
}

pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.resource_servers.create)?;
    let identifier = body.text("identifier");
    if system_apis::is_reserved(identifier, &tenant.domain) {
        return Err(Refusal::invalid_body("The selected identifier is reserved."));
    }
    if tenant.api(identifier).is_some() {
        return Err(Refusal::conflict(None, "A resource server with the same identifier already exists."));
    }
    check(&body)?;
    let mut api = defaults();
    api.insert("id".into(), ids::resource_server_id().into());
    // A name that is sent along does not count (recorded).
    let system = system_apis::of_identifier(identifier, &tenant.domain).unwrap_or_default();
    overlay(&mut api, body);
    api.extend(system);
    tenant.resource_servers.insert(api.text("id"), api.clone());
    Ok(Answer::created(api))
}

pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.resource_servers.update)?;
    let found = tenant.resource_server(id).ok_or_else(inexistent)?;
    let is_management = found.text("identifier") == tenant.management_audience();
    let id = found.text("id").to_owned();
    let api = tenant.resource_servers.get_mut(&id).ok_or_else(inexistent)?;
    // Auth0 says so of all system APIs. Its tools do change a few things of them, yet none was seen to change the Management API; a
    // name was refused (recorded).
    if api.is_true("is_system")
        && (is_management || !body.keys().all(|key| system_apis::PATCHABLE.contains(&key.as_str())))
    {
        return Err(Refusal::new(400, "operation_not_supported", "System resource servers cannot be patched."));
    }
    check(&body)?;
    overlay(api, body);
    Ok(Answer::ok(api.clone()))
}

/// Deleting what is not there is fine (recorded). That an API's grants go with it is not recorded; without the API they could
/// never be used or shown for what they are.
pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    let Some(api) = tenant.resource_server(id) else { return Ok(Answer::no_content()) };
    // Other system APIs can be (recorded).
    if api.text("identifier") == tenant.management_audience() {
        return Err(Refusal::new(400, "operation_not_supported", "System resource servers cannot be deleted."));
    }
    let (id, identifier) = (api.text("id").to_owned(), api.text("identifier").to_owned());
    tenant.resource_servers.remove(&id);
    tenant.client_grants.retain(|grant| grant.text("audience") != identifier);
    Ok(Answer::no_content())
}

fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_resource_server", "The resource server does not exist")
}

/// What an API has that says nothing else (recorded).
fn defaults() -> Object {
    object_of(json!({
        "allow_offline_access": false,
        "skip_consent_for_verifiable_first_party_clients": false,
        "subject_type_authorization": {
            "client": { "policy": "require_client_grant" },
            "user": { "policy": "allow_all" },
        },
        "token_lifetime": 86400,
        "token_lifetime_for_web": 7200,
        "signing_alg": "RS256",
    }))
}

/// Values of a request replace those of the object, objects as a whole; `null` takes a key away.
fn overlay(api: &mut Object, body: Object) {
    for (key, value) in body {
        match (key.as_str(), value) {
            (_, Value::Null) => {
                api.remove(&key);
            }
            ("subject_type_authorization", Value::Object(halves)) => subject_types(api, halves),
            ("token_encryption", Value::Object(encryption)) => {
                api.insert(key, without_pem(encryption));
            }
            (_, value) => {
                api.insert(key, value);
            }
        }
    }
    ensure_secret(api);
}

/// Tokens signed by HS256 need a secret: Auth0 makes one where none is sent.
fn ensure_secret(api: &mut Object) {
    if api.text("signing_alg") == "HS256" {
        api.entry("signing_secret").or_insert_with(|| ids::opaque().into());
    }
}

/// Half of it is not recorded: the other half keeps what it has.
fn subject_types(api: &mut Object, halves: Object) {
    if let Some(Value::Object(current)) = api.get_mut("subject_type_authorization") {
        current.extend(halves);
    }
}

/// The key itself is write-only; answers have its thumbprint.
fn without_pem(mut encryption: Object) -> Value {
    if let Some(Value::Object(key)) = encryption.get_mut("encryption_key")
        && let Some(Value::String(pem)) = key.remove("pem")
    {
        key.insert("thumbprint_sha256".into(), thumbprint(&pem).into());
    }
    encryption.into()
}

/// Rules beyond the schema. Doubled scopes are not recorded; Auth0 identifies a scope by its value, so they are refused.
fn check(body: &Object) -> Result<(), Refusal> {
    let Some(Value::Array(scopes)) = body.get("scopes") else { return Ok(()) };
    for (second, scope) in scopes.iter().enumerate() {
        if let Some(first) = scopes[..second].iter().position(|other| other["value"] == scope["value"]) {
            let message = format!(
                "Payload validation error: 'Array items are not unique (indexes {first} and {second})' on property scopes."
            );
            return Err(Refusal::invalid_body(message));
        }
    }
    Ok(())
}
