//! Who goes next, of all that wait for the same thing.

use std::collections::{BTreeMap, VecDeque};
use tokio::time::Instant;

/// Why a call is made, in the order in which calls are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Somebody changed, forced or deleted a resource.
    User,
    /// A resource has nothing in the tenant yet.
    Create,
    /// Something changed that the resource depends on, or its object in the tenant.
    Wake,
    /// An earlier attempt failed.
    Retry,
    /// Nobody asked: a look at how things are.
    Sweep,
}

impl Cause {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 5] = [Self::User, Self::Create, Self::Wake, Self::Retry, Self::Sweep];

    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Create => "create",
            Self::Wake => "wake",
            Self::Retry => "retry",
            Self::Sweep => "sweep",
        }
    }
}

/// For whom a call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Why.
    pub cause: Cause,
    /// The namespace of the resource; empty for the operator itself.
    pub namespace: String,
    /// Since when there is reason to ask: a read that was sent earlier may not show it.
    pub since: Instant,
}

impl Asker {
    /// The operator itself, on nobody's behalf.
    pub fn operator(cause: Cause) -> Self {
        Self { cause, namespace: String::new(), since: Instant::now() }
    }
}

/// Every so many turns the cause goes that has had no turn for longest: nobody waits for ever, and the many of one cause, however
/// long they have waited, do not hold up the few of another.
const TURNS_BY_CAUSE: u64 = 8;

/// Waiters in order of cause, in turn between namespaces, first come first served within one.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<Cause, Lanes<T>>,
    arrivals: u64,
    turns: u64,
    /// Which turn a cause had last.
    served: BTreeMap<Cause, u64>,
}

/// The waiters of one cause: a lane for each namespace, the one whose turn is next in front. No lane is empty.
#[derive(Debug)]
struct Lanes<T>(VecDeque<(String, VecDeque<(u64, T)>)>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), arrivals: 0, turns: 0, served: BTreeMap::new() }
    }
}

impl<T> Queue<T> {
    /// Somebody comes to wait.
    pub fn push(&mut self, asker: &Asker, waiter: T) {
        self.arrivals += 1;
        let arrived = (self.arrivals, waiter);
        let lanes = &mut self.waiting.entry(asker.cause).or_insert_with(|| Lanes(VecDeque::new())).0;
        match lanes.iter_mut().find(|(namespace, _)| *namespace == asker.namespace) {
            Some((_, lane)) => lane.push_back(arrived),
            None => lanes.push_back((asker.namespace.clone(), VecDeque::from([arrived]))),
        }
    }

    /// The cause of whoever goes next.
    pub(super) fn next_cause(&self) -> Option<Cause> {
        if (self.turns + 1).is_multiple_of(TURNS_BY_CAUSE) {
            self.waiting.keys().min_by_key(|cause| self.served.get(cause)).copied()
        } else {
            self.waiting.keys().next().copied()
        }
    }

    /// Lets the next one go.
    pub fn pop(&mut self) -> Option<T> {
        let cause = self.next_cause()?;
        self.turns += 1;
        self.served.insert(cause, self.turns);
        let lanes = self.waiting.get_mut(&cause)?;
        let (namespace, mut lane) = lanes.0.pop_front()?;
        let (_, waiter) = lane.pop_front()?;
        if !lane.is_empty() {
            lanes.0.push_back((namespace, lane));
        }
        if lanes.0.is_empty() {
            self.waiting.remove(&cause);
        }
        Some(waiter)
    }

    /// Moves all waiters out, by who asked for them, first come first.
    pub(super) fn drain(&mut self) -> Vec<(Asker, T)> {
        let mut all: Vec<_> = std::mem::take(&mut self.waiting)
            .into_iter()
            .flat_map(|(cause, lanes)| lanes.0.into_iter().map(move |(namespace, lane)| (cause, namespace, lane)))
            .flat_map(|(cause, namespace, lane)| {
                let asker = Asker { cause, namespace, since: Instant::now() };
                lane.into_iter().map(move |(at, waiter)| (at, asker.clone(), waiter))
            })
            .collect();
        all.sort_by_key(|(at, ..)| *at);
        all.into_iter().map(|(_, asker, waiter)| (asker, waiter)).collect()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.values().flat_map(|lanes| &lanes.0).map(|(_, lane)| lane.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asker(cause: Cause, namespace: &str) -> Asker {
        Asker { cause, namespace: namespace.to_owned(), since: Instant::now() }
    }

    fn order(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn people_go_first_and_sweeps_last() {
        let mut queue = Queue::default();
        for cause in [Cause::Sweep, Cause::Retry, Cause::Wake, Cause::Create, Cause::User] {
            queue.push(&asker(cause, "a"), cause.word());
        }
        assert_eq!(order(&mut queue), ["user", "create", "wake", "retry", "sweep"]);
    }

    #[test]
    fn a_namespace_with_many_waiters_does_not_hold_up_another() {
        let mut queue = Queue::default();
        for waiter in ["a1", "a2", "a3"] {
            queue.push(&asker(Cause::Create, "a"), waiter);
        }
        queue.push(&asker(Cause::Create, "b"), "b1");
        assert_eq!(order(&mut queue), ["a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut queue = Queue::default();
        queue.push(&asker(Cause::Sweep, ""), "sweep");
        let mut before = 0;
        loop {
            queue.push(&asker(Cause::User, "a"), "user");
            match queue.pop() {
                Some("sweep") => break,
                _ => before += 1,
            }
        }
        assert!(before < TURNS_BY_CAUSE, "{before} went before");
    }

    #[test]
    fn many_of_one_cause_do_not_hold_up_another_however_long_they_have_waited() {
        let mut queue = Queue::default();
        (0..12).for_each(|_| queue.push(&asker(Cause::Retry, "a"), "retry"));
        (0..100).for_each(|_| queue.push(&asker(Cause::User, "a"), "user"));
        queue.push(&asker(Cause::Wake, ""), "wake");
        let before = order(&mut queue).iter().position(|waiter| *waiter == "wake").unwrap();
        assert!(before < 2 * TURNS_BY_CAUSE as usize, "{before} went before");
    }

    proptest! {
        #[test]
        fn no_cause_waits_for_more_than_a_round_of_all_causes(
            arrivals in prop::collection::vec(prop::collection::vec((0..5_usize, 0..3_u8), 0..4), 1..300)
        ) {
            let mut queue = Queue::default();
            let (mut waiting, mut passed_over) = ([0; Cause::ALL.len()], [0; Cause::ALL.len()]);
            for arrivals in arrivals {
                for (cause, namespace) in arrivals {
                    queue.push(&asker(Cause::ALL[cause], &namespace.to_string()), cause);
                    waiting[cause] += 1;
                }
                let Some(next) = queue.pop() else { continue };
                waiting[next] -= 1;
                for cause in 0..Cause::ALL.len() {
                    passed_over[cause] = if cause == next || waiting[cause] == 0 { 0 } else { passed_over[cause] + 1 };
                    prop_assert!(passed_over[cause] < TURNS_BY_CAUSE * Cause::ALL.len() as u64, "{cause}");
                }
            }
        }

        #[test]
        fn everybody_gets_one_turn_and_a_more_urgent_one_is_passed_over_every_eighth_turn_only(
            askers in prop::collection::vec((0..5_usize, 0..3_u8), 1..60)
        ) {
            let mut queue = Queue::default();
            for (at, (cause, namespace)) in askers.iter().enumerate() {
                queue.push(&asker(Cause::ALL[*cause], &namespace.to_string()), at);
            }
            prop_assert_eq!(queue.len(), askers.len());
            let mut left: Vec<usize> = (0..askers.len()).collect();
            let mut turn = 0;
            while let Some(at) = queue.pop() {
                turn += 1;
                let most_urgent = left.iter().map(|at| askers[*at].0).min();
                prop_assert!(turn % TURNS_BY_CAUSE == 0 || Some(askers[at].0) == most_urgent);
                prop_assert!(left.contains(&at));
                left.retain(|other| *other != at);
            }
            prop_assert!(left.is_empty());
        }
    }
}
