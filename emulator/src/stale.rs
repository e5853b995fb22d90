//! What the tenant looked like before its latest writes, for reads that lag behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::tenant::Tenant;

/// Kept only while a `stale` fault is in force.
#[derive(Default)]
pub(crate) struct History(VecDeque<Before>);

struct Before {
    write: Instant,
    /// Until when all reads are to see this state, if the write itself was hit by the fault.
    until: Option<Instant>,
    tenant: Arc<Tenant>,
}

impl History {
    /// Notes the state before a write; `lag` when a fault hit this write. States older than `longest` are forgotten.
    pub(crate) fn push(&mut self, before: Tenant, now: Instant, lag: Option<Duration>, longest: Duration) {
        self.0.retain(|entry| now.duration_since(entry.write) < longest);
        self.0.push_back(Before { write: now, until: lag.map(|lag| now + lag), tenant: Arc::new(before) });
    }

    /// What a read is to see; `lag` when a fault hit the read. `None` is the present.
    pub(crate) fn seen(&self, now: Instant, lag: Option<Duration>) -> Option<Arc<Tenant>> {
        let lags_behind = |entry: &&Before| match lag {
            Some(lag) => now.duration_since(entry.write) < lag,
            None => entry.until.is_some_and(|until| now < until),
        };
        self.0.iter().find(lags_behind).map(|entry| Arc::clone(&entry.tenant))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
