//! The gate that every call to a tenant passes. Closed while the tenant asked us to wait.

use reqwest::header::HeaderMap;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// No 429 closes the gate for longer: `x-ratelimit-reset` is when the bucket is full again, not when one call is free.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

/// Open, or closed until a moment.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// A `std` mutex: never held across an `.await`.
    closed_until: Mutex<Option<Instant>>,
}

impl Gate {
    /// How long the gate stays closed; `None` when it is open.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|rest| !rest.is_zero())
    }

    /// Closes the gate for every call, at least for so long.
    pub(super) fn close_for(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed_until = Some(closed_until.map_or(until, |other| other.max(until)));
    }
}

/// How long a 429 asks to wait: `retry-after`, else until `x-ratelimit-reset` (UNIX seconds), at most a minute, with up to a
/// fifth on top so that callers do not come back all at once.
pub(super) fn wait_asked_for(headers: &HeaderMap, now: SystemTime, jitter: f64) -> Duration {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let until_reset = || {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        number("x-ratelimit-reset").map(|reset| reset.saturating_sub(now))
    };
    let asked = number("retry-after").or_else(until_reset).map_or(SHORTEST, Duration::from_secs);
    asked.clamp(SHORTEST, LONGEST).mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stays_closed_as_long_as_the_tenant_asked() {
        let gate = Gate::default();
        assert_eq!(gate.closed_for(), None);
        gate.close_for(Duration::from_secs(30));
        gate.close_for(Duration::from_secs(5));
        assert_eq!(gate.closed_for(), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(gate.closed_for(), None);
    }

    #[test]
    fn retry_after_wins_and_a_far_reset_is_not_waited_for() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        for (case, headers, seconds) in [
            ("retry-after", vec![("retry-after", "7"), ("x-ratelimit-reset", "1050")], 7),
            ("reset", vec![("x-ratelimit-reset", "1005")], 5),
            ("far reset", vec![("x-ratelimit-reset", "9999")], 60),
            ("past reset", vec![("x-ratelimit-reset", "1")], 1),
            ("nothing said", vec![], 1),
            ("not a number", vec![("retry-after", "soon")], 1),
        ] {
            let headers =
                headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(wait_asked_for(&headers, now, 0.0), Duration::from_secs(seconds), "{case}");
            assert_eq!(wait_asked_for(&headers, now, 1.0), Duration::from_secs(seconds).mul_f64(1.2), "{case}");
        }
    }
}
