//! How the house is built: what each folder may know, what the program may depend on, and that the tests' own rules hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use support::{history::violations, object::Object};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_folder_knows_only_those_below_it() {
    for (folder, forbidden) in [
        ("src/crd", &["kube::Client", "reqwest", "tokio", "crate::plan", "crate::tenant", "crate::controller"][..]),
        ("src/plan", &["kube::", "reqwest", "tokio", "now()", "crate::tenant", "crate::controller"]),
        ("src/tenant", &["kube::", "crate::crd", "crate::controller"]),
    ] {
        for file in files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
            for (number, line) in code {
                let word = forbidden.iter().find(|word| line.contains(**word));
                assert!(word.is_none(), "{}:{}: {} must not know {word:?}: {line}", file.display(), number + 1, folder);
            }
        }
    }
}

#[test]
fn the_program_depends_on_no_test_tool_and_on_one_tls_and_one_time_library() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--package",
            "auth0-operator",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"kube") && names.contains(&"aws-lc-rs"), "{names:?}");
    for unwanted in ["auth0-emulator", "controlplane", "openssl", "openssl-sys", "native-tls", "ring", "chrono"] {
        assert!(!names.contains(&unwanted), "the program depends on {unwanted}");
    }
}

/// An object at generation 2 with conditions as `(type, status, observedGeneration)`.
fn object(observed_generation: i64, conditions: &[(&str, &str, i64)]) -> Object {
    let condition = |(type_, status, generation): &(&str, &str, i64)| {
        json!({
            "type": type_, "status": status, "observedGeneration": generation,
            "reason": "Available", "message": "as the spec says", "lastTransitionTime": "2026-11-24T09:00:00Z",
        })
    };
    let conditions: Vec<Value> = conditions.iter().map(condition).collect();
    Object(json!({
        "kind": "Auth0Api",
        "metadata": { "name": "orders", "generation": 2 },
        "status": { "observedGeneration": observed_generation, "conditions": conditions },
    }))
}

#[test]
fn a_status_that_breaks_a_rule_is_found() {
    for (case, object, broken) in [
        ("not looked at", object(-1, &[]), 0),
        ("ready", object(2, &[("Ready", "True", 2)]), 0),
        ("ready before, and changed since", object(1, &[("Ready", "True", 1)]), 0),
        ("at it", object(1, &[("Ready", "False", 2), ("Reconciling", "True", 2)]), 0),
        ("stalled", object(2, &[("Ready", "False", 2), ("Stalled", "True", 2)]), 0),
        ("ready and drifted", object(2, &[("Ready", "True", 2), ("Drifted", "True", 2)]), 0),
        ("without Ready", object(-1, &[("Reconciling", "True", 2)]), 1),
        ("both", object(2, &[("Ready", "False", 2), ("Reconciling", "True", 2), ("Stalled", "True", 2)]), 1),
        ("ready and at it", object(2, &[("Ready", "True", 2), ("Reconciling", "True", 2)]), 1),
        ("not True", object(2, &[("Ready", "True", 2), ("Reconciling", "False", 2)]), 1),
        ("of a generation to come", object(1, &[("Ready", "False", 3), ("Reconciling", "True", 2)]), 1),
        ("observed a generation to come", object(3, &[("Ready", "False", 2), ("Reconciling", "True", 2)]), 1),
        ("ready from an older generation", object(2, &[("Ready", "True", 1)]), 1),
        ("stalled about another", object(1, &[("Ready", "False", 2), ("Stalled", "True", 2)]), 1),
    ] {
        let violations = violations(None, &object);
        assert_eq!(violations.len(), broken, "{case}: {violations:?}");
    }
    let (before, mut after) = (object(2, &[("Ready", "True", 2)]), object(2, &[("Ready", "True", 2)]));
    after.0["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-11-24T09:00:01Z");
    assert_eq!(violations(Some(&before), &after).len(), 1, "a transition without one");
}
