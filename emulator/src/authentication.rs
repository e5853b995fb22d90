//! The Authentication API: what its endpoints share, and which one a request is for.

use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::answer::Answer;
use crate::keys::Keys;
use crate::log::Journal;
use crate::login::{Logins, authorize, logout, sign_in};
use crate::oauth;
use crate::request::{Object, Request};
use crate::tenant::Tenant;
use crate::{cors, discovery};

/// One call of the Authentication API.
pub(crate) struct Authentication<'a> {
    pub(crate) tenant: &'a mut Tenant,
    pub(crate) logins: &'a mut Logins,
    pub(crate) request: &'a Request,
    pub(crate) keys: &'a Keys,
    pub(crate) journal: &'a mut Journal,
    /// Whether the emulator is reached by https.
    pub(crate) is_secure: bool,
}

impl Authentication<'_> {
    /// `None` when there is no such endpoint.
    pub(crate) fn answer(mut self) -> Option<Answer> {
        let answer = cors::preflight(self.request, self.tenant).or_else(|| self.routed())?;
        Some(cors::readable(answer, self.request, self.tenant))
    }

    fn routed(&mut self) -> Option<Answer> {
        let segments: Vec<_> = self.request.segments.iter().map(String::as_str).collect();
        let call = self;
        Some(match (call.request.method.as_str(), segments.as_slice()) {
            ("GET", [".well-known", "openid-configuration"]) => Answer::ok(discovery::configuration(call.tenant)),
            ("GET", [".well-known", "jwks.json"]) => Answer::ok(call.keys.jwks()),
            ("POST", ["oauth", "token"]) => oauth::token(call),
            ("POST", ["oauth", "revoke"]) => oauth::revoke(call),
            ("GET" | "POST", ["userinfo"]) => oauth::user_info(call),
            ("GET" | "POST", ["authorize"]) => authorize::answer(call),
            ("GET", ["u", "login"]) => sign_in::show(call),
            ("POST", ["u", "login"]) => sign_in::submit(call),
            ("GET", ["v2", "logout"]) => logout::auth0(call),
            ("GET" | "POST", ["oidc", "logout"]) => logout::oidc(call),
            ("POST", ["oidc", "logout", "confirm"]) => logout::confirm(call),
            _ => return None,
        })
    }

    /// UNIX seconds.
    pub(crate) fn now(&self) -> u64 {
        self.request.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// The parameters of a call that browsers make: of the query, or of the form.
    pub(crate) fn parameters(&self) -> Object {
        let query = self.request.query.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        let form = if self.request.method == "POST" { self.request.fields() } else { None };
        query.chain(form.unwrap_or_default()).collect()
    }
}
