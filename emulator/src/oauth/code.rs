//! The grant `authorization_code`.

use crate::answer::OauthError;
use crate::authentication::Authentication;
use crate::oauth::{Granted, give, required};
use crate::request::{Object, ObjectExt as _};

/// A code is good for one try by its client.
pub(crate) fn redeem(call: &mut Authentication<'_>, fields: &Object, client: &Object) -> Result<Granted, OauthError> {
    let invalid = || OauthError::new(403, "invalid_grant", "Invalid authorization code");
    let (code, now) = (required(fields, "code")?, call.now());
    if call.logins.codes.get(code, now).is_none_or(|code| code.client_id != client.text("client_id")) {
        return Err(invalid());
    }
    let code = call.logins.codes.remove(code, now).ok_or_else(invalid)?;
    let redirect_uri = fields.text("redirect_uri");
    if redirect_uri != code.redirect_uri {
        // Quoted.
        let description = format!(
            "The redirect URI is wrong. You sent {}, and we expected {}",
            if redirect_uri.is_empty() { "null" } else { redirect_uri },
            code.redirect_uri
        );
        return Err(OauthError::new(403, "unauthorized_client", description));
    }
    let verifier = fields.text("code_verifier");
    // A verifier without a challenge means that somebody took the challenge away.
    let is_met = code.challenge.as_ref().map_or(verifier.is_empty(), |challenge| challenge.is_met_by(verifier));
    if !is_met {
        return Err(OauthError::new(403, "invalid_grant", "Failed to verify code verifier"));
    }
    // Neither is recorded: what became of the user since the login.
    let user = call.tenant.users.get(&code.login.user_id).ok_or_else(invalid)?;
    if user.profile.is_true("blocked") {
        return Err(OauthError::new(403, "unauthorized", "user is blocked"));
    }
    give(call, client, &code.login)
}
