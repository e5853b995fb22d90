//! What we know of the tenant, and since when. Fed by the answers of our own writes and reads.

use crate::plan::{Call, Fields, ObjectKind, Read, text};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Answers by question. Holds no secret: answers are stripped before they get here.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// A `std` mutex: never held across an `.await`.
    known: Mutex<HashMap<Read, (Vec<Fields>, Instant)>>,
}

impl Inventory {
    /// The answer, when it is younger than `max_age`.
    pub(super) fn get(&self, read: &Read, max_age: Duration) -> Option<Vec<Fields>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(read).filter(|(_, since)| since.elapsed() < max_age).map(|(answer, _)| answer.clone())
    }

    /// Takes note of an answer to a read. Only answers about an object by its id are kept: searches have no end of keys.
    pub(super) fn learn(&self, read: &Read, answer: &[Fields]) {
        let is_by_id = match read {
            Read::Get(kind, id) => answer.first().is_none_or(|object| text(object, kind.id_key()) == Some(id)),
            Read::ConnectionClients(_) => true,
            _ => false,
        };
        if is_by_id {
            self.insert(read.clone(), answer.to_vec());
        }
    }

    /// Takes note of our own write. `id` is the object's, `answer` the object after it, empty where Auth0 shows none.
    pub(super) fn wrote(&self, call: &Call, id: &str, answer: &Fields) {
        let kind = call.kind();
        let by_id = Read::Get(kind, id.to_owned());
        match call {
            Call::Create { .. } | Call::CreateGrant { .. } | Call::Update { .. } => {
                if kind == ObjectKind::Connection && call.is_create() {
                    let enabled = answer.get("enabled_clients").and_then(serde_json::Value::as_array);
                    let client = |id: &serde_json::Value| [("client_id".to_owned(), id.clone())].into_iter().collect();
                    self.insert(
                        Read::ConnectionClients(id.to_owned()),
                        enabled.into_iter().flatten().map(client).collect(),
                    );
                }
                self.insert(by_id, vec![answer.clone()]);
            }
            Call::Delete { .. } => self.insert(by_id, vec![]),
            Call::EnableClients { changes, .. } => {
                let read = Read::ConnectionClients(id.to_owned());
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((clients, _)) = known.get_mut(&read) {
                    for (client, is_enabled) in changes {
                        clients.retain(|other| text(other, "client_id") != Some(client));
                        if *is_enabled {
                            clients.push([("client_id".to_owned(), client.clone().into())].into_iter().collect());
                        }
                    }
                }
            }
        }
    }

    /// A write whose outcome is not known, or whose object turned out to be otherwise: read it again before use.
    pub(super) fn forget(&self, kind: ObjectKind, id: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&Read::Get(kind, id.to_owned()));
        if kind == ObjectKind::Connection {
            known.remove(&Read::ConnectionClients(id.to_owned()));
        }
    }

    fn insert(&self, read: Read, answer: Vec<Fields>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(read, (answer, Instant::now()));
    }
}
