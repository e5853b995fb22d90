//! The gate that every call to a tenant passes: whoever is most urgent goes first, and nobody before the tenant lets us.

use super::{
    limits::{Bucket, Group, Turn},
    queue::{Asker, Queue},
    standing::Standing,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// What of a plan's rate is ours when nothing else is said; the rest is left to others.
pub const DEFAULT_SHARE: f64 = 0.8;

/// One for a tenant.
#[derive(Debug)]
pub(super) struct Gate {
    /// A `std` mutex: never held across an `.await`.
    state: Mutex<State>,
    itself: Weak<Gate>,
}

#[derive(Debug)]
struct State {
    /// By group; under `None` the bucket that all share, until answers of two groups show different limits.
    lanes: BTreeMap<Option<Group>, Lane>,
    is_split: bool,
    /// The limit that the last answer of a group showed.
    limits: BTreeMap<Group, u32>,
    /// Calls without an answer yet.
    in_flight: BTreeMap<Group, u32>,
    share: f64,
}

/// A bucket and those who wait for it.
#[derive(Debug, Default)]
struct Lane {
    bucket: Bucket,
    waiting: Queue<Waiter>,
    /// When a timer will look at this lane again.
    looks_at: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    group: Group,
    go: oneshot::Sender<Ticket>,
}

/// Leave for one call. What comes of the call goes back to the gate by it.
#[derive(Debug)]
pub(super) struct Ticket {
    gate: Arc<Gate>,
    group: Group,
    heard: Heard,
}

/// What came of a call.
#[derive(Clone, Copy, Debug)]
enum Heard {
    /// An answer of the tenant, and what its headers say.
    Answer(Option<Standing>),
    /// 429, and how long it asks to wait.
    Refusal(Duration),
    /// Nothing that speaks of limits.
    Nothing,
}

impl Gate {
    pub(super) fn new() -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            state: Mutex::new(State {
                lanes: BTreeMap::new(),
                is_split: false,
                limits: BTreeMap::new(),
                in_flight: BTreeMap::new(),
                share: DEFAULT_SHARE,
            }),
            itself: itself.clone(),
        })
    }

    /// Our part of the plan's rate, over 0 and up to 1.
    pub(super) fn set_share(&self, share: f64) {
        self.state().share = share.clamp(0.01, 1.0);
    }

    /// Waits for leave.
    pub(super) async fn enter(&self, group: Group, asker: &Asker) -> Ticket {
        loop {
            let (go, gone) = oneshot::channel();
            self.state().lane(group).waiting.push(asker, Waiter { group, go });
            self.look(group);
            // The gate drops no waiter, so there is no second turn of this loop.
            if let Ok(ticket) = gone.await {
                return ticket;
            }
        }
    }

    /// How many wait.
    pub(super) fn queued(&self) -> usize {
        self.state().lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// What we may take at once, by the group's word; nothing for buckets without a limit.
    pub(super) fn levels(&self) -> Vec<(&'static str, f64)> {
        let (mut state, now) = (self.state(), Instant::now());
        let share = state.share;
        let levels = state.lanes.iter_mut().filter_map(|(group, lane)| Some((*group, lane.bucket.level(share, now)?)));
        levels.map(|(group, level)| (group.map_or("all", Group::word), level)).collect()
    }

    /// The time in which one call's worth flows into the bucket of a group.
    pub(super) fn interval(&self, group: Group) -> Duration {
        let mut state = self.state();
        let share = state.share;
        state.lane(group).bucket.interval(share)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go who may, and comes back when the next one may.
    fn look(&self, group: Group) {
        let Some(gate) = self.itself.upgrade() else { return };
        let now = Instant::now();
        // Dropped after the lock, which they take.
        let mut unwanted = vec![];
        let mut state = self.state();
        let share = state.share;
        let mut in_flight = state.in_flight_beside(group);
        while let Some(cause) = state.lane(group).waiting.next_cause() {
            let lane = state.lane(group);
            match lane.bucket.turn(cause, in_flight, share, now) {
                Turn::Now => {
                    let Some(Waiter { group, go }) = lane.waiting.pop() else { break };
                    let ticket = Ticket { gate: gate.clone(), group, heard: Heard::Nothing };
                    *state.in_flight.entry(group).or_default() += 1;
                    in_flight += 1;
                    match go.send(ticket) {
                        Ok(()) => state.lane(group).bucket.take(),
                        Err(ticket) => unwanted.push(ticket),
                    }
                }
                Turn::AfterAnswer => break,
                Turn::At(at) => {
                    if lane.looks_at.is_none_or(|other| other > at || other <= now) {
                        lane.looks_at = Some(at);
                        let gate = self.itself.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep_until(at).await;
                            if let Some(gate) = gate.upgrade() {
                                gate.look(group);
                            }
                        });
                    }
                    break;
                }
            }
        }
        drop(state);
    }

    fn ended(&self, group: Group, heard: Heard) {
        let mut state = self.state();
        let flying = state.in_flight.entry(group).or_default();
        *flying = flying.saturating_sub(1);
        let now = Instant::now();
        let is_new_plan = matches!(heard, Heard::Answer(Some(standing)) if state.learn_plan(group, standing));
        let in_flight = state.in_flight_beside(group);
        let bucket_of = state.is_split.then_some(group);
        let bucket = &mut state.lane(group).bucket;
        match heard {
            Heard::Answer(standing) => bucket.learn(standing, bucket_of, in_flight, now),
            Heard::Refusal(wait) => bucket.close_for(wait, now),
            Heard::Nothing => {}
        }
        drop(state);
        let touched = if is_new_plan { Group::ALL.to_vec() } else { vec![group] };
        touched.into_iter().for_each(|group| self.look(group));
    }
}

impl State {
    fn lane(&mut self, group: Group) -> &mut Lane {
        self.lanes.entry(self.is_split.then_some(group)).or_default()
    }

    /// Calls without an answer that go to the same bucket.
    fn in_flight_beside(&self, group: Group) -> u32 {
        self.in_flight.iter().filter(|(other, _)| !self.is_split || **other == group).map(|(_, count)| count).sum()
    }

    /// Finds out whether groups have buckets of their own: at first they are taken to share one, which is careful. Gives whether
    /// that is otherwise than it was thought to be.
    fn learn_plan(&mut self, group: Group, standing: Standing) -> bool {
        self.limits.insert(group, standing.limit);
        let is_split = self.limits.values().any(|limit| *limit != standing.limit);
        if is_split == self.is_split {
            return false;
        }
        self.is_split = is_split;
        let old = std::mem::take(&mut self.lanes);
        // Who was asked to wait waits on.
        let closed_until = old.values().filter_map(|lane| lane.bucket.closed_until()).max();
        for (asker, waiter) in old.into_values().flat_map(|mut lane| lane.waiting.drain()) {
            self.lane(waiter.group).waiting.push(&asker, waiter);
        }
        if let Some(until) = closed_until {
            Group::ALL.into_iter().for_each(|group| self.lane(group).bucket.close_until(until));
        }
        true
    }
}

impl Ticket {
    /// The tenant answered; `None` when the answer says nothing of limits.
    pub(super) fn answered(mut self, standing: Option<Standing>) {
        self.heard = Heard::Answer(standing);
    }

    /// The tenant asks to wait.
    pub(super) fn refused(mut self, wait: Duration) {
        self.heard = Heard::Refusal(wait);
    }
}

/// However a call ends, it is no longer in flight.
impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.ended(self.group, self.heard);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::queue::Cause, *};

    fn standing(limit: u32, remaining: u32) -> Option<Standing> {
        Some(Standing { limit, remaining, full_in: 0 })
    }

    async fn enter(gate: &Arc<Gate>, group: Group, cause: Cause, namespace: &str) -> Ticket {
        gate.enter(group, &Asker { cause, namespace: namespace.to_owned(), since: Instant::now() }).await
    }

    /// A gate that knows the limit of all, with nothing left.
    async fn empty(limit: u32) -> Arc<Gate> {
        let gate = Gate::new();
        enter(&gate, Group::Other, Cause::User, "a").await.answered(standing(limit, 0));
        gate
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_where_nothing_is_limited() {
        let gate = Gate::new();
        enter(&gate, Group::Other, Cause::User, "a").await.answered(None);
        let tickets =
            futures::future::join_all((0..100).map(|_| enter(&gate, Group::ReadUsers, Cause::Sweep, ""))).await;
        assert_eq!((tickets.len(), gate.queued()), (100, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn until_the_first_answer_one_call_is_under_way() {
        let gate = Gate::new();
        let first = enter(&gate, Group::Other, Cause::User, "a").await;
        let mut second = std::pin::pin!(enter(&gate, Group::WriteUsers, Cause::User, "a"));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures::poll!(&mut second).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_go_at_our_share_of_the_rate_the_most_urgent_first() {
        let gate = empty(2).await;
        let began = Instant::now();
        let order = Mutex::new(vec![]);
        let call = |cause: Cause| {
            let (gate, order) = (&gate, &order);
            async move {
                enter(gate, Group::Other, cause, "a").await.answered(standing(2, 2));
                order.lock().unwrap().push((cause, began.elapsed().as_millis() / 10));
            }
        };
        let calls = [Cause::Retry, Cause::Wake, Cause::Create, Cause::User].map(call);
        futures::future::join_all(calls).await;
        // 1.6 a second: one each 625 ms.
        let order = order.into_inner().unwrap();
        assert_eq!(order, [(Cause::User, 62), (Cause::Create, 125), (Cause::Wake, 187), (Cause::Retry, 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn groups_with_other_limits_have_buckets_of_their_own() {
        let gate = empty(10).await;
        let mut other = std::pin::pin!(enter(&gate, Group::Other, Cause::User, "a"));
        assert!(futures::poll!(&mut other).is_pending());
        enter(&gate, Group::WriteUsers, Cause::User, "a").await.answered(standing(20, 19));
        // From now on users are written at once, whatever waits for the rest.
        let began = Instant::now();
        for left in (0..19).rev() {
            enter(&gate, Group::WriteUsers, Cause::Create, "a").await.answered(standing(20, left));
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        other.await.answered(standing(10, 9));
        assert_eq!(gate.levels().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_stops_what_waits_for_the_same_bucket() {
        let gate = empty(50).await;
        let began = Instant::now();
        enter(&gate, Group::Other, Cause::User, "a").await.refused(Duration::from_secs(30));
        enter(&gate, Group::ReadUsers, Cause::User, "a").await.answered(standing(50, 49));
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_holds_while_the_plan_is_found_out() {
        let gate = empty(10).await;
        let refused = enter(&gate, Group::WriteUsers, Cause::User, "a").await;
        let other = enter(&gate, Group::ReadUsers, Cause::User, "a").await;
        let began = Instant::now();
        refused.refused(Duration::from_secs(30));
        // Only now it shows that there are several buckets.
        other.answered(standing(40, 39));
        enter(&gate, Group::WriteUsers, Cause::User, "a").await;
        assert_eq!(began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_nothing() {
        let gate = empty(2).await;
        {
            let mut gives_up = std::pin::pin!(enter(&gate, Group::Other, Cause::User, "a"));
            assert!(futures::poll!(&mut gives_up).is_pending());
        }
        let began = Instant::now();
        enter(&gate, Group::Other, Cause::Sweep, "").await;
        // Two calls' worth, since a sweep leaves one.
        assert_eq!(began.elapsed().as_millis() / 10, 125);
        assert_eq!(gate.queued(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_edit_during_a_sweep_waits_for_nobody() {
        let gate = Gate::new();
        enter(&gate, Group::Other, Cause::User, "a").await.answered(standing(2, 1));
        let sweep = async {
            loop {
                enter(&gate, Group::Other, Cause::Sweep, "").await.answered(standing(2, 1));
            }
        };
        let edit = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let began = Instant::now();
            enter(&gate, Group::Other, Cause::User, "a").await;
            began.elapsed()
        };
        let waited = tokio::select! { () = sweep => unreachable!(), waited = edit => waited };
        assert_eq!(waited, Duration::ZERO);
    }
}
