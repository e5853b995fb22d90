//! The fields of the specs, as the CustomResourceDefinitions have them: so that none is forgotten.

use crate::{
    schema,
    table::{Content, Run, Table},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Fields that are tried one by one.
const CONTAINERS: [&str; 2] = ["client", "database"];

/// `Kind.field` of every field of every spec; those of the containers one by one.
pub(crate) fn of_all_kinds() -> BTreeSet<String> {
    let paths = schema::fields().into_iter().filter_map(|field| {
        let (kind, path) = field.path.split_once(".spec.")?;
        let is_whole = match path.split_once('.') {
            Some((container, below)) => CONTAINERS.contains(&container) && !below.contains(['.', '[', '{']),
            None => !CONTAINERS.contains(&path) && !path.contains(['[', '{']),
        };
        is_whole.then(|| format!("{kind}.{path}"))
    });
    paths.collect()
}

/// The fields of a spec that have none below them, lists and maps as a whole.
pub(crate) fn leaves(kind: &str) -> BTreeSet<String> {
    let prefix = format!("{kind}.spec.");
    let all: BTreeSet<String> = schema::fields()
        .into_iter()
        .filter_map(|field| Some(field.path.strip_prefix(&prefix)?.replace("[]", "").replace("{}", "")))
        .collect();
    let has_below = |path: &String| all.iter().any(|other| other.starts_with(&format!("{path}.")));
    all.iter().filter(|path| !has_below(path)).cloned().collect()
}

/// The fields that a cell `create with every field` writes, or leaves out with a reason.
pub(crate) fn leaves_written(table: &Table, kind: &'static str) -> BTreeSet<String> {
    let cell = table.cell(&Run { kind, column: "create with every field" });
    let mut written: BTreeSet<_> = cell.without.keys().cloned().collect();
    walk("", &table.kinds[kind].least, &mut written);
    let Content::Steps(steps) = cell.content() else { return written };
    for step in steps {
        let others = step.create.iter().flatten().filter(|(key, _)| key.starts_with(&format!("{kind}/")));
        for spec in step.apply.iter().chain(others.map(|(_, spec)| spec)) {
            walk("", spec, &mut written);
        }
    }
    written
}

fn walk(path: &str, value: &Value, into: &mut BTreeSet<String>) {
    into.insert(path.to_owned());
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                walk(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, member, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(path, item, into)),
        _ => {}
    }
}
