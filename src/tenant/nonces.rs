//! Correlation ids of our own writes, which the tenant's log repeats: they tell our entries from others'.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// An entry of the log comes within seconds; one that comes later than this only costs a read.
const REMEMBERED: Duration = Duration::from_secs(900);

/// The ids that were sent lately.
#[derive(Debug)]
pub(super) struct Nonces {
    /// Random, so that nobody can guess it, and others of this operator's name do not share it.
    instance: String,
    /// A `std` mutex: never held across an `.await`.
    sent: Mutex<Sent>,
}

#[derive(Debug, Default)]
struct Sent {
    count: u64,
    /// Number and time, the oldest in front.
    recent: VecDeque<(u64, Instant)>,
}

impl Nonces {
    pub(super) fn new() -> Self {
        let mut bytes = [0; 8];
        // Without randomness ids could be guessed by somebody who has our credentials, and nobody else.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        Self { instance: format!("auth0-operator/{:016x}", u64::from_be_bytes(bytes)), sent: Mutex::default() }
    }

    /// A new id, at most 64 characters: the log cuts what is longer (Auth0's documentation).
    pub(super) fn next(&self, now: Instant) -> String {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.count += 1;
        let number = sent.count;
        sent.recent.push_back((number, now));
        while sent.recent.front().is_some_and(|(_, at)| now.duration_since(*at) > REMEMBERED) {
            sent.recent.pop_front();
        }
        format!("{}/{number}", self.instance)
    }

    /// Whether we sent this id lately.
    pub(super) fn is_ours(&self, id: &str) -> bool {
        let number = id.strip_prefix(&self.instance).and_then(|rest| rest.strip_prefix('/'));
        let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else { return false };
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.recent.binary_search_by_key(&number, |(number, _)| *number).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_id_is_ours_for_a_while_and_nobody_elses_is() {
        let (nonces, others) = (Nonces::new(), Nonces::new());
        let (id, foreign) = (nonces.next(Instant::now()), others.next(Instant::now()));
        assert!(id.len() <= 64);
        assert!(nonces.is_ours(&id) && !nonces.is_ours(&foreign) && !nonces.is_ours(&format!("{id}0")));
        tokio::time::advance(REMEMBERED + Duration::from_secs(1)).await;
        nonces.next(Instant::now());
        assert!(!nonces.is_ours(&id));
    }
}
