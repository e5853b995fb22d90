//! `/client-grants`: which client may have tokens for which API.

use serde_json::Value;

use crate::answer::{Answer, Refusal};
use crate::ids;
use crate::management::Call;
use crate::paging::{Paging, Style};
use crate::request::{Object, ObjectExt as _};
use crate::resources::clients;
use crate::tenant::Tenant;

const PAGING: Paging = Paging { key: "client_grants", id: "id", always: &[], default: 50, style: Style::Both };

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let request = call.request;
    let any_organization = request.flag("allow_any_organization")?;
    let matches = |grant: &Object, key: &str| request.parameter(key).is_none_or(|wanted| grant.text(key) == wanted);
    let grants = tenant
        .client_grants
        .iter()
        .filter(|grant| ["audience", "client_id", "subject_type", "default_for"].iter().all(|key| matches(grant, key)))
        .filter(|grant| any_organization.is_none_or(|wanted| grant.is_true("allow_any_organization") == wanted));
    PAGING.answer(request, grants, Object::clone)
}

pub(crate) fn get(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    tenant.client_grants.get(id).cloned().map(Answer::ok).ok_or_else(inexistent)
}

/// A scope that the API lacks is accepted (recorded).
pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut grant = call.object(&call.schemas.client_grants.create)?;
    let (client_id, audience) = (grant.text("client_id").to_owned(), grant.text("audience").to_owned());
    check_subject(tenant, &grant)?;
    if tenant.api(&audience).is_none() {
        return Err(Refusal::new(404, "inexistent_resource_server", "The resource server does not exist"));
    }
    let subject_type = grant.entry("subject_type").or_insert_with(|| "client".into()).as_str().unwrap_or_default();
    // Not recorded since subject types came; the older words.
    if !client_id.is_empty() && tenant.grant(&client_id, &audience, subject_type).is_some() {
        let message = format!("A client grant already exists between {client_id} and {audience}");
        return Err(Refusal::conflict(None, message));
    }
    let id = ids::client_grant_id();
    grant.insert("id".into(), id.clone().into());
    all_scopes(&mut grant);
    tenant.client_grants.insert(id, grant.clone());
    Ok(Answer::created(grant))
}

pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.client_grants.update)?;
    let grant = tenant.client_grants.get_mut(id).ok_or_else(inexistent)?;
    for (key, value) in body {
        if value.is_null() {
            grant.remove(&key);
        } else {
            grant.insert(key, value);
        }
    }
    all_scopes(grant);
    Ok(Answer::ok(grant.clone()))
}

pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Result<Answer, Refusal> {
    tenant.client_grants.remove(id);
    Ok(Answer::no_content())
}

fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_client_grant", "The grant does not exist.")
}

/// A grant is for a client that exists and may have grants, or for all third-party clients.
fn check_subject(tenant: &Tenant, grant: &Object) -> Result<(), Refusal> {
    let client_id = grant.text("client_id");
    match (client_id.is_empty(), grant.contains_key("default_for")) {
        (true, true) => return Ok(()),
        (true, false) => {
            return Err(Refusal::invalid_body("Payload validation error: 'Missing required property: client_id'."));
        }
        (false, true) => {
            return Err(Refusal::invalid_body("Cannot set both client_id and default_for"));
        }
        (false, false) => {}
    }
    let client = tenant.clients.get(client_id).ok_or_else(clients::inexistent)?;
    if client.text("app_type") == "express_configuration" {
        return Err(Refusal::new(400, "validation_error", "Client of type express_configuration cannot be used"));
    }
    let is_system = tenant.api(grant.text("audience")).is_some_and(|api| api.is_true("is_system"));
    if is_system && client.get("is_first_party") == Some(&Value::Bool(false)) {
        let message = "Third-party clients cannot have grants for system APIs.";
        return Err(Refusal::new(400, "validation_error", message));
    }
    Ok(())
}

/// With `allow_all_scopes` there is no `scope` (recorded); without it and without scopes, it is empty.
fn all_scopes(grant: &mut Object) {
    if grant.is_true("allow_all_scopes") {
        grant.remove("scope");
    } else {
        grant.entry("scope").or_insert_with(|| Value::Array(vec![]));
    }
}
