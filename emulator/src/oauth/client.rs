//! Which client is asking, and whether it can prove that.

use crate::answer::OauthError;
use crate::oauth::Authentication;
use crate::request::{Object, ObjectExt as _, Request};

/// The client that a request says it is from.
pub(crate) fn claimed(request: &Request, fields: &Object) -> String {
    request.basic().map_or_else(|| fields.text("client_id").to_owned(), |(client_id, _)| client_id)
}

/// The client of a request, by its secret in the body or by HTTP Basic. A client that names its method may use no other; that is
/// not recorded, but what the setting says.
pub(crate) fn authenticate(call: &Authentication<'_>, fields: &Object) -> Result<Object, OauthError> {
    let unauthorized = || OauthError::new(401, "access_denied", "Unauthorized");
    let basic = call.request.basic();
    let (client_id, secret) = match &basic {
        Some((client_id, secret)) => (client_id.as_str(), secret.as_str()),
        None => (fields.text("client_id"), fields.text("client_secret")),
    };
    if client_id.is_empty() {
        return Err(OauthError::new(400, "invalid_request", "Missing required parameter: client_id"));
    }
    let client = call.tenant.clients.get(client_id).filter(|client| !client.is_true("global"));
    let client = client.ok_or_else(unauthorized)?;
    if client.contains_key("client_authentication_methods") {
        return Err(unauthorized());
    }
    let is_fine = match client.text("token_endpoint_auth_method") {
        // A public client proves nothing, so it can have tokens for users only.
        "none" => fields.text("grant_type") != "client_credentials",
        "client_secret_basic" if basic.is_none() => false,
        "client_secret_post" if basic.is_some() => false,
        _ => secret == client.text("client_secret"),
    };
    if is_fine { Ok(client.clone()) } else { Err(unauthorized()) }
}
