//! What the README tells people to type, typed.
#![expect(clippy::unwrap_used, reason = "clippy lets the functions of tests panic, but not those that they share")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use controlplane::ControlPlane;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap()
}

/// The lines of all `sh` blocks, in order.
fn commands() -> Vec<String> {
    let readme = read("README.md");
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

fn run(command: &str, kubeconfig: &Path, cache: &Path) -> Output {
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().unwrap());
    program
        .arg("--cache-dir")
        .arg(cache)
        .args(words)
        .env("KUBECONFIG", kubeconfig)
        .current_dir(project())
        .output()
        .unwrap()
}

#[tokio::test]
async fn every_command_works() {
    let control_plane = ControlPlane::start().await.unwrap();
    let cache = tempfile::tempdir().unwrap();
    let gate = read(".ci/run").replace(" --locked", "");
    let mut count = 0;
    for command in commands() {
        match command.split_whitespace().next().unwrap() {
            "cargo" => assert!(gate.contains(&format!("\nrun {command}")), "CI does not run: {command}"),
            // In the order of the README, on a cluster of their own.
            "kubectl" => {
                let output = run(&command, control_plane.kubeconfig(), cache.path());
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            }
            // Needs a container engine and a registry, which the tests do without.
            "docker" => assert!(read("Dockerfile").starts_with(&format!("# {command}\n"))),
            other => panic!("nobody runs this command of the README: {other}"),
        }
        count += 1;
    }
    assert!(count >= 8, "only {count} commands were found");
}

#[test]
fn every_link_to_a_file_leads_there() {
    for page in ["README.md", "docs/concepts.md", "docs/architecture.md", "docs/reference.md", "docs/reasons.md"] {
        let text = read(page);
        let folder = project().join(page).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            assert!(link.starts_with("https://") || folder.join(file).exists(), "{page}: {link}");
        }
    }
}
