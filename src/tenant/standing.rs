//! What the headers of an answer say of the tenant's rate limits.
//!
//! `x-ratelimit-limit` is the size of the bucket, `x-ratelimit-remaining` what is left in it, `x-ratelimit-reset` the UNIX second
//! at which it is full again, not the one at which a call is free (recorded).

use jiff::SignedDuration;
use reqwest::header::{DATE, HeaderMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What an answer says of its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Seconds from the answer until the bucket is full, rounded up.
    pub(super) full_in: u64,
}

impl Standing {
    /// Reads the headers; `None` where the answer has none. `here` is the time by our clock.
    pub(super) fn of(headers: &HeaderMap, here: SystemTime) -> Option<Self> {
        let limit = number(headers, "x-ratelimit-limit")?;
        let remaining = number(headers, "x-ratelimit-remaining")?;
        let whole = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Self { limit: whole(limit).max(1), remaining: whole(remaining), full_in: full_in(headers, here)? })
    }

    /// The rates per second between which the real one must lie. Both times are rounded to seconds.
    pub(super) fn rates(self) -> (f64, f64) {
        let used = f64::from(self.limit.saturating_sub(self.remaining));
        let full_in = self.full_in as f64;
        let lowest = if full_in > 0.0 { (used - 1.0).max(0.0) / (full_in + 1.0) } else { 0.0 };
        let highest = if full_in > 3.0 { used / (full_in - 3.0) } else { f64::INFINITY };
        (lowest, highest)
    }
}

/// Seconds from the answer until the bucket is full. By the tenant's clock, which the answer tells: ours may be slow, and the
/// tenant would seem to be.
fn full_in(headers: &HeaderMap, here: SystemTime) -> Option<u64> {
    let reset = number(headers, "x-ratelimit-reset")?;
    let now = date(headers).unwrap_or(here).duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(reset.saturating_sub(now.as_secs()))
}

/// How far the tenant's clock is ahead of ours, to the second. `here` is the time by ours.
pub(super) fn ahead(headers: &HeaderMap, here: SystemTime) -> Option<SignedDuration> {
    SignedDuration::system_until(here, date(headers)?).ok()
}

/// When the answer was given, as it says.
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(zoned.timestamp().into())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// No 429 closes a bucket for longer: `x-ratelimit-reset` is when it is full again, not when one call is free.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a 429 asks to wait: `retry-after`, else until `x-ratelimit-reset` (UNIX seconds), at most a minute, with up to a
/// fifth on top so that callers do not come back all at once.
pub(super) fn wait_asked_for(headers: &HeaderMap, here: SystemTime, jitter: f64) -> Duration {
    let asked = number(headers, "retry-after").or_else(|| full_in(headers, here)).map_or(SHORTEST, Duration::from_secs);
    asked.clamp(SHORTEST, LONGEST).mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_wins_and_a_far_reset_is_not_waited_for() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        for (case, pairs, seconds) in [
            ("retry-after", vec![("retry-after", "7"), ("x-ratelimit-reset", "1050")], 7),
            ("reset", vec![("x-ratelimit-reset", "1005")], 5),
            ("far reset", vec![("x-ratelimit-reset", "9999")], 60),
            ("past reset", vec![("x-ratelimit-reset", "1")], 1),
            ("nothing said", vec![], 1),
            ("not a number", vec![("retry-after", "soon")], 1),
        ] {
            let headers = headers(&pairs);
            assert_eq!(wait_asked_for(&headers, now, 0.0), Duration::from_secs(seconds), "{case}");
            assert_eq!(wait_asked_for(&headers, now, 1.0), Duration::from_secs(seconds).mul_f64(1.2), "{case}");
        }
    }

    #[test]
    fn the_headers_of_an_answer_are_its_standing() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let full = [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "8"), ("x-ratelimit-reset", "1002")];
        let standing = Standing { limit: 10, remaining: 8, full_in: 2 };
        assert_eq!(Standing::of(&headers(&full), now), Some(standing));
        assert_eq!(Standing::of(&headers(&full[..2]), now), None);
    }

    #[test]
    fn a_clock_of_ours_that_is_wrong_makes_the_tenant_neither_slower_nor_faster() {
        let answer = headers(&[
            ("date", "Thu, 01 Jan 1970 00:16:40 GMT"),
            ("x-ratelimit-limit", "2"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1001"),
        ]);
        for here in [940, 980, 1_000, 1_020] {
            let here = UNIX_EPOCH + Duration::from_secs(here);
            let standing = Standing { limit: 2, remaining: 0, full_in: 1 };
            assert_eq!(Standing::of(&answer, here), Some(standing), "{here:?}");
            assert_eq!(wait_asked_for(&answer, here, 0.0), Duration::from_secs(1), "{here:?}");
        }
        let ahead = |here| ahead(&answer, UNIX_EPOCH + Duration::from_secs(here)).map(|ahead| ahead.as_secs());
        assert_eq!((ahead(940), ahead(1_020)), (Some(60), Some(-20)));
    }
}
