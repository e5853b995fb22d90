//! The real kubectl: what users have in their hands.

use super::cluster::Cluster;
use std::{
    io::ErrorKind,
    process::{Command, Output},
};

/// Runs kubectl; gives what it printed, and panics with its words where it fails.
pub(crate) async fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = try_kubectl(cluster, arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "kubectl {arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs kubectl. Beside the test's own tasks, since the tenant is one of them.
pub(crate) async fn try_kubectl(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", cluster.kubeconfig()).args(arguments);
    // Its cache of what the API server offers goes with the cluster.
    command.arg("--cache-dir").arg(cluster.kubeconfig().with_file_name("kubectl-cache"));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    output.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => {
            panic!("kubectl is not on PATH: install it (https://kubernetes.io/docs/tasks/tools/), these tests run the real one")
        }
        _ => panic!("kubectl cannot be run: {error}"),
    })
}
