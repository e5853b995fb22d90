//! `/connections/{id}/clients`: the clients that may use a connection.

use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::management::Call;
use crate::paging::{Paging, Style};
use crate::request::{Object, ObjectExt as _, object_of};
use crate::resources::{clients, connections};
use crate::tenant::Tenant;

const PAGING: Paging =
    Paging { key: "clients", id: "client_id", always: &[], default: 50, style: Style::Checkpoint(1000) };

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let connection = tenant.connections.get(id).ok_or_else(connections::inexistent)?;
    let clients = connection.clients.iter().map(|client| object_of(json!({ "client_id": client })));
    PAGING.answer(call.request, clients, Object::clone)
}

/// A delta: clients that are not named keep what they have. All or nothing.
pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let Value::Array(changes) = call.body(&call.schemas.connection_clients)? else {
        return Err(Refusal::invalid_body("Payload validation error: 'Expected type array'."));
    };
    if tenant.connections.get(id).is_none() {
        return Err(connections::inexistent());
    }
    let changes: Vec<_> = changes.iter().filter_map(Value::as_object).collect();
    if changes.iter().any(|change| tenant.clients.get(change.text("client_id")).is_none()) {
        return Err(clients::inexistent());
    }
    if let Some(connection) = tenant.connections.get_mut(id) {
        for change in changes {
            let client_id = change.text("client_id");
            if change.is_true("status") {
                connection.clients.insert(client_id.to_owned());
            } else {
                connection.clients.remove(client_id);
            }
        }
    }
    Ok(Answer::no_content())
}
