//! `/clients/{id}/connections`: the connections that a client may use.

use crate::answer::{Answer, Refusal};
use crate::management::Call;
use crate::paging::{Paging, Style};
use crate::request::ObjectExt as _;
use crate::resources::{clients, connections};
use crate::tenant::Tenant;

const PAGING: Paging = Paging { key: "connections", id: "id", always: &[], default: 50, style: Style::Checkpoint(100) };

/// Needs `read:connections` and one of the scopes below.
pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    call.caller.need_any(&["read:clients", "read:client_summary"])?;
    let request = call.request;
    if tenant.clients.get(id).is_none() {
        return Err(clients::inexistent());
    }
    let strategies: Vec<_> = request.parameters("strategy").collect();
    let connections = tenant
        .connections
        .iter()
        .filter(|connection| connection.clients.contains(id))
        .map(|connection| &connection.object)
        .filter(|connection| strategies.is_empty() || strategies.contains(&connection.text("strategy")));
    PAGING.answer(request, connections, |connection| connections::view(connection, call.caller))
}
