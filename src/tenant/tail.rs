//! Reads the tenant's log as it grows.
//!
//! By checkpoint: everything after a position, logins too, nothing can be filtered. A position is an id, and an id can be made up
//! from a time (recorded). Where so many logins come that this lags behind, by search: only the types that matter, but at most
//! 1,000 at a time.

use super::{
    Asker, Cause, Change, Tenant,
    error::{Error, Tried},
    flights::Sent,
    log::{Entry, Ours},
    nonces::Nonces,
    reads::Way,
};
use jiff::{SignedDuration, Timestamp, tz::Offset};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;

/// Entries on a page, the most that Auth0 gives.
const PAGE: usize = 100;
/// So many pages are read at a time; then whoever else waits for the log's bucket has a turn. Pages of our own doing do not
/// count: a thousand creates leave no more of them than a hundredth of their calls.
const PAGES: usize = 5;
/// A search gives no more than 1,000 entries.
const SEARCH_PAGES: usize = 10;
/// An entry may appear behind one that was read already, but not much later; so much is read again, for so long.
const OVERLAP: Duration = Duration::from_secs(10);
/// The same for a search, which goes by the time of the event: entries have come more than 5 s later (recorded).
const SEARCH_OVERLAP: Duration = Duration::from_secs(120);
/// Before the start-up sweep, so that nothing falls between the two.
const HEAD_START: Duration = Duration::from_secs(60);
/// With more lag than this, or full pages for so many times, reading everything does not keep up.
const MOST_LAG: Duration = Duration::from_secs(60);
const MOST_FULL: u32 = 3;
/// After so long, reading everything is tried again.
const SEARCH_FOR: Duration = Duration::from_secs(3_600);
/// After an outage of so long, what was missed is looked for by a sweep.
const LONGEST_OUTAGE: Duration = Duration::from_secs(600);

/// Types of entries that a search asks for.
const TYPES: &str = "sapi OR sce OR scu OR scpn OR sv OR ss OR sdu OR sui OR sscim OR directory_sync_completed";

/// How far the log has been read. In memory only: what happened before is found by the start-up sweep.
#[derive(Debug)]
pub struct Tail {
    /// Time of ingestion of the newest entry that was read.
    newest: Timestamp,
    /// Whether that is the start still, by our clock, since no answer has told the tenant's.
    is_by_our_clock: bool,
    /// What that was at the end of the last reading, and since when.
    settling: (Timestamp, Instant),
    /// The position to go on from, where the last reading did not reach the end.
    position: Option<String>,
    /// Ids that were read, so that the overlap says nothing twice.
    seen: HashMap<String, Timestamp>,
    full: u32,
    /// What a search did not show any more was before this, and is looked for by a sweep.
    skipped: Option<Timestamp>,
    searching_since: Option<Instant>,
    correlates: bool,
    /// Whether an entry came that could not be read, though it may tell of a change.
    met_unreadable: bool,
    heard: Instant,
}

/// What a reading of the log brought besides changes.
#[derive(Debug, Default)]
pub struct Tidings {
    /// Whether something may have been missed, so that only a sweep tells.
    pub needs_sweep: bool,
    /// How far behind the end of the log the reading stopped; zero when it reached the end.
    pub lag: Duration,
}

impl Tail {
    /// Starts a minute before `now`, the time by our clock.
    pub fn new(now: Timestamp) -> Self {
        Self {
            newest: earlier(now, HEAD_START - OVERLAP),
            is_by_our_clock: true,
            settling: (Timestamp::UNIX_EPOCH, Instant::now()),
            position: None,
            seen: HashMap::new(),
            full: 0,
            skipped: None,
            searching_since: None,
            correlates: false,
            met_unreadable: false,
            heard: Instant::now(),
        }
    }

    /// Whether logins are so many that the log is searched instead of read.
    pub fn is_searching(&self) -> bool {
        self.searching_since.is_some()
    }

    /// Moves the start to the tenant's clock, which is so far ahead of ours: were ours ahead, the log would be read in the tenant's
    /// future, where nothing ever is.
    fn set_clock(&mut self, ahead: Option<SignedDuration>) {
        let Some(ahead) = ahead else { return };
        if std::mem::take(&mut self.is_by_our_clock) {
            self.newest = self.newest.checked_add(ahead).unwrap_or(self.newest);
        }
    }

    fn start(&self) -> String {
        let overlap = if self.is_settled(OVERLAP) { Duration::ZERO } else { OVERLAP };
        self.position.clone().unwrap_or_else(|| position_of(earlier(self.newest, overlap)))
    }

    fn search(&self) -> String {
        let overlap = if self.is_settled(SEARCH_OVERLAP) { OVERLAP } else { SEARCH_OVERLAP };
        let since = earlier(self.newest, overlap);
        let since = self.skipped.map_or(since, |skipped| skipped.max(since));
        format!("type:({TYPES}) AND date:[{} TO *]", since.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    }

    /// The changes by others on a page.
    fn take(&mut self, page: Vec<Value>, client: &str, nonces: &Nonces) -> Vec<Change> {
        let mut changes = vec![];
        for entry in page {
            let id = entry["log_id"].as_str().unwrap_or_default().to_owned();
            if let Some(time) = time_of(&id) {
                self.newest = self.newest.max(time);
            }
            if self.seen.insert(id, self.newest).is_some() {
                continue;
            }
            let may_matter = entry["type"].as_str().is_none_or(|kind| TYPES.split(" OR ").any(|other| other == kind));
            let Ok(entry) = serde_json::from_value::<Entry>(entry) else {
                self.met_unreadable |= may_matter;
                continue;
            };
            self.correlates |= entry.correlates(client);
            if !entry.is_ours(&Ours { client, nonces, correlates: self.correlates }) {
                changes.extend(entry.change());
            }
        }
        changes
    }

    /// Whether the newest entry has been that for so long, so that none can appear behind it any more. Else the end of a burst would
    /// be read again and again until somebody changes something.
    fn is_settled(&self, overlap: Duration) -> bool {
        let (newest, since) = self.settling;
        newest == self.newest && since.elapsed() > overlap
    }

    /// A search was cut, the oldest entries first: it would be again and again, since nothing newer was seen. A sweep sees all that
    /// was changed until now, so the search goes on from here.
    fn skip(&mut self, now: Timestamp) {
        let skipped = earlier(now, OVERLAP);
        (self.skipped, self.newest) = (Some(skipped), self.newest.max(skipped));
    }

    /// Takes note of how a reading ended: whether with a full page, and how far behind the end. `time` is the tenant's.
    fn ended(&mut self, is_full: bool, lag: Duration, time: Timestamp) {
        let now = Instant::now();
        let forget = earlier(self.newest, SEARCH_OVERLAP * 2);
        self.seen.retain(|_, time| *time >= forget);
        self.full = if is_full { self.full + 1 } else { 0 };
        if self.settling.0 != self.newest {
            self.settling = (self.newest, now);
        }
        match self.searching_since {
            None if lag > MOST_LAG || self.full >= MOST_FULL => {
                (self.searching_since, self.position, self.full) = (Some(now), None, 0);
            }
            Some(since) if now.duration_since(since) > SEARCH_FOR => {
                // All until then was searched, though it may be long that something was found.
                (self.searching_since, self.newest) = (None, self.newest.max(earlier(time, SEARCH_OVERLAP)));
            }
            _ => {}
        }
    }
}

impl Tenant {
    /// Reads what is new in the tenant's log, up to five pages, and adds to `changes` what others changed, in the order of the log:
    /// at once, since it may be broken off.
    ///
    /// # Errors
    /// When the log cannot be read; what was read until then stays read, and is in `changes`.
    pub async fn listen(&self, tail: &mut Tail, changes: &mut Vec<Change>) -> Result<Tidings, Error> {
        let mut tidings = if tail.is_searching() {
            self.search_log(tail, changes).await?
        } else {
            self.read_log(tail, changes).await?
        };
        let now = Instant::now();
        tidings.needs_sweep |= now.duration_since(tail.heard) > LONGEST_OUTAGE;
        tidings.needs_sweep |= std::mem::take(&mut tail.met_unreadable);
        tail.heard = now;
        self.vitals.heard(tidings.lag);
        Ok(tidings)
    }

    async fn read_log(&self, tail: &mut Tail, changes: &mut Vec<Change>) -> Result<Tidings, Error> {
        let mut tidings = Tidings::default();
        tail.set_clock(self.transport.ahead());
        let mut from = tail.start();
        let mut pages = 0;
        while pages < PAGES {
            let page = self.log(vec![("from", from), ("take", PAGE.to_string())]).await?;
            tail.set_clock(self.transport.ahead());
            let (is_full, last) = (page.len() >= PAGE, page.last().and_then(|entry| entry["log_id"].as_str()));
            tail.position = last.filter(|_| is_full).map(str::to_owned);
            pages += usize::from(!self.is_mostly_ours(&page));
            changes.extend(self.take_page(tail, page));
            match tail.position.clone() {
                Some(position) => from = position,
                None => {
                    // A position older than what the tenant keeps of its log may be none any more.
                    let time = self.transport.tenants_time();
                    tail.newest = tail.newest.max(earlier(time, LONGEST_OUTAGE));
                    tail.ended(false, Duration::ZERO, time);
                    return Ok(tidings);
                }
            }
        }
        let time = self.transport.tenants_time();
        tidings.lag = Duration::try_from(time.duration_since(tail.newest)).unwrap_or_default();
        tail.ended(true, tidings.lag, time);
        Ok(tidings)
    }

    fn is_mostly_ours(&self, page: &[Value]) -> bool {
        let ours = page.iter().filter(|entry| entry["client_id"] == *self.facts.management_client);
        ours.count() * 2 > page.len()
    }

    async fn search_log(&self, tail: &mut Tail, changes: &mut Vec<Change>) -> Result<Tidings, Error> {
        let mut tidings = Tidings::default();
        let search = tail.search();
        for page in 0..SEARCH_PAGES {
            let query = vec![
                ("q", search.clone()),
                ("sort", "date:1".to_owned()),
                ("page", page.to_string()),
                ("per_page", PAGE.to_string()),
            ];
            let page = self.log(query).await?;
            let is_full = page.len() >= PAGE;
            changes.extend(self.take_page(tail, page));
            if !is_full {
                tail.ended(false, Duration::ZERO, self.transport.tenants_time());
                return Ok(tidings);
            }
        }
        tidings.needs_sweep = true;
        let time = self.transport.tenants_time();
        tail.skip(time);
        tail.ended(false, Duration::ZERO, time);
        Ok(tidings)
    }

    fn take_page(&self, tail: &mut Tail, page: Vec<Value>) -> Vec<Change> {
        tail.take(page, &self.facts.management_client, self.transport.nonces())
    }

    async fn log(&self, query: Vec<(&str, String)>) -> Result<Vec<Value>, Error> {
        let asker = Asker::operator(Cause::Wake);
        let tried = Tried { what: "read the tenant's log".to_owned(), noun: "log", is_secret: false };
        match self.fetch(vec!["logs"], query, tried, Way { asker: &asker, sent: &Sent::default() }).await? {
            Value::Array(entries) => Ok(entries),
            _ => Err(Error::Unavailable("the tenant's log is no list".to_owned())),
        }
    }
}

fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The position of a time: ids are `900`, the UTC time of ingestion to the millisecond, and 36 digits more (recorded).
fn position_of(time: Timestamp) -> String {
    format!("900{}{:03}{:036}", time.strftime("%Y%m%d%H%M%S"), time.subsec_millisecond(), 0)
}

/// The time of ingestion that an id tells.
fn time_of(id: &str) -> Option<Timestamp> {
    let digits = id.strip_prefix("900")?;
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let nanos = i32::from(number(14, 17)?) * 1_000_000;
    let time = jiff::civil::DateTime::new(
        number(0, 4)?,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        nanos,
    );
    Offset::UTC.to_timestamp(time.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_tells_its_time_and_a_time_its_position() {
        let time: Timestamp = "2026-11-24T11:22:33.456Z".parse().unwrap();
        let position = position_of(time);
        assert_eq!((position.len(), &position[..20]), (56, "90020261124112233456"));
        assert_eq!(time_of(&position), Some(time));
        assert_eq!(time_of("900x"), None);
    }

    fn entry(second: u32) -> Value {
        let id = format!("900202611241122{second:02}000{second:036}");
        json!({"log_id": id, "type": "sdu", "description": format!("user_id: {second}")})
    }

    fn tail() -> Tail {
        Tail::new("2026-11-24T11:22:00Z".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_overlap_says_nothing_twice() {
        let (mut tail, nonces) = (tail(), Nonces::new());
        let mut take = |seconds: &[u32]| {
            let page = seconds.iter().map(|second| entry(*second)).collect();
            tail.take(page, "operator", &nonces).len()
        };
        assert_eq!((take(&[10, 11]), take(&[10, 11, 12]), take(&[9])), (2, 1, 1));
        assert_eq!(tail.start(), position_of("2026-11-24T11:22:02Z".parse().unwrap()));
        assert!(tail.search().contains("date:[2026-11-24T11:20:12.000Z TO *]"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_taken_note_of_unless_it_tells_of_no_change() {
        let nonces = Nonces::new();
        for (case, unreadable, is_noted) in [
            ("a change", json!({"log_id": "1", "type": "sapi", "details": "cut"}), true),
            ("a login", json!({"log_id": "1", "type": "s", "details": "cut"}), false),
            ("of no type", json!({"log_id": "1", "details": "cut"}), true),
        ] {
            let mut tail = tail();
            let changes = tail.take(vec![unreadable, entry(10)], "operator", &nonces);
            assert_eq!((changes.len(), tail.met_unreadable), (1, is_noted), "{case}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_been_the_newest_for_long_is_not_read_again() {
        let mut tail = tail();
        tail.newest = "2026-11-24T11:22:12Z".parse().unwrap();
        tail.ended(false, Duration::ZERO, tail.newest);
        assert_eq!(tail.start(), position_of("2026-11-24T11:22:02Z".parse().unwrap()));
        tokio::time::advance(Duration::from_secs(15)).await;
        tail.ended(false, Duration::ZERO, tail.newest);
        assert_eq!(tail.start(), position_of(tail.newest));
        assert!(tail.search().contains("date:[2026-11-24T11:20:12.000Z TO *]"));
        tokio::time::advance(Duration::from_secs(120)).await;
        assert!(tail.search().contains("date:[2026-11-24T11:22:02.000Z TO *]"));
        tail.newest = "2026-11-24T11:30:00Z".parse().unwrap();
        assert_eq!(tail.start(), position_of("2026-11-24T11:29:50Z".parse().unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_that_was_cut_goes_on_from_the_sweep() {
        let mut tail = tail();
        tail.skip("2026-11-24T12:00:00Z".parse().unwrap());
        assert!(tail.search().contains("date:[2026-11-24T11:59:50.000Z TO *]"));
        tail.newest = "2026-11-24T12:30:00Z".parse().unwrap();
        assert!(tail.search().contains("date:[2026-11-24T12:28:00.000Z TO *]"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_grows_too_fast_is_searched_for_an_hour() {
        let mut tail = tail();
        let time = tail.newest;
        for _ in 0..2 {
            tail.ended(true, Duration::from_secs(5), time);
        }
        tail.ended(false, Duration::ZERO, time);
        assert!(!tail.is_searching());
        for _ in 0..3 {
            tail.ended(true, Duration::from_secs(5), time);
        }
        assert!(tail.is_searching());
        tokio::time::advance(SEARCH_FOR + Duration::from_secs(1)).await;
        tail.ended(false, Duration::ZERO, time);
        assert!(!tail.is_searching());
        tail.ended(true, Duration::from_secs(61), time);
        assert!(tail.is_searching());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_search_that_found_nothing_reading_goes_on_from_where_it_ended() {
        let mut tail = tail();
        tail.ended(true, Duration::from_secs(61), tail.newest);
        tokio::time::advance(SEARCH_FOR + Duration::from_secs(1)).await;
        tail.ended(false, Duration::ZERO, "2026-11-24T12:22:00Z".parse().unwrap());
        assert!(!tail.is_searching());
        assert_eq!(tail.start(), position_of("2026-11-24T12:19:50Z".parse().unwrap()));
        // What was found last is no reason to go back.
        tail.newest = "2026-11-24T12:21:00Z".parse().unwrap();
        tail.searching_since = Some(Instant::now());
        tokio::time::advance(SEARCH_FOR + Duration::from_secs(1)).await;
        tail.ended(false, Duration::ZERO, "2026-11-24T12:22:00Z".parse().unwrap());
        assert_eq!(tail.start(), position_of("2026-11-24T12:20:50Z".parse().unwrap()));
    }
}
