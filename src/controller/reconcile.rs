//! One pass over one object, the same for every kind.
//!
//! admit ──▶ dereference ──▶ observe ──▶ plan (pure) ──▶ announce ──▶ execute ──▶ output ──▶ status, when it changed
//!
//! Where a pass stops, the reason goes into the status; what was done until then is in the status too. What comes
//! before a write is in `announce.rs`, the deletion in `removal.rs`.

use super::{
    admission::Admitted,
    context::Context,
    dereference::{Referrer, dereference},
    error::{Stop, retry_after},
    identity::random_hex,
    kind::Kind,
    output,
    pass::{Knowledge, Pass},
    status::{READY, Verdicts, conditions_of, is_true},
    tenants::pin,
};
use crate::{
    plan::{
        Call, Class, Depth, Managed, Need, ObjectKind, Plan, Read, Reason, Refusal, Remote, Situation, TenantFacts,
    },
    tenant::{self, Cause, Created, Freshness, Provenance, Tenant},
};
use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt, runtime::controller::Action};
use secrecy::SecretString;
use std::{collections::BTreeSet, hash::BuildHasher, sync::Arc, time::Duration};
use tokio::time::Instant;

/// After so long a wait, a resource that nobody has looked at says that it waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long a wait for something else in the cluster, a resource that nothing was said of says what it waits for.
const GRACE: Duration = Duration::from_secs(2);

/// What is as the spec says is called by whatever changes that; all the same, it is looked at each so many times `--resync`.
const SETTLED: u32 = 6;

/// Looks after one object. Fails only where Kubernetes does.
pub(super) async fn reconcile<K: Kind>(object: Arc<K>, context: Arc<Context<K>>) -> Result<Action, Stop> {
    if !context.shared.ready().await {
        return Ok(Action::await_change());
    }
    let mut pass = Pass::new(object, context);
    let end = if pass.is_ending() { Box::pin(pass.remove()).await } else { pass.converge().await.map(Some) };
    pass.turn = None;
    let (outcome, asked_wait) = match end {
        Err(Stop::Waiting(since)) => return Box::pin(pass.wait(since)).await,
        Ok(None) => {
            pass.context.memory.forget(&pass.owner.uid);
            pass.shared().culprits.forget(&pass.owner.uid);
            return Ok(Action::await_change());
        }
        Ok(Some(outcome)) => (outcome, None),
        Err(stop) => stop.outcome()?,
    };
    if let Some(grace) = pass.grace(&outcome) {
        return Ok(Action::requeue(grace));
    }
    Box::pin(pass.write_end(&outcome)).await?;
    pass.shared().metrics.pass_ended(&K::kind(&()), outcome.reason);
    if outcome.reason == Reason::Available
        && !is_true(conditions_of::<K>(&pass.before), READY)
        && K::Wish::common(&pass.before).observed_generation.is_none_or(|observed| observed < 1)
        && let Some(created) = pass.object.creation_timestamp()
    {
        let time = Duration::try_from(Timestamp::now().duration_since(created.0)).unwrap_or_default();
        pass.shared().metrics.ready_after(&K::kind(&()), time);
    }
    let is_done = outcome.reason.class() == Class::Done;
    let failures = if is_done {
        pass.context.memory.succeeded(&pass.owner.uid);
        0
    } else {
        // A pass that the rate limit stopped goes on for the reason that it began for.
        let is_trouble = outcome.reason.class() == Class::Troubled
            && !matches!(outcome.reason, Reason::TenantNotReady | Reason::RateLimited);
        pass.context.memory.failed(&pass.owner.uid, is_trouble)
    };
    let options = &pass.shared().options;
    let resync = if is_done { options.resync.saturating_mul(SETTLED) } else { options.resync };
    let wait = asked_wait.unwrap_or_else(|| retry_after(outcome.reason, failures, resync, options.watch_secrets));
    let correction = pass.context.memory.tracked(&pass.owner.uid, |tracker| tracker.due(Instant::now()));
    let wait = [pass.due_in, correction.filter(|_| is_done)].into_iter().flatten().fold(wait, Duration::min);
    Ok(if options.no_requeues { Action::await_change() } else { Action::requeue(wait) })
}

/// When Kubernetes refused or did not answer: soon again, since nothing could be written down.
pub(super) fn on_kubernetes_error<K: Kind>(object: &K, error: &Stop, context: &Context<K>) -> Action {
    if matches!(error, Stop::Stale) || error.is_out_of_date() {
        return Action::requeue(Duration::from_millis(100));
    }
    let failures = context.memory.failed(&object.uid().unwrap_or_default(), false);
    tracing::warn!(kind = %K::kind(&()), name = object.name_any(), error = error as &dyn std::error::Error, "a pass was broken off");
    Action::requeue(retry_after(Reason::Retrying, failures, context.shared.options.resync, true))
}

impl<K: Kind> Pass<K> {
    async fn converge(&mut self) -> Result<Refusal, Stop> {
        let admitted = self.admit()?;
        // At start all objects are looked at by lists first; whoever has nothing new to say is woken after that.
        if self.asker.cause == Cause::Wake && !admitted.connected.is_surveyed() {
            return Err(Stop::Waiting(Instant::now()));
        }
        self.take_turn()?;
        self.bring_about(&admitted).await
    }

    /// Does what it takes to make the tenant as the spec says.
    async fn bring_about(&mut self, admitted: &Admitted) -> Result<Refusal, Stop> {
        let referrer =
            Referrer { owner: &self.owner, tenant: pin(&admitted.resource.spec), reference: self.owner_reference()? };
        let former_output = self.spec().former_output(&self.owner, &self.status).map(Need::Output);
        let needs = self.spec().needs(&self.owner).into_iter().chain(former_output).collect();
        let references = dereference(self.shared(), &referrer, needs).await?;
        let print = (references.print_of_secrets(&self.context.hasher), self.generation());
        let print = self.context.hasher.hash_one(print);
        if let Some(refusal) = self.context.memory.refusal(&self.owner.uid, print).filter(|_| !self.is_forced()) {
            return Err(refusal.into());
        }
        let announced = K::Wish::common(&self.status).pending.is_some();
        let mut knowledge = Knowledge {
            references,
            remote: Remote::default(),
            asked: BTreeSet::new(),
            listed: BTreeSet::new(),
            doubted: BTreeSet::new(),
            depth: if announced { Depth::NaturalKeys } else { Depth::KnownIds },
            announced,
            client_secret: None,
            fresh_secret: SecretString::from(
                random_hex(32).map_err(|error| Refusal::new(Reason::Retrying, error.to_string()))?,
            ),
        };
        let ended = self.apply(admitted, &mut knowledge).await;
        if let Err(Stop::Refused(refusal)) = &ended
            && refusal.reason == Reason::PasswordRefused
        {
            self.context.memory.refused(&self.owner.uid, print, refusal.clone());
        }
        // Also when a later call failed: a secret that is not written down now is lost.
        if ended.is_ok() || knowledge.client_secret.is_some() {
            self.write_output(admitted.connected.tenant.facts(), &knowledge).await?;
        }
        ended?;
        let managed = self.spec().managed(&self.owner);
        K::Wish::common_mut(&mut self.status).managed = managed;
        self.due_in = self.spec().due_in(&self.situation(admitted.connected.tenant.facts(), &knowledge, &self.status));
        Ok(Refusal::new(Reason::Available, "the tenant is as the spec says"))
    }

    /// Observes, plans and executes until the tenant is as the spec says.
    async fn apply(&mut self, admitted: &Admitted, knowledge: &mut Knowledge) -> Result<(), Stop> {
        let tenant = &admitted.connected.tenant;
        let id = K::Wish::common(&self.status).id.as_deref();
        tenant.conceal(&self.object.claim_key(&self.shared().stores), id, self.spec().conceals());
        let (generation, is_forced) = (self.generation(), self.is_forced());
        self.context.memory.tracked(&self.owner.uid, |tracker| tracker.begin(generation, is_forced));
        let (mut looked_again, mut looked_after_conflict) = (false, false);
        loop {
            self.observe(tenant, knowledge, K::Wish::reads).await?;
            let mut plan = self.plan(tenant.facts(), knowledge)?;
            self.note_drift(&mut plan, &knowledge.remote);
            if self.doubt(&plan, knowledge) {
                continue;
            }
            tenant.check_scopes(&plan.calls).await?;
            self.prepare(admitted, knowledge, &plan).await?;
            self.write_output_ahead(tenant.facts(), knowledge, &plan).await?;
            let error = match self.execute(tenant, knowledge, &plan).await {
                Ok(is_news) => {
                    self.set_pending(None);
                    if !is_news {
                        return Ok(());
                    }
                    // The answers to what was just written are what there is to see; of secrets in options only a read
                    // tells, so a whole that holds some is asked for once more before it is written again.
                    let shown = std::mem::take(&mut knowledge.remote);
                    if !shown.option_secrets.is_empty() {
                        (knowledge.asked, knowledge.doubted) = Default::default();
                    }
                    continue;
                }
                Err(error) => error,
            };
            // A refusal of this attempt says nothing of an earlier one whose end we did not see.
            if !error.may_have_had_effect() && !knowledge.announced {
                self.set_pending(None);
            }
            match error {
                tenant::Error::AlreadyExists(_) if !looked_after_conflict => {
                    (looked_after_conflict, knowledge.depth) = (true, Depth::NaturalKeys);
                }
                // It is ours perhaps, and the tenant's search lags behind.
                tenant::Error::AlreadyExists(what) if knowledge.announced => {
                    let message = format!(
                        "the tenant has such a {what} already and does not show it yet; the operator looks again"
                    );
                    return Err(Refusal::new(Reason::Retrying, message).into());
                }
                tenant::Error::Gone(_) if !looked_again => looked_again = true,
                error => return Err(error.into()),
            }
            self.ask_all_again(knowledge);
        }
    }

    /// What was known before a write is no longer so. What is read from now on counts as asked.
    fn ask_all_again(&mut self, knowledge: &mut Knowledge) {
        (knowledge.remote, knowledge.asked, knowledge.doubted) = Default::default();
        self.asker.since = Instant::now();
    }

    /// Takes back what a plan must not be carried out on before it has been asked anew: a whole that others have a part in, so that
    /// nothing of theirs is lost; and what a list showed, where it is to be corrected or where lists lag behind.
    fn doubt(&mut self, plan: &Plan, knowledge: &mut Knowledge) -> bool {
        let spec_changed = self.spec_changed();
        let mut doubts = false;
        for call in &plan.calls {
            let Some(read) = call.shown_by() else { continue };
            let is_hearsay = knowledge.listed.contains(&read) && (!spec_changed || call.kind() == ObjectKind::User);
            let is_stale_whole = call.replaces_whole() && !knowledge.asked.contains(&read);
            if (is_stale_whole || is_hearsay) && knowledge.doubted.insert(read.clone()) {
                knowledge.remote.forget(&read);
                self.asker.since = Instant::now();
                doubts = true;
            }
        }
        doubts
    }

    /// The object waits for its turn, without a pass. One that nobody has looked at yet says so when that takes long.
    async fn wait(&mut self, since: Instant) -> Result<Action, Stop> {
        let is_new = K::Wish::common(&self.status).observed_generation.is_none_or(|observed| observed < 1);
        if !is_new || self.is_ending() {
            return Ok(Action::await_change());
        }
        let patience = PATIENCE.saturating_sub(since.elapsed());
        if !patience.is_zero() {
            return Ok(Action::requeue(patience));
        }
        let message = "many resources want something of the tenant at the same time, so this one waits for its turn; the tenant's rate limit sets the pace";
        let generation = self.generation();
        let mut verdicts = Verdicts::of(K::Wish::common_mut(&mut self.status));
        verdicts.end(&Refusal::new(Reason::Pending, message), generation, Timestamp::now());
        self.write_status(false).await?;
        Ok(Action::await_change())
    }

    /// When to look again without a word of what the resource waits for: most likely that was applied together with it.
    fn grace(&self, outcome: &Refusal) -> Option<Duration> {
        let options = &self.shared().options;
        let is_untold = conditions_of::<K>(&self.before).is_empty() && self.status == self.before;
        let is_asked = self.is_forced() || self.is_ending() || options.no_requeues;
        if !is_untold || is_asked || !outcome.reason.is_for_company() {
            return None;
        }
        let left =
            GRACE.checked_sub(self.context.memory.failing_for(&self.owner.uid)).filter(|left| !left.is_zero())?;
        Some(left.min(retry_after(outcome.reason, 0, options.resync, options.watch_secrets)))
    }

    fn plan(&mut self, facts: &TenantFacts, knowledge: &Knowledge) -> Result<Plan, Refusal> {
        let plan = self.spec().plan(&self.situation(facts, knowledge, &self.status));
        if plan.as_ref().is_err_and(|refusal| matches!(refusal.reason, Reason::AlreadyExists | Reason::Conflict)) {
            self.set_pending(None);
        }
        plan
    }

    /// Asks the tenant, or what is known of it, until the kind wants to know nothing more.
    pub(super) async fn observe(
        &self,
        tenant: &Tenant,
        knowledge: &mut Knowledge,
        wanted: impl Fn(&K::Wish, &Situation<'_, <K::Wish as Managed>::Status>) -> Vec<Read>,
    ) -> Result<(), Stop> {
        loop {
            let reads = wanted(self.spec(), &self.situation(tenant.facts(), knowledge, &self.status));
            if reads.is_empty() {
                return Ok(());
            }
            for read in reads {
                // That something was not there a while ago says nothing where an attempt may have made it since.
                let is_sought = || self.spec().finders(&self.owner).contains(&read);
                let is_anew = knowledge.depth == Depth::NaturalKeys && is_sought() || knowledge.doubted.contains(&read);
                let freshness = if is_anew { Freshness::Anew } else { self.freshness };
                let answer = tenant.read(&read, freshness, &self.asker).await?;
                match answer.provenance {
                    Provenance::Asked => knowledge.asked.insert(read.clone()),
                    Provenance::Listed => knowledge.listed.insert(read.clone()),
                    Provenance::Remembered => false,
                };
                knowledge.client_secret = answer.client_secret.or(knowledge.client_secret.take());
                knowledge.remote.option_secrets.extend(answer.option_secrets);
                knowledge.remote.insert(read, answer.objects);
            }
        }
    }

    /// Carries out a plan. Gives whether the tenant's answers are news, so that it has to be compared once more.
    async fn execute(
        &mut self,
        tenant: &Tenant,
        knowledge: &mut Knowledge,
        plan: &Plan,
    ) -> Result<bool, tenant::Error> {
        let mut created = Created::default();
        let (mut is_news, now) = (false, Instant::now());
        for call in &plan.calls {
            let have = knowledge.remote.before(call);
            let answer = match tenant.execute(call, &mut created, &self.asker).await {
                Err(tenant::Error::Refused { message, .. })
                    if self.spec().is_done_already(
                        call,
                        &message,
                        &self.situation(tenant.facts(), knowledge, &self.before),
                    ) =>
                {
                    tenant::Answer::default()
                }
                answer => answer?,
            };
            let object = answer.object();
            self.note(tenant.facts(), knowledge, |spec, status, situation| {
                spec.record(status, call, &object, situation);
            });
            let sent = match call {
                Call::Update { body, .. } => body.secrets.get("/client_secret").cloned(),
                _ => None,
            };
            if let Some(secret) = &sent {
                self.sent(tenant.facts(), secret);
            }
            knowledge.client_secret = sent.or(answer.client_secret).or(knowledge.client_secret.take());
            tracing::info!(kind = %K::kind(&()), namespace = self.owner.namespace, name = self.owner.name, %call, "done in the tenant");
            is_news |= self.note_done(call, &have, &object, now).await;
        }
        Ok(is_news)
    }

    /// Keeps what the calls are about to set, so that a crash right after them loses nothing.
    async fn write_output_ahead(
        &self,
        facts: &TenantFacts,
        knowledge: &mut Knowledge,
        plan: &Plan,
    ) -> Result<(), Stop> {
        let ahead = self.spec().output_ahead(plan, &self.situation(facts, knowledge, &self.status));
        let Some(output) = ahead else { return Ok(()) };
        let existing = knowledge.references.outputs.get(&output.name);
        let written =
            output::write(&self.shared().client, &self.owner, &self.owner_reference()?, &output, existing).await?;
        knowledge.references.outputs.insert(output.name, written);
        Ok(())
    }

    /// Keeps the Secret for applications as it should be.
    async fn write_output(&mut self, facts: &TenantFacts, knowledge: &Knowledge) -> Result<(), Stop> {
        let Some(output) = self.spec().output(&self.situation(facts, knowledge, &self.status)) else { return Ok(()) };
        let reference = self.owner_reference()?;
        let existing = knowledge.references.outputs.get(&output.name);
        output::write(&self.shared().client, &self.owner, &reference, &output, existing).await?;
        let former = output.replaces.as_ref().and_then(|name| Some((name, knowledge.references.outputs.get(name)?)));
        if let Some((name, former)) = former {
            output::remove(&self.shared().client, &self.owner, name, former).await?;
        }
        self.note(facts, knowledge, |spec, status, situation| spec.record_output(status, &output, situation));
        Ok(())
    }
}
