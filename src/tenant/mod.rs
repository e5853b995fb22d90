//! One tenant, over HTTP: answers reads, carries out calls. Knows the calls of a plan and no custom resource.
//!
//! call ──▶ guard ──▶ token ──▶ gate ──▶ HTTP ──▶ error or answer ──▶ secrets out ──▶ inventory
//!
//! What is known is in the inventory; the tenant's log (`tail.rs`) and lists (`sweep.rs`) say what of it is no longer so.

mod credentials;
mod error;
mod flights;
mod gate;
mod guard;
mod inventory;
mod limits;
mod log;
mod nonces;
mod queue;
mod reads;
mod redact;
mod same;
mod standing;
mod sweep;
mod tail;
mod token;
mod transport;
mod vitals;

pub use credentials::{Credentials, KeyError, PrivateKey};
pub use error::{CONNECTION_DISABLED, Error, MANAGEMENT_CLIENT_DISABLED, is_password_error};
pub use gate::DEFAULT_SHARE;
pub use inventory::Freshness;
pub use log::Change;
pub use queue::{Asker, Cause, Queue};
pub use sweep::Pace;
pub use tail::{Tail, Tidings};
pub use token::Scopes;
pub use transport::{Observe, Observer, http_client};
pub use vitals::Vitals;

use crate::plan::{Body, Call, Fields, ObjectKind, Read, Target, TenantFacts, pointer, text};
use error::Tried;
use flights::Sent;
use inventory::Inventory;
use redact::Redactor;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use transport::{Request, Transport};

/// The client for one tenant.
pub struct Tenant {
    facts: TenantFacts,
    transport: Transport,
    inventory: Inventory,
    redactor: Redactor,
    vitals: Arc<Vitals>,
}

/// What a read or a write brought.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The objects, without secrets.
    pub objects: Vec<Fields>,
    /// The client secret, where the object is a client and shows it.
    pub client_secret: Option<SecretString>,
    /// The secrets behind the digests in the connection's options, by JSON Pointer, where the object is a connection and the
    /// tenant was asked for it alone.
    pub option_secrets: BTreeMap<String, SecretString>,
    /// Where it is from.
    pub provenance: Provenance,
}

impl Answer {
    /// The first object; empty where there is none.
    pub fn object(&self) -> Fields {
        self.objects.first().cloned().unwrap_or_default()
    }
}

/// Where an answer is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provenance {
    /// The tenant, just now.
    #[default]
    Asked,
    /// An earlier answer about the object, or our own write.
    Remembered,
    /// A list.
    Listed,
}

/// Ids of what earlier calls of a plan created, which later ones refer to.
#[derive(Debug, Default)]
pub struct Created(BTreeMap<ObjectKind, String>);

impl Tenant {
    /// A client for the tenant of `facts`. Nothing is sent yet.
    pub fn new(facts: TenantFacts, credentials: Credentials, http: reqwest::Client, observe: Observer) -> Self {
        let base = facts.endpoint.clone().unwrap_or_else(|| format!("https://{}", facts.domain));
        let base = base.trim_end_matches('/').to_owned();
        let transport = Transport::new(http, base, &facts, credentials, observe);
        let vitals = Arc::new(Vitals::new(transport.gate().clone()));
        Self { facts, transport, inventory: Inventory::default(), redactor: Redactor::default(), vitals }
    }

    /// Names of this tenant.
    pub fn facts(&self) -> &TenantFacts {
        &self.facts
    }

    /// How the work with it stands.
    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    /// The scopes that the operator's client has. Fetches a token when there is none.
    ///
    /// # Errors
    /// When no token is to be had.
    pub async fn scopes(&self) -> Result<Scopes, Error> {
        self.transport.scopes().await
    }

    /// Whether there is a token that has not expired.
    pub async fn has_token(&self) -> bool {
        self.transport.has_token().await
    }

    /// Fetches a new token, with the scopes of this moment, when the current one is old enough. The old one serves until then.
    ///
    /// # Errors
    /// When no new token is to be had.
    pub async fn renew_token(&self, older_than: Duration) -> Result<(), Error> {
        self.transport.renew_token(older_than).await
    }

    /// Our part of the plan's rate, 0.01 to 1.
    pub fn set_share(&self, share: f64) {
        self.transport.gate().set_share(share);
    }

    /// Takes note that what is known of an answer may no longer be so.
    pub fn spoil(&self, read: &Read) {
        self.inventory.spoil(read);
    }

    /// Forgets what is known of all but these questions.
    pub fn keep(&self, held: &HashSet<&Read>) {
        self.inventory.keep(held);
    }

    /// The connection that a user is from, as far as it is known.
    pub fn connection_of_user(&self, user: &Read) -> Option<String> {
        let known = self.inventory.known(user)?;
        let first = known.first()?.get("identities")?.as_array()?.first()?.clone();
        first["connection"].as_str().map(str::to_owned)
    }

    /// Whether the token allows all calls of a plan: asked before the first, so that no plan stops half way for this.
    ///
    /// # Errors
    /// When a scope is missing, or no token is to be had.
    pub async fn check_scopes(&self, calls: &[Call]) -> Result<(), Error> {
        if calls.is_empty() {
            return Ok(());
        }
        let scopes = self.scopes().await?;
        match calls.iter().flat_map(Call::scopes).find(|scope| !scopes.contains(scope)) {
            Some(missing) => Err(Error::ScopeMissing(missing)),
            None => Ok(()),
        }
    }

    /// Carries out one call of a plan; `created` takes note of new ids for the calls that follow.
    ///
    /// # Errors
    /// When the tenant refuses, or its answer is lost: then the effect is unknown ([`Error::Unavailable`]).
    pub async fn execute(&self, call: &Call, created: &mut Created, asker: &Asker) -> Result<Answer, Error> {
        guard::check(call, &self.facts)?;
        let kind = call.kind();
        let id = self.id_of(call, created)?;
        let (method, path, body) = match call {
            Call::Create { body, .. } => (Method::POST, vec![kind.collection()], Some(json(body))),
            Call::CreateGrant { fields, .. } => {
                let mut body = Body::from(fields.clone());
                body.fields.insert("client_id".to_owned(), id.clone().into());
                (Method::POST, vec![kind.collection()], Some(json(&body)))
            }
            Call::Update { body, .. } => (Method::PATCH, vec![kind.collection(), &id], Some(json(body))),
            Call::Delete { .. } => (Method::DELETE, vec![kind.collection(), &id], None),
            Call::EnableClients { changes, .. } => {
                let changes: Vec<_> = changes
                    .iter()
                    .map(|(id, enabled)| serde_json::json!({"client_id": id, "status": enabled}))
                    .collect();
                (
                    Method::PATCH,
                    vec!["connections", &id, "clients"],
                    Some(Value::from(changes).to_string().into_bytes()),
                )
            }
        };
        let noun =
            if matches!(call, Call::EnableClients { .. }) { "connection or one of its clients" } else { kind.noun() };
        let tried = Tried { what: call.to_string(), noun, is_secret: call.carries_secret() };
        let left = Sent::default();
        let request = Request { method, path, query: vec![], body, tried, asker, sent: left.clone() };
        let sent = self.transport.send(request).await;
        let answer = match sent {
            // Deletes are idempotent: what is gone is as wanted.
            Err(Error::Gone(_)) if matches!(call, Call::Delete { .. }) => Value::Null,
            Err(error) => {
                if error.questions_what_is_known() {
                    self.inventory.forget(kind, &id);
                }
                return Err(self.with_client(error));
            }
            Ok(answer) => answer,
        };
        let answer = self.strip(kind, answer);
        let object = answer.object();
        let id = text(&object, kind.id_key()).filter(|_| call.is_create()).map_or(id, str::to_owned);
        self.inventory.wrote(call, &id, &object, left.get().copied().unwrap_or_else(Instant::now));
        if call.is_create() {
            created.0.insert(kind, id);
        }
        Ok(answer)
    }

    fn strip(&self, kind: ObjectKind, answer: Value) -> Answer {
        let mut objects = objects(answer);
        let mut secrets: Vec<_> = objects.iter_mut().map(|object| self.redactor.redact(kind, object)).collect();
        // Those of a list would be of several objects.
        let secrets = secrets.pop().filter(|_| secrets.is_empty()).unwrap_or_default();
        Answer { objects, client_secret: secrets.client, option_secrets: secrets.options, ..Answer::default() }
    }

    /// Takes note of places in the options of a connection that hold secrets: from now on nothing but digests of them is kept.
    pub fn conceal(&self, connection: &str, id: Option<&str>, places: Vec<String>) {
        if self.redactor.learn(connection, places)
            && let Some(id) = id
        {
            self.inventory.spoil(&Read::Get(ObjectKind::Connection, id.to_owned()));
        }
    }

    /// Names the operator's own client where a connection is not enabled for it: that is what a person needs to know.
    fn with_client(&self, error: Error) -> Error {
        match error {
            Error::Refused { call, status, code, message } if message == MANAGEMENT_CLIENT_DISABLED => {
                let message = format!("{message} {}; enable it there", self.facts.management_client);
                Error::Refused { call, status, code, message }
            }
            other => other,
        }
    }

    /// The id in the path of a call; for a new grant, its client's.
    fn id_of(&self, call: &Call, created: &Created) -> Result<String, Error> {
        let (target, kind) = match call {
            Call::Create { .. } => return Ok(String::new()),
            Call::Update { id, .. } | Call::Delete { id, .. } => return Ok(id.clone()),
            Call::CreateGrant { client, .. } => (client, ObjectKind::Client),
            Call::EnableClients { connection, .. } => (connection, ObjectKind::Connection),
        };
        match target {
            Target::Known(id) => Ok(id.clone()),
            Target::CreatedByThisPlan => created.0.get(&kind).cloned().ok_or_else(|| {
                Error::Guarded(format!(
                    "the {} of this plan was not created, so the operator did not {call}",
                    kind.noun()
                ))
            }),
        }
    }
}

/// The body on the wire: the only place where secret values join the rest.
fn json(body: &Body) -> Vec<u8> {
    let mut whole = body.fields.clone();
    for (place, secret) in &body.secrets {
        pointer::put(&mut whole, place, secret.expose_secret().into());
    }
    Value::Object(whole).to_string().into_bytes()
}

fn objects(answer: Value) -> Vec<Fields> {
    match answer {
        Value::Object(object) => vec![object],
        Value::Array(items) => items
            .into_iter()
            .filter_map(|item| match item {
                Value::Object(object) => Some(object),
                _ => None,
            })
            .collect(),
        _ => vec![],
    }
}

/// A random number from 0 to 1, so that waits differ.
pub fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which only makes waits equal.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}
