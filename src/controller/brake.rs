//! The brake on deletions: so many resources at once, then so many a minute, in the order in which they asked. It keeps
//! `kubectl delete crd …` from emptying a user store before somebody sees it. The clock is an argument.

use crate::crd::Deletions;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// The brake of one tenant.
#[derive(Debug, Default)]
pub(super) struct Brake {
    /// When the bucket would be full again if nobody else asked.
    full_at: Option<Instant>,
    /// By uid: when a resource that asked may be deleted. Kept until it is gone, so that a retry takes no second place.
    turns: HashMap<String, Instant>,
    /// The limits that the turns were dealt by.
    limits: Option<Deletions>,
}

const BURST: i64 = 20;
const PER_MINUTE: i64 = 10;

impl Brake {
    /// How long a resource has to wait for its turn; zero when it is its turn.
    pub(super) fn wait(&mut self, uid: &str, limits: Option<&Deletions>, now: Instant) -> Duration {
        if self.limits.as_ref() != limits {
            *self = Self { limits: limits.cloned(), ..Self::default() };
        }
        let number =
            |limit: Option<i64>, default: i64| u32::try_from(limit.unwrap_or(default)).unwrap_or(u32::MAX).max(1);
        let burst = number(limits.and_then(|limits| limits.burst), BURST);
        let interval = Duration::from_secs(60) / number(limits.and_then(|limits| limits.per_minute), PER_MINUTE);
        let turn = *self.turns.entry(uid.to_owned()).or_insert_with(|| {
            let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)) + interval;
            self.full_at = Some(full_at);
            full_at.checked_sub(interval * burst).unwrap_or(now)
        });
        turn.saturating_duration_since(now)
    }

    /// A resource is gone.
    pub(super) fn let_go(&mut self, uid: &str) {
        self.turns.remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_go_at_once_and_the_rest_one_by_one_in_their_order() {
        let (mut brake, start) = (Brake::default(), Instant::now() + Duration::from_secs(3600));
        let limits = Deletions { burst: Some(2), per_minute: Some(6) };
        let mut wait =
            |uid: &str, seconds: u64| brake.wait(uid, Some(&limits), start + Duration::from_secs(seconds)).as_secs();
        assert_eq!(["a", "b", "c", "d"].map(|uid| wait(uid, 0)), [0, 0, 10, 20]);
        assert_eq!((wait("d", 5), wait("c", 10), wait("d", 20)), (15, 0, 0), "a retry keeps its place");
        assert_eq!(
            (wait("e", 20), wait("f", 200), wait("g", 200), wait("h", 200)),
            (10, 0, 0, 10),
            "rest fills the bucket again"
        );
    }

    #[test]
    fn other_limits_deal_the_turns_anew() {
        let (mut brake, start) = (Brake::default(), Instant::now() + Duration::from_secs(3600));
        let limits = |per_minute| Deletions { burst: Some(1), per_minute: Some(per_minute) };
        let slow: Vec<_> = ["a", "b"].iter().map(|uid| brake.wait(uid, Some(&limits(1)), start).as_secs()).collect();
        let fast: Vec<_> = ["a", "b"].iter().map(|uid| brake.wait(uid, Some(&limits(60)), start).as_secs()).collect();
        assert_eq!((slow, fast), (vec![0, 60], vec![0, 1]));
    }

    #[test]
    fn without_limits_the_design_s_apply() {
        let (mut brake, start) = (Brake::default(), Instant::now() + Duration::from_secs(3600));
        let waits: Vec<_> = (0..22).map(|uid| brake.wait(&uid.to_string(), None, start).as_secs()).collect();
        assert_eq!((waits[19], waits[20], waits[21]), (0, 6, 12));
    }
}
