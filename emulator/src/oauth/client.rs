//! Which client is asking, and whether it can prove that.

use crate::answer::OauthError;
use crate::authentication::Authentication;
use crate::oauth::assertion;
use crate::request::{Object, ObjectExt as _, Request};

/// The client that a request says it is from; `""` if it says nothing.
pub(crate) fn claimed(request: &Request, fields: &Object) -> String {
    if let Some((client_id, _)) = request.basic() {
        return client_id;
    }
    match fields.text("client_id") {
        "" => assertion::claimed(fields).unwrap_or_default(),
        client_id => client_id.to_owned(),
    }
}

/// The client of a request: by an assertion, or by its secret in the body or by HTTP Basic. A client that names its method may use
/// no other; that is not recorded, but what the setting says.
pub(crate) fn authenticate(call: &mut Authentication<'_>, fields: &Object) -> Result<Object, OauthError> {
    let unauthorized = || OauthError::new(401, "access_denied", "Unauthorized");
    let client_id = claimed(call.request, fields);
    if client_id.is_empty() {
        return Err(OauthError::new(400, "invalid_request", "Missing required parameter: client_id"));
    }
    let client = call.tenant.clients.get(&client_id).filter(|client| !client.is_true("global")).cloned();
    let client = client.ok_or_else(unauthorized)?;
    let basic = call.request.basic();
    let secret = basic.as_ref().map_or(fields.text("client_secret"), |(_, secret)| secret);
    let is_fine = match client.text("token_endpoint_auth_method") {
        _ if client.contains_key("client_authentication_methods") => assertion::is_proof(call, fields, &client),
        // A public client proves nothing, so it can have tokens for users only.
        "none" => fields.text("grant_type") != "client_credentials",
        "client_secret_basic" if basic.is_none() => false,
        "client_secret_post" if basic.is_some() => false,
        _ => secret == client.text("client_secret"),
    };
    if is_fine { Ok(client) } else { Err(unauthorized()) }
}
