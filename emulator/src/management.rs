//! The Management API: finds the endpoint of a request, checks the token's scopes, and hands over to the kind's own file.

use std::time::SystemTime;

use serde_json::Value;

use crate::access::Caller;
use crate::answer::{Answer, Refusal};
use crate::keys::Keys;
use crate::log::TenantLog;
use crate::request::{Object, Request};
use crate::resources::{
    client_connections, client_credentials, client_grants, clients, connection_clients, connections,
};
use crate::resources::{logs, not_emulated, resource_servers, tenant_settings, users};
use crate::schema::{Schema, Schemas};
use crate::tenant::Tenant;

/// One authorized call of the Management API.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) caller: &'a Caller,
    pub(crate) log: &'a TenantLog,
    pub(crate) keys: &'a Keys,
    pub(crate) schemas: &'a Schemas,
    pub(crate) now: SystemTime,
}

impl Call<'_> {
    /// The request's body, once it passes the schema.
    pub(crate) fn body(&self, schema: &Schema) -> Result<Value, Refusal> {
        let body = self.request.json()?;
        schema.check(&body).map_err(Refusal::invalid_body)?;
        Ok(body)
    }

    /// As [`Call::body`], for the schemas of objects.
    pub(crate) fn object(&self, schema: &Schema) -> Result<Object, Refusal> {
        match self.body(schema)? {
            Value::Object(object) => Ok(object),
            _ => Err(Refusal::invalid_body("Payload validation error: 'Expected type object'.")),
        }
    }

    /// The time as Auth0 writes it: UTC, to the millisecond.
    pub(crate) fn timestamp(&self) -> String {
        timestamp(self.now)
    }
}

/// A time as Auth0 writes it: UTC, to the millisecond.
pub(crate) fn timestamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// What to do for a call, and the scopes of which one is needed for it.
type Endpoint<'a> = (&'a [&'a str], Box<dyn FnOnce(&mut Tenant, &Call<'_>) -> Result<Answer, Refusal> + 'a>);

/// Answers a call from a caller, or from someone who could not say who they are.
pub(crate) fn answer(
    tenant: &mut Tenant,
    log: &TenantLog,
    request: &Request,
    caller: Result<&Caller, Refusal>,
    keys: &Keys,
    schemas: &Schemas,
) -> Answer {
    let now = request.received;
    tenant.deletions.retain(|deletion| deletion.over > now);
    let answer = || {
        let Some((scopes, act)) = endpoint(request) else {
            let scope = not_emulated::scope(request).ok_or_else(Refusal::not_found)?;
            return caller.and(Err(Refusal::insufficient_scope(&[&scope])));
        };
        let caller = caller?;
        caller.need_any(scopes)?;
        act(tenant, &Call { request, caller, log, keys, schemas, now })
    };
    answer().unwrap_or_else(Answer::from)
}

/// Paths and scopes as in Auth0's OpenAPI description. `None` for all others, whatever the method: Auth0 knows no 405.
fn endpoint(request: &Request) -> Option<Endpoint<'_>> {
    let segments: Vec<&str> = request.segments.iter().skip(2).map(String::as_str).collect();
    let endpoint: Endpoint<'_> = match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["resource-servers"]) => (&["read:resource_servers"], Box::new(resource_servers::list)),
        ("POST", ["resource-servers"]) => (&["create:resource_servers"], Box::new(resource_servers::create)),
        ("GET", ["resource-servers", id]) => {
            (&["read:resource_servers"], Box::new(|tenant, call| resource_servers::get(tenant, call, id)))
        }
        ("PATCH", ["resource-servers", id]) => {
            (&["update:resource_servers"], Box::new(|tenant, call| resource_servers::update(tenant, call, id)))
        }
        ("DELETE", ["resource-servers", id]) => {
            (&["delete:resource_servers"], Box::new(|tenant, _| resource_servers::delete(tenant, id)))
        }

        ("GET", ["clients"]) => (clients::READ, Box::new(clients::list)),
        ("POST", ["clients"]) => (&["create:clients"], Box::new(clients::create)),
        ("GET", ["clients", id]) => (clients::READ, Box::new(|tenant, call| clients::get(tenant, call, id))),
        ("PATCH", ["clients", id]) => (clients::UPDATE, Box::new(|tenant, call| clients::update(tenant, call, id))),
        ("DELETE", ["clients", id]) => (&["delete:clients"], Box::new(|tenant, _| clients::delete(tenant, id))),
        ("POST", ["clients", id, "rotate-secret"]) => {
            (&["update:client_keys"], Box::new(|tenant, _| clients::rotate_secret(tenant, id)))
        }
        ("GET", ["clients", id, "connections"]) => {
            (&["read:connections"], Box::new(|tenant, call| client_connections::list(tenant, call, id)))
        }
        ("GET", ["clients", id, "credentials"]) => {
            (&["read:client_credentials"], Box::new(|tenant, _| client_credentials::list(tenant, id)))
        }
        ("POST", ["clients", id, "credentials"]) => {
            (&["create:client_credentials"], Box::new(|tenant, call| client_credentials::create(tenant, call, id)))
        }
        ("GET", ["clients", client, "credentials", id]) => {
            (&["read:client_credentials"], Box::new(|tenant, _| client_credentials::get(tenant, client, id)))
        }
        ("PATCH", ["clients", client, "credentials", id]) => (
            &["update:client_credentials"],
            Box::new(|tenant, call| client_credentials::update(tenant, call, client, id)),
        ),
        ("DELETE", ["clients", client, "credentials", id]) => {
            (&["delete:client_credentials"], Box::new(|tenant, _| client_credentials::delete(tenant, client, id)))
        }

        ("GET", ["client-grants"]) => (&["read:client_grants"], Box::new(client_grants::list)),
        ("POST", ["client-grants"]) => (&["create:client_grants"], Box::new(client_grants::create)),
        ("GET", ["client-grants", id]) => {
            (&["read:client_grants"], Box::new(|tenant, _| client_grants::get(tenant, id)))
        }
        ("PATCH", ["client-grants", id]) => {
            (&["update:client_grants"], Box::new(|tenant, call| client_grants::update(tenant, call, id)))
        }
        ("DELETE", ["client-grants", id]) => {
            (&["delete:client_grants"], Box::new(|tenant, _| client_grants::delete(tenant, id)))
        }

        ("GET", ["connections"]) => (&["read:connections"], Box::new(connections::list)),
        ("POST", ["connections"]) => (&["create:connections"], Box::new(connections::create)),
        ("GET", ["connections", id]) => {
            (&["read:connections"], Box::new(|tenant, call| connections::get(tenant, call, id)))
        }
        ("PATCH", ["connections", id]) => {
            (&["update:connections"], Box::new(|tenant, call| connections::update(tenant, call, id)))
        }
        ("DELETE", ["connections", id]) => {
            (&["delete:connections"], Box::new(|tenant, call| connections::delete(tenant, call, id)))
        }
        ("GET", ["connections", id, "clients"]) => {
            (&["read:connections"], Box::new(|tenant, call| connection_clients::list(tenant, call, id)))
        }
        ("PATCH", ["connections", id, "clients"]) => {
            (&["update:connections"], Box::new(|tenant, call| connection_clients::update(tenant, call, id)))
        }

        ("GET", ["users"]) => (&["read:users"], Box::new(users::list)),
        ("POST", ["users"]) => (&["create:users"], Box::new(users::create)),
        ("GET", ["users", id]) => (&["read:users"], Box::new(|tenant, call| users::get(tenant, call, id))),
        ("PATCH", ["users", id]) => {
            (&["update:users", "update:users_app_metadata"], Box::new(|tenant, call| users::update(tenant, call, id)))
        }
        ("DELETE", ["users", id]) => (&["delete:users"], Box::new(|tenant, _| users::delete(tenant, id))),
        ("GET", ["users-by-email"]) => (&["read:users"], Box::new(users::by_email)),

        ("GET", ["logs"]) => (&["read:logs", "read:logs_users"], Box::new(logs::list)),
        ("GET", ["logs", id]) => (&["read:logs", "read:logs_users"], Box::new(|_, call| logs::get(call, id))),

        ("GET", ["tenants", "settings"]) => (&["read:tenant_settings"], Box::new(tenant_settings::get)),
        ("PATCH", ["tenants", "settings"]) => (&["update:tenant_settings"], Box::new(tenant_settings::update)),

        ("GET", ["actions", "actions"]) => (&["read:actions"], Box::new(not_emulated::actions)),

        _ => return None,
    };
    Some(endpoint)
}
