//! The smallest operator: plans and carries out as `controller/reconcile.rs` does, over an emulated tenant and without Kubernetes.

use crate::support::tenant as emulated;
use auth0_operator::{
    plan::{
        Body, Call, ConnectionReference, Depth, ExistingOutput, Fields, Managed, ObjectKind, Output, Owner, Plan, Read,
        Reason, References, Refusal, Remote, Rotation, SentSecret, Situation, TenantFacts, digest,
        fingerprint::{Key, Purpose},
    },
    tenant::{self, Asker, Cause, Created, Credentials, Freshness, Observe, Provenance, Tenant, http_client},
};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A tenant, and the operator's client for it.
pub(crate) struct World {
    pub(crate) tenant: Tenant,
    emulator: emulated::Tenant,
    writes: Arc<Writes>,
    cases: AtomicU64,
    key: Key,
}

/// Writes since they were last taken, as `PATCH clients`.
#[derive(Default)]
struct Writes(Mutex<Vec<String>>);

impl Observe for Writes {
    fn called(&self, method: &'static str, endpoint: &str, _status: u16, _cause: Cause) {
        if method != "GET" && endpoint != "token" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {endpoint}"));
        }
    }

    fn waited(&self, _cause: Cause, _wait: Duration) {}
}

/// Why a pass ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The plan says no.
    Refused(Refusal),
    /// The tenant does.
    Tenant(tenant::Error),
}

/// How a pass went.
pub(crate) struct Pass {
    /// The writes, as `PATCH clients`.
    pub(crate) writes: Vec<String>,
    pub(crate) end: Result<(), Stop>,
}

/// One resource, with what the controller would keep of it.
pub(crate) struct Resource<M: Managed> {
    pub(crate) spec: M,
    pub(crate) owner: Owner,
    pub(crate) status: M::Status,
    pub(crate) references: References,
    pub(crate) rotation: Rotation,
}

impl World {
    pub(crate) async fn start(domain: &str) -> Self {
        let emulator = emulated::Tenant::start(domain).await;
        let facts = TenantFacts {
            domain: domain.to_owned(),
            endpoint: Some(emulator.url().to_owned()),
            custom_domain: None,
            management_client: "management".to_owned(),
        };
        let writes = Arc::new(Writes::default());
        let credentials = Credentials::Secret(SecretString::from(emulator.management_secret()));
        let tenant = Tenant::new(facts, credentials, http_client().unwrap(), writes.clone());
        // So that the call for a token is not among the writes of a case.
        tenant.scopes().await.unwrap();
        let world = Self { tenant, emulator, writes, cases: AtomicU64::new(0), key: Key::new(b"key of the tests") };
        world.taken_writes();
        world
    }

    /// A number that no other case has, for names.
    pub(crate) fn case(&self) -> u64 {
        self.cases.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection of somebody's, which the operator's client is enabled for.
    pub(crate) async fn connection(&self, name: &str, strategy: &str, options: Value) -> ConnectionReference {
        let body = json!({
            "name": name, "strategy": strategy, "options": options, "enabled_clients": ["management"],
        });
        self.emulator.call(Method::POST, "connections", body).await;
        let is_password_optional = options["authentication_methods"]["password"]["api_behavior"] == "optional";
        ConnectionReference { name: name.to_owned(), strategy: strategy.to_owned(), is_password_optional }
    }

    /// The id of a client of somebody's.
    pub(crate) async fn client(&self, name: &str) -> String {
        let client = self.emulator.call(Method::POST, "clients", json!({ "name": name })).await;
        client["client_id"].as_str().unwrap().to_owned()
    }

    /// What the tenant showed of an object when it was last read.
    pub(crate) async fn object(&self, kind: ObjectKind, id: &str) -> Fields {
        self.tenant.read(&Read::Get(kind, id.to_owned()), Freshness::Known, &asker()).await.unwrap().object()
    }

    /// Takes an object out of the tenant, so that it stays small.
    pub(crate) async fn delete(&self, kind: ObjectKind, id: &str) {
        self.tenant
            .execute(&Call::Delete { kind, id: id.to_owned() }, &mut Created::default(), &asker())
            .await
            .unwrap();
        self.taken_writes();
    }

    fn taken_writes(&self) -> Vec<String> {
        std::mem::take(&mut *self.writes.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<M: Managed> Resource<M> {
    /// A resource that no pass has seen yet.
    pub(crate) fn new(spec: M, number: u64, references: References) -> Self {
        let owner = Owner {
            cluster: "cluster".to_owned(),
            namespace: "convergence".to_owned(),
            name: format!("case-{number}"),
            uid: format!("00000000-0000-4000-8000-{number:012}"),
        };
        Self { spec, owner, status: M::Status::default(), references, rotation: Rotation::default() }
    }

    /// The natural key.
    pub(crate) fn key(&self) -> String {
        let name_of = |name: &str| self.references.connections.get(name).map(|connection| connection.name.clone());
        self.spec.natural_key(&self.owner, &name_of)
    }

    /// One pass over a spec that is new or has changed.
    pub(crate) async fn reconcile(&mut self, world: &World) -> Pass {
        world.taken_writes();
        let end = self.converge(world).await;
        Pass { writes: world.taken_writes(), end }
    }

    /// What a pass would write, from all that is known, or from everything read anew.
    pub(crate) async fn left_to_do(&self, world: &World, freshness: Freshness) -> Vec<String> {
        let mut knowledge = Knowledge::new(freshness);
        let is_pending = M::common(&self.status).pending.is_some();
        assert!(!is_pending, "a create is still announced: {:?}", self.status);
        self.observe(world, &mut knowledge).await.unwrap();
        let plan = self.plan(world, &knowledge).unwrap();
        assert!(plan.found.is_empty(), "found what it has: {:?}", plan.found);
        plan.calls.iter().map(|call| format!("{call}: {call:?}")).collect()
    }

    /// The objects as the spec would make them in an empty tenant, in Auth0's names.
    pub(crate) async fn wish(&self, world: &World) -> Vec<(ObjectKind, Body)> {
        let anew = Self { status: M::Status::default(), ..self.copy() };
        let mut knowledge = Knowledge::new(Freshness::Known);
        anew.observe(world, &mut knowledge).await.unwrap();
        let plan = anew.plan(world, &knowledge).unwrap();
        let body = |call: Call| match call {
            Call::Create { kind, body } => Some((kind, body)),
            Call::CreateGrant { fields, .. } => Some((ObjectKind::ClientGrant, fields.into())),
            Call::Update { .. } | Call::Delete { .. } | Call::EnableClients { .. } => None,
        };
        plan.calls.into_iter().filter_map(body).collect()
    }

    fn copy(&self) -> Self {
        Self {
            spec: self.spec.clone(),
            owner: self.owner.clone(),
            status: self.status.clone(),
            references: self.references.clone(),
            rotation: self.rotation.clone(),
        }
    }

    async fn converge(&mut self, world: &World) -> Result<(), Stop> {
        self.spec.check(world.tenant.facts()).map_err(Stop::Refused)?;
        world.tenant.conceal(&self.key(), M::common(&self.status).id.as_deref(), self.spec.conceals());
        let mut knowledge = Knowledge::new(Freshness::Known);
        let (mut looked_after_conflict, mut looked_again) = (false, false);
        loop {
            self.observe(world, &mut knowledge).await?;
            let plan = self.plan(world, &knowledge).map_err(Stop::Refused)?;
            if knowledge.doubt(&plan) {
                continue;
            }
            world.tenant.check_scopes(&plan.calls).await.map_err(Stop::Tenant)?;
            self.announce(world, &knowledge, &plan);
            if let Some(output) = self.spec.output_ahead(&plan, &self.situation(world, &knowledge, &self.status)) {
                self.keep(&output);
            }
            let ended = self.execute(world, &mut knowledge, &plan).await;
            M::common_mut(&mut self.status).pending = None;
            match ended {
                Ok(()) => break,
                Err(tenant::Error::AlreadyExists(_)) if !looked_after_conflict => {
                    (looked_after_conflict, knowledge.depth) = (true, Depth::NaturalKeys);
                }
                Err(tenant::Error::Gone(_)) if !looked_again => looked_again = true,
                Err(error) => return Err(Stop::Tenant(error)),
            }
            knowledge.remote = Remote::default();
            knowledge.asker.since = Instant::now();
        }
        if let Some(output) = self.spec.output(&self.situation(world, &knowledge, &self.status)) {
            self.note(world, &knowledge, |spec, status, situation| spec.record_output(status, &output, situation));
            self.keep(&output);
        }
        M::common_mut(&mut self.status).managed = self.spec.managed(&self.owner);
        Ok(())
    }

    /// Writes a Secret for applications, as `controller/output.rs` does.
    fn keep(&mut self, output: &Output) {
        let created = Some(self.rotation.now);
        let kept = self.references.outputs.entry(output.name.clone());
        let kept = kept.or_insert_with(|| ExistingOutput { owned: true, created, ..ExistingOutput::default() });
        kept.data.extend(output.data.clone());
        kept.data.retain(|key, _| output.without != Some(key.as_str()));
        if let Some(former) = &output.replaces {
            self.references.outputs.remove(former);
        }
    }

    async fn observe(&self, world: &World, knowledge: &mut Knowledge) -> Result<(), Stop> {
        loop {
            let reads = self.spec.reads(&self.situation(world, knowledge, &self.status));
            if reads.is_empty() {
                return Ok(());
            }
            for read in reads {
                let freshness = if knowledge.doubted.contains(&read) { Freshness::Anew } else { knowledge.freshness };
                let answer = world.tenant.read(&read, freshness, &knowledge.asker).await.map_err(Stop::Tenant)?;
                if answer.provenance == Provenance::Asked {
                    knowledge.asked.insert(read.clone());
                }
                knowledge.client_secret = answer.client_secret.or(knowledge.client_secret.take());
                knowledge.remote.option_secrets.extend(answer.option_secrets);
                knowledge.remote.insert(read, answer.objects);
            }
        }
    }

    fn plan(&self, world: &World, knowledge: &Knowledge) -> Result<Plan, Refusal> {
        self.spec.plan(&self.situation(world, knowledge, &self.status))
    }

    fn announce(&mut self, world: &World, knowledge: &Knowledge, plan: &Plan) {
        self.note(world, knowledge, |spec, status, situation| {
            for found in &plan.found {
                spec.record_found(status, found, situation);
            }
        });
        self.note(world, knowledge, |spec, status, situation| spec.announce(status, plan, situation));
        let body = plan.calls.iter().find_map(|call| match call {
            Call::Create { body, .. } => Some(&body.fields),
            Call::CreateGrant { fields, .. } => Some(fields),
            Call::Update { .. } | Call::Delete { .. } | Call::EnableClients { .. } => None,
        });
        let (managed, key) = (self.spec.managed(&self.owner), self.key());
        let common = M::common_mut(&mut self.status);
        if let Some(body) = body {
            common.pending = Some(auth0_operator::crd::Pending { key, digest: digest(body) });
            let new: Vec<_> = managed.into_iter().filter(|path| !common.managed.contains(path)).collect();
            common.managed.extend(new);
        }
    }

    async fn execute(&mut self, world: &World, knowledge: &mut Knowledge, plan: &Plan) -> Result<(), tenant::Error> {
        let mut created = Created::default();
        for call in &plan.calls {
            let answer = world.tenant.execute(call, &mut created, &knowledge.asker).await?;
            let object = answer.object();
            self.note(world, knowledge, |spec, status, situation| spec.record(status, call, &object, situation));
            let sent = match call {
                Call::Update { body, .. } => body.secrets.get("/client_secret").cloned(),
                _ => None,
            };
            if let Some(secret) = &sent {
                let domain = &world.tenant.facts().domain;
                let fingerprint = world.key.fingerprint(Purpose::ClientSecret, &self.owner.uid, domain, secret);
                // Here a new secret is in force at once.
                let settles_in = Duration::ZERO;
                self.rotation.sent = Some(SentSecret { fingerprint, asked: self.rotation.asked.clone(), settles_in });
            }
            knowledge.client_secret = sent.or(answer.client_secret).or(knowledge.client_secret.take());
        }
        Ok(())
    }

    fn note(
        &mut self,
        world: &World,
        knowledge: &Knowledge,
        take: impl FnOnce(&M, &mut M::Status, &Situation<'_, M::Status>),
    ) {
        let before = self.status.clone();
        let mut status = std::mem::take(&mut self.status);
        take(&self.spec, &mut status, &self.situation(world, knowledge, &before));
        self.status = status;
    }

    fn situation<'a>(
        &'a self,
        world: &'a World,
        knowledge: &'a Knowledge,
        status: &'a M::Status,
    ) -> Situation<'a, M::Status> {
        Situation {
            owner: &self.owner,
            tenant: world.tenant.facts(),
            references: &self.references,
            status,
            remote: &knowledge.remote,
            depth: knowledge.depth,
            announced: false,
            spec_changed: true,
            key: &world.key,
            rotation: &self.rotation,
            fresh_secret: &knowledge.fresh_secret,
            client_secret: knowledge.client_secret.as_ref(),
        }
    }
}

struct Knowledge {
    freshness: Freshness,
    asker: Asker,
    remote: Remote,
    asked: BTreeSet<Read>,
    doubted: BTreeSet<Read>,
    depth: Depth,
    client_secret: Option<SecretString>,
    fresh_secret: SecretString,
}

impl Knowledge {
    fn new(freshness: Freshness) -> Self {
        Self {
            freshness,
            asker: asker(),
            remote: Remote::default(),
            asked: BTreeSet::new(),
            doubted: BTreeSet::new(),
            depth: Depth::KnownIds,
            client_secret: None,
            fresh_secret: SecretString::from("0123456789abcdef".repeat(4)),
        }
    }

    /// Takes back what a plan must not be carried out on before it has been asked anew. Nothing here is known from lists.
    fn doubt(&mut self, plan: &Plan) -> bool {
        let wholes = plan.calls.iter().filter(|call| call.replaces_whole()).filter_map(Call::shown_by);
        let stale: Vec<_> = wholes.filter(|read| !self.asked.contains(read) && !self.doubted.contains(read)).collect();
        for read in &stale {
            self.remote.forget(read);
            self.asker.since = Instant::now();
        }
        self.doubted.extend(stale.iter().cloned());
        !stale.is_empty()
    }
}

fn asker() -> Asker {
    Asker::operator(Cause::User)
}

impl Stop {
    /// Whether it is a verdict on the spec: said again for the same spec, and no reason to try again.
    pub(crate) fn is_verdict(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.reason == Reason::InvalidSpec,
            Self::Tenant(error) => matches!(error, tenant::Error::Refused { status: 400, .. }),
        }
    }
}
