//! Refresh tokens: how they come into being, are redeemed, rotate and are revoked.

use serde_json::Value;

use crate::answer::{Answer, OauthError};
use crate::authentication::Authentication;
use crate::ids;
use crate::login::{RefreshToken, authorize};
use crate::oauth::tokens::{Tokens, words};
use crate::oauth::{Granted, Login, client, fields, register, required};
use crate::request::{Object, ObjectExt as _};

/// A refresh token for a login, if the client and the API let it have one.
pub(crate) fn issue(call: &mut Authentication<'_>, client: &Object, login: &Login) -> Option<String> {
    if !login.is_offline(call.tenant, client) {
        return None;
    }
    let end = lifetime(client, "token_lifetime", "infinite_token_lifetime");
    let now = call.now();
    let token = RefreshToken {
        client_id: client.text("client_id").to_owned(),
        login: login.clone(),
        family: ids::opaque(),
        replaced: None,
        end: now.saturating_add(end),
        idle_end: now.saturating_add(lifetime(client, "idle_token_lifetime", "infinite_idle_token_lifetime")),
    };
    Some(call.logins.refresh_tokens.insert(token, now, end))
}

/// The grant `refresh_token`.
pub(crate) fn redeem(call: &mut Authentication<'_>, fields: &Object, client: &Object) -> Result<Granted, OauthError> {
    let invalid = || OauthError::new(403, "invalid_grant", "Unknown or invalid refresh token.");
    let (key, now) = (required(fields, "refresh_token")?, call.now());
    let token = call.logins.refresh_tokens.get_mut(key, now).ok_or_else(invalid)?;
    if token.client_id != client.text("client_id") || now >= token.end.min(token.idle_end) {
        return Err(invalid());
    }
    let settings = client.object(&["refresh_token"]);
    let leeway = settings.and_then(|settings| settings.get("leeway")?.as_u64()).unwrap_or(0);
    let is_rotating = settings.is_some_and(|settings| settings.text("rotation_type") == "rotating");
    if token.replaced.is_some_and(|at| now.saturating_sub(at) >= leeway) {
        // It was stolen, or the client is broken: nobody can tell, so all of its family goes.
        let family = token.family.clone();
        call.logins.refresh_tokens.retain(|other| other.family != family);
        return Err(invalid());
    }
    let idle = lifetime(client, "idle_token_lifetime", "infinite_idle_token_lifetime");
    token.idle_end = now.saturating_add(idle);
    let (mut login, family, end) = (token.login.clone(), token.family.clone(), token.end);
    let user = call.tenant.users.get(&login.user_id).ok_or_else(|| {
        let description = "The refresh_token was generated for a user who doesn't exist anymore.";
        OauthError::new(403, "invalid_grant", description)
    })?;
    if user.profile.is_true("blocked") {
        return Err(OauthError::new(403, "unauthorized", "user is blocked"));
    }
    let asked = words(fields.text("scope"));
    let whole = login.clone();
    // Fewer scopes than before may be asked for, but no more.
    login.scopes.retain(|scope| asked.is_empty() || asked.contains(&scope.as_str()));
    // That one is of the login's own answer only.
    login.nonce = None;
    let mut granted = Tokens::of(call, client).for_user(call.tenant, &login)?;
    register(call, &login, &granted);
    if is_rotating {
        if let Some(token) = call.logins.refresh_tokens.get_mut(key, now) {
            token.replaced.get_or_insert(now);
        }
        let next = RefreshToken {
            client_id: client.text("client_id").to_owned(),
            login: whole,
            family,
            replaced: None,
            end,
            idle_end: now.saturating_add(idle),
        };
        let next = call.logins.refresh_tokens.insert(next, now, end.saturating_sub(now));
        granted.answer["refresh_token"] = next.into();
    }
    Ok(granted)
}

/// `POST /oauth/revoke`
pub(crate) fn revoke(call: &mut Authentication<'_>) -> Answer {
    revoked(call).map_or_else(Answer::from, |()| Answer::new(200, None))
}

/// The token goes, and all that came of the same login by rotation. An unknown token is fine (RFC 7009).
fn revoked(call: &mut Authentication<'_>) -> Result<(), OauthError> {
    let fields = fields(call.request)?;
    let client = client::authenticate(call, &fields)?;
    let (token, now) = (required(&fields, "token")?, call.now());
    let known = call.logins.refresh_tokens.get(token, now);
    let known = known.filter(|known| known.client_id == client.text("client_id"));
    if let Some((family, user_id)) = known.map(|known| (known.family.clone(), known.login.user_id.clone())) {
        call.logins.refresh_tokens.retain(|other| other.family != family);
        authorize::note(call, &client, "srrt", &user_id, "");
    }
    Ok(())
}

/// Seconds, by the client's settings.
fn lifetime(client: &Object, key: &str, infinite: &str) -> u64 {
    let settings = client.object(&["refresh_token"]);
    let is_finite = |settings: &&Object| settings.text("expiration_type") == "expiring" && !settings.is_true(infinite);
    settings.filter(is_finite).and_then(|settings| settings.get(key).and_then(Value::as_u64)).unwrap_or(u64::MAX)
}
