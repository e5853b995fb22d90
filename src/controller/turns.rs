//! Which passes are at work. Few at a time for each cause, so that a thousand creates hold up neither an edit nor the API
//! server; those that wait take their turns as calls do at the gate. And few in each lane, a kind in a tenant, so that no kind waits for the
//! end of another (users need their connection, which needs a client, and on some plans users have a rate limit of their own), and
//! no tenant for another that is slower.

use crate::tenant::{Asker, Cause, Queue};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Passes of one lane and cause that may be at work at the same time. The tenant's rate is what is scarce.
const AT_ONCE: usize = 16;

/// Deals the turns.
#[derive(Default)]
pub(super) struct Turns {
    /// A `std` mutex: never held across an `.await`.
    lanes: Mutex<HashMap<Key, Lane>>,
}

/// Lane, and cause.
type Key = (String, Cause);

#[derive(Default)]
struct Lane {
    at_work: usize,
    waiting: Queue<oneshot::Sender<Turn>>,
}

/// Leave to work, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    key: Key,
}

impl Turns {
    /// Waits for a turn in a lane.
    pub(super) async fn take(self: &Arc<Self>, lane: String, asker: &Asker) -> Turn {
        let key = (lane, asker.cause);
        loop {
            let (go, gone) = oneshot::channel();
            self.with(&key, |lane| lane.waiting.push(asker, go));
            self.deal(&key);
            // Nobody who waits is forgotten, so there is no second turn of this loop.
            if let Ok(turn) = gone.await {
                return turn;
            }
        }
    }

    fn deal(self: &Arc<Self>, key: &Key) {
        loop {
            let next = self.with(key, |lane| {
                let go = (lane.at_work < AT_ONCE).then(|| lane.waiting.pop()).flatten()?;
                lane.at_work += 1;
                Some(go)
            });
            let Some(go) = next else { return };
            // A turn that nobody takes is over at once, which deals the next.
            drop(go.send(Turn { turns: self.clone(), key: key.clone() }));
        }
    }

    fn with<T>(&self, key: &Key, f: impl FnOnce(&mut Lane) -> T) -> T {
        f(self.lanes.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.with(&self.key, |lane| lane.at_work -= 1);
        self.turns.deal(&self.key);
        let mut lanes = self.turns.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.get(&self.key).is_some_and(|lane| lane.at_work == 0 && lane.waiting.is_empty()) {
            lanes.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, poll};
    use std::pin::pin;

    fn api() -> String {
        "Auth0Api/a/one".to_owned()
    }

    fn asker(cause: Cause, namespace: &str) -> Asker {
        Asker { namespace: namespace.to_owned(), ..Asker::operator(cause) }
    }

    #[tokio::test]
    async fn creates_without_end_hold_up_neither_an_edit_nor_another_namespace_or_kind() {
        let turns = Arc::new(Turns::default());
        let (create, others) = (asker(Cause::Create, "many"), asker(Cause::Create, "one"));
        let mut at_work: Vec<_> = (0..AT_ONCE).map(|_| turns.take(api(), &create).now_or_never().unwrap()).collect();
        let mut next = pin!(turns.take(api(), &create));
        let mut other = pin!(turns.take(api(), &others));
        assert!(poll!(&mut next).is_pending() && poll!(&mut other).is_pending());
        assert!(turns.take(api(), &asker(Cause::User, "many")).now_or_never().is_some());
        assert!(
            turns.take("Auth0User/a/one".to_owned(), &create).now_or_never().is_some(),
            "kinds do not wait for each other"
        );
        at_work.truncate(AT_ONCE - 2);
        assert!(poll!(&mut next).is_ready() && poll!(&mut other).is_ready());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_any_more_goes_to_the_next() {
        let turns = Arc::new(Turns::default());
        let asker = asker(Cause::Wake, "");
        let mut at_work: Vec<_> = (0..AT_ONCE).map(|_| turns.take(api(), &asker).now_or_never().unwrap()).collect();
        {
            let mut gives_up = pin!(turns.take(api(), &asker));
            assert!(poll!(&mut gives_up).is_pending());
        }
        let mut waits = pin!(turns.take(api(), &asker));
        assert!(poll!(&mut waits).is_pending());
        at_work.pop();
        assert!(poll!(&mut waits).is_ready());
    }
}
