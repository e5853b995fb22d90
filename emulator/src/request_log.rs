//! Which requests the tenant had. No bodies, tokens or secrets.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;

use crate::management::timestamp;
use crate::request::Request;

/// So many requests are remembered, the newest.
const KEPT: usize = 100_000;

#[derive(Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<Entry>,
    /// How many requests there have been; the number of the newest.
    last: u64,
}

struct Entry {
    seq: u64,
    /// JSON: there are many, so they are kept small.
    shown: Box<str>,
}

impl RequestLog {
    /// Notes a request once it is over. `status` is 0 where no answer was sent.
    pub(crate) fn push(&mut self, request: &Request, status: u16, client_id: Option<&str>, took: Duration) {
        self.last += 1;
        let shown = json!({
            "seq": self.last,
            "at": timestamp(request.received),
            "method": request.method,
            "path": request.path,
            "query": query(request),
            "status": status,
            "client_id": client_id,
            "user_agent": request.header("user-agent"),
            "ms": took.as_millis() as u64,
        });
        self.entries.push_back(Entry { seq: self.last, shown: shown.to_string().into() });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    /// The requests from a number on, oldest first, and the number that the next one will have: JSON.
    pub(crate) fn since(&self, seq: u64) -> String {
        let start = self.entries.partition_point(|entry| entry.seq < seq);
        let requests: Vec<_> = self.entries.range(start..).map(|entry| &*entry.shown).collect();
        format!("{{\"requests\":[{}],\"next\":{}}}", requests.join(","), self.last + 1)
    }

    /// Forgets the requests; their numbers are not used again.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// Parameters of browsers' calls that are tokens, or as good as one.
const SECRETS: &[&str] = &["state", "nonce", "code_challenge", "id_token_hint", "logout_hint", "access_token"];

/// The query as it was sent, without the values of secrets.
fn query(request: &Request) -> String {
    let is_secret = |pair: &str| {
        request.segments.first().is_none_or(|first| first != "api")
            && SECRETS.contains(&pair.split('=').next().unwrap_or(pair))
    };
    let pairs = request.raw_query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if is_secret(pair) => format!("{key}=<redacted>"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}
