//! A real Kubernetes control plane on loopback, for tests and the demo: etcd, kube-apiserver and
//! kube-controller-manager, without nodes. RBAC, admission, CRDs with CEL, namespace deletion and garbage collection
//! are the real ones; Pods stay Pending.
//!
//! ```no_run
//! # async fn example() -> Result<(), controlplane::Error> {
//! let control_plane = controlplane::ControlPlane::start().await?;
//! let client = control_plane.client();
//! println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
//! # Ok(()) }
//! ```
//!
//! **Where the binaries come from.** `KUBEBUILDER_ASSETS` where set: a folder with all three of them (`setup-envtest`
//! brings no kube-controller-manager: put that of the same release beside). Else they are built with Go from the
//! modules that `go.mod` and `go.sum` beside this crate pin, once, in about five minutes on two cores, and kept in
//! `$XDG_CACHE_HOME/auth0-operator/controlplane` (`~/.cache` by default), 250 MB a version; other sources get another
//! folder, and old ones may be deleted. Several processes may start at once: one builds, the others wait.
//! `cargo run -p controlplane -- build` builds ahead of time.
//!
//! **Which Kubernetes.** The one that `go.mod` pins, or [`Config::kubernetes`], or `CONTROLPLANE_KUBERNETES_VERSION`
//! for [`ControlPlane::start`]. Binaries from `KUBEBUILDER_ASSETS` are taken as they are.
//!
//! **How it ends.** With the value, or with the process, also by SIGKILL: nothing is left running, and its folder is
//! removed (`process.rs`).
//!
//! **What takes its time.** Kubernetes waits 5 s before it empties a deleted namespace. Its garbage collector looks for
//! new CRDs every 30 s: what a custom resource owned may stay that much longer while its CRD is that new.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};

mod binaries;
mod components;
mod credentials;
mod error;
mod go;
mod process;
mod version;

pub use error::Error;

use binaries::Environment;
use components::{start_apiserver, start_controller_manager, start_etcd};
use credentials::{Credentials, User};
use process::{Folder, Process};
use version::Version;

/// How many ports to try for kube-apiserver.
const PORT_ATTEMPTS: usize = 5;

/// What kube-apiserver's last words say where its port is taken.
const PORT_TAKEN: &str = "address already in use";

/// How long a ServiceAccount's token lives, in seconds: longer than any test or demo.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// What control plane to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The version of Kubernetes to build, as `v1.37.2`. Not looked at where `KUBEBUILDER_ASSETS` brings the binaries.
    pub kubernetes: String,
}

impl Default for Config {
    /// The version that `go.mod` pins.
    fn default() -> Self {
        Self { kubernetes: go::pinned_version().to_owned() }
    }
}

impl Config {
    /// The version in `CONTROLPLANE_KUBERNETES_VERSION`, else the default.
    pub fn from_env() -> Self {
        match std::env::var("CONTROLPLANE_KUBERNETES_VERSION") {
            Ok(version) if !version.is_empty() => Self { kubernetes: version },
            _ => Self::default(),
        }
    }
}

/// A running control plane. Dropping it ends its processes and removes its folder, kubeconfigs included.
#[derive(Debug)]
pub struct ControlPlane {
    config: kube::Config,
    kubeconfig: PathBuf,
    credentials: Credentials,
    // In the order in which they have to end: kube-apiserver before its etcd, the folder last.
    _controller_manager: Process,
    _apiserver: Process,
    _etcd: Process,
    folder: Folder,
}

impl ControlPlane {
    /// Starts the control plane that [`Config::from_env`] describes.
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(Config::from_env()).await
    }

    /// Starts a control plane and waits until it serves and its controllers work, about 4 s; before that it finds or
    /// builds the binaries (see the crate's documentation).
    pub async fn start_with(config: Config) -> Result<Self, Error> {
        let binaries = build(config).await?;
        Self::boot(&binaries, free_port).await
    }

    /// A kubeconfig file with the rights of cluster-admin and `default` as namespace, for kubectl and `KUBECONFIG`. It
    /// holds all certificates, and lives as long as the control plane.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What [`kubeconfig`](Self::kubeconfig) says, for kube.
    pub fn config(&self) -> kube::Config {
        self.config.clone()
    }

    /// A new client with the rights of cluster-admin. It belongs to the tokio runtime that calls this (each
    /// `#[tokio::test]` has its own), so ask for one per test instead of sharing it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[expect(clippy::expect_used, reason = "`boot` made a client of the same configuration")]
    pub fn client(&self) -> Client {
        Client::try_from(self.config()).expect("a configuration that made a client before")
    }

    /// Writes a kubeconfig file with the rights of a ServiceAccount, which must exist, and with its namespace as the
    /// current one: for running a program with its real RBAC. Its token is valid for a day.
    pub async fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() }),
            ..TokenRequest::default()
        };
        let granted = Api::<ServiceAccount>::namespaced(self.client(), namespace)
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(|source| Error::ServiceAccount {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                source,
            })?;
        let user = User::Token(granted.status.and_then(|status| status.token).unwrap_or_default());
        let url = self.config.cluster_url.to_string();
        let file = self.folder.path().join(format!("{namespace}.{name}.kubeconfig"));
        process::write(&file, &self.credentials.kubeconfig(&url, namespace, user))?;
        Ok(file)
    }

    async fn boot(binaries: &Path, mut next_port: impl FnMut() -> io::Result<u16>) -> Result<Self, Error> {
        let folder = Folder::create()?;
        let credentials = Credentials::generate()?;
        credentials.write_to(folder.path())?;
        let kubeconfig = folder.path().join("kubeconfig");

        let etcd = start_etcd(binaries, &folder).await?;
        let mut attempt = 1;
        let apiserver = loop {
            let port = next_port().map_err(|source| Error::Io { action: "find a free port".to_owned(), source })?;
            let url = format!("https://127.0.0.1:{port}");
            process::write(&kubeconfig, &credentials.kubeconfig(&url, "default", credentials.admin()))?;
            match start_apiserver(binaries, &folder, port, load(&kubeconfig).await?).await {
                Ok(apiserver) => break apiserver,
                // It cannot choose a port itself, so somebody may have taken the one that was free a moment ago.
                Err(Error::Ended { log, .. }) if log.contains(PORT_TAKEN) && attempt < PORT_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        };
        let config = load(&kubeconfig).await?;
        let controller_manager = start_controller_manager(binaries, &folder, &kubeconfig, config.clone()).await?;

        Ok(Self {
            config,
            kubeconfig,
            credentials,
            _controller_manager: controller_manager,
            _apiserver: apiserver,
            _etcd: etcd,
            folder,
        })
    }
}

/// Finds the binaries of a control plane, or builds them; returns their folder. [`ControlPlane::start_with`] does this
/// too: on its own it is for preparing a machine.
pub async fn build(config: Config) -> Result<PathBuf, Error> {
    let version = Version::parse(&config.kubernetes)?;
    let environment = Environment::of_process();
    tokio::task::spawn_blocking(move || binaries::find(&environment, version)).await?
}

async fn load(kubeconfig: &Path) -> Result<kube::Config, Error> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    Ok(kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_port_is_tried_where_one_is_taken() {
        let binaries = build(Config::default()).await.unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut ports = [taken.local_addr().unwrap().port(), free_port().unwrap()].into_iter();

        let control_plane = ControlPlane::boot(&binaries, || Ok(ports.next().unwrap())).await.unwrap();

        assert_eq!(ports.next(), None);
        control_plane.client().apiserver_version().await.unwrap();
    }
}
