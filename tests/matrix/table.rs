//! The tables, as they are written in `cells.yaml` and `fields.yaml`.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// What happens to resources: the columns.
pub(crate) const COLUMNS: [&str; 22] = [
    "create minimal",
    "create with every field",
    "update each field",
    "unset each field",
    "update nothing",
    "wait for reference",
    "adopt",
    "refuse to adopt",
    "conflict and its end",
    "delete with Delete",
    "delete with Orphan",
    "delete with no policy written",
    "delete while the tenant is away",
    "delete after the tenant object is gone",
    "suspend",
    "force",
    "drift corrected",
    "drift warned",
    "changed in the tenant to something that Auth0 normalises",
    "changed back again and again",
    "password or secret changed",
    "many clients",
];

/// By kind.
type Kinds<T> = BTreeMap<String, T>;

/// Objects by `Kind/name`, one a line; of ours the spec, merged over the least of the kind; of a Secret its values.
pub(crate) type Objects = Vec<BTreeMap<String, Value>>;

/// Type to status and reason, such as `Ready` to `False Conflict`. All that there are.
pub(crate) type Conditions = BTreeMap<String, String>;

pub(crate) struct Table {
    pub(crate) cells: BTreeMap<String, Kinds<Cell>>,
    pub(crate) fields: Kinds<BTreeMap<String, Field>>,
    pub(crate) kinds: Kinds<KindFacts>,
}

/// What all cells of a kind share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindFacts {
    /// The name of the resource that the cells are about, `it`.
    pub(crate) name: String,
    /// Its spec, where a cell says nothing else.
    pub(crate) least: Value,
    /// What there is before the first step.
    #[serde(default)]
    pub(crate) around: Objects,
    /// The calls of a pass that reads everything anew and finds it as it should be.
    #[serde(deserialize_with = "calls")]
    pub(crate) at_rest: Vec<String>,
}

/// One situation for one kind. What `it` is Ready with at its end is forced at last, which has to cost no write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cell {
    /// Why there is nothing to do.
    reason: Option<String>,
    /// The steps are the lines of `fields.yaml`.
    #[serde(default)]
    fields: bool,
    /// Instead of what there is otherwise.
    pub(crate) around: Option<Objects>,
    /// The spec with which `it` is there, and Ready, before the first step.
    pub(crate) before: Option<Value>,
    #[serde(default)]
    steps: Vec<Step>,
    /// Instead of the calls of the kind.
    #[serde(default, deserialize_with = "some_calls")]
    pub(crate) at_rest: Option<Vec<String>>,
    /// Fields that a cell which has every field has not, with the reason.
    #[serde(default)]
    pub(crate) without: BTreeMap<String, String>,
}

pub(crate) enum Content<'a> {
    Reason(&'a str),
    Fields,
    Steps(&'a [Step]),
}

/// Something that is done, and what follows from it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Step {
    /// `it` is applied with this spec, merged over the least of its kind.
    pub(crate) apply: Option<Value>,
    /// The spec of `it` is changed; null takes a field out.
    pub(crate) patch: Option<Value>,
    /// Other objects are applied.
    pub(crate) create: Objects,
    /// Deleted, by `Kind/name` or `it`.
    pub(crate) delete: Option<String>,
    /// A pass over `it` is asked for by annotation.
    pub(crate) force: bool,
    /// Somebody else calls the Management API: method and path to body; $made stands for the clients made so, as enabled clients.
    pub(crate) elsewhere: BTreeMap<String, Value>,
    /// So often, where it is more than once.
    pub(crate) times: usize,
    /// The tenant answers everything with 503 from now on, or no longer.
    pub(crate) away: Option<bool>,
    /// The tenant says yes to every change of `it` and makes none, from now on or no longer.
    pub(crate) deaf: Option<bool>,

    /// The operator's calls: all of them, in any order.
    #[serde(deserialize_with = "calls")]
    pub(crate) calls: Vec<String>,
    /// Nothing is written to Kubernetes, not even in the pass that ends the cell: for the last step.
    pub(crate) silent: bool,
    /// The conditions of `it` afterwards; `{}` where it is gone. Unwritten, `it` is Ready, or gone where it was deleted.
    pub(crate) conditions: Option<Conditions>,
    /// The generation that the last verdict is about, where it is not the newest.
    pub(crate) observed: Option<i64>,
    /// The conditions of others, by `Kind/name`.
    pub(crate) others: BTreeMap<String, Conditions>,
    /// What Secrets then hold, by name.
    pub(crate) secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// What the tenant's objects of `it` then show, by the tenant's list; null: it is not there. Of a connection also
    /// `connection_clients`, the ids of its clients.
    pub(crate) tenant: BTreeMap<String, Value>,
}

/// What a field of a spec does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// Why it is not tried here.
    pub(crate) but: Option<String>,
    /// Where it is in the tenant: the tenant's list and the path below, such as `connections.options.mfa`. Unwritten where the
    /// tenant does not have it.
    pub(crate) at: Option<String>,
    /// The value that it gets.
    #[serde(default)]
    pub(crate) to: Value,
    /// That value as the tenant shows it, where it is spelled otherwise.
    #[serde(rename = "as")]
    pub(crate) shown: Option<Value>,
    /// What the tenant shows once the field has left the spec. Nothing, where this is not written.
    #[serde(default)]
    pub(crate) back: Value,
    /// Why the tenant's value stays when the field leaves the spec.
    pub(crate) stays: Option<String>,
    /// The resource that has the field, where it is not `it`.
    pub(crate) on: Option<String>,
    /// What the spec gets before.
    pub(crate) first: Option<Value>,
    /// The calls of the change, where they are not one PATCH of the object with the field.
    #[serde(default, deserialize_with = "some_calls")]
    pub(crate) calls: Option<Vec<String>>,
    /// The calls of leaving it out, where they are not those of the change.
    #[serde(default, deserialize_with = "some_calls")]
    pub(crate) back_calls: Option<Vec<String>>,
}

/// A cell that is to be run.
pub(crate) struct Run {
    pub(crate) kind: &'static str,
    pub(crate) column: &'static str,
}

impl Run {
    pub(crate) fn name(&self) -> String {
        format!("{} / {}", self.kind, self.column)
    }
}

impl Table {
    pub(crate) fn read() -> Self {
        Self { cells: file("cells.yaml"), fields: file("fields.yaml"), kinds: file("kinds.yaml") }
    }

    pub(crate) fn cell(&self, run: &Run) -> &Cell {
        &self.cells[run.column][run.kind]
    }

    /// All cells with something to do. A field is changed and taken out in one cell, that of the changes.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let kinds = crate::support::object::KINDS;
        let all = COLUMNS.into_iter().flat_map(|column| kinds.map(|kind| Run { kind, column }));
        all.filter(|run| match self.cell(run).content() {
            Content::Reason(_) => false,
            Content::Steps(_) => true,
            Content::Fields => run.column.starts_with("update"),
        })
        .collect()
    }
}

impl Cell {
    pub(crate) fn content(&self) -> Content<'_> {
        match &self.reason {
            Some(reason) => Content::Reason(reason),
            None if self.fields => Content::Fields,
            None => Content::Steps(&self.steps),
        }
    }
}

fn file<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix").join(name);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn some_calls<'de, D: Deserializer<'de>>(table: D) -> Result<Option<Vec<String>>, D::Error> {
    calls(table).map(Some)
}

/// Calls as YAML has them: `GET users/*` is a string, and `PATCH users/*: blocked, connection` a map. Sorted, as a wire's.
fn calls<'de, D: Deserializer<'de>>(table: D) -> Result<Vec<String>, D::Error> {
    let call = |written: Value| match written {
        Value::String(call) => call,
        Value::Object(call) => {
            let (call, keys) = call.into_iter().next().expect("a call");
            let mut keys: Vec<_> = keys.as_str().expect("keys").split(", ").collect();
            keys.sort_unstable();
            format!("{call}: {}", keys.join(", "))
        }
        other => panic!("not a call: {other}"),
    };
    let mut calls: Vec<_> = Vec::deserialize(table)?.into_iter().map(call).collect();
    calls.sort();
    Ok(calls)
}
