//! What can go wrong before a control plane runs, in words that say what to do.

use std::{io, path::PathBuf, time::Duration};

/// Why a control plane did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `KUBEBUILDER_ASSETS` is set, but to a folder without all binaries.
    #[error(
        "KUBEBUILDER_ASSETS={} holds no {missing}: put it there, of the same Kubernetes release as the others \
         (setup-envtest brings no kube-controller-manager), or unset KUBEBUILDER_ASSETS to have everything built with Go",
        folder.display()
    )]
    AssetsIncomplete {
        /// What `KUBEBUILDER_ASSETS` says.
        folder: PathBuf,
        /// The names of the missing binaries.
        missing: String,
    },
    /// There are neither binaries nor the means to build them.
    #[error(
        "the control plane's binaries are not there and cannot be built, as there is no `go` in PATH: install Go 1.26 or later \
         (once, about five minutes), or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kube-controller-manager"
    )]
    GoMissing,
    /// Nothing says where the user's cache is.
    #[error(
        "no place to keep the control plane's binaries: set HOME or XDG_CACHE_HOME, or KUBEBUILDER_ASSETS to bring them"
    )]
    NoCacheFolder,
    /// [`Config::kubernetes`](crate::Config::kubernetes) is not a version.
    #[error("{0:?} is not a version of Kubernetes: write it like v1.37.2")]
    Version(String),
    /// Go failed.
    #[error("building {what} failed (is the Go module proxy reachable?); Go's last lines:\n{log}")]
    Build {
        /// The binary, or the step before it.
        what: String,
        /// What Go said at last.
        log: String,
    },
    /// A component ended by itself.
    #[error("{component} ended while starting; its last lines:\n{log}")]
    Ended {
        /// The binary's name.
        component: &'static str,
        /// What it said at last.
        log: String,
    },
    /// A component runs, but did not get ready.
    #[error("{component} was not ready within {} s; its last lines:\n{log}", waited.as_secs())]
    NotReady {
        /// The binary's name.
        component: &'static str,
        /// How long it had.
        waited: Duration,
        /// What it said at last.
        log: String,
    },
    /// There is no token for a ServiceAccount.
    #[error("no token for the ServiceAccount {namespace}/{name}: create it first")]
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What Kubernetes answered.
        source: kube::Error,
    },
    /// A file, folder or process.
    #[error("could not {action}")]
    Io {
        /// What we tried.
        action: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("could not make the control plane's certificates")]
    Certificate(#[from] rcgen::Error),
    /// The kubeconfig that we wrote cannot be read.
    #[error("could not read the control plane's kubeconfig")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// There is no client for the control plane.
    #[error("could not make a client for the control plane")]
    Client(#[from] kube::Error),
    /// The task that finds or builds the binaries ended early.
    #[error("the search for the control plane's binaries was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// For `map_err`: what was tried, with the operating system's answer.
pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    |source| Error::Io { action: action.into(), source }
}
