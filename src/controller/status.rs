//! What stands in a status after a pass. Pure; the one place that writes conditions.
//!
//! The contract: `Ready` is always there; `Reconciling` and `Stalled` stand only while True, never both, neither beside
//! Ready=True; `observedGeneration` advances only with a verdict (Ready or Stalled) and then stands in every condition.

use super::kind::Kind;
use crate::{
    crd::CommonStatus,
    plan::{Class, Managed, Reason, Refusal},
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

pub(super) const READY: &str = "Ready";
const RECONCILING: &str = "Reconciling";
pub(super) const STALLED: &str = "Stalled";
const DRIFTED: &str = "Drifted";

/// The conditions of a status and the generation that they are a verdict on.
pub(super) struct Verdicts<'a> {
    pub(super) conditions: &'a mut Vec<Condition>,
    pub(super) observed_generation: &'a mut Option<i64>,
}

impl<'a> Verdicts<'a> {
    pub(super) fn of(common: &'a mut CommonStatus) -> Self {
        Self { conditions: &mut common.conditions, observed_generation: &mut common.observed_generation }
    }

    /// Takes note of what others changed in the tenant and we leave alone; `None`: nothing.
    pub(super) fn drifted(&mut self, drift: Option<&Refusal>, generation: i64, now: Timestamp) {
        match drift {
            Some(drift) => self.set(DRIFTED, true, drift, Some(generation), now),
            None => self.remove(DRIFTED),
        }
    }

    /// Takes note of how a pass over `generation` ended.
    pub(super) fn end(&mut self, outcome: &Refusal, generation: i64, now: Timestamp) {
        let ready = self.conditions.iter().find(|condition| condition.type_ == READY);
        let was_ready = ready.is_some_and(|ready| ready.status == "True");
        let is_refused = is_true(self.conditions, STALLED) && *self.observed_generation == Some(generation);
        let is_earned = was_ready && *self.observed_generation == Some(generation);
        match outcome.reason.class() {
            // Nor does it take away what stands against the spec.
            Class::Troubled if is_earned || is_refused => {}
            Class::Done => self.verdict(true, None, outcome, generation, now),
            Class::Stalled => self.verdict(false, Some(STALLED), outcome, generation, now),
            Class::Waiting | Class::Troubled => self.wait(outcome, generation, now),
            Class::Suspended => {
                let judged = ready.and_then(|ready| ready.observed_generation);
                self.remove(STALLED);
                self.remove(RECONCILING);
                self.set(READY, was_ready, outcome, judged.or(Some(generation)), now);
            }
        }
    }

    /// The same for an Auth0Tenant, whose Ready means that a token can be had: credentials that do not work take it away.
    pub(super) fn end_tenant(&mut self, outcome: &Refusal, generation: i64, now: Timestamp) {
        match outcome.reason {
            Reason::CredentialsInvalid => self.wait(outcome, generation, now),
            _ => self.end(outcome, generation, now),
        }
    }

    fn wait(&mut self, outcome: &Refusal, generation: i64, now: Timestamp) {
        self.remove(STALLED);
        self.set(READY, false, outcome, Some(generation), now);
        self.set(RECONCILING, true, outcome, Some(generation), now);
    }

    fn verdict(&mut self, is_ready: bool, beside: Option<&str>, outcome: &Refusal, generation: i64, now: Timestamp) {
        self.remove(RECONCILING);
        self.set(READY, is_ready, outcome, Some(generation), now);
        match beside {
            Some(beside) => self.set(beside, true, outcome, Some(generation), now),
            None => self.remove(STALLED),
        }
        for condition in self.conditions.iter_mut() {
            condition.observed_generation = Some(generation);
        }
        *self.observed_generation = Some(generation);
    }

    fn remove(&mut self, type_: &str) {
        self.conditions.retain(|condition| condition.type_ != type_);
    }

    fn set(&mut self, type_: &str, is_true: bool, outcome: &Refusal, observed_generation: Option<i64>, now: Timestamp) {
        let status = if is_true { "True" } else { "False" };
        let old = self.conditions.iter().find(|condition| condition.type_ == type_);
        let since = old.filter(|old| old.status == status).map_or(Time(now), |old| old.last_transition_time.clone());
        let new = Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: outcome.reason.to_string(),
            message: outcome.message.clone(),
            observed_generation,
            last_transition_time: since,
        };
        match self.conditions.iter_mut().find(|condition| condition.type_ == type_) {
            Some(old) => *old = new,
            None => self.conditions.push(new),
        }
    }
}

/// The conditions of a kind's status.
pub(super) fn conditions_of<K: Kind>(status: &<K::Wish as Managed>::Status) -> &[Condition] {
    &K::Wish::common(status).conditions
}

/// The reason of the condition `Ready`, as text.
pub(super) fn ready_reason(conditions: &[Condition]) -> Option<&str> {
    conditions.iter().find(|condition| condition.type_ == READY).map(|ready| ready.reason.as_str())
}

/// Whether a condition is there and True.
pub(super) fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}

/// Whether a change of conditions is worth an event: the reason of Ready is another, and not just a step of our work.
pub(super) fn is_transition(old: &[Condition], new: &[Condition], reason: Reason) -> bool {
    ready_reason(old) != ready_reason(new)
        && !reason.is_step()
        && ready_reason(new) == Some(reason.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a pass can end with.
    fn outcomes() -> Vec<Reason> {
        Reason::ALL.into_iter().filter(|reason| !reason.is_drift()).collect()
    }

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Status {
        conditions: Vec<Condition>,
        observed_generation: Option<i64>,
    }

    impl Status {
        fn after(mut self, reason: Reason, generation: i64, seconds: i64) -> Self {
            let now = Timestamp::from_second(seconds).unwrap();
            let mut verdicts =
                Verdicts { conditions: &mut self.conditions, observed_generation: &mut self.observed_generation };
            verdicts.end(&Refusal::new(reason, format!("because of {reason}")), generation, now);
            self
        }

        fn condition(&self, type_: &str) -> Option<&Condition> {
            self.conditions.iter().find(|condition| condition.type_ == type_)
        }

        fn is_true(&self, type_: &str) -> bool {
            is_true(&self.conditions, type_)
        }
    }

    #[test]
    fn trouble_with_the_tenant_never_takes_away_a_ready_that_was_earned() {
        let ready = Status::default().after(Reason::Available, 1, 0);
        for reason in outcomes().into_iter().filter(|reason| reason.class() == Class::Troubled) {
            assert_eq!(ready.clone().after(reason, 1, 9), ready, "{reason}");
            assert!(!ready.clone().after(reason, 2, 9).is_true(READY), "{reason} while a new generation waits");
        }
    }

    #[test]
    fn credentials_that_do_not_work_unready_their_tenant() {
        let mut tenant = Status::default().after(Reason::Available, 1, 0);
        let mut verdicts =
            Verdicts { conditions: &mut tenant.conditions, observed_generation: &mut tenant.observed_generation };
        verdicts.end_tenant(&Refusal::new(Reason::CredentialsInvalid, "no"), 1, Timestamp::from_second(9).unwrap());
        assert!(!tenant.is_true(READY) && tenant.is_true(RECONCILING));
    }

    #[test]
    fn the_same_outcome_later_is_the_same_status() {
        for reason in outcomes() {
            let once = Status::default().after(reason, 1, 0);
            assert_eq!(once.clone().after(reason, 1, 9), once, "{reason}");
        }
    }

    #[test]
    fn a_suspended_object_keeps_what_was_said_of_it() {
        let suspended = Status::default().after(Reason::Available, 1, 0).after(Reason::Suspended, 2, 9);
        let ready = suspended.condition(READY).unwrap();
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str(), ready.observed_generation),
            ("True", "Suspended", Some(1))
        );
        assert_eq!(suspended.observed_generation, Some(1));
        let never = Status::default().after(Reason::Suspended, 1, 0);
        assert!(!never.is_true(READY));
    }

    proptest! {
        #[test]
        fn every_status_obeys_the_contract(passes in prop::collection::vec((prop::sample::select(outcomes()), 0..2_i64), 1..12)) {
            let (mut status, mut generation) = (Status::default(), 1);
            for (second, (reason, step)) in passes.into_iter().enumerate() {
                generation += step;
                status = status.after(reason, generation, second as i64);
                let ready = status.condition(READY).expect("Ready is always there");
                let (reconciling, stalled) = (status.is_true(RECONCILING), status.is_true(STALLED));
                prop_assert!(!(reconciling && stalled));
                prop_assert!(!(status.is_true(READY) && (reconciling || stalled)));
                prop_assert!(status.conditions.iter().all(|condition| condition.type_ == READY || condition.status == "True"));
                prop_assert!(status.observed_generation.unwrap_or(-1) <= generation);
                if status.is_true(READY) {
                    prop_assert_eq!(ready.observed_generation, status.observed_generation);
                }
                if reason.class() == Class::Done || reason.class() == Class::Stalled {
                    prop_assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(generation)));
                    prop_assert_eq!(status.observed_generation, Some(generation));
                }
            }
        }
    }
}
