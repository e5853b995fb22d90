//! How the work with a tenant stands, for whoever asks: what was said with the last call is old by the time metrics are read.

use super::gate::Gate;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Of one tenant's client.
#[derive(Debug)]
pub struct Vitals {
    gate: Arc<Gate>,
    /// When the log was read last, while it is followed, and how far behind its end that stopped.
    heard: Mutex<Option<(Instant, Duration)>>,
}

impl Vitals {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, heard: Mutex::default() }
    }

    /// How many calls wait for leave.
    pub fn queued(&self) -> usize {
        self.gate.queued()
    }

    /// How many calls could be made at once, by the name of each bucket that is limited.
    pub fn levels(&self) -> Vec<(&'static str, f64)> {
        self.gate.levels()
    }

    /// How old what the log told is: since it was read last, and how far behind its end that stopped. `None` while nobody reads it.
    pub fn lag(&self) -> Option<Duration> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(at, behind)| at.elapsed() + behind)
    }

    /// The log was read; `None`: nobody follows it any more.
    pub(super) fn heard(&self, behind: Option<Duration>) {
        let now = behind.map(|behind| (Instant::now(), behind));
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_log_told_grows_old_until_it_is_read_again() {
        let vitals = Vitals::new(Gate::new());
        assert_eq!(vitals.lag(), None);
        vitals.heard(Some(Duration::from_secs(5)));
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(vitals.lag(), Some(Duration::from_secs(20)));
        vitals.heard(Some(Duration::ZERO));
        assert_eq!(vitals.lag(), Some(Duration::ZERO));
        vitals.heard(None);
        assert_eq!(vitals.lag(), None);
    }
}
