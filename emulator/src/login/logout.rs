//! `/v2/logout` and `/oidc/logout`.

use crate::answer::{Answer, Body};
use crate::authentication::Authentication;
use crate::ids;
use crate::login::authorize::{note, redirect, set_cookie};
use crate::login::page::{self, escaped};
use crate::login::{BROWSER_COOKIE, PendingLogout, SESSION_COOKIE, TRANSACTION_LIFETIME, cookie, urls};
use crate::request::{Object, ObjectExt as _};

/// `/v2/logout`: ends the session of the browser and sends it on. Nobody is asked.
pub(crate) fn auth0(call: &mut Authentication<'_>) -> Answer {
    let parameters = call.parameters();
    let client = match client(call, parameters.text("client_id")) {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let allowed: Vec<String> = allowed_logout_urls(call, client.as_ref());
    let target = match parameters.text("returnTo") {
        // Auth0's documentation: the client's first one then.
        "" => client.as_ref().and_then(|client| client.texts("allowed_logout_urls").next()).map(str::to_owned),
        url if urls::is_listed_return(allowed.iter().map(String::as_str), url) => Some(url.to_owned()),
        url => {
            let description = format!(
                "The \"returnTo\" querystring parameter \"{url}\" is not defined as a valid URL in \"Allowed Logout URLs\""
            );
            return page::error(400, "invalid_request", &description);
        }
    };
    end(call, target)
}

/// `/oidc/logout`: OpenID Connect RP-Initiated Logout. Whoever cannot show that the user wants it has the user asked.
pub(crate) fn oidc(call: &mut Authentication<'_>) -> Answer {
    let parameters = call.parameters();
    let refused = |description: &str| page::error(400, "invalid_request", description);
    let hint = match parameters.text("id_token_hint") {
        "" => None,
        token => match id_token(call, token) {
            Some(claims) => Some(claims),
            None => return refused("invalid id_token_hint"),
        },
    };
    let named = parameters.text("client_id");
    let audience = hint.as_ref().map(|claims| claims.text("aud")).unwrap_or_default();
    if !named.is_empty() && !audience.is_empty() && named != audience {
        return refused("client_id does not match the id_token_hint");
    }
    let client = match client(call, if named.is_empty() { audience } else { named }) {
        Ok(client) => client,
        Err(answer) => return answer,
    };
    let target = match parameters.text("post_logout_redirect_uri") {
        "" => None,
        url if urls::is_listed(allowed_logout_urls(call, client.as_ref()).iter().map(String::as_str), url) => {
            Some(with_state(url, parameters.text("state")))
        }
        url => return refused(&format!("The post_logout_redirect_uri \"{url}\" is not in \"Allowed Logout URLs\"")),
    };
    let Some(sid) = sid(call) else { return end(call, target) };
    let logout_hint = parameters.text("logout_hint");
    let hinted = hint.as_ref().map(|claims| claims.text("sid")).filter(|sid| !sid.is_empty()).unwrap_or(logout_hint);
    if !logout_hint.is_empty() && hinted != logout_hint {
        return refused("logout_hint does not match the id_token_hint");
    }
    if hinted == sid {
        return end(call, target);
    }
    let browser = cookie(call.request, BROWSER_COOKIE).map_or_else(ids::unguessable, str::to_owned);
    let now = call.now();
    let pending = PendingLogout { browser: browser.clone(), redirect: target };
    let state = call.logins.logouts.insert(pending, now, TRANSACTION_LIFETIME);
    let body = format!(
        "<h1>Log out</h1>\n<p>Are you sure you want to log out?</p>\n<form method=\"post\" action=\"/oidc/logout/confirm\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{}\">\n<button name=\"action\" value=\"accept\">Yes</button>\n</form>",
        escaped(&state)
    );
    set_cookie(call, page::page(200, "Log out", &body), BROWSER_COOKIE, &browser)
}

/// The user's yes to a logout.
pub(crate) fn confirm(call: &mut Authentication<'_>) -> Answer {
    let (parameters, now) = (call.parameters(), call.now());
    let browser = cookie(call.request, BROWSER_COOKIE).unwrap_or_default();
    let state = parameters.text("state");
    if call.logins.logouts.get(state, now).is_none_or(|pending| pending.browser != browser) {
        return page::error(400, "invalid_request", "This page has expired, or was opened in another browser.");
    }
    let target = call.logins.logouts.remove(state, now).and_then(|pending| pending.redirect);
    end(call, target)
}

fn end(call: &mut Authentication<'_>, target: Option<String>) -> Answer {
    let now = call.now();
    let session = cookie(call.request, SESSION_COOKIE).and_then(|value| call.logins.sessions.remove(value, now));
    if let Some(session) = session {
        note(call, &Object::new(), "slo", &session.user_id, "User successfully logged out");
    }
    let answer = match target {
        Some(url) => redirect(&url),
        None => Answer { status: 200, headers: Vec::new(), body: Body::Text("OK".to_owned()) }
            .with_header("content-type", "text/plain; charset=utf-8"),
    };
    set_cookie(call, answer, SESSION_COOKIE, "")
}

/// The client named, if one is; a page for one that does not exist.
fn client(call: &Authentication<'_>, id: &str) -> Result<Option<Object>, Answer> {
    if id.is_empty() {
        return Ok(None);
    }
    let client = call.tenant.clients.get(id).filter(|client| !client.is_true("global")).cloned();
    client.map(Some).ok_or_else(|| page::error(400, "invalid_request", &format!("Unknown client: {id}")))
}

/// Those of the client, or of the tenant when no client is named.
fn allowed_logout_urls(call: &Authentication<'_>, client: Option<&Object>) -> Vec<String> {
    client.unwrap_or(&call.tenant.settings).texts("allowed_logout_urls").map(str::to_owned).collect()
}

/// The claims of an ID token of this tenant, however old.
fn id_token(call: &Authentication<'_>, token: &str) -> Option<Object> {
    let secret = |client_id: &str| Some(call.tenant.clients.get(client_id)?.text("client_secret").to_owned());
    call.keys.read_id_token(token, &call.tenant.issuer(), secret)
}

/// The id of the browser's session.
fn sid(call: &Authentication<'_>) -> Option<String> {
    let session = call.logins.sessions.get(cookie(call.request, SESSION_COOKIE)?, call.now())?;
    Some(session.sid.clone())
}

fn with_state(url: &str, state: &str) -> String {
    if state.is_empty() {
        return url.to_owned();
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{}", form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish())
}
