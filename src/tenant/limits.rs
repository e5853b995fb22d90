//! Token buckets of a tenant's plan. How much flows in per second no answer says: it is taken from Auth0's documentation of the
//! plans, and corrected by what answers do say.

use super::{queue::Cause, standing::Standing};
use reqwest::Method;
use std::time::Duration;
use tokio::time::Instant;

/// Endpoints that have a bucket of their own on the plans Essentials and Professional. On all other plans all share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Group {
    /// Reads of users.
    ReadUsers,
    /// Creates and changes of users.
    WriteUsers,
    /// Deletes of users.
    DeleteUsers,
    /// Reads of clients.
    ReadClients,
    /// Reads of connections.
    ReadConnections,
    /// Reads of the tenant's log.
    ReadLogs,
    /// All else.
    Other,
}

impl Group {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::ReadUsers,
        Self::WriteUsers,
        Self::DeleteUsers,
        Self::ReadClients,
        Self::ReadConnections,
        Self::ReadLogs,
        Self::Other,
    ];

    /// The group of a call; `collection` is the first segment of its path.
    pub(super) fn of(method: &Method, collection: &str) -> Self {
        match (method, collection) {
            (&Method::GET, "users" | "users-by-email") => Self::ReadUsers,
            (&Method::DELETE, "users") => Self::DeleteUsers,
            (_, "users") => Self::WriteUsers,
            (&Method::GET, "clients") => Self::ReadClients,
            (&Method::GET, "connections") => Self::ReadConnections,
            (&Method::GET, "logs") => Self::ReadLogs,
            _ => Self::Other,
        }
    }

    /// The word for it in metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::ReadUsers => "read users",
            Self::WriteUsers => "write users",
            Self::DeleteUsers => "delete users",
            Self::ReadClients => "read clients",
            Self::ReadConnections => "read connections",
            Self::ReadLogs => "read logs",
            Self::Other => "other",
        }
    }

    /// What flows into a bucket of this group per second, on plans with a bucket for each (Auth0's documentation, 2026-08).
    fn per_second(self, limit: u32) -> f64 {
        let (documented, per_minute) = match self {
            Self::ReadUsers => (40, 500.0),
            Self::WriteUsers | Self::DeleteUsers => (20, 200.0),
            Self::ReadClients => (5, 100.0),
            Self::ReadConnections => (5, 50.0),
            Self::ReadLogs => (10, 100.0),
            Self::Other => (10, 150.0),
        };
        // Of a plan that is not documented the same in proportion.
        per_minute / 60.0 * f64::from(limit) / f64::from(documented)
    }
}

/// What flows per second into the one bucket of plans that have one (Auth0's documentation, 2026-08).
fn per_second(limit: u32) -> f64 {
    match limit {
        2 | 10 => 2.0,
        50 => 16.0,
        20 | 250 | 750 | 1500 | 3000 | 5000 => f64::from(limit),
        // Not documented: the slowest in proportion, until the headers say more.
        other => f64::from(other) / 5.0,
    }
}

/// So many answers in a row without headers tell that a plan has lost its limits. A single one tells nothing: one in some 300
/// lacks them where all others have them (recorded).
const SILENT: u32 = 10;

/// When a call may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    Now,
    /// Not before.
    At(Instant),
    /// After an answer to what is in flight.
    AfterAnswer,
}

/// Our part of one bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pace: Pace,
    closed_until: Option<Instant>,
}

#[derive(Debug, Default)]
enum Pace {
    /// Nothing was answered yet, so one call at a time finds out.
    #[default]
    Unknown,
    /// Answers carry no limits.
    Unlimited,
    Limited {
        limit: u32,
        /// The whole plan's; ours is a share of it.
        per_second: f64,
        /// What we may take. Never more than what the tenant said is left.
        tokens: f64,
        filled: Instant,
        /// Answers in a row that said nothing of limits.
        silent: u32,
    },
}

impl Bucket {
    /// Whether a call for `cause` may go, while `in_flight` of this bucket have no answer yet.
    pub(super) fn turn(&mut self, cause: Cause, in_flight: u32, share: f64, now: Instant) -> Turn {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Turn::At(until);
        }
        self.fill(share, now);
        match self.pace {
            Pace::Unknown if in_flight > 0 => Turn::AfterAnswer,
            // However slow they are, they may all arrive at once, and find no more than a full bucket.
            Pace::Limited { limit, .. } if in_flight >= limit => Turn::AfterAnswer,
            Pace::Unknown | Pace::Unlimited => Turn::Now,
            Pace::Limited { limit, per_second, tokens, .. } => {
                // A sweep leaves one for whoever comes.
                let needed = if cause == Cause::Sweep && limit > 1 { 2.0 } else { 1.0 };
                if tokens >= needed {
                    Turn::Now
                } else {
                    // A hair later, so that rounding never finds the bucket a hair too empty.
                    let wait = (needed - tokens) / (per_second * share) + 0.000_1;
                    Turn::At(now + Duration::from_secs_f64(wait.min(3_600.0)))
                }
            }
        }
    }

    /// A call goes.
    pub(super) fn take(&mut self) {
        if let Pace::Limited { tokens, .. } = &mut self.pace {
            *tokens -= 1.0;
        }
    }

    /// An answer came. `in_flight` others have none yet: they may or may not be in what it says.
    pub(super) fn learn(&mut self, standing: Option<Standing>, group: Option<Group>, in_flight: u32, now: Instant) {
        let Some(standing) = standing else {
            match &mut self.pace {
                Pace::Limited { silent, .. } if *silent + 1 < SILENT => *silent += 1,
                pace => *pace = Pace::Unlimited,
            }
            return;
        };
        let left = f64::from(standing.remaining) - f64::from(in_flight);
        let (lowest, highest) = standing.rates();
        match &mut self.pace {
            Pace::Limited { limit, per_second, tokens, silent, .. } if *limit == standing.limit => {
                *silent = 0;
                *tokens = tokens.min(left);
                *per_second = per_second.clamp(lowest, highest.max(lowest));
            }
            pace => {
                let documented =
                    group.map_or_else(|| per_second(standing.limit), |group| group.per_second(standing.limit));
                *pace = Pace::Limited {
                    limit: standing.limit,
                    per_second: documented.clamp(lowest, highest.max(lowest)),
                    tokens: left,
                    filled: now,
                    silent: 0,
                };
            }
        }
    }

    /// A call was answered 429: nothing goes for so long, and then one at a time.
    pub(super) fn close_for(&mut self, wait: Duration, now: Instant) {
        self.close_until(now + wait);
    }

    /// The same, until a moment.
    pub(super) fn close_until(&mut self, until: Instant) {
        let until = self.closed_until.map_or(until, |other| other.max(until));
        self.closed_until = Some(until);
        match &mut self.pace {
            Pace::Limited { tokens, filled, .. } => (*tokens, *filled) = (1.0, until),
            // There is a limit after all; the next answer may tell which.
            pace => *pace = Pace::Unknown,
        }
    }

    /// When it opens again, where it is closed.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        self.closed_until
    }

    /// What we may take at once; `None` where nothing is limited.
    pub(super) fn level(&mut self, share: f64, now: Instant) -> Option<f64> {
        if self.closed_until.is_some_and(|until| until > now) {
            return Some(0.0);
        }
        self.fill(share, now);
        match self.pace {
            Pace::Limited { tokens, .. } => Some(tokens.max(0.0)),
            Pace::Unknown | Pace::Unlimited => None,
        }
    }

    /// The time in which one call's worth flows in; zero where nothing is limited.
    pub(super) fn interval(&self, share: f64) -> Duration {
        match self.pace {
            Pace::Limited { per_second, .. } => Duration::from_secs_f64((1.0 / (per_second * share)).min(3_600.0)),
            Pace::Unknown | Pace::Unlimited => Duration::ZERO,
        }
    }

    fn fill(&mut self, share: f64, now: Instant) {
        if let Pace::Limited { limit, per_second, tokens, filled, .. } = &mut self.pace {
            let passed = now.saturating_duration_since(*filled).as_secs_f64();
            *tokens = (*tokens + passed * *per_second * share).min(f64::from(*limit));
            *filled = now.max(*filled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(limit: u32, remaining: u32, full_in: u64) -> Option<Standing> {
        Some(Standing { limit, remaining, full_in })
    }

    #[test]
    fn calls_of_one_group_find_the_same_bucket() {
        for (method, collection, group) in [
            (Method::GET, "users", Group::ReadUsers),
            (Method::GET, "users-by-email", Group::ReadUsers),
            (Method::PATCH, "users", Group::WriteUsers),
            (Method::DELETE, "users", Group::DeleteUsers),
            (Method::GET, "connections", Group::ReadConnections),
            (Method::PATCH, "connections", Group::Other),
            (Method::GET, "resource-servers", Group::Other),
            (Method::GET, "logs", Group::ReadLogs),
        ] {
            assert_eq!(Group::of(&method, collection), group, "{method} {collection}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_finds_out_and_then_the_burst_goes_and_then_our_share_of_the_rate() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert_eq!(bucket.turn(Cause::User, 0, 0.8, now), Turn::Now);
        assert_eq!(bucket.turn(Cause::User, 1, 0.8, now), Turn::AfterAnswer);
        bucket.learn(standing(50, 49, 1), None, 0, now);
        let mut gone = 0;
        while bucket.turn(Cause::Create, gone, 0.8, now) == Turn::Now {
            bucket.take();
            gone += 1;
        }
        assert_eq!(gone, 49);
        let Turn::At(next) = bucket.turn(Cause::Create, gone, 0.8, now) else { panic!("the burst is gone") };
        let wait = (next - now).as_secs_f64();
        assert!((wait - 1.0 / (0.8 * 16.0)).abs() < 0.001, "{wait}");
        assert_eq!(bucket.turn(Cause::Create, gone, 0.8, next), Turn::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_under_way_than_a_full_bucket_takes() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(standing(2, 1, 1), None, 0, now);
        let later = now + Duration::from_secs(10);
        assert_eq!(bucket.turn(Cause::User, 1, 0.8, later), Turn::Now);
        assert_eq!(bucket.turn(Cause::User, 2, 0.8, later), Turn::AfterAnswer, "both may arrive only now");
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_take_is_not_there_for_us() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(standing(50, 49, 1), None, 0, now);
        bucket.learn(standing(50, 3, 3), None, 2, now);
        assert_eq!(bucket.level(0.8, now), Some(1.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_leaves_a_call_to_whoever_comes() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(standing(2, 1, 1), None, 0, now);
        assert!(matches!(bucket.turn(Cause::Sweep, 0, 0.8, now), Turn::At(_)));
        assert_eq!(bucket.turn(Cause::User, 0, 0.8, now), Turn::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_stops_the_bucket_and_then_one_call_goes_at_a_time() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(standing(2, 1, 1), None, 0, now);
        bucket.close_for(Duration::from_secs(30), now);
        bucket.close_for(Duration::from_secs(5), now);
        let open = now + Duration::from_secs(30);
        assert_eq!(bucket.turn(Cause::User, 0, 0.8, now), Turn::At(open));
        assert_eq!(bucket.turn(Cause::User, 0, 0.8, open), Turn::Now);
        bucket.take();
        assert!(matches!(bucket.turn(Cause::User, 0, 0.8, open), Turn::At(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_without_headers_frees_nobody_and_many_in_a_row_do() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(standing(2, 0, 1), None, 0, now);
        let silent = |bucket: &mut Bucket, answers: u32| (0..answers).for_each(|_| bucket.learn(None, None, 0, now));
        silent(&mut bucket, SILENT - 1);
        assert!(matches!(bucket.turn(Cause::User, 0, 0.8, now), Turn::At(_)));
        bucket.learn(standing(2, 0, 1), None, 0, now);
        silent(&mut bucket, SILENT - 1);
        assert!(matches!(bucket.turn(Cause::User, 0, 0.8, now), Turn::At(_)), "not in a row");
        silent(&mut bucket, 1);
        assert_eq!(bucket.turn(Cause::User, 9, 0.8, now), Turn::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_429_nothing_is_unlimited_until_an_answer_says_so() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.learn(None, None, 0, now);
        assert_eq!(bucket.turn(Cause::User, 9, 0.8, now), Turn::Now);
        bucket.close_for(Duration::from_secs(30), now);
        let open = now + Duration::from_secs(30);
        assert_eq!(bucket.turn(Cause::User, 0, 0.8, open), Turn::Now);
        assert_eq!(bucket.turn(Cause::User, 1, 0.8, open), Turn::AfterAnswer);
        bucket.learn(None, None, 0, open);
        assert_eq!(bucket.turn(Cause::User, 9, 0.8, open), Turn::Now);
    }

    #[test]
    fn a_rate_that_the_headers_contradict_is_corrected() {
        let now = Instant::now();
        for (case, group, answer, expected) in [
            ("documented", None, standing(50, 49, 1), 16.0),
            ("a plan that is faster", None, standing(50, 0, 1), 24.5),
            ("a plan that is slower", None, standing(50, 0, 53), 1.0),
            ("by group", Some(Group::Other), standing(10, 9, 1), 2.5),
            ("unknown", None, standing(100, 99, 1), 20.0),
        ] {
            let mut bucket = Bucket::default();
            bucket.learn(answer, group, 0, now);
            let Pace::Limited { per_second, .. } = bucket.pace else { panic!("{case}") };
            assert!((per_second - expected).abs() < 1e-9, "{case}: {per_second}");
        }
    }
}
