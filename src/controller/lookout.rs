//! Looks out for what others change in a tenant: at start by a look at everything, then by the tenant's log, and now and then by
//! a look at everything again. What changed is spoiled in the inventory, and its resources are woken.

use super::{
    concern::{Changes, Stake},
    context::Shared,
    detection::Detection,
    kind::Kind,
    status::ready_reason,
    survey::{AFTER_FAILURE, Swept, about, survey},
    tenants::{Connected, pin},
};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0User, DriftMode},
    plan::{Held, Managed, Need, ObjectKind, Read},
    tenant::{Change, Error, Pace, Tail},
};
use jiff::Timestamp;
use kube::{ResourceExt, core::object::HasStatus, runtime::reflector::ObjectRef};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Changes to one object often come in numbers: its resource is woken once, so long after the first.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// Without leave to read the log, everything is looked at so often.
const SWEEP_WITHOUT_LOG: Duration = Duration::from_secs(300);
/// Users and the clients of connections cost a call each, or one for 50; they are looked at every so many sweeps.
const FULL_SWEEP_EVERY: u32 = 6;

/// When so many readings of the log in a row came to nothing, people are told.
const SILENT_READINGS: u32 = 4;

/// Starts to look out. It ends with the client of the tenant, or with the operator.
pub(super) fn start(shared: &Arc<Shared>, tenant: &Auth0Tenant, connected: &Arc<Connected>) {
    let lookout = Lookout {
        shared: shared.clone(),
        tenant: ObjectRef::from_obj(tenant),
        connected: Arc::downgrade(connected),
        sweep_asked: connected.sweep_asked(),
        detection: connected.detection(),
        lacks_log: AtomicBool::new(false),
    };
    let shutdown = shared.shutdown.clone();
    let task = tokio::spawn(async move {
        tokio::select! {
            _ = futures::future::join(lookout.follow_log(), lookout.look_at_all()) => {}
            () = shutdown.cancelled() => {}
        }
    });
    connected.looks_out(task.abort_handle());
}

/// Who changed the object of a resource in the tenant last, as the log says: by the resource's uid.
#[derive(Default)]
pub(super) struct Culprits(Mutex<HashMap<String, String>>);

impl Culprits {
    /// The id of a client, or of a person.
    pub(super) fn of(&self, uid: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    pub(super) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    fn note(&self, uid: String, by: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, by.to_owned());
    }
}

struct Lookout {
    shared: Arc<Shared>,
    tenant: ObjectRef<Auth0Tenant>,
    /// Weak: the client that everybody uses owns this task.
    connected: Weak<Connected>,
    sweep_asked: Arc<Notify>,
    detection: watch::Receiver<Detection>,
    /// Whether the operator's client may not read the log.
    lacks_log: AtomicBool,
}

impl Lookout {
    /// Reads the log for ever.
    async fn follow_log(&self) {
        let mut tail = Tail::new(Timestamp::now());
        let mut detection = self.detection.clone();
        let (mut failures, mut was_suspended) = (0_u32, false);
        loop {
            let Detection { is_suspended, mode, interval, .. } = *detection.borrow_and_update();
            if std::mem::replace(&mut was_suspended, is_suspended) && !is_suspended {
                // Everything is looked at now, as at start.
                tail = Tail::new(Timestamp::now());
            }
            if let Some(connected) = self.connected.upgrade() {
                connected
                    .tenant
                    .vitals()
                    .follows_log(mode == DriftMode::Log && !self.lacks_log.load(Ordering::Relaxed));
            }
            tokio::select! {
                changed = detection.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                () = tokio::time::sleep(interval), if mode == DriftMode::Log => {}
            }
            let Some(connected) = self.connected.upgrade() else { return };
            let mut changes = vec![];
            let heard = tokio::select! {
                heard = connected.tenant.listen(&mut tail, &mut changes) => Some(heard),
                () = self.suspended() => None,
            };
            self.spread_word(&connected, &changes);
            let Some(heard) = heard else { continue };
            match heard {
                Ok(tidings) => {
                    self.lacks_log.store(false, Ordering::Relaxed);
                    if std::mem::take(&mut failures) >= SILENT_READINGS {
                        tracing::info!(tenant = %self.tenant, "the tenant's log is read again");
                    }
                    if tidings.needs_sweep {
                        self.sweep_asked.notify_one();
                    }
                }
                Err(Error::ScopeMissing(_)) => {
                    if !self.lacks_log.swap(true, Ordering::Relaxed) {
                        self.sweep_asked.notify_one();
                    }
                }
                Err(error) => {
                    tracing::debug!(tenant = %self.tenant, %error, "the log was not read");
                    failures = failures.saturating_add(1);
                    if failures == SILENT_READINGS {
                        self.tell_of_silence(&error).await;
                    }
                }
            }
        }
    }

    async fn tell_of_silence(&self, error: &Error) {
        tracing::warn!(tenant = %self.tenant, %error, "the tenant's log cannot be read");
        let Some(tenant) = self.shared.stores.tenants.get(&self.tenant) else { return };
        let message = format!(
            "the tenant's log cannot be read ({error}); what others change is found when it can be again, or by the next sweep"
        );
        self.shared.event(&*tenant, true, "LogUnreadable", &message, None).await;
    }

    /// Looks at everything at start and after a suspension, then now and then, and when somebody asks.
    async fn look_at_all(&self) {
        loop {
            let failures = survey(self.detection.clone(), &self.sweep_asked, || self.sweep(Pace::Quick, true)).await;
            let Some(connected) = self.connected.upgrade() else { return };
            connected.set_surveyed(true);
            self.shared.waker.dependants_of(self.tenant.namespace.as_deref().unwrap_or_default(), &self.tenant.name);
            drop(connected);
            self.sweep_until_suspended(failures).await;
            let Some(connected) = self.connected.upgrade() else { return };
            connected.set_surveyed(false);
        }
    }

    /// `failures`: how many sweeps in a row failed before.
    async fn sweep_until_suspended(&self, mut failures: u32) {
        let mut detection = self.detection.clone();
        // Those that did all they had to do.
        let mut sweeps = 0_u32;
        loop {
            let Detection { is_suspended, mode, sweep_interval, .. } = *detection.borrow_and_update();
            if is_suspended {
                return;
            }
            let lacks_log = mode == DriftMode::Log && self.lacks_log.load(Ordering::Relaxed);
            let interval = match failures {
                0 if lacks_log => sweep_interval.min(SWEEP_WITHOUT_LOG),
                0 => sweep_interval,
                failures => sweep_interval.min(AFTER_FAILURE.saturating_mul(failures)).min(SWEEP_WITHOUT_LOG),
            };
            let interval = about(interval);
            let is_asked = tokio::select! {
                changed = detection.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                () = self.sweep_asked.notified() => true,
                () = tokio::time::sleep(interval), if mode != DriftMode::Off => false,
            };
            let is_full = is_asked || lacks_log || failures > 0 || (sweeps + 1).is_multiple_of(FULL_SWEEP_EVERY);
            match self.sweep(if is_asked { Pace::Quick } else { Pace::Spread }, is_full).await {
                Swept::All => (sweeps, failures) = (sweeps + 1, 0),
                Swept::Part => failures += 1,
                Swept::BrokenOff => return,
            }
        }
    }

    /// Looks at everything, or without the parts that cost a call for each object.
    async fn sweep(&self, pace: Pace, is_full: bool) -> Swept {
        // Without its client this task is about to end.
        let Some(connected) = self.connected.upgrade() else { return Swept::Part };
        let mut held = vec![];
        held.extend(self.held::<Auth0Api>());
        held.extend(self.held::<Auth0Connection>());
        held.extend(self.held::<Auth0User>());
        connected.tenant.keep(&held.iter().map(|held| &held.read).collect());
        held.retain(|held| is_full || !is_costly(&held.read));
        let mut changed = vec![];
        let swept = tokio::select! {
            swept = connected.tenant.sweep(&held, pace, &mut changed) => Some(swept),
            () = self.suspended() => None,
        };
        if let Some(Err(error)) = &swept {
            tracing::warn!(tenant = %self.tenant, %error, "not everything in the tenant could be looked at");
        }
        tracing::debug!(tenant = %self.tenant, objects = held.len(), changed = changed.len(), "looked at the tenant");
        self.wake(&connected, &changed);
        match swept {
            // What a client may not see does not come by asking again, and its resources say so.
            Some(Ok(()) | Err(Error::ScopeMissing(_))) => Swept::All,
            Some(Err(_)) => Swept::Part,
            None => Swept::BrokenOff,
        }
    }

    /// Ends when the Auth0Tenant is suspended: what is under way is broken off then, and what it found until then counts.
    async fn suspended(&self) {
        // Without a sender there is no client either, and this task ends.
        let _ = self.detection.clone().wait_for(|detection| detection.is_suspended).await;
    }

    /// Spoils what changes say is no longer so, and wakes whom they concern.
    fn spread_word(&self, connected: &Arc<Connected>, changes: &[Change]) {
        for read in changes.iter().flat_map(|change| &change.reads) {
            connected.tenant.spoil(read);
        }
        self.wake(connected, changes);
    }

    fn wake(&self, connected: &Connected, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let connections = self.objects::<Auth0Connection>();
        let named = |connection: &Arc<Auth0Connection>| {
            ((connection.namespace().unwrap_or_default(), connection.name_any()), stake(&**connection))
        };
        let changes = Changes::of(changes, connections.iter().map(named));
        self.wake_kind::<Auth0Api>(connected, &changes);
        self.wake_kind::<Auth0Connection>(connected, &changes);
        self.wake_kind::<Auth0User>(connected, &changes);
    }

    fn wake_kind<K: Kind>(&self, connected: &Connected, changes: &Changes<'_>) {
        let mut woken = vec![];
        for object in self.objects::<K>() {
            let stake = stake(&*object);
            let Some(concern) = changes.concern(&stake, |user| connected.tenant.connection_of_user(user)) else {
                continue;
            };
            concern.spoiled.into_iter().for_each(|read| connected.tenant.spoil(read));
            if let Some(by) = concern.by {
                self.shared.culprits.note(object.uid().unwrap_or_default(), by);
            }
            let reference = ObjectRef::from_obj(&*object);
            tracing::debug!(object = %reference, why = ?concern.why, by = concern.by, "changed in the tenant");
            woken.push(reference);
        }
        if woken.is_empty() {
            return;
        }
        let wakes = self.shared.wakes.clone();
        tokio::spawn(async move {
            tokio::time::sleep(DEBOUNCE).await;
            woken.into_iter().for_each(|object| K::wake(&wakes, object));
        });
    }

    fn held<K: Kind>(&self) -> Vec<Held> {
        let objects = self.objects::<K>();
        objects
            .iter()
            .flat_map(|object| object.spec().held(&HasStatus::status(&**object).cloned().unwrap_or_default()))
            .collect()
    }

    /// The resources of a kind that are for this tenant.
    fn objects<K: Kind>(&self) -> Vec<Arc<K>> {
        let Some(tenant) = self.shared.stores.tenants.get(&self.tenant) else { return vec![] };
        let key = Some((tenant.namespace().unwrap_or_default(), tenant.name_any()));
        let pinned = pin(&tenant.spec);
        K::store(&self.shared.stores).state_filter(|object| {
            object.tenant_key(self.shared.options.default_tenant.as_ref()) == key
                && object.common().tenant.is_none_or(|other| other == pinned)
        })
    }
}

/// What a resource has to do with its tenant.
fn stake<K: Kind>(object: &K) -> Stake {
    let status = object.status().cloned().unwrap_or_default();
    let (spec, owner) = (object.spec(), object.owner(""));
    let connection_ref = spec.needs(&owner).into_iter().find_map(|need| match need {
        Need::Connection(name) => Some((owner.namespace.clone(), name)),
        Need::Api(_) | Need::Secret { .. } | Need::GeneratedPassword { .. } | Need::Output(_) => None,
    });
    Stake {
        held: spec.held(&status),
        sought: spec.sought(&status, &owner),
        connection_ref,
        minds_new_clients: spec.minds_new_clients(),
        waits_for_connection: spec.named_connection().is_some()
            && ready_reason(&object.common().conditions) == Some("ReferenceNotReady"),
    }
}

/// Whether no hourly list shows it.
fn is_costly(read: &Read) -> bool {
    matches!(read, Read::Get(ObjectKind::User, _) | Read::ConnectionClients(_))
}
