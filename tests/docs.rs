//! The pages that are made from the code: every field and every reason. Committed, and never behind.
#![expect(clippy::unwrap_used, reason = "clippy lets the functions of tests panic, but not those that they share")]

use auth0_operator::plan::Reason;
use std::{collections::BTreeSet, env, fs, path::Path};

#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/reasons.rs"]
mod reasons;
#[path = "docs/reference.rs"]
mod reference;
#[allow(dead_code, reason = "the test of the CRDs asks for more")]
#[path = "crds/schema.rs"]
mod schema;

/// Compares a page with the committed one; with `UPDATE_DOCS` set, writes it.
fn assert_fresh(file: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/{file} is stale; write it anew: UPDATE_DOCS=1 cargo test -p auth0-operator --test docs"
    );
}

#[test]
fn the_reference_is_fresh() {
    assert_fresh("reference.md", &reference::page());
}

#[test]
fn the_page_on_reasons_is_fresh() {
    assert_fresh("reasons.md", &reasons::page());
}

#[test]
fn every_reason_is_listed_once() {
    let names: BTreeSet<_> = Reason::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    let page = reasons::page();
    for name in names {
        assert_eq!(page.matches(&format!("| `{name}` |")).count(), 1, "{name}");
    }
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let page = reference::page();
    let titles: BTreeSet<_> = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| reference::anchor(line.trim_start_matches(['#', ' '])))
        .collect();
    let links: Vec<_> = page.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 50, "{links:?}");
    for link in links {
        assert!(titles.contains(link), "{link}");
    }
}

#[test]
fn a_cell_holds_whatever_a_description_says() {
    assert_eq!(markdown::cell("a `b|<c>` of <d>\n  e"), "a `b\\|<c>` of &lt;d> e");
}
