//! Runs one cell: a namespace, a tenant behind a wire, the steps, and rest.

use crate::{
    support::{
        DEADLINE,
        bench::Bench,
        object::Object,
        operator,
        samples::{merge, resource, secret},
    },
    table::{Conditions, Content, Field, Objects, Run, Step, Table},
    wire::Wire,
};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::wait::await_condition;
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Mutex, time::Duration};

/// How often to look again for a call, which nobody announces.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) async fn run(table: &Table, run: Run) {
    let (scene, mut silence) = (Scene::set(table, &run).await, None);
    match table.cell(&run).content() {
        Content::Reason(_) => {}
        Content::Fields => {
            for (path, field) in &table.fields[run.kind] {
                scene.field(path, field).await;
            }
        }
        Content::Steps(steps) => {
            for (number, step) in steps.iter().enumerate() {
                if step.silent {
                    silence = Some(scene.settled(&run.name()).await);
                }
                scene.step(&format!("{}, step {}", run.name(), number + 1), step).await;
            }
        }
    }
    scene.at_rest(&run.name(), silence).await;
}

/// Where a cell is played.
pub(crate) struct Scene<'a> {
    table: &'a Table,
    pub(crate) bench: Bench,
    wire: Wire,
    kind: &'static str,
    /// `Kind/name` of the resource that the cell is about.
    pub(crate) it: String,
    /// The calls of a pass at the end.
    pub(crate) at_rest: Vec<String>,
    /// Clients that somebody else made.
    made: Mutex<Vec<String>>,
}

impl<'a> Scene<'a> {
    async fn set(table: &'a Table, run: &Run) -> Self {
        let (facts, cell) = (&table.kinds[run.kind], table.cell(run));
        let short = |text: &str| text.to_lowercase().split(' ').collect::<Vec<_>>().join("-");
        let name: String = format!("{}-{}", short(run.kind), short(run.column)).chars().take(50).collect();
        let bench = Bench::new(name.trim_end_matches('-')).await;
        let wire = Wire::to(bench.tenant.url()).await;
        let it = format!("{}/{}", run.kind, facts.name);
        let at_rest = cell.at_rest.clone().unwrap_or_else(|| facts.at_rest.clone());
        let scene = Self { table, bench, wire, kind: run.kind, it, at_rest, made: Mutex::default() };
        scene.create(cell.around.as_ref().unwrap_or(&facts.around)).await;
        for key in cell.around.as_ref().unwrap_or(&facts.around).iter().flat_map(BTreeMap::keys) {
            if !key.starts_with("Secret/") {
                scene.bench.ready(key).await;
            }
        }
        if let Some(spec) = &cell.before {
            scene.apply(&scene.it, spec).await;
            scene.bench.ready(&scene.it).await;
            // Whatever its creation woke is over after a pass that is answered.
            scene.bench.force(&scene.it, "before").await;
        }
        scene.wire.take();
        scene
    }

    async fn step(&self, name: &str, step: &Step) {
        let ids = self.ids(&self.it);
        self.act(name, step).await;
        let is_deleted = step.delete.as_deref() == Some("it");
        let follows = step.apply.is_some() || step.patch.is_some() || step.force || !step.create.is_empty();
        match &step.conditions {
            Some(conditions) if conditions.is_empty() => self.bench.until_gone(&self.it).await,
            Some(conditions) => self.until(name, &self.it, conditions, step.observed).await,
            None if is_deleted => self.bench.until_gone(&self.it).await,
            None if follows => self.until(name, &self.it, &ready(), step.observed).await,
            None => {}
        }
        for (key, conditions) in &step.others {
            self.until(name, key, conditions, None).await;
        }
        for (secret, values) in &step.secrets {
            self.until_secret(name, secret, values).await;
        }
        self.assert_calls(name, &step.calls).await;
        self.assert_tenant(name, &step.tenant, &if is_deleted { ids } else { self.ids(&self.it) }).await;
    }

    async fn act(&self, name: &str, step: &Step) {
        if let Some(away) = step.away {
            let fault = json!({ "path": "^/api/v2/", "kind": "status", "status": 503 });
            self.bench.tenant.faults(if away { json!([fault]) } else { json!([]) }).await;
        }
        if let Some(deaf) = step.deaf {
            self.bench.tenant.faults(if deaf { self.deaf().await } else { json!([]) }).await;
        }
        if let Some(spec) = &step.apply {
            self.apply(&self.it, spec).await;
        }
        if let Some(spec) = &step.patch {
            self.bench.patch(&self.it, &json!({ "spec": self.fill(spec) })).await;
        }
        self.create(&step.create).await;
        for (call, body) in &step.elsewhere {
            for _ in 0..step.times.max(1) {
                self.elsewhere(call, body).await;
            }
        }
        match &step.conditions {
            // What goes answers nobody.
            Some(conditions) if step.force && conditions.is_empty() => self.bench.annotate(&self.it, name).await,
            _ if step.force => drop(self.bench.force(&self.it, name).await),
            _ => {}
        }
        if let Some(key) = &step.delete {
            let key = if key == "it" { &self.it } else { key };
            self.bench.delete(key).await;
            // A Secret is gone at once, and perhaps there again.
            if *key != self.it && !key.starts_with("Secret/") {
                self.bench.until_gone(key).await;
            }
        }
    }

    /// A fault: the tenant answers every change of `it` with what it has.
    async fn deaf(&self) -> Value {
        let list = match self.kind {
            "Auth0Api" => "resource_servers",
            "Auth0Connection" => "connections",
            "Auth0User" => "users",
            other => panic!("{other} is nothing in the tenant"),
        };
        let object = self.object(list, &self.ids(&self.it)).await;
        let path = format!("^/api/v2/{}/[^/]*$", list.replace('_', "-"));
        json!([{ "method": "PATCH", "path": path, "kind": "status", "status": 200, "body": object }])
    }

    /// A field is written, and left out again.
    async fn field(&self, path: &str, field: &Field) {
        if field.but.is_some() {
            return;
        }
        let key = field.on.as_deref().unwrap_or(&self.it);
        let places: Vec<_> = field.at.iter().flat_map(|at| at.split('.')).collect();
        let calls = field.calls.clone().unwrap_or_else(|| calls_of_change(&places));
        let change = |value: &Value| {
            let inner = path.rsplit('.').fold(value.clone(), |inner, key| json!({ key: inner }));
            json!({ "spec": self.fill(&inner) })
        };
        if let Some(first) = &field.first {
            self.bench.patch(key, &json!({ "spec": self.fill(first) })).await;
            self.bench.ready(key).await;
            self.wire.take();
        }
        let shown = self.fill(field.shown.as_ref().unwrap_or(&field.to));
        let (back, back_calls) = match &field.stays {
            Some(_) => (shown.clone(), vec![]),
            None => (self.fill(&field.back), field.back_calls.clone().unwrap_or_else(|| calls.clone())),
        };
        for (what, value, shown, calls) in
            [("update", &field.to, &shown, &calls), ("unset", &Value::Null, &back, &back_calls)]
        {
            let name = format!("{} / {what} {path}", self.kind);
            self.bench.patch(key, &change(value)).await;
            self.until(&name, key, &ready(), None).await;
            self.assert_calls(&name, calls).await;
            let Some((list, below)) = places.split_first() else { continue };
            let object = self.object(list, &self.ids(key)).await.unwrap_or_default();
            let pointer: String = below.iter().map(|key| format!("/{key}")).collect();
            assert_eq!(object.pointer(&pointer).unwrap_or(&Value::Null), shown, "{name}: what the tenant shows");
        }
    }

    async fn create(&self, objects: &Objects) {
        for (key, content) in objects.iter().flatten() {
            self.apply(key, content).await;
        }
    }

    async fn apply(&self, key: &str, content: &Value) {
        let object = match key.split_once('/').unwrap() {
            ("Secret", _) => secret(key, self.fill(content)),
            (kind, _) => {
                let mut spec = self.table.kinds[kind].least.clone();
                merge(&mut spec, content);
                resource(key, self.fill(&spec))
            }
        };
        self.bench.apply_object(&object).await;
    }

    async fn elsewhere(&self, call: &str, body: &Value) {
        let (method, path) = call.split_once(' ').unwrap();
        let Value::String(path) = self.fill(&json!(path)) else { unreachable!() };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self.bench.tenant.call(method, &path, self.fill(body)).await;
        self.made.lock().unwrap().extend(answer["client_id"].as_str().map(str::to_owned));
    }

    async fn until(&self, name: &str, key: &str, conditions: &Conditions, observed: Option<i64>) {
        let what = format!("as in {name}: {conditions:?}");
        let is = |object: &Object| {
            let generation = observed.unwrap_or(object.generation());
            let is_verdict = object.is("Ready") || object.is("Stalled");
            conditions_of(object) == *conditions
                && object.conditions().iter().all(|condition| condition["observedGeneration"] == generation)
                && (!is_verdict || object.at("/status/observedGeneration") == generation)
        };
        self.bench.history.until(key, &what, is).await;
    }

    async fn until_secret(&self, name: &str, secret: &str, values: &BTreeMap<String, String>) {
        let holds = |secret: Option<&Secret>| {
            let data = secret.and_then(|secret| secret.data.as_ref());
            values
                .iter()
                .all(|(key, value)| data.and_then(|data| data.get(key)).is_some_and(|held| held.0 == value.as_bytes()))
        };
        let is_so = await_condition(self.bench.secrets(), secret, holds);
        let seen = tokio::time::timeout(DEADLINE, is_so).await;
        assert!(seen.is_ok_and(|seen| seen.is_ok()), "{name}: the Secret {secret} does not hold {values:?}");
    }

    pub(crate) async fn assert_calls(&self, name: &str, expected: &[String]) {
        let look = async {
            while self.calls().len() < expected.len() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let seen = tokio::time::timeout(DEADLINE, look).await;
        assert!(seen.is_ok(), "{name}: of the calls {expected:#?} there are only {:#?}", self.calls());
        let calls: Vec<_> = self.wire.take().into_iter().filter(|call| self.counts(call)).collect();
        assert!(
            calls == expected,
            "{name}: the calls are {calls:#?}, not those of the table, {expected:#?}. The operator said:\n{}",
            operator::tail(&self.bench.namespace)
        );
    }

    fn calls(&self) -> Vec<String> {
        self.wire.calls().into_iter().filter(|call| self.counts(call)).collect()
    }

    /// Tokens are the Auth0Tenant's business.
    fn counts(&self, call: &str) -> bool {
        self.kind == "Auth0Tenant" || !call.contains(" oauth/")
    }

    async fn assert_tenant(&self, name: &str, expected: &BTreeMap<String, Value>, ids: &Value) {
        for (list, expected) in expected {
            let object = self.object(list, ids).await;
            let expected = self.fill(expected);
            let shows = match (&object, &expected) {
                (None, expected) => expected.is_null(),
                (Some(object), Value::Object(members)) => {
                    members.iter().all(|(key, value)| object.get(key).unwrap_or(&Value::Null) == value)
                }
                (Some(list), expected) => list == expected,
            };
            assert!(shows, "{name}: {list} shows not {expected}, but {object:?}");
        }
    }

    /// What the tenant has of `it` in one of its lists.
    async fn object(&self, list: &str, ids: &Value) -> Option<Value> {
        let (key, id) = match list {
            "clients" => ("client_id", &ids["client"]),
            "client_grants" => ("id", &ids["grant"]),
            "users" => ("user_id", &ids["id"]),
            _ => ("id", &ids["id"]),
        };
        let state = self.bench.tenant.state().await;
        if list == "connection_clients" {
            let pairs = state[list].as_array().unwrap().iter().filter(|pair| pair["connection_id"] == ids["id"]);
            let mut clients: Vec<_> = pairs.filter_map(|pair| pair["client_id"].as_str()).collect();
            // After the order of the table: what is called by its own id comes last.
            clients.sort_by_key(|client| *client == "management");
            return Some(json!(clients));
        }
        let mut objects = state[list].as_array().unwrap_or_else(|| panic!("the tenant has no {list}")).iter();
        objects.find(|object| object[key] == *id).cloned()
    }

    /// The ids that a resource has in the tenant, as far as its status tells.
    fn ids(&self, key: &str) -> Value {
        let last = |pointer: &str| self.last(key, pointer);
        json!({ "id": last("/status/id"), "client": last("/status/client/id"), "grant": last("/status/client/grantId") })
    }

    /// The last value that an object was seen with.
    fn last(&self, key: &str, pointer: &str) -> Value {
        let states = self.bench.history.states_since(0);
        let mut values =
            states.iter().rev().filter(|state| state.key() == key).filter_map(|state| state.0.pointer(pointer));
        values.next().cloned().unwrap_or_default()
    }

    /// Puts values into the places that the table leaves for them.
    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), self.fill(member))).collect(),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::String(text) if text == "$made" => {
                self.made.lock().unwrap().iter().map(|client| json!({ "clientId": client })).collect()
            }
            Value::String(text) if text.contains('$') => {
                let ids = self.ids(&self.it);
                let id = |key: &str| ids[key].as_str().unwrap_or_default().replace('|', "%7C");
                let places = [
                    ("$namespace", self.bench.namespace.clone()),
                    ("$domain", self.bench.tenant.domain().to_owned()),
                    ("$endpoint", self.wire.url.clone()),
                    ("$secret", self.bench.tenant.management_secret().to_owned()),
                    ("$id", id("id")),
                    (
                        "$orders",
                        self.last("Auth0Api/orders", "/status/client/id").as_str().unwrap_or_default().to_owned(),
                    ),
                    ("$client", id("client")),
                    ("$grant", id("grant")),
                ];
                json!(places.iter().fold(text.clone(), |text, (place, value)| text.replace(place, value)))
            }
            other => other.clone(),
        }
    }
}

fn ready() -> Conditions {
    [("Ready".to_owned(), "True Available".to_owned())].into()
}

fn conditions_of(object: &Object) -> Conditions {
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let conditions = object.conditions().iter();
    conditions
        .map(|condition| {
            (text(condition, "type"), format!("{} {}", text(condition, "status"), text(condition, "reason")))
        })
        .collect()
}

/// One PATCH of the object that has the field, with what has to come along.
fn calls_of_change(places: &[&str]) -> Vec<String> {
    let (list, key) = (places[0], places[1]);
    let mut keys = match list {
        "connections" => vec!["display_name", key],
        "users" => vec!["connection", key],
        _ => vec![key],
    };
    keys.sort_unstable();
    keys.dedup();
    let patch = format!("PATCH {}/*: {}", list.replace('_', "-"), keys.join(", "));
    match (list, key) {
        // What replaces a whole is made from a whole that is fresh.
        ("connections", "options") => vec!["GET connections/*".to_owned(), patch],
        _ => vec![patch],
    }
}
