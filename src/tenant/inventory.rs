//! What we know of the tenant, and how well. The one place that does: fed by the answers of our own writes, by reads and by
//! lists; spoiled by the tenant's log. What nothing has spoiled is taken to be so.
//!
//! A read feeds it only if nothing spoiled its key since it was sent, a newer answer is never overwritten, and whoever asks
//! joins a read under way only if that was sent after the asker had reason to ask.

use super::{
    Answer, Error,
    flights::{Departure, Flights, Landed},
    queue::Asker,
    same::is_same,
};
use crate::plan::{Call, Fields, ObjectKind, Read, text};
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How well an answer has to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Nothing has spoiled it.
    Known,
    /// It was asked for since the asker began.
    Anew,
}

/// Where an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Our own write, or a read of the object.
    Object,
    /// A list.
    List,
}

/// How an object in a list compares with what was known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Nothing was known: now it is.
    New,
    Same,
    /// It is otherwise, and has to be read before anything is done about it.
    Other,
}

/// Answers by question. Holds no secret: answers are stripped before they get here.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// A `std` mutex: never held across an `.await`.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<Read, Entry>,
    spoiled: HashMap<Read, Instant>,
    flights: Flights,
}

/// As JSON text, which takes a fifth of the room of values: there are many, and few are looked at.
#[derive(Debug)]
struct Entry {
    objects: Box<str>,
    /// No earlier answer may replace it.
    since: Instant,
    source: Source,
}

/// What to do to get an answer.
pub(super) enum Lookup {
    Known(Vec<Fields>, Source),
    /// Somebody asks already.
    Flying(Landed),
    /// Ask, and land.
    Ask(Departure),
}

/// A spoiled key is remembered for so long: no call takes longer, and none waits longer for leave without being the newer one.
const REMEMBERED: Duration = Duration::from_secs(600);

impl Inventory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a question, for whoever asks it.
    pub(super) fn look_up(&self, read: &Read, freshness: Freshness, asker: &Asker) -> Lookup {
        let mut state = self.state();
        if let Some(entry) = state.known.get(read) {
            let is_good = match freshness {
                Freshness::Known => true,
                // Lists of users lag behind (Auth0's documentation).
                Freshness::Anew => entry.since >= asker.since && entry.source == Source::Object,
            };
            if is_good && let Ok(objects) = serde_json::from_str(&entry.objects) {
                return Lookup::Known(objects, entry.source);
            }
        }
        match state.flights.join(read, asker) {
            Some(landed) => Lookup::Flying(landed),
            None => Lookup::Ask(state.flights.depart(read, asker.cause)),
        }
    }

    /// The answer to a read that we sent.
    pub(super) fn land(&self, departure: Departure, answer: Result<Answer, Error>) {
        let mut state = self.state();
        state.flights.end(&departure);
        if let (Ok(answer), Some(sent)) = (&answer, departure.sent.get()) {
            state.learn(&departure.read, &answer.objects, *sent);
        }
        drop(state);
        departure.land(answer);
    }

    /// Takes note of our own write, which left at `sent`. `id` is the object's, `answer` the object after it, empty where Auth0 shows
    /// none.
    pub(super) fn wrote(&self, call: &Call, id: &str, answer: &Fields, sent: Instant) {
        let kind = call.kind();
        let by_id = Read::Get(kind, id.to_owned());
        let mut state = self.state();
        match call {
            Call::Create { .. } | Call::CreateGrant { .. } | Call::Update { .. } => {
                if kind == ObjectKind::Connection && call.is_create() {
                    let enabled = answer.get("enabled_clients").and_then(Value::as_array);
                    let client = |id: &Value| [("client_id".to_owned(), id.clone())].into_iter().collect();
                    let clients: Vec<Fields> = enabled.into_iter().flatten().map(client).collect();
                    state.insert(Read::ConnectionClients(id.to_owned()), &clients, Instant::now(), Source::Object);
                }
                state.insert_written(by_id, std::slice::from_ref(answer), sent);
            }
            Call::Delete { .. } => state.insert_written(by_id, &[], sent),
            Call::EnableClients { changes, .. } => {
                let read = Read::ConnectionClients(id.to_owned());
                let Some(mut clients) = state.objects(&read) else { return state.spoil(read) };
                for (client, is_enabled) in changes {
                    clients.retain(|other| text(other, "client_id") != Some(client));
                    if *is_enabled {
                        clients.push([("client_id".to_owned(), client.clone().into())].into_iter().collect());
                    }
                }
                state.insert_written(read, &clients, sent);
            }
        }
    }

    /// What we know may no longer be so.
    pub(super) fn spoil(&self, read: &Read) {
        self.state().spoil(read.clone());
    }

    /// A write whose outcome is not known, or whose object turned out to be otherwise: read it again before use.
    pub(super) fn forget(&self, kind: ObjectKind, id: &str) {
        self.spoil(&Read::Get(kind, id.to_owned()));
        if kind == ObjectKind::Connection {
            self.spoil(&Read::ConnectionClients(id.to_owned()));
        }
    }

    /// Forgets what nobody holds any more, so that what comes and goes does not pile up.
    pub(super) fn keep(&self, held: &HashSet<&Read>) {
        let (mut state, now) = (self.state(), Instant::now());
        state.known.retain(|read, _| held.contains(read));
        state.known.shrink_to_fit();
        state.spoiled.retain(|_, at| now.duration_since(*at) < REMEMBERED);
    }

    /// What is known, however old.
    pub(super) fn known(&self, read: &Read) -> Option<Vec<Fields>> {
        self.state().objects(read)
    }

    /// Compares an object in a list with what is known, and learns it where nothing is.
    pub(super) fn compare(&self, read: &Read, listed: &[Fields], sent: Instant) -> Comparison {
        let mut state = self.state();
        if state.spoiled.get(read).is_some_and(|at| *at >= sent) {
            return Comparison::Same;
        }
        match state.known.get(read) {
            // It was read or written since, so the list is the older.
            Some(entry) if entry.since >= sent => return Comparison::Same,
            Some(_) => {}
            None => {
                state.insert(read.clone(), listed, sent, Source::List);
                return Comparison::New;
            }
        }
        let known = state.objects(read).unwrap_or_default();
        if is_same(&known, listed) { Comparison::Same } else { Comparison::Other }
    }
}

impl State {
    /// Only answers about an object by its id are kept: searches have no end of keys.
    fn learn(&mut self, read: &Read, answer: &[Fields], sent: Instant) {
        let by_id = match read {
            Read::Get(kind, id) => match answer.first() {
                None => Read::Get(*kind, id.clone()),
                // An API can be asked for by its identifier, too.
                Some(object) => Read::Get(*kind, text(object, kind.id_key()).unwrap_or(id).to_owned()),
            },
            Read::ConnectionClients(_) => read.clone(),
            _ => return,
        };
        let is_spoiled = [read, &by_id].iter().any(|read| self.spoiled.get(*read).is_some_and(|at| *at >= sent));
        if !is_spoiled && self.known.get(&by_id).is_none_or(|entry| entry.since <= sent) {
            self.insert(by_id, answer, sent, Source::Object);
        }
    }

    fn spoil(&mut self, read: Read) {
        let now = Instant::now();
        self.known.remove(&read);
        if self.spoiled.len() >= 1_000 {
            self.spoiled.retain(|_, at| now.duration_since(*at) < REMEMBERED);
        }
        self.spoiled.insert(read, now);
    }

    /// What a write that left at `sent` made. Where somebody else has changed the object or seen it otherwise since, nobody knows
    /// which was the last.
    fn insert_written(&mut self, read: Read, objects: &[Fields], sent: Instant) {
        let is_crossed = self.spoiled.get(&read).is_some_and(|at| *at >= sent)
            || self.known.get(&read).is_some_and(|entry| entry.since > sent);
        if is_crossed {
            self.spoil(read);
        } else {
            self.insert(read, objects, Instant::now(), Source::Object);
        }
    }

    fn insert(&mut self, read: Read, objects: &[Fields], since: Instant, source: Source) {
        // An object of strings and numbers is always text.
        let objects = serde_json::to_string(objects).unwrap_or_default().into();
        self.known.insert(read, Entry { objects, since, source });
    }

    fn objects(&self, read: &Read) -> Option<Vec<Fields>> {
        serde_json::from_str(&self.known.get(read)?.objects).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::fields, tenant::Cause};
    use serde_json::json;

    fn client(name: &str) -> Answer {
        Answer { objects: vec![fields(json!({"client_id": "abc", "name": name}))], ..Answer::default() }
    }

    fn abc() -> Read {
        Read::Get(ObjectKind::Client, "abc".into())
    }

    fn update() -> Call {
        Call::Update { kind: ObjectKind::Client, id: "abc".into(), body: crate::plan::Body::default() }
    }

    fn wake(since: Instant) -> Asker {
        Asker { since, ..Asker::operator(Cause::Wake) }
    }

    fn depart(inventory: &Inventory, freshness: Freshness) -> Departure {
        match inventory.look_up(&abc(), freshness, &wake(Instant::now())) {
            Lookup::Ask(departure) => departure,
            Lookup::Known(..) | Lookup::Flying(_) => panic!("has to ask"),
        }
    }

    fn send(departure: &Departure) {
        departure.sent.set(Instant::now()).unwrap();
    }

    async fn later() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    fn name(inventory: &Inventory, freshness: Freshness, since: Instant) -> Option<String> {
        match inventory.look_up(&abc(), freshness, &wake(since)) {
            Lookup::Known(objects, _) => text(&objects[0], "name").map(str::to_owned),
            Lookup::Flying(_) => None,
            Lookup::Ask(departure) => {
                inventory.land(departure, Err(Error::BeingDeleted));
                None
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_known_until_something_spoils_it() {
        let inventory = Inventory::default();
        let departure = depart(&inventory, Freshness::Known);
        send(&departure);
        inventory.land(departure, Ok(client("one")));
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(name(&inventory, Freshness::Known, Instant::now()).as_deref(), Some("one"));
        assert_eq!(name(&inventory, Freshness::Anew, Instant::now()), None);
        inventory.spoil(&abc());
        assert_eq!(name(&inventory, Freshness::Known, Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_was_sent_before_the_spoiling_teaches_nothing() {
        let inventory = Inventory::default();
        let departure = depart(&inventory, Freshness::Known);
        send(&departure);
        later().await;
        inventory.spoil(&abc());
        inventory.land(departure, Ok(client("old")));
        assert_eq!(inventory.known(&abc()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_answer_never_replaces_a_newer_one() {
        let inventory = Inventory::default();
        let departure = depart(&inventory, Freshness::Known);
        send(&departure);
        later().await;
        inventory.wrote(&update(), "abc", &client("written").object(), Instant::now());
        inventory.land(departure, Ok(client("read before the write")));
        assert_eq!(name(&inventory, Freshness::Known, Instant::now()).as_deref(), Some("written"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_joins_a_read_that_is_not_older_than_its_reason() {
        let inventory = Inventory::default();
        let before = Instant::now();
        let departure = depart(&inventory, Freshness::Known);
        later().await;
        let woken = Instant::now();
        assert!(
            matches!(inventory.look_up(&abc(), Freshness::Known, &wake(woken)), Lookup::Flying(_)),
            "it has not left yet"
        );
        send(&departure);
        later().await;
        assert!(matches!(inventory.look_up(&abc(), Freshness::Known, &wake(before)), Lookup::Flying(_)));
        let Lookup::Ask(second) = inventory.look_up(&abc(), Freshness::Known, &wake(Instant::now())) else {
            panic!("what was sent before its reason may not show it")
        };
        send(&second);
        // The older of the two lands last and neither hides nor replaces the newer.
        inventory.land(second, Ok(client("new")));
        inventory.land(departure, Ok(client("old")));
        assert_eq!(name(&inventory, Freshness::Known, Instant::now()).as_deref(), Some("new"));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_joined_get_the_answer_and_go_on_by_themselves_when_there_is_none() {
        let inventory = Inventory::default();
        let departure = depart(&inventory, Freshness::Known);
        let Lookup::Flying(mut joined) = inventory.look_up(&abc(), Freshness::Known, &wake(Instant::now())) else {
            panic!("joins")
        };
        send(&departure);
        inventory.land(departure, Ok(client("one")));
        let landed = joined.wait_for(Option::is_some).await.unwrap().clone().unwrap().unwrap();
        assert_eq!(text(&landed.object(), "name"), Some("one"));
        inventory.spoil(&abc());
        let given_up = depart(&inventory, Freshness::Known);
        let Lookup::Flying(mut joined) = inventory.look_up(&abc(), Freshness::Known, &wake(Instant::now())) else {
            panic!("joins")
        };
        drop(given_up);
        assert!(joined.wait_for(Option::is_some).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_to_a_write_that_somebody_crossed_is_not_believed() {
        let inventory = Inventory::default();
        let sent = Instant::now();
        later().await;
        inventory.spoil(&abc());
        later().await;
        inventory.wrote(&update(), "abc", &client("ours").object(), sent);
        assert_eq!(inventory.known(&abc()), None);
        inventory.wrote(&update(), "abc", &client("ours, later").object(), Instant::now() + Duration::from_secs(1));
        assert!(inventory.known(&abc()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_holds_any_more_is_forgotten() {
        let inventory = Inventory::default();
        let other = Read::Get(ObjectKind::Client, "other".into());
        inventory.wrote(&update(), "abc", &client("one").object(), Instant::now());
        inventory.wrote(&update(), "other", &client("two").object(), Instant::now());
        inventory.keep(&[&other].into());
        assert_eq!((inventory.known(&abc()), inventory.known(&other).is_some()), (None, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_teaches_what_is_new_and_only_suspects_what_differs() {
        let inventory = Inventory::default();
        let listed =
            |name: &str| [fields(json!({"client_id": "abc", "name": name, "updated_at": "x", "callbacks": []}))];
        assert_eq!(inventory.compare(&abc(), &listed("one"), Instant::now()), Comparison::New);
        assert_eq!(name(&inventory, Freshness::Known, Instant::now()).as_deref(), Some("one"));
        assert_eq!(name(&inventory, Freshness::Anew, Instant::now()), None);
        later().await;
        inventory.wrote(&update(), "abc", &client("two").object(), Instant::now());
        let before_the_write = Instant::now() - Duration::from_millis(500);
        assert_eq!(inventory.compare(&abc(), &listed("one"), before_the_write), Comparison::Same, "it is the older");
        later().await;
        assert_eq!(inventory.compare(&abc(), &listed("two"), Instant::now()), Comparison::Same);
        assert_eq!(inventory.compare(&abc(), &listed("three"), Instant::now()), Comparison::Other);
    }
}
