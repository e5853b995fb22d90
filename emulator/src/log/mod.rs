//! The tenant log: what it keeps, and how it numbers.
//!
//! request ──▶ `Journal` (what is to be said of it) ──▶ `TenantLog` (date, id, tenant) ──▶ `GET /logs`
//!
//! The objects' own files know nothing of the log: `management` looks at a request and its answer from outside.

mod cut;
mod journal;
mod management;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::ids;
use crate::management::timestamp;
use crate::request::{Object, Request, object_of};
use crate::tenant::tenant_name;

pub(crate) use journal::{About, Journal};
pub(crate) use management::Before;

/// So many entries are kept, the newest. (Auth0 keeps them for a number of days.)
const KEPT: usize = 100_000;

/// Auth0's documentation: a longer correlation id is cut.
const LONGEST_CORRELATION_ID: usize = 64;

#[derive(Default)]
pub(crate) struct TenantLog {
    /// Ascending by id.
    entries: VecDeque<Entry>,
    /// Entries that a fault holds back, with the time at which they come.
    waiting: Vec<(SystemTime, Object)>,
    last: ids::LogId,
}

/// An entry as JSON text: there are many, and hardly any is ever looked at twice.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) json: Box<str>,
}

impl TenantLog {
    /// Notes what a request gave reason to; `delay` later by a fault.
    pub(crate) fn record(&mut self, request: &Request, domain: &str, journal: Journal, delay: Option<Duration>) {
        let now = SystemTime::now();
        self.settle(now);
        for entry in journal.into_entries() {
            let entry = complete(entry, request, domain, now);
            match delay {
                Some(delay) => self.waiting.push((now + delay, entry)),
                None => self.append(entry, now),
            }
        }
    }

    /// Brings in the entries whose time has come. The id tells that time, not the one of the event (recorded).
    pub(crate) fn settle(&mut self, now: SystemTime) {
        if self.waiting.iter().all(|(due, _)| *due > now) {
            return;
        }
        let (mut due, waiting): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|(due, _)| *due <= now);
        self.waiting = waiting;
        due.sort_by_key(|(due, _)| *due);
        for (due, entry) in due {
            self.append(entry, due);
        }
    }

    /// The entries after a position, which need not be the id of one.
    pub(crate) fn after(&self, position: &str) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|entry| entry.id.as_str() <= position);
        self.entries.range(start..)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.id.as_str().cmp(id)).ok()?;
        self.entries.get(at)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    fn append(&mut self, mut entry: Object, ingested: SystemTime) {
        let micros = ingested.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
        let id = self.last.next(micros);
        entry.insert("log_id".into(), id.clone().into());
        entry.insert("_id".into(), id.clone().into());
        self.entries.push_back(Entry { id, json: Value::Object(entry).to_string().into() });
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }
}

/// What every entry has.
fn complete(entry: Object, request: &Request, domain: &str, now: SystemTime) -> Object {
    let mut all = object_of(json!({
        "date": timestamp(now),
        "description": "",
        "client_name": "",
        "ip": request.peer.to_string(),
        // What Auth0 makes of the agents of programs; it does not take them apart (recorded).
        "user_agent": "Other 0.0.0 / Other 0.0.0",
        "isMobile": false,
        "$event_schema": { "version": "1.0.0" },
        "tenant_name": tenant_name(domain),
        "environment_name": "emulator",
    }));
    if let Some(id) = request.header("x-correlation-id") {
        let id: String = id.chars().take(LONGEST_CORRELATION_ID).collect();
        all.insert("references".into(), json!({ "correlation_id": id }));
    }
    if let Some(sdk) = request.header("auth0-client").and_then(sdk) {
        all.insert("auth0_client".into(), sdk);
    }
    all.extend(entry);
    all
}

/// The `Auth0-Client` header of Auth0's SDKs: base64 of JSON.
fn sdk(header: &str) -> Option<Value> {
    let engine = base64::engine::general_purpose::STANDARD;
    let decoded = engine.decode(header).or_else(|_| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header));
    serde_json::from_slice(&decoded.ok()?).ok().filter(Value::is_object)
}
