//! Everything that happens to a resource, for every kind, as tables: `matrix/cells.yaml` says for each situation and kind what
//! is done, which calls the tenant gets and which conditions come of it; `matrix/fields.yaml` says the same for each field.
//!
//! A cell has a namespace and a tenant of its own. The operator tries nothing again by itself here, so that the calls of a cell
//! are always the same. To run some cells only: `MATRIX='Auth0Api / force' cargo test --test matrix`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

#[path = "crds/schema.rs"]
#[allow(dead_code, reason = "tests/crds.rs takes the rest")]
mod schema;

#[path = "matrix/cell.rs"]
mod cell;
#[path = "matrix/fields.rs"]
mod fields;
#[path = "matrix/rest.rs"]
mod rest;
#[path = "matrix/table.rs"]
mod table;
#[path = "matrix/wire.rs"]
mod wire;

use futures::{FutureExt, StreamExt, stream};
use std::{collections::BTreeSet, panic::AssertUnwindSafe};
use support::{
    cluster::Cluster,
    object::KINDS,
    operator::{Operator, Settings},
};
use table::{COLUMNS, Content, Table};

/// So many cells run at once.
const AT_ONCE: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_is_as_the_table_says() {
    let table = &Table::read();
    let wanted = std::env::var("MATRIX").unwrap_or_default();
    let flags = &["--watch-secrets", "--no-requeues"];
    let _operator = Operator::start(Cluster::shared().await, Settings { flags, ..Settings::default() }).await;
    let runs = table.runs().into_iter().filter(|run| run.name().contains(&wanted)).map(async |run| {
        let name = run.name();
        // What fails does not end the others.
        let failed = AssertUnwindSafe(cell::run(table, run)).catch_unwind().await.is_err();
        failed.then_some(name)
    });
    let failed: Vec<_> = stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    assert!(failed.is_empty(), "these cells are otherwise than the table says: {failed:#?}");
}

#[test]
fn no_cell_is_empty_without_a_reason() {
    let table = Table::read();
    let columns: BTreeSet<_> = table.cells.keys().map(String::as_str).collect();
    assert_eq!(columns, COLUMNS.into_iter().collect(), "the columns are those of the issue");
    for column in COLUMNS {
        let kinds: BTreeSet<_> = table.cells[column].keys().map(String::as_str).collect();
        assert_eq!(kinds, KINDS.into_iter().collect(), "{column} has a cell for each kind");
        for (kind, cell) in &table.cells[column] {
            match cell.content() {
                Content::Reason(reason) => assert!(reason.len() > 20, "{kind} / {column}: the reason says something"),
                Content::Steps(steps) => assert!(!steps.is_empty(), "{kind} / {column} does something"),
                Content::Fields => assert!(column.ends_with("each field"), "{kind} / {column} has steps of its own"),
            }
        }
    }
}

#[test]
fn every_field_of_a_spec_has_a_line() {
    let table = Table::read();
    let lines: BTreeSet<_> =
        table.fields.iter().flat_map(|(kind, lines)| lines.keys().map(move |path| format!("{kind}.{path}"))).collect();
    assert_eq!(lines, fields::of_all_kinds(), "the lines of fields.yaml are the fields of the CRDs");
}

#[test]
fn what_is_created_with_every_field_has_every_field() {
    let table = Table::read();
    for kind in KINDS {
        let written = fields::leaves_written(&table, kind);
        let missing: Vec<_> = fields::leaves(kind).difference(&written).cloned().collect();
        assert!(missing.is_empty(), "{kind}: neither created with, nor in `without` with a reason: {missing:#?}");
    }
}
