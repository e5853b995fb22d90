//! Which passes are at work. Few at a time for each cause, so that a thousand creates hold up neither an edit nor the API
//! server; those that wait take their turns as calls do at the gate. And few in each lane, a kind in a tenant, so that no kind waits for the
//! end of another (users need their connection, which needs a client, and on some plans users have a rate limit of their own), and
//! no tenant for another that is slower.
//!
//! What waits is an object, not a pass: a pass whose turn it is not ends, and its object is called when it is. Passes that waited
//! would fill the places of the controller, with an edit behind thousands of creates, and kube-runtime 5.0 looks at each of them
//! whenever one of them goes on.

use crate::tenant::{Asker, Cause, Queue};
use kube::Resource;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;

/// Passes of one lane and cause that may be at work at the same time. The tenant's rate is what is scarce.
const AT_ONCE: usize = 16;

/// Deals the turns.
#[derive(Default)]
pub(super) struct Turns {
    /// A `std` mutex: never held across an `.await`.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Key, Lane>,
    /// By object, of those that wait or were called.
    places: HashMap<String, Place>,
}

/// Lane, and cause.
type Key = (String, Cause);

#[derive(Default)]
struct Lane {
    /// With those that were called and have not come yet.
    at_work: usize,
    /// Also objects that wait elsewhere by now, or are gone.
    waiting: Queue<Waiter>,
}

struct Waiter {
    object: String,
    call: Box<dyn FnOnce() + Send>,
}

enum Place {
    Waiting(Key, Instant),
    Called(Key),
}

/// Where an object waits.
pub(super) fn place<K: Resource<DynamicType = ()>>(namespace: Option<&str>, name: &str) -> String {
    format!("{}/{}/{name}", K::kind(&()), namespace.unwrap_or_default())
}

/// Leave to work, until it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    key: Key,
}

impl Turns {
    /// The turn of an object that was called. To be asked for when a pass begins, so that none is lost.
    pub(super) fn called(self: &Arc<Self>, object: &str) -> Option<Turn> {
        let key = self.state().come(object)?;
        Some(Turn { turns: self.clone(), key })
    }

    /// Asks for a turn in a lane. Where there is none the object waits, and is called once.
    ///
    /// # Errors
    /// Since when it waits.
    pub(super) fn take(
        self: &Arc<Self>,
        lane: String,
        asker: &Asker,
        object: &str,
        call: impl FnOnce() + Send + 'static,
    ) -> Result<Turn, Instant> {
        let key = (lane, asker.cause);
        let mut state = self.state();
        // It may have been called since this pass began.
        if let Some(key) = state.come(object) {
            return Ok(Turn { turns: self.clone(), key });
        }
        let State { lanes, places } = &mut *state;
        if let Some(Place::Waiting(other, since)) = places.get(object)
            && *other == key
        {
            return Err(*since);
        }
        let lane = lanes.entry(key.clone()).or_default();
        if lane.at_work < AT_ONCE {
            lane.at_work += 1;
            places.remove(object);
            return Ok(Turn { turns: self.clone(), key });
        }
        let now = Instant::now();
        lane.waiting.push(asker, Waiter { object: object.to_owned(), call: Box::new(call) });
        places.insert(object.to_owned(), Place::Waiting(key, now));
        Err(now)
    }

    /// The object is gone: it does not come any more.
    pub(super) fn forget(&self, object: &str) {
        let place = self.state().places.remove(object);
        if let Some(Place::Called(key)) = place {
            self.end(&key);
        }
    }

    /// A turn is over: the next in the lane is called.
    fn end(&self, key: &Key) {
        let mut calls = vec![];
        let mut state = self.state();
        let State { lanes, places } = &mut *state;
        let Some(lane) = lanes.get_mut(key) else { return };
        lane.at_work -= 1;
        while lane.at_work < AT_ONCE {
            let Some(Waiter { object, call }) = lane.waiting.pop() else { break };
            if let Some(place) = places.get_mut(&object)
                && matches!(place, Place::Waiting(other, _) if other == key)
            {
                *place = Place::Called(key.clone());
                lane.at_work += 1;
                calls.push(call);
            }
        }
        if lane.at_work == 0 && lane.waiting.is_empty() {
            lanes.remove(key);
        }
        drop(state);
        calls.into_iter().for_each(|call| call());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The lane that keeps a turn for an object, which comes for it.
    fn come(&mut self, object: &str) -> Option<Key> {
        let Some(Place::Called(key)) = self.places.get(object) else { return None };
        let key = key.clone();
        self.places.remove(object);
        Some(key)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.end(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;

    const API: &str = "Auth0Api/a/one";

    fn asker(cause: Cause, namespace: &str) -> Asker {
        Asker { namespace: namespace.to_owned(), ..Asker::operator(cause) }
    }

    /// Deals turns and keeps who was called, in order.
    #[derive(Default)]
    struct Hall {
        turns: Arc<Turns>,
        called: Arc<Mutex<Vec<String>>>,
    }

    impl Hall {
        fn take(&self, lane: &str, asker: &Asker, object: &str) -> Option<Turn> {
            let (called, name) = (self.called.clone(), object.to_owned());
            self.turns.take(lane.to_owned(), asker, object, move || called.lock().unwrap().push(name)).ok()
        }

        /// As many as may be at work.
        fn fill(&self, asker: &Asker) -> Vec<Turn> {
            iter::from_fn(|| self.take(API, asker, "first")).take(AT_ONCE).collect()
        }

        /// They find no turn.
        fn queue(&self, asker: &Asker, objects: [&str; 3]) {
            assert!(objects.into_iter().all(|object| self.take(API, asker, object).is_none()));
        }

        fn called(&self) -> Vec<String> {
            std::mem::take(&mut self.called.lock().unwrap())
        }
    }

    #[test]
    fn creates_without_end_hold_up_neither_an_edit_nor_another_namespace_or_kind() {
        let (hall, create, others) = (Hall::default(), asker(Cause::Create, "many"), asker(Cause::Create, "one"));
        let mut at_work = hall.fill(&create);
        hall.queue(&create, ["a", "b", "c"]);
        assert!(hall.take(API, &others, "other").is_none());
        assert!(hall.take(API, &asker(Cause::User, "many"), "edited").is_some());
        assert!(hall.take("Auth0User/a/one", &create, "user").is_some(), "kinds do not wait for each other");
        at_work.truncate(AT_ONCE - 2);
        assert_eq!(hall.called(), ["a", "other"]);
        assert!(hall.take(API, &create, "late").is_none(), "their turns are kept for those who were called");
        let turn = hall.turns.called("a").unwrap();
        assert!(hall.turns.called("a").is_none() && hall.called().is_empty());
        drop(turn);
        assert_eq!(hall.called(), ["b"]);
    }

    #[test]
    fn whoever_asks_again_keeps_the_place_and_whoever_becomes_urgent_leaves_it() {
        let (hall, create) = (Hall::default(), asker(Cause::Create, ""));
        let mut at_work = hall.fill(&create);
        hall.queue(&create, ["a", "b", "a"]);
        assert!(hall.take(API, &asker(Cause::User, ""), "a").is_some());
        at_work.clear();
        assert_eq!(hall.called(), ["b"]);
    }

    #[test]
    fn whoever_is_called_while_a_pass_has_begun_already_takes_the_turn_that_was_kept() {
        let (hall, create) = (Hall::default(), asker(Cause::Create, ""));
        let mut at_work = hall.fill(&create);
        for asker in [create.clone(), asker(Cause::User, "")] {
            assert!(hall.take(API, &create, "a").is_none());
            at_work.pop();
            assert_eq!(hall.called(), ["a"]);
            at_work.extend(hall.take(API, &asker, "a"));
            assert_eq!((at_work.len(), hall.turns.state().lanes.len()), (AT_ONCE, 1));
        }
    }

    #[test]
    fn the_turn_of_an_object_that_is_gone_goes_to_the_next() {
        let (hall, wake) = (Hall::default(), asker(Cause::Wake, ""));
        let mut at_work = hall.fill(&wake);
        hall.queue(&wake, ["a", "b", "c"]);
        hall.turns.forget("b");
        at_work.pop();
        assert_eq!(hall.called(), ["a"]);
        hall.turns.forget("a");
        assert_eq!(hall.called(), ["c"]);
        drop((hall.turns.called("c"), at_work));
        let state = hall.turns.state();
        assert!(state.lanes.is_empty() && state.places.is_empty());
    }
}
