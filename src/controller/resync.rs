//! Secrets that no watch tells of are looked at now and then, each once, however many resources refer to it. Resources need no
//! such look: what changes them is watched, and what they have in the tenant is followed (`lookout.rs`).

use super::{context::Shared, kind::Kind, secrets::Key};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0User},
    plan::{Managed, Need},
};
use std::collections::BTreeSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

/// The part of `--resync` in which all Secrets are looked at one after the other; the rest is the pause until the next round.
const SPREAD: f64 = 0.2;

/// Looks at all Secrets that resources refer to, for ever, so that a change of one is seen within `--resync`.
pub(super) async fn run(shared: &Shared) {
    let resync = shared.options.resync;
    let pause = resync.mul_f64(1.0 - SPREAD);
    let mut rounds = interval_at(Instant::now() + pause, pause);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut next = rounds.tick().await;
        let secrets = referred(shared);
        shared.secrets.keep(&secrets);
        let step = resync.mul_f64(SPREAD / secrets.len().max(1) as f64);
        for secret in &secrets {
            sleep_until(next).await;
            look(shared, secret).await;
            next += step;
        }
    }
}

async fn look(shared: &Shared, secret: &Key) {
    let (namespace, name) = secret;
    match shared.secrets.is_news(secret).await {
        Ok(true) => shared.waker.secret_changed(Some(namespace), name),
        Ok(false) => {}
        // Whoever cannot do without it says so.
        Err(error) => tracing::debug!(%error, namespace, name, "a Secret could not be looked at"),
    }
}

/// The Secrets that resources refer to. Those of Auth0Tenants, which are few, are read with them.
fn referred(shared: &Shared) -> BTreeSet<Key> {
    let mut secrets = BTreeSet::new();
    add_referred::<Auth0Api>(shared, &mut secrets);
    add_referred::<Auth0Connection>(shared, &mut secrets);
    add_referred::<Auth0User>(shared, &mut secrets);
    secrets
}

fn add_referred<K: Kind>(shared: &Shared, secrets: &mut BTreeSet<Key>) {
    for object in K::store(&shared.stores).state() {
        let owner = object.owner("");
        let needs = object.spec().needs(&owner);
        let names = needs.iter().map(Need::referred).filter(|(kind, _)| *kind == "Secret").map(|(_, name)| name);
        secrets.extend(names.map(|name| (owner.namespace.clone(), name.to_owned())));
    }
}
