//! How the house is built: what each folder may know, and what the program may depend on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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
