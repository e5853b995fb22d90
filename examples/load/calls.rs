//! The requests that the tenant had.

use crate::Result;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When it came, to the millisecond.
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    /// Decoded, without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) status: u64,
    /// Whether the operator sent it.
    pub(crate) is_operator: bool,
}

impl Call {
    /// Reads an entry of the emulator's request log.
    pub(crate) fn of(entry: &Value) -> Result<Self> {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            at: text("at").parse()?,
            method: text("method"),
            path: text("path"),
            query: text("query"),
            status: entry["status"].as_u64().unwrap_or_default(),
            is_operator: text("user_agent").starts_with("auth0-operator/"),
        })
    }

    /// Method and path, ids as `*`.
    pub(crate) fn kind(&self) -> String {
        let Self { method, path, .. } = self;
        let Some(path) = path.strip_prefix("/api/v2/") else { return format!("{method} {path}") };
        // User ids and identifiers hold slashes, too.
        match path.split_once('/') {
            None => format!("{method} {path}"),
            Some(("connections", rest)) if rest.ends_with("/clients") => format!("{method} connections/*/clients"),
            Some((collection, _)) => format!("{method} {collection}/*"),
        }
    }

    /// Whether it reads the tenant's log or fetches a token: not for any object.
    pub(crate) fn is_upkeep(&self) -> bool {
        matches!(self.kind().as_str(), "GET logs" | "POST /oauth/token")
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET" && self.path.starts_with("/api/v2/")
    }
}

/// How many calls of each kind.
pub(crate) fn count<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.kind()).or_default() += 1;
    }
    counts
}
