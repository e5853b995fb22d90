//! Which requests the tenant had. No bodies, tokens or secrets.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

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
    shown: Value,
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
            "query": request.raw_query,
            "status": status,
            "client_id": client_id,
            "user_agent": request.header("user-agent"),
            "ms": took.as_millis() as u64,
        });
        self.entries.push_back(Entry { seq: self.last, shown });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    /// The requests from a number on, oldest first, and the number that the next one will have.
    pub(crate) fn since(&self, seq: u64) -> Value {
        let requests: Vec<_> = self.entries.iter().filter(|entry| entry.seq >= seq).map(|entry| &entry.shown).collect();
        json!({ "requests": requests, "next": self.last + 1 })
    }

    /// Forgets the requests; their numbers are not used again.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}
