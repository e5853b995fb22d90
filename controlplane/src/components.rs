//! The three programs, their flags, and how to see that each is ready.

use std::path::Path;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};
use tokio::net::UnixStream;

use crate::{
    credentials::{CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY, SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUBLIC_KEY},
    error::Error,
    process::{Folder, Process},
};

pub(crate) const ETCD: &str = "etcd";
pub(crate) const APISERVER: &str = "kube-apiserver";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Where etcd serves kube-apiserver, in the control plane's folder.
const ETCD_SOCKET: &str = "etcd.sock";

/// Those that need no node, cloud or volume.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
     serviceaccount-token-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,\
     resourcequota-controller,validatingadmissionpolicy-status-controller";

/// Starts etcd, on Unix sockets: no port to collide on, and nobody else can reach it.
pub(crate) async fn start_etcd(binaries: &Path, folder: &Folder) -> Result<Process, Error> {
    let client = etcd_url(folder);
    // etcd takes no path here, only a name in its working directory.
    let peer = "unix://peer.sock";
    let mut etcd = start(
        ETCD,
        binaries,
        folder,
        &[
            "--name=etcd".to_owned(),
            format!("--data-dir={}", at(folder, "etcd")),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=etcd={peer}"),
            // The data die with us, so they need not survive a power failure.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ],
    )?;
    let socket = folder.path().join(ETCD_SOCKET);
    etcd.ready(async || UnixStream::connect(&socket).await.is_ok()).await?;
    Ok(etcd)
}

/// Starts kube-apiserver on a port of loopback, where `config` reaches it.
pub(crate) async fn start_apiserver(
    binaries: &Path,
    folder: &Folder,
    port: u16,
    mut config: kube::Config,
) -> Result<Process, Error> {
    let mut apiserver = start(
        APISERVER,
        binaries,
        folder,
        &[
            format!("--etcd-servers={}", etcd_url(folder)),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            // Else it looks for the default route, which an offline machine does not have.
            "--advertise-address=127.0.0.1".to_owned(),
            // The Service `kubernetes` may not lead to loopback, and there are no Pods to use it.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--tls-cert-file={}", at(folder, SERVER_CERTIFICATE)),
            format!("--tls-private-key-file={}", at(folder, SERVER_KEY)),
            format!("--client-ca-file={}", at(folder, CA_CERTIFICATE)),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", at(folder, SERVICE_ACCOUNT_PUBLIC_KEY)),
            format!("--service-account-signing-key-file={}", at(folder, SERVICE_ACCOUNT_KEY)),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--allow-privileged=true".to_owned(),
            // Nobody needs to be kept from crowding out others, and it takes a tenth of the server's time.
            "--enable-priority-and-fairness=false".to_owned(),
        ],
    )?;
    // We ask often enough ourselves.
    config.default_retry = false;
    let client = Client::try_from(config)?;
    apiserver
        .ready(async || match http::Request::get("/readyz").body(Vec::new()) {
            Ok(request) => client.request_text(request).await.is_ok(),
            Err(_) => false,
        })
        .await?;
    Ok(apiserver)
}

/// Starts kube-controller-manager. Ready means that it has made its first object.
pub(crate) async fn start_controller_manager(
    binaries: &Path,
    folder: &Folder,
    kubeconfig: &Path,
    config: kube::Config,
) -> Result<Process, Error> {
    let mut controller_manager = start(
        CONTROLLER_MANAGER,
        binaries,
        folder,
        &[
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--controllers={CONTROLLERS}"),
            "--leader-elect=false".to_owned(),
            // It serves nothing that we ask for.
            "--secure-port=0".to_owned(),
            format!("--service-account-private-key-file={}", at(folder, SERVICE_ACCOUNT_KEY)),
            format!("--root-ca-file={}", at(folder, CA_CERTIFICATE)),
            // By default 20 requests a second for all controllers, of which the end of a namespace alone takes some 60.
            "--kube-api-qps=1000".to_owned(),
            "--kube-api-burst=2000".to_owned(),
        ],
    )?;
    let accounts = Api::<ServiceAccount>::default_namespaced(Client::try_from(config)?);
    controller_manager.ready(async || accounts.get("default").await.is_ok()).await?;
    Ok(controller_manager)
}

fn start(name: &'static str, binaries: &Path, folder: &Folder, arguments: &[String]) -> Result<Process, Error> {
    let log = folder.path().join(format!("{name}.log"));
    Process::start(name, &binaries.join(name), log, folder, |command| {
        // Else kube-apiserver spends a fifth of its time collecting garbage of a heap that is small anyhow.
        command.args(arguments).current_dir(folder.path()).env("GOGC", "400");
    })
}

fn etcd_url(folder: &Folder) -> String {
    format!("unix://{}", at(folder, ETCD_SOCKET))
}

fn at(folder: &Folder, file: &str) -> String {
    folder.path().join(file).display().to_string()
}
