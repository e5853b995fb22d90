//! Reads under way, so that those who ask the same at the same time share one call.

use super::{
    Answer, Error,
    queue::{Asker, Cause},
};
use crate::plan::Read;
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};
use tokio::{sync::watch, time::Instant};

/// When a read left; empty while it waits for leave.
pub(super) type Sent = Arc<OnceLock<Instant>>;

/// The answer to a read, once it is there.
pub(super) type Landed = watch::Receiver<Option<Result<Answer, Error>>>;

/// A read that is about to be sent, on behalf of all who ask the same.
pub(super) struct Departure {
    pub(super) sent: Sent,
    pub(super) read: Read,
    number: u64,
    landing: watch::Sender<Option<Result<Answer, Error>>>,
}

/// All reads under way, of each question the newest.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: HashMap<Read, Flight>,
    flown: u64,
}

#[derive(Debug)]
struct Flight {
    number: u64,
    /// Why it is made: it waits for leave like others of that cause.
    cause: Cause,
    sent: Sent,
    landed: Landed,
}

impl Flights {
    /// A read that somebody may wait for: it left after there was reason to ask, or will leave as soon as the asker's own would.
    pub(super) fn join(&self, read: &Read, asker: &Asker) -> Option<Landed> {
        let flight = self.flights.get(read)?;
        let is_good = flight.sent.get().map_or(flight.cause <= asker.cause, |sent| *sent >= asker.since);
        // Closed when whoever asked has given up.
        (is_good && flight.landed.has_changed().is_ok()).then(|| flight.landed.clone())
    }

    /// A read that others may join from now on.
    pub(super) fn depart(&mut self, read: &Read, cause: Cause) -> Departure {
        self.flown += 1;
        let (landing, landed) = watch::channel(None);
        let (sent, number) = (Sent::default(), self.flown);
        self.flights.insert(read.clone(), Flight { number, cause, sent: sent.clone(), landed });
        Departure { sent, read: read.clone(), number, landing }
    }

    /// A read that nobody needs to join any more.
    pub(super) fn end(&mut self, departure: &Departure) {
        if self.flights.get(&departure.read).is_some_and(|flight| flight.number == departure.number) {
            self.flights.remove(&departure.read);
        }
    }
}

impl Departure {
    /// Gives the answer to all who wait for it.
    pub(super) fn land(self, answer: Result<Answer, Error>) {
        self.landing.send_replace(Some(answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ObjectKind;

    #[test]
    fn an_edit_does_not_wait_with_a_read_that_waits_for_a_sweep() {
        let (mut flights, read) = (Flights::default(), Read::Get(ObjectKind::Client, "abc".into()));
        let (sweep, edit) = (Asker::operator(Cause::Sweep), Asker::operator(Cause::User));
        let spread = flights.depart(&read, Cause::Sweep);
        assert!(flights.join(&read, &sweep).is_some() && flights.join(&read, &edit).is_none());
        spread.sent.set(Instant::now()).unwrap();
        assert!(flights.join(&read, &edit).is_some(), "it has left, and after the edit");
        let urgent = flights.depart(&read, Cause::User);
        flights.end(&spread);
        assert!(flights.join(&read, &sweep).is_some(), "whoever can wait shares the faster one");
        flights.end(&urgent);
        assert!(flights.join(&read, &edit).is_none());
    }
}
