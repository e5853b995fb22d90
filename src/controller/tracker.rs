//! What became of our writes to one object, path by path: where the tenant makes something else of them, and where somebody
//! keeps changing what we correct. Pure; the clock is an argument.

use crate::plan::{Call, Fields, ObjectKind, Plan, Reason, Refusal, Remote};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;

/// So often is a value written that the tenant changes.
const WRITES: u32 = 2;

/// So many corrections of a path within [`WINDOW`] are a contest.
const CORRECTIONS: usize = 3;

/// How long a correction counts, how long a value has to be right for the contest to be over, and the longest pause.
const WINDOW: Duration = Duration::from_secs(3600);

/// The pause before the next correction when a contest begins; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(300);

/// The history of one object. It begins anew with every spec, and when a pass is forced.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    generation: i64,
    tracks: BTreeMap<(ObjectKind, String), Track>,
}

/// The history of one path.
#[derive(Debug, Default)]
struct Track {
    /// How often in a row the answer to our write showed something else than we wrote.
    unmet: u32,
    /// When we corrected it, no longer ago than the window.
    corrected: Vec<Instant>,
    contest: Option<Contest>,
}

#[derive(Debug)]
struct Contest {
    /// No correction before.
    next: Instant,
    /// The pause that ends then.
    pause: Duration,
    /// Since when the value has been right, as far as we saw.
    right_since: Option<Instant>,
    /// The client that changed it, when that is known.
    foreign: Option<String>,
}

impl Tracker {
    /// A pass begins.
    pub(super) fn begin(&mut self, generation: i64, is_forced: bool) {
        if is_forced || self.generation != generation {
            *self = Self { generation, tracks: BTreeMap::new() };
        }
    }

    /// Takes out of a plan what is not to be written now, and says so.
    pub(super) fn judge(&mut self, plan: &mut Plan, remote: &Remote, now: Instant) {
        self.look(&plan.calls, remote, now);
        let mut withheld = BTreeSet::new();
        let calls = std::mem::take(&mut plan.calls).into_iter().filter_map(|call| {
            let have = remote.before(&call);
            // What is not known cannot be left as it is.
            if have.is_empty() && matches!(call, Call::Update { .. }) {
                return Some(call);
            }
            let is_left = |path: &String| self.track(&call, path).is_some_and(|track| track.is_left(now));
            let left: BTreeSet<_> = call.changes(&have).into_iter().filter(is_left).collect();
            withheld.extend(left.iter().map(|path| (call.kind(), path.clone())));
            if left.is_empty() { Some(call) } else { call.leaving(&left, &have) }
        });
        plan.calls = calls.collect();
        plan.drift = plan.drift.take().or_else(|| self.contested()).or_else(|| self.normalised(&withheld));
    }

    /// Takes note of which paths are right.
    fn look(&mut self, calls: &[Call], remote: &Remote, now: Instant) {
        let changes = calls
            .iter()
            .flat_map(|call| call.changes(&remote.before(call)).into_iter().map(|path| (call.kind(), path)));
        let wrong: BTreeSet<_> = changes.collect();
        self.tracks.retain(|key, track| {
            track.corrected.retain(|at| now.saturating_duration_since(*at) < WINDOW);
            if wrong.contains(key) {
                if let Some(contest) = &mut track.contest {
                    contest.right_since = None;
                }
                return true;
            }
            track.unmet = 0;
            if let Some(contest) = &mut track.contest {
                let since = *contest.right_since.get_or_insert(now);
                return now.saturating_duration_since(since) < WINDOW;
            }
            !track.corrected.is_empty()
        });
    }

    /// A call was carried out: `have` is the object before, `answer` after it. Gives whether there is something new to say.
    pub(super) fn wrote(&mut self, call: &Call, have: &Fields, answer: &Fields) -> bool {
        let unmet = call.unmet(have, answer);
        for path in &unmet {
            self.tracks.entry((call.kind(), path.clone())).or_default().unmet += 1;
        }
        !unmet.is_empty()
    }

    /// The call was a correction by a plan of `now`, of what `foreign` did where that is known. Gives whether there is something
    /// new to say.
    pub(super) fn corrected(&mut self, call: &Call, have: &Fields, foreign: Option<&str>, now: Instant) -> bool {
        let mut is_new = false;
        for path in call.changes(have) {
            let track = self.tracks.entry((call.kind(), path)).or_default();
            // Many clients of a connection are more than one call.
            if track.corrected.last() == Some(&now) {
                continue;
            }
            track.corrected.push(now);
            let (pause, is_first) = match &track.contest {
                Some(contest) => ((contest.pause * 2).min(WINDOW), false),
                None if track.corrected.len() >= CORRECTIONS => (FIRST_PAUSE, true),
                None => continue,
            };
            is_new |= is_first;
            track.contest =
                Some(Contest { next: now + pause, pause, right_since: Some(now), foreign: foreign.map(str::to_owned) });
        }
        is_new
    }

    /// Whether a difference in all of what a call changes is the tenant's own doing.
    pub(super) fn is_own_doing(&self, call: &Call, have: &Fields) -> bool {
        let changes = call.changes(have);
        !changes.is_empty() && changes.iter().all(|path| self.track(call, path).is_some_and(|track| track.unmet > 0))
    }

    /// How long until the next correction that waits, or until a contest is over.
    pub(super) fn due(&self, now: Instant) -> Option<Duration> {
        let contests = self.tracks.values().filter_map(|track| track.contest.as_ref());
        let at = contests.map(|contest| contest.right_since.map_or(contest.next, |since| since + WINDOW)).min()?;
        Some(at.saturating_duration_since(now).max(Duration::from_secs(1)))
    }

    fn track(&self, call: &Call, path: &str) -> Option<&Track> {
        self.tracks.get(&(call.kind(), path.to_owned()))
    }

    fn contested(&self) -> Option<Refusal> {
        let contests = || self.tracks.iter().filter_map(|(key, track)| Some((key, track.contest.as_ref()?)));
        let paths = words(contests().map(|(key, _)| key))?;
        let foreign: BTreeSet<_> = contests().filter_map(|(_, contest)| contest.foreign.as_deref()).collect();
        let who = match foreign.into_iter().collect::<Vec<_>>().as_slice() {
            [] => "somebody else".to_owned(),
            [client] => format!("the client {client}"),
            clients => format!("the clients {}", clients.join(", ")),
        };
        let message = format!(
            "{who} keeps changing {paths}, so the operator waits longer and longer before it corrects that again; end the other changes in the tenant, or leave the field out of the spec"
        );
        Some(Refusal::new(Reason::Contested, message))
    }

    fn normalised(&self, withheld: &BTreeSet<(ObjectKind, String)>) -> Option<Refusal> {
        let paths = words(withheld.iter().filter(|key| self.tracks.get(key).is_some_and(Track::is_normalised)))?;
        let message = format!(
            "the tenant makes something else of {paths} than the spec says, so the operator writes it no more; write it as the tenant shows it, or leave it out"
        );
        Some(Refusal::new(Reason::NormalizedByTenant, message))
    }
}

impl Track {
    fn is_normalised(&self) -> bool {
        self.unmet >= WRITES
    }

    fn is_left(&self, now: Instant) -> bool {
        self.is_normalised() || self.contest.as_ref().is_some_and(|contest| now < contest.next)
    }
}

/// Paths, each with the kind of its object; `None` when there are none.
fn words<'a>(paths: impl Iterator<Item = &'a (ObjectKind, String)>) -> Option<String> {
    let words: Vec<_> = paths.map(|(kind, path)| format!("{path} of the {}", kind.noun())).collect();
    (!words.is_empty()).then(|| words.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Read;
    use proptest::prelude::*;
    use serde_json::json;

    const MINUTE: Duration = Duration::from_secs(60);

    /// An API whose token lifetime the spec wants at 3600, and the passes over it.
    struct House {
        tracker: Tracker,
        now: Instant,
        lifetime: i64,
        /// What the tenant makes of our value.
        makes: i64,
        /// When we wrote.
        writes: Vec<Instant>,
    }

    impl House {
        fn new() -> Self {
            Self { tracker: Tracker::default(), now: Instant::now(), lifetime: 3600, makes: 3600, writes: vec![] }
        }

        fn remote(&self) -> (Fields, Remote) {
            let have: Fields = [("token_lifetime".to_owned(), self.lifetime.into())].into_iter().collect();
            let mut remote = Remote::default();
            remote.insert(Read::Get(ObjectKind::ResourceServer, "rs1".into()), vec![have.clone()]);
            (have, remote)
        }

        fn plan(&mut self) -> (Plan, Fields) {
            let (have, remote) = self.remote();
            let body: Fields = [("token_lifetime".to_owned(), 3600.into())].into_iter().collect();
            let update = Call::Update { kind: ObjectKind::ResourceServer, id: "rs1".into(), body: body.into() };
            let calls = if self.lifetime == 3600 { vec![] } else { vec![update] };
            let mut plan = Plan { calls, ..Plan::default() };
            self.tracker.judge(&mut plan, &remote, self.now);
            (plan, have)
        }

        /// One pass, as `Pass::apply` makes it; gives what is said at its end.
        fn pass(&mut self) -> Option<Reason> {
            loop {
                let (plan, have) = self.plan();
                let mut is_news = false;
                for call in &plan.calls {
                    let is_correction = !self.tracker.is_own_doing(call, &have);
                    self.lifetime = self.makes;
                    self.writes.push(self.now);
                    is_news |= self.tracker.wrote(call, &have, &self.remote().0);
                    is_news |= is_correction && self.tracker.corrected(call, &have, None, self.now);
                }
                if !is_news {
                    return plan.drift.map(|drift| drift.reason);
                }
            }
        }

        /// Somebody changes the tenant so much later, and we look at once.
        fn foreign(&mut self, after: Duration) -> Option<Reason> {
            self.now += after;
            self.lifetime = 60;
            self.pass()
        }

        fn look(&mut self, after: Duration) -> Option<Reason> {
            self.now += after;
            self.pass()
        }
    }

    #[test]
    fn a_value_that_the_tenant_changes_is_written_twice() {
        let mut house = House { makes: 7200, lifetime: 86_400, ..House::new() };
        for _ in 0..5 {
            assert_eq!(house.look(10 * MINUTE), Some(Reason::NormalizedByTenant));
        }
        assert_eq!(house.writes.len(), 2);

        house.tracker.begin(0, true);
        assert_eq!(house.look(MINUTE), Some(Reason::NormalizedByTenant), "forced");
        assert_eq!(house.writes.len(), 4);
        house.tracker.begin(1, false);
        house.makes = 3600;
        assert_eq!(house.look(MINUTE), None, "another spec, which the tenant takes");
        house.lifetime = 60;
        assert_eq!(house.look(MINUTE), None);
        assert_eq!(house.lifetime, 3600);
    }

    #[test]
    fn the_third_correction_in_an_hour_is_the_last_for_a_while() {
        let mut house = House::new();
        assert_eq!(house.foreign(MINUTE), None);
        assert_eq!(house.foreign(MINUTE), None);
        assert_eq!(house.foreign(MINUTE), Some(Reason::Contested));
        assert_eq!((house.writes.len(), house.lifetime), (3, 3600));
        assert_eq!(house.tracker.due(house.now), Some(WINDOW), "it may be over then");

        assert_eq!(house.foreign(MINUTE), Some(Reason::Contested));
        assert_eq!((house.writes.len(), house.lifetime), (3, 60), "left as it is");
        assert_eq!(house.tracker.due(house.now), Some(4 * MINUTE));
        for (case, pause) in
            [("5 min", 4), ("10 min", 10), ("20 min", 20), ("40 min", 40), ("an hour", 60), ("an hour", 60)]
        {
            let writes = house.writes.len();
            house.foreign(pause * MINUTE - Duration::from_secs(1));
            assert_eq!(house.writes.len(), writes, "before {case}");
            assert_eq!(house.look(Duration::from_secs(1)), Some(Reason::Contested));
            assert_eq!((house.writes.len(), house.lifetime), (writes + 1, 3600), "after {case}");
        }
    }

    #[test]
    fn corrections_further_apart_are_no_contest() {
        let mut house = House::new();
        for _ in 0..6 {
            assert_eq!(house.foreign(31 * MINUTE), None);
        }
        assert_eq!(house.writes.len(), 6);
    }

    #[test]
    fn a_value_that_was_right_for_an_hour_ends_the_contest() {
        let mut house = House::new();
        for _ in 0..3 {
            house.foreign(MINUTE);
        }
        assert_eq!(house.look(59 * MINUTE), Some(Reason::Contested));
        assert_eq!(house.look(MINUTE), None);
        assert_eq!(house.foreign(MINUTE), None);
        assert_eq!((house.writes.len(), house.tracker.due(house.now)), (4, None));
    }

    #[test]
    fn a_wrong_value_begins_the_hour_anew_also_when_it_is_put_right_elsewhere() {
        let mut house = House::new();
        for _ in 0..3 {
            house.foreign(MINUTE);
        }
        house.foreign(2 * MINUTE);
        house.lifetime = 3600;
        assert_eq!(house.look(MINUTE), Some(Reason::Contested));
        assert_eq!(house.look(59 * MINUTE), Some(Reason::Contested));
        assert_eq!(house.look(MINUTE), None);
        assert_eq!(house.writes.len(), 3);
    }

    #[test]
    fn the_message_names_paths_and_the_client_where_it_is_known() {
        let body: Fields = [("token_lifetime".to_owned(), 3600.into())].into_iter().collect();
        let update = Call::Update { kind: ObjectKind::ResourceServer, id: "rs1".into(), body: body.into() };
        for (foreign, who) in [(None, "somebody else keeps"), (Some("abc"), "the client abc keeps")] {
            let (mut tracker, now) = (Tracker::default(), Instant::now());
            for minute in 0..3 {
                tracker.corrected(&update, &Fields::new(), foreign, now + minute * MINUTE);
            }
            let message = tracker.contested().unwrap().message;
            assert!(message.starts_with(&format!("{who} changing token_lifetime of the API, so")), "{message}");
        }
    }

    #[test]
    fn what_is_left_of_one_object_does_not_hold_up_the_rest() {
        let body: Fields = json!({"token_lifetime": 3600, "name": "x"}).as_object().unwrap().clone();
        let update = Call::Update { kind: ObjectKind::ResourceServer, id: "rs1".into(), body: body.into() };
        let mut house = House { makes: 7200, lifetime: 86_400, ..House::new() };
        house.look(MINUTE);
        let mut plan = Plan { calls: vec![update], ..Plan::default() };
        house.tracker.judge(&mut plan, &house.remote().1, house.now);
        assert_eq!(plan.calls[0].summary(&Fields::new()), "update name of the API rs1");
    }

    proptest! {
        #[test]
        fn nobody_makes_us_write_without_end(steps in prop::collection::vec((0..90_u32, any::<bool>()), 1..60)) {
            let mut house = House::new();
            for (minutes, is_foreign) in steps {
                let after = minutes * MINUTE + Duration::from_secs(1);
                if is_foreign { house.foreign(after) } else { house.look(after) };
            }
            // Three corrections, and then those after 5, 10, 20 and 40 minutes at the most.
            for (index, from) in house.writes.iter().enumerate() {
                let within = house.writes[index..].iter().filter(|at| at.saturating_duration_since(*from) < WINDOW);
                prop_assert!(within.count() <= CORRECTIONS + 4);
            }
        }

        #[test]
        fn a_tenant_that_changes_everything_is_written_to_twice(minutes in prop::collection::vec(0..90_u32, 1..30)) {
            let mut house = House { makes: 7200, lifetime: 86_400, ..House::new() };
            for minutes in minutes {
                prop_assert_eq!(house.look(minutes * MINUTE), Some(Reason::NormalizedByTenant));
            }
            prop_assert_eq!(house.writes.len(), 2);
        }
    }
}
