//! Looks at all objects that we know of, by as few calls as it takes: lists, or single reads where those are fewer.
//!
//! What a list shows otherwise than we knew it is only suspected: the key is spoiled, and whoever asks next reads the object.

use super::{
    Asker, Cause, Tenant,
    error::{Error, Tried},
    flights::Sent,
    inventory::{Comparison, Freshness},
    limits::Group,
    log::Change,
    objects,
    reads::{CLIENT_FIELDS, Way, only, quoted},
    same::is_same,
};
use crate::plan::{Fields, Held, ObjectKind, Read, text};
use reqwest::Method;
use std::{collections::BTreeMap, future::Future};

/// Objects on a page of a list.
const PAGE: usize = 100;
/// Pages by number end at 1,000 objects (recorded).
const NUMBERED_PAGES: usize = 10;
/// Identifiers in one list, the most that Auth0 takes (OpenAPI description).
const IDENTIFIERS: usize = 10;
/// Users in one search: 50 ids make 2.3 kB of URL, and no limit is documented.
const USERS: usize = 50;
/// A sweep that nobody waits for takes a quarter of our rate.
const REST: u32 = 3;

/// A call that meets the rate limit is made so many times in a row: one answer does not decide on all of a kind.
const TRIES: u32 = 10;

/// Whether somebody waits for a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the gate lets it.
    Quick,
    /// Spread over time.
    Spread,
}

/// The questions of one kind that are still open, and those whose answers turned out to be others.
struct Survey<'a, 'b, 'c> {
    open: BTreeMap<String, &'a Held>,
    found: usize,
    pages: usize,
    round: &'b mut Round<'c>,
}

/// What a sweep came upon.
struct Round<'a> {
    changed: &'a mut Vec<Change>,
    /// Calls that the tenant refused.
    refused: Vec<Error>,
}

impl Round<'_> {
    /// What the tenant refuses once it refuses again: it is passed over, so that it hides nothing else.
    fn pass_over<T>(&mut self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Err(error @ (Error::Refused { .. } | Error::Guarded(_) | Error::Gone(_))) => {
                self.refused.push(error);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

impl Survey<'_, '_, '_> {
    /// Whether one more page is likely to show more of ours than a single read would: a tenant may hold many objects of others.
    fn goes_on(&self) -> bool {
        // Nor has it cost more pages yet than single reads are left.
        self.open.len() > 1 && (self.found > self.pages || self.pages < self.open.len())
    }
}

impl Tenant {
    /// Looks at what resources hold, and adds to `changed` what is not as it was known: at once, since it may be broken off.
    ///
    /// # Errors
    /// The first, when the tenant gives no answer; the other kinds are looked at all the same. What it refuses to show is none.
    pub async fn sweep(&self, held: &[Held], pace: Pace, changed: &mut Vec<Change>) -> Result<(), Error> {
        let mut round = Round { changed, refused: vec![] };
        let mut outcome = Ok(());
        for kind in ObjectKind::ALL {
            let of_kind = held.iter().filter_map(|held| match &held.read {
                Read::Get(other, id) if *other == kind => Some((id.clone(), held)),
                _ => None,
            });
            let mut survey = Survey { open: of_kind.collect(), found: 0, pages: 0, round: &mut round };
            let looked = match self.list(kind, &mut survey, pace).await {
                Ok(()) => self.ask_again(survey.open.into_values(), pace, &mut round).await,
                Err(error) => Err(error),
            };
            outcome = outcome.and(looked);
        }
        let clients = held.iter().filter(|held| matches!(held.read, Read::ConnectionClients(_)));
        outcome = outcome.and(self.ask_again(clients, pace, &mut round).await);
        if let Some(error) = round.refused.first() {
            let (tenant, refused) = (&self.facts.domain, round.refused.len());
            tracing::warn!(tenant, refused, %error, "the tenant refused to show some objects, so they were not looked at");
        }
        outcome
    }

    /// Reads one by one what no list has shown.
    async fn ask_again(
        &self,
        held: impl Iterator<Item = &Held>,
        pace: Pace,
        round: &mut Round<'_>,
    ) -> Result<(), Error> {
        for Held { read, .. } in held {
            let asker = Asker::operator(Cause::Sweep);
            let before = self.inventory.known(read);
            let answer = persist(|| self.read(read, Freshness::Anew, &asker)).await;
            if let Some(answer) = round.pass_over(answer)?
                && before.is_some_and(|before| !is_same(&before, &answer.objects))
            {
                let is_delete = answer.objects.is_empty();
                round.changed.push(Change { reads: vec![read.clone()], is_delete, ..Change::default() });
            }
            self.rest(read.kind(), pace).await;
        }
        Ok(())
    }

    async fn list(&self, kind: ObjectKind, survey: &mut Survey<'_, '_, '_>, pace: Pace) -> Result<(), Error> {
        match kind {
            ObjectKind::ResourceServer => self.list_numbered(survey, pace).await,
            ObjectKind::User => self.list_users(survey, pace).await,
            ObjectKind::Client => {
                let mut query = only(CLIENT_FIELDS);
                query.push(("is_global", "false".to_owned()));
                self.list_linked(kind, "clients", query, survey, pace).await
            }
            ObjectKind::ClientGrant => self.list_linked(kind, "client_grants", vec![], survey, pace).await,
            ObjectKind::Connection => self.list_linked(kind, "connections", vec![], survey, pace).await,
        }
    }

    /// A list with checkpoint pagination.
    async fn list_linked(
        &self,
        kind: ObjectKind,
        key: &str,
        mut query: Vec<(&str, String)>,
        survey: &mut Survey<'_, '_, '_>,
        pace: Pace,
    ) -> Result<(), Error> {
        query.push(("take", PAGE.to_string()));
        let (asker, mut from) = (Asker::operator(Cause::Sweep), None);
        while survey.goes_on() {
            let ask = || async {
                let sent = Sent::default();
                let way = Way { asker: &asker, sent: &sent };
                let (page, next) = self.page(vec![kind.collection()], key, query.clone(), from.clone(), way).await?;
                Ok((page, next, sent))
            };
            let Some((page, next, sent)) = survey.round.pass_over(persist(ask).await)? else { return Ok(()) };
            self.take(kind, page, &sent, survey);
            self.rest(kind, pace).await;
            match next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Resource servers: pages by number, which end at 1,000; those beyond by their identifiers, ten at a time.
    async fn list_numbered(&self, survey: &mut Survey<'_, '_, '_>, pace: Pace) -> Result<(), Error> {
        let (kind, key) = (ObjectKind::ResourceServer, "resource_servers");
        let totals = |query: &mut Vec<(&str, String)>| query.push(("include_totals", "true".to_owned()));
        for page in 0..NUMBERED_PAGES {
            if !survey.goes_on() {
                return Ok(());
            }
            let mut query = vec![("page", page.to_string()), ("per_page", PAGE.to_string())];
            totals(&mut query);
            if self.list_page(kind, key, query, survey, pace).await? < PAGE {
                return Ok(());
            }
        }
        let identifiers: Vec<String> = survey.open.values().filter_map(|held| held.alias.clone()).collect();
        for identifiers in identifiers.chunks(IDENTIFIERS).filter(|identifiers| identifiers.len() > 1) {
            let mut query: Vec<_> = identifiers.iter().map(|identifier| ("identifiers", identifier.clone())).collect();
            totals(&mut query);
            self.list_page(kind, key, query, survey, pace).await?;
        }
        Ok(())
    }

    async fn list_users(&self, survey: &mut Survey<'_, '_, '_>, pace: Pace) -> Result<(), Error> {
        let ids: Vec<String> = survey.open.keys().cloned().collect();
        for ids in ids.chunks(USERS).filter(|ids| ids.len() > 1) {
            let quoted: Vec<String> = ids.iter().map(|id| quoted(id)).collect();
            let query = vec![
                ("q", format!("user_id:({})", quoted.join(" OR "))),
                ("search_engine", "v3".to_owned()),
                ("per_page", PAGE.to_string()),
                ("include_totals", "true".to_owned()),
            ];
            self.list_page(ObjectKind::User, "users", query, survey, pace).await?;
        }
        Ok(())
    }

    /// One page; gives how many objects were on it, none where it is refused.
    async fn list_page(
        &self,
        kind: ObjectKind,
        key: &str,
        query: Vec<(&str, String)>,
        survey: &mut Survey<'_, '_, '_>,
        pace: Pace,
    ) -> Result<usize, Error> {
        let asker = Asker::operator(Cause::Sweep);
        let ask = || async {
            let sent = Sent::default();
            let tried = Tried { what: format!("list {key}"), noun: kind.noun(), is_secret: false };
            let way = Way { asker: &asker, sent: &sent };
            let answer = self.fetch(vec![kind.collection()], query.clone(), tried, way).await?;
            Ok((answer, sent))
        };
        let Some((mut answer, sent)) = survey.round.pass_over(persist(ask).await)? else { return Ok(0) };
        let page = objects(answer[key].take());
        let seen = page.len();
        self.take(kind, page, &sent, survey);
        self.rest(kind, pace).await;
        Ok(seen)
    }

    fn take(&self, kind: ObjectKind, page: Vec<Fields>, sent: &Sent, survey: &mut Survey<'_, '_, '_>) {
        survey.pages += 1;
        let Some(sent) = sent.get() else { return };
        for mut object in page {
            let Some(held) = text(&object, kind.id_key()).and_then(|id| survey.open.remove(id)) else { continue };
            survey.found += 1;
            self.redactor.redact(kind, &mut object);
            if self.inventory.compare(&held.read, &[object], *sent) == Comparison::Other {
                self.inventory.spoil(&held.read);
                survey.round.changed.push(Change { reads: vec![held.read.clone()], ..Change::default() });
            }
        }
    }

    async fn rest(&self, kind: ObjectKind, pace: Pace) {
        if pace == Pace::Spread {
            let group = Group::of(&Method::GET, kind.collection());
            tokio::time::sleep(self.transport.gate().interval(group) * REST).await;
        }
    }
}

/// Makes a call again when it meets the rate limit: until it may leave, the gate holds it.
async fn persist<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> Result<T, Error> {
    for _ in 1..TRIES {
        match call().await {
            Err(Error::Throttled(_)) => {}
            other => return other,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, time::Duration};

    #[tokio::test]
    async fn a_call_is_made_again_for_the_rate_limit_only_and_not_for_ever() {
        for (error, calls) in
            [(Error::Throttled(Duration::from_secs(1)), TRIES), (Error::Unavailable("status 503".to_owned()), 1)]
        {
            let called = Cell::new(0);
            let failed: Result<(), _> = persist(|| async {
                called.set(called.get() + 1);
                Err(error.clone())
            })
            .await;
            assert_eq!((failed, called.get()), (Err(error.clone()), calls));
        }
    }
}
