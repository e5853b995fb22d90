//! How the work with a tenant stands, for whoever asks: what was said with the last call is old by the time metrics are read.

use super::gate::Gate;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Of one tenant's client.
#[derive(Debug)]
pub struct Vitals {
    gate: Arc<Gate>,
    /// While the log is followed.
    heard: Mutex<Option<Heard>>,
}

/// How well the log is known.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// When it was read last, or began to be followed.
    at: Instant,
    /// How far behind its end that stopped.
    behind: Duration,
    is_read: bool,
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

    /// How old what the log told is: since it was read last, or began to be followed, and how far behind its end that stopped.
    /// `None` while nobody follows it.
    pub fn lag(&self) -> Option<Duration> {
        let heard = *self.state();
        heard.map(|heard| heard.at.elapsed() + heard.behind)
    }

    /// Whether the log was read to a point no longer ago than that.
    pub fn has_heard_within(&self, limit: Duration) -> bool {
        self.state().is_some_and(|heard| heard.is_read && heard.at.elapsed() + heard.behind < limit)
    }

    /// The log was read.
    pub(super) fn heard(&self, behind: Duration) {
        *self.state() = Some(Heard { at: Instant::now(), behind, is_read: true });
    }

    /// Whether somebody reads the log now and then, so that it tells something that it was not read.
    pub fn follows_log(&self, is_followed: bool) {
        let mut heard = self.state();
        let unread = Heard { at: Instant::now(), behind: Duration::ZERO, is_read: false };
        *heard = is_followed.then(|| heard.unwrap_or(unread));
    }

    fn state(&self) -> MutexGuard<'_, Option<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_log_told_grows_old_until_it_is_read_again() {
        let vitals = Vitals::new(Gate::new());
        assert_eq!(vitals.lag(), None);
        vitals.follows_log(true);
        assert!(!vitals.has_heard_within(Duration::from_secs(60)), "it is to be read yet");
        tokio::time::advance(Duration::from_secs(90)).await;
        vitals.follows_log(true);
        assert_eq!(vitals.lag(), Some(Duration::from_secs(90)), "it was never read");
        vitals.heard(Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(vitals.lag(), Some(Duration::from_secs(20)));
        assert!(vitals.has_heard_within(Duration::from_secs(21)) && !vitals.has_heard_within(Duration::from_secs(20)));
        vitals.heard(Duration::ZERO);
        assert_eq!(vitals.lag(), Some(Duration::ZERO));
        vitals.follows_log(false);
        assert_eq!(vitals.lag(), None);
    }
}
