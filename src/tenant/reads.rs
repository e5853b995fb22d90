//! How each question of a plan is put to the tenant.

use super::{
    Answer, Provenance, Tenant,
    error::{Error, Tried},
    flights::Sent,
    inventory::{Freshness, Lookup, Source},
    objects,
    queue::Asker,
    transport::Request,
};
use crate::plan::{Fields, ObjectKind, Read, stamp_of, text};
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

/// What we may manage of a client. Positive, so that a read never asks for a secret: one that does is logged by the tenant.
pub(super) const CLIENT_FIELDS: &str = "client_id,name,description,app_type,oidc_conformant,jwt_configuration,grant_types,callbacks,\
allowed_logout_urls,web_origins,allowed_origins,token_endpoint_auth_method,client_metadata,organization_usage";

/// A question on its way: for whom, and when it left.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) asker: &'a Asker,
    pub(super) sent: &'a Sent,
}

type Query<'a> = Vec<(&'a str, String)>;

impl Tenant {
    /// Answers a question; from what is known when that is as fresh as asked for. Those who ask the same at the same time share
    /// one call.
    ///
    /// # Errors
    /// When the tenant gives no answer. That there is no such object is an answer.
    pub async fn read(&self, read: &Read, freshness: Freshness, asker: &Asker) -> Result<Answer, Error> {
        loop {
            match self.inventory.look_up(read, freshness, asker) {
                Lookup::Known(objects, source) => {
                    let provenance = if source == Source::List { Provenance::Listed } else { Provenance::Remembered };
                    return Ok(Answer { objects, provenance, ..Answer::default() });
                }
                Lookup::Flying(mut landed) => {
                    // The error means that whoever asked has given up: then we ask.
                    if let Ok(answer) = landed.wait_for(Option::is_some).await
                        && let Some(answer) = answer.clone()
                    {
                        return answer;
                    }
                }
                Lookup::Ask(departure) => {
                    let answer = match self.ask(read, Way { asker, sent: &departure.sent }).await {
                        Err(Error::Gone(_)) => Ok(Answer::default()),
                        other => other,
                    };
                    self.inventory.land(departure, answer.clone());
                    return answer;
                }
            }
        }
    }

    async fn ask(&self, read: &Read, way: Way<'_>) -> Result<Answer, Error> {
        match read {
            Read::Get(ObjectKind::Client, id) => {
                self.get(ObjectKind::Client, vec!["clients", id], only(CLIENT_FIELDS), way).await
            }
            Read::Get(kind, id) => self.get(*kind, vec![kind.collection(), id], vec![], way).await,
            Read::ConnectionNamed(name) => {
                self.get(ObjectKind::Connection, vec!["connections"], vec![("name", name.clone())], way).await
            }
            Read::ConnectionClients(id) => {
                let query = vec![("take", "1000".to_owned())];
                let objects = self.pages(vec!["connections", id, "clients"], "clients", query, way).await?;
                Ok(Answer { objects, ..Answer::default() })
            }
            Read::StampedClient(stamp) => self.stamped_client(stamp, way).await,
            Read::ClientStamps => {
                let mut query = only("client_id,client_metadata");
                query.extend([("is_global", "false".to_owned()), ("take", "100".to_owned())]);
                let objects = self.pages(vec!["clients"], "clients", query, way).await?;
                Ok(Answer { objects, ..Answer::default() })
            }
            Read::Grants { client, audience } => {
                let query = vec![("client_id", client.clone()), ("audience", audience.clone())];
                self.get(ObjectKind::ClientGrant, vec!["client-grants"], query, way).await
            }
            Read::UsersWithEmail(email) => {
                self.get(ObjectKind::User, vec!["users-by-email"], vec![("email", email.clone())], way).await
            }
            Read::UsersWith { field, value } => {
                let query = vec![("q", format!("{field}:{}", quoted(value))), ("search_engine", "v3".to_owned())];
                self.get(ObjectKind::User, vec!["users"], query, way).await
            }
            Read::ClientSecret(id) if self.scopes().await?.contains("read:client_keys") => {
                self.get(ObjectKind::Client, vec!["clients", id], vec![], way).await
            }
            Read::ClientSecret(_) => Ok(Answer::default()),
        }
    }

    /// Clients have no unique name, so the one with our stamp is looked for in the list; many who look share it.
    async fn stamped_client(&self, stamp: &str, way: Way<'_>) -> Result<Answer, Error> {
        let _ = way.sent.set(Instant::now());
        let clients = Box::pin(self.read(&Read::ClientStamps, Freshness::Anew, way.asker)).await?.objects;
        let stamped = clients.iter().find(|client| stamp_of(ObjectKind::Client, client) == Some(stamp));
        match stamped.and_then(|client| text(client, "client_id")) {
            Some(id) => {
                Box::pin(self.read(&Read::Get(ObjectKind::Client, id.to_owned()), Freshness::Anew, way.asker)).await
            }
            None => Ok(Answer::default()),
        }
    }

    async fn get(&self, kind: ObjectKind, path: Vec<&str>, query: Query<'_>, way: Way<'_>) -> Result<Answer, Error> {
        let tried = Tried { what: format!("read the {}", kind.noun()), noun: kind.noun(), is_secret: false };
        Ok(self.strip(kind, self.fetch(path, query, tried, way).await?))
    }

    /// All pages of a list with checkpoint pagination.
    async fn pages(&self, path: Vec<&str>, key: &str, query: Query<'_>, way: Way<'_>) -> Result<Vec<Fields>, Error> {
        let (mut all, mut from) = (vec![], None);
        loop {
            let (page, next) = self.page(path.clone(), key, query.clone(), from, way).await?;
            all.extend(page);
            match next {
                Some(next) => from = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// One page of a list with checkpoint pagination, and where the next one begins: that is absent on the last one.
    pub(super) async fn page(
        &self,
        path: Vec<&str>,
        key: &str,
        mut query: Query<'_>,
        from: Option<String>,
        way: Way<'_>,
    ) -> Result<(Vec<Fields>, Option<String>), Error> {
        query.extend(from.map(|from| ("from", from)));
        let tried = Tried { what: format!("list {key}"), noun: "connection", is_secret: false };
        let mut page = self.fetch(path, query, tried, way).await?;
        let next = page["next"].as_str().filter(|next| !next.is_empty()).map(str::to_owned);
        Ok((objects(page[key].take()), next))
    }

    pub(super) async fn fetch(
        &self,
        path: Vec<&str>,
        query: Query<'_>,
        tried: Tried,
        way: Way<'_>,
    ) -> Result<Value, Error> {
        let Way { asker, sent } = way;
        let request = Request { method: Method::GET, path, query, body: None, tried, asker, sent: sent.clone() };
        self.transport.send(request).await
    }
}

/// A value in a search of users.
pub(super) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Asks for these keys and no others.
pub(super) fn only(fields: &str) -> Query<'static> {
    vec![("fields", fields.to_owned()), ("include_fields", "true".to_owned())]
}
