//! Plans of the three kinds, from minimal YAML through the real types. A small tenant answers reads and takes calls.

mod api;
mod api_secrets;
mod changed;
mod connections;
mod users;

use super::*;
use crate::crd::{Auth0ApiSpec, Auth0ConnectionSpec, Auth0UserSpec};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::collections::BTreeMap;

/// A tenant as plans see it: objects by kind and id, and clients enabled on connections.
#[derive(Default)]
struct Tenant {
    objects: BTreeMap<(ObjectKind, String), Fields>,
    enabled: BTreeMap<String, Vec<String>>,
    /// What is behind the digests in the options of its connection.
    option_secrets: BTreeMap<String, SecretString>,
}

impl Tenant {
    fn with(mut self, kind: ObjectKind, object: Value) -> Self {
        let object = fields(object);
        self.objects.insert((kind, text(&object, kind.id_key()).unwrap().to_owned()), object);
        self
    }

    fn answer(&self, read: &Read) -> Vec<Fields> {
        let of = |kind: ObjectKind, is_meant: &dyn Fn(&Fields) -> bool| -> Vec<Fields> {
            self.objects
                .iter()
                .filter(|((other, _), object)| *other == kind && is_meant(object))
                .map(|(_, object)| object.clone())
                .collect()
        };
        match read {
            Read::Get(kind, id) => of(*kind, &|object| {
                text(object, kind.id_key()) == Some(id)
                    || *kind == ObjectKind::ResourceServer && text(object, "identifier") == Some(id)
            }),
            Read::ConnectionNamed(name) => of(ObjectKind::Connection, &|object| text(object, "name") == Some(name)),
            Read::StampedClient(stamp) => {
                of(ObjectKind::Client, &|object| stamp_of(ObjectKind::Client, object) == Some(stamp))
            }
            Read::Grants { client, audience } => of(ObjectKind::ClientGrant, &|object| {
                text(object, "client_id") == Some(client) && text(object, "audience") == Some(audience)
            }),
            Read::UsersWithEmail(email) => of(ObjectKind::User, &|object| text(object, "email") == Some(email)),
            Read::UsersWith { field, value } => of(ObjectKind::User, &|object| text(object, field) == Some(value)),
            Read::ConnectionClients(id) => {
                self.enabled.get(id).into_iter().flatten().map(|client| fields(json!({"client_id": client}))).collect()
            }
            Read::ClientSecret(_) | Read::ClientStamps => vec![],
        }
    }

    /// Takes a call as Auth0 would, as far as plans depend on it; gives the answer.
    fn take(&mut self, call: &Call, created: &mut BTreeMap<ObjectKind, String>) -> Fields {
        let id_of = |target: &Target, kind: ObjectKind, created: &BTreeMap<ObjectKind, String>| match target {
            Target::Known(id) => id.clone(),
            Target::CreatedByThisPlan => created[&kind].clone(),
        };
        let (kind, id, changes) = match call {
            Call::Create { kind, body } => {
                let mut object = body.fields.clone();
                let id =
                    text(&object, "user_id").map_or_else(|| format!("{}-1", kind.noun()), |id| format!("auth0|{id}"));
                object.insert(kind.id_key().to_owned(), id.clone().into());
                (*kind, id, object)
            }
            Call::CreateGrant { client, fields } => {
                let mut object = fields.clone();
                object.insert("client_id".to_owned(), id_of(client, ObjectKind::Client, created).into());
                object.insert("id".to_owned(), "cgr_1".into());
                (ObjectKind::ClientGrant, "cgr_1".to_owned(), object)
            }
            Call::Update { kind, id, body } => (*kind, id.clone(), body.fields.clone()),
            Call::Delete { kind, id } => {
                self.objects.remove(&(*kind, id.clone()));
                return Fields::new();
            }
            Call::EnableClients { connection, changes } => {
                let enabled = self.enabled.entry(id_of(connection, ObjectKind::Connection, created)).or_default();
                for (client, is_enabled) in changes {
                    enabled.retain(|other| other != client);
                    if *is_enabled {
                        enabled.push(client.clone());
                    }
                }
                return Fields::new();
            }
        };
        created.insert(kind, id.clone());
        let object = self.objects.entry((kind, id)).or_default();
        for (key, value) in changes {
            match (object.get_mut(&key), value) {
                (Some(Value::Object(have)), Value::Object(new)) if key.ends_with("metadata") => have.extend(new),
                (_, value) => {
                    object.insert(key, value);
                }
            }
        }
        object.clone()
    }
}

struct Case<Spec: Managed> {
    spec: Spec,
    status: Spec::Status,
    references: References,
    rotation: Rotation,
    spec_changed: bool,
}

fn owner() -> Owner {
    Owner { cluster: "c1".into(), namespace: "shop".into(), name: "orders".into(), uid: "4711".into() }
}

fn facts() -> TenantFacts {
    TenantFacts {
        domain: "example.eu.auth0.com".into(),
        endpoint: None,
        custom_domain: None,
        management_client: "operator".into(),
    }
}

impl<Spec: Managed + serde::de::DeserializeOwned> Case<Spec> {
    fn new(yaml: &str) -> Self {
        Self {
            spec: serde_saphyr::from_str(yaml).unwrap(),
            status: Spec::Status::default(),
            references: References::default(),
            rotation: Rotation::default(),
            spec_changed: true,
        }
    }

    /// Plans against the tenant, looking by natural key as after a 409.
    fn plan(&self, tenant: &Tenant, depth: Depth) -> Result<Plan, Refusal> {
        self.view(tenant, depth, |view| self.spec.plan(view))
    }

    fn view<T>(&self, tenant: &Tenant, depth: Depth, then: impl FnOnce(&Situation<'_, Spec::Status>) -> T) -> T {
        let (owner, facts, key, secret) =
            (owner(), facts(), fingerprint::Key::new(b"key"), SecretString::from("fresh"));
        let mut remote = Remote::default();
        remote.option_secrets.clone_from(&tenant.option_secrets);
        loop {
            let situation = Situation {
                owner: &owner,
                tenant: &facts,
                references: &self.references,
                status: &self.status,
                remote: &remote,
                depth,
                announced: Spec::common(&self.status).pending.is_some(),
                spec_changed: self.spec_changed,
                key: &key,
                rotation: &self.rotation,
                fresh_secret: &secret,
                client_secret: None,
            };
            let reads = self.spec.reads(&situation);
            if reads.is_empty() {
                return then(&situation);
            }
            for read in reads {
                let answer = tenant.answer(&read);
                remote.insert(read, answer);
            }
        }
    }

    /// Plans, executes and records.
    fn converge(&mut self, tenant: &mut Tenant, depth: Depth) -> Vec<String> {
        let plan = self.plan(tenant, depth).unwrap();
        let mut created = BTreeMap::new();
        let mut status = self.status.clone();
        for found in &plan.found {
            self.view(tenant, depth, |view| self.spec.record_found(&mut status, found, view));
        }
        for call in &plan.calls {
            let answer = tenant.take(call, &mut created);
            self.view(tenant, depth, |view| self.spec.record(&mut status, call, &answer, view));
        }
        self.status = status;
        plan.calls.iter().map(ToString::to_string).collect()
    }

    fn planned(&self, tenant: &Tenant) -> Vec<String> {
        self.plan(tenant, Depth::KnownIds).unwrap().calls.iter().map(ToString::to_string).collect()
    }
}

const API: &str =
    "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 3600, scopes: [{value: 'read:orders'}]}";
const CONNECTION: &str =
    "{strategy: auth0, name: Orders, database: {disableSignup: true}, enabledClients: [{clientId: abc}]}";
const USER: &str = "{connectionRef: {name: db}, email: Ada@example.com, name: Ada, password: {secretKeyRef: {name: ada, key: password}}}";

fn api() -> Case<Auth0ApiSpec> {
    Case::new(API)
}

fn reference(strategy: &str) -> ConnectionReference {
    ConnectionReference { name: "Orders".into(), strategy: strategy.into(), is_password_optional: false }
}

fn user() -> Case<Auth0UserSpec> {
    let mut case = Case::<Auth0UserSpec>::new(USER);
    case.references.connections.insert("db".into(), reference("auth0"));
    case.references.secrets.insert(("ada".into(), "password".into()), SecretString::from("canary"));
    case
}
