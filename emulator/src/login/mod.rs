//! Logging in by browser: `/authorize`, the login page, logout; and what of it has to be remembered.
//!
//! `/authorize` ──▶ `Transaction` ──▶ `/u/login` ──▶ `Session`, code ──▶ `/oauth/token` ──▶ refresh token

pub(crate) mod authorize;
pub(crate) mod logout;
mod page;
pub(crate) mod sign_in;
pub(crate) mod urls;

use std::collections::HashMap;

use crate::ids;
use crate::oauth::Login;
use crate::request::Request;

/// Auth0's cookie of a session.
const SESSION_COOKIE: &str = "auth0";
/// Auth0's cookie that names the browser, whether somebody is logged in or not.
const BROWSER_COOKIE: &str = "did";

/// How long somebody may look at the login page, seconds. Auth0's documentation: one hour.
const TRANSACTION_LIFETIME: u64 = 3600;
/// Seconds. Not documented; OAuth 2 asks for no more than ten minutes.
const CODE_LIFETIME: u64 = 600;

#[derive(Default)]
pub(crate) struct Logins {
    /// By the value of the session cookie.
    sessions: Expiring<Session>,
    transactions: Expiring<Transaction>,
    pub(crate) codes: Expiring<Code>,
    pub(crate) refresh_tokens: Expiring<RefreshToken>,
    /// Access tokens that are no JWTs.
    pub(crate) access_tokens: Expiring<OpaqueToken>,
    /// What clients proved themselves by, so that nobody does so with the same a second time.
    pub(crate) assertions: Expiring<()>,
    logouts: Expiring<PendingLogout>,
}

/// Somebody who is logged in with a browser.
#[derive(Clone)]
struct Session {
    user_id: String,
    /// UNIX seconds.
    auth_time: u64,
    /// As ID tokens have it.
    sid: String,
}

/// An authorization that waits for its user.
#[derive(Clone)]
struct Transaction {
    asked: authorize::Asked,
    /// The browser in which it began. Nobody else can bring it to its end, so nobody can be made to log in as someone else.
    browser: String,
}

/// What an authorization code stands for.
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<authorize::Challenge>,
    pub(crate) login: Login,
}

pub(crate) struct RefreshToken {
    pub(crate) client_id: String,
    pub(crate) login: Login,
    /// Tokens that came of each other by rotation.
    pub(crate) family: String,
    /// UNIX seconds at which rotation put another token in its place.
    pub(crate) replaced: Option<u64>,
    /// UNIX seconds after which nothing of the family is valid.
    pub(crate) end: u64,
    /// UNIX seconds after which it is not valid unless it is used before.
    pub(crate) idle_end: u64,
}

pub(crate) struct OpaqueToken {
    pub(crate) user_id: String,
    pub(crate) scopes: Vec<String>,
}

struct PendingLogout {
    browser: String,
    redirect: Option<String>,
}

/// Values by keys that nobody can guess, for a limited time.
pub(crate) struct Expiring<T> {
    /// With the UNIX second from which on they are gone.
    values: HashMap<String, (u64, T)>,
    /// At so many values, those that are over are thrown away.
    sweep_at: usize,
}

impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self { values: HashMap::new(), sweep_at: 1000 }
    }
}

impl<T> Expiring<T> {
    /// Keeps a value for some seconds; its key.
    pub(crate) fn insert(&mut self, value: T, now: u64, lifetime: u64) -> String {
        let key = ids::unguessable();
        self.put(&key, value, now, lifetime);
        key
    }

    /// As [`Expiring::insert`], with a key that is there already.
    pub(crate) fn put(&mut self, key: &str, value: T, now: u64, lifetime: u64) {
        if self.values.len() >= self.sweep_at {
            self.values.retain(|_, (end, _)| *end > now);
            self.sweep_at = 1000.max(2 * self.values.len());
        }
        self.values.insert(key.to_owned(), (now.saturating_add(lifetime), value));
    }

    pub(crate) fn get(&self, key: &str, now: u64) -> Option<&T> {
        self.values.get(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &str, now: u64) -> Option<&mut T> {
        self.values.get_mut(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(crate) fn remove(&mut self, key: &str, now: u64) -> Option<T> {
        self.values.remove(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.values.retain(|_, (_, value)| keep(value));
    }
}

/// The value of a cookie.
fn cookie<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let pairs = request.headers.get_all("cookie").into_iter().filter_map(|header| header.to_str().ok());
    let mut pairs = pairs.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}
