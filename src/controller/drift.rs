//! Differences that others made in the tenant: which of them are corrected, and what is said of them.

use super::{kind::Kind, pass::Pass, status::Verdicts};
use crate::{
    crd::DriftPolicy,
    plan::{Call, Fields, Managed, Plan, Reason, Refusal, Remote, Target},
};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

impl<K: Kind> Pass<K> {
    /// Takes note of what differs in the tenant and is left alone. With `driftPolicy: Warn` that is all that others changed; what
    /// changed in the cluster is written all the same.
    pub(super) fn note_drift(&mut self, plan: &mut Plan, remote: &Remote) {
        self.context.memory.tracked(&self.owner.uid, |tracker| tracker.judge(plan, remote, Instant::now()));
        if self.was_ready() && plan.calls.iter().any(|call| !self.is_cause_ours(call)) {
            self.shared().metrics.drift_found(&K::kind(&()));
        }
        if self.spec().policies().drift_policy == Some(DriftPolicy::Warn) && self.was_ready() {
            let (ours, others) = std::mem::take(&mut plan.calls).into_iter().partition(|call| self.is_cause_ours(call));
            plan.calls = ours;
            let others: Vec<String> = others.iter().map(|call| call.summary(&remote.before(call))).collect();
            if !others.is_empty() {
                let message = format!(
                    "somebody changed the tenant; with spec.driftPolicy Correct the operator would {}",
                    others.join("; ")
                );
                plan.drift.get_or_insert(Refusal::new(Reason::Warned, message));
            }
        }
        let generation = self.generation();
        let mut verdicts = Verdicts::of(K::Wish::common_mut(&mut self.status));
        verdicts.drifted(plan.drift.as_ref(), generation, Timestamp::now());
    }

    /// Takes note of a call that was carried out by a plan of `now`: `have` is the object before, `answer` the one after it. Gives
    /// whether there is something new to say of it.
    pub(super) async fn note_done(&mut self, call: &Call, have: &Fields, answer: &Fields, now: Instant) -> bool {
        let is_correction = self.was_ready() && !self.is_cause_ours(call);
        let culprit = self.shared().culprits.of(&self.owner.uid);
        let (is_correction, is_news) = self.context.memory.tracked(&self.owner.uid, |tracker| {
            let is_correction = is_correction && !tracker.is_own_doing(call, have);
            let is_unmet = tracker.wrote(call, have, answer);
            let is_contest = is_correction && tracker.corrected(call, have, culprit.as_deref(), now);
            (is_correction, is_unmet || is_contest)
        });
        if is_correction {
            self.shared().metrics.drift_corrected(&K::kind(&()));
            let message = format!(
                "the tenant was otherwise than the unchanged spec says, so the operator had to {}",
                call.summary(have)
            );
            self.shared().event(&*self.object, false, "DriftCorrected", &message, None).await;
        }
        is_news
    }

    /// Whether a call for an unchanged spec follows from a change in the cluster: of a Secret, or of what the spec refers to.
    /// What has to be made again was deleted in the tenant.
    fn is_cause_ours(&self, call: &Call) -> bool {
        match call {
            Call::Update { body, .. } => body.follows_secret,
            Call::EnableClients { connection: Target::Known(_), changes } => {
                changes.iter().all(|(client, _)| !K::Wish::is_enabled_by_us(&self.before, client))
            }
            Call::Create { .. }
            | Call::CreateGrant { .. }
            | Call::EnableClients { connection: Target::CreatedByThisPlan, .. }
            | Call::Delete { .. } => false,
        }
    }
}
