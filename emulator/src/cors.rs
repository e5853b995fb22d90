//! What scripts of other origins may call: the endpoints that single-page applications need, from the origins of the tenant's clients
//! (Auth0's documentation; the headers are those of the Fetch standard).

use crate::answer::Answer;
use crate::login::urls;
use crate::request::{Object, ObjectExt as _, Request};
use crate::tenant::Tenant;

/// The answer to a browser that asks whether it may send a request.
pub(crate) fn preflight(request: &Request, tenant: &Tenant) -> Option<Answer> {
    let asks = request.method == "OPTIONS" && request.header("access-control-request-method").is_some();
    if !asks || !is_open(request) {
        return None;
    }
    let answer = Answer::no_content();
    if !request.header("origin").is_some_and(|origin| is_allowed(tenant, origin)) {
        return Some(answer);
    }
    let headers = request.header("access-control-request-headers").unwrap_or_default();
    Some(
        answer
            .with_header("access-control-allow-methods", "GET,POST")
            .with_header("access-control-allow-headers", headers)
            .with_header("access-control-max-age", 86400),
    )
}

/// An answer with what lets scripts of an allowed origin read it.
pub(crate) fn readable(answer: Answer, request: &Request, tenant: &Tenant) -> Answer {
    match request.header("origin") {
        _ if !is_open(request) => answer,
        Some(origin) if is_allowed(tenant, origin) => answer
            .with_header("access-control-allow-origin", origin)
            .with_header("access-control-allow-credentials", true)
            .with_header("access-control-expose-headers", "X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset")
            .with_header("vary", "Origin"),
        Some(_) | None => answer.with_header("vary", "Origin"),
    }
}

fn is_open(request: &Request) -> bool {
    let segments: Vec<_> = request.segments.iter().map(String::as_str).collect();
    matches!(segments.as_slice(), ["oauth", "token" | "revoke"] | ["userinfo"] | [".well-known", _])
}

/// Whether a client has the origin in its lists, or a callback there.
fn is_allowed(tenant: &Tenant, origin: &str) -> bool {
    let lists = |client: &Object| {
        let mut origins = ["allowed_origins", "web_origins"].into_iter().flat_map(|list| client.texts(list));
        urls::is_listed(origins.by_ref(), origin)
            || client.texts("callbacks").any(|url| urls::origin(url).is_some_and(|of| of == origin))
    };
    tenant.clients.iter().any(lists)
}
