//! What a control plane promises, against a real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy.toml's exception for tests leaves out what they share"
)]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use controlplane::{Config, ControlPlane, Error};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{conditions, wait::await_condition},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Kubernetes itself waits 5 s for a namespace; the rest is for busy machines.
const DEADLINE: Duration = Duration::from_secs(60);

/// One for all tests that leave each other's objects alone.
async fn shared() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    SHARED.get_or_init(async || ControlPlane::start().await.unwrap()).await
}

#[tokio::test]
async fn it_is_the_kubernetes_that_was_asked_for() {
    let version = shared().await.client().apiserver_version().await.unwrap();
    let asked_for = match std::env::var_os("KUBEBUILDER_ASSETS") {
        Some(assets) => version_of(&Path::new(&assets).join("kube-apiserver")),
        None => Config::from_env().kubernetes,
    };
    assert_eq!(version.git_version.trim_start_matches('v'), asked_for.trim_start_matches('v'));
}

#[tokio::test]
async fn its_kubeconfig_alone_gives_all_rights_and_the_namespace_default() {
    let config = load(shared().await.kubeconfig()).await;
    assert_eq!(config.default_namespace, "default");
    let client = Client::try_from(config).unwrap();
    assert!(Api::<Secret>::all(client).list(&ListParams::default()).await.is_ok());
}

#[tokio::test]
async fn a_deleted_namespace_goes_with_what_it_holds() {
    let client = shared().await.client();
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = create(&namespaces, json!({ "metadata": { "name": "leaving" } })).await;
    create(&Api::<ConfigMap>::namespaced(client, "leaving"), json!({ "metadata": { "name": "content" } })).await;

    namespaces.delete("leaving", &DeleteParams::default()).await.unwrap();

    await_deletion(namespaces, &namespace).await;
}

#[tokio::test]
async fn what_a_deleted_object_owned_is_collected() {
    let config_maps = Api::<ConfigMap>::default_namespaced(shared().await.client());
    let owner = create(&config_maps, json!({ "metadata": { "name": "owner" } })).await;
    let owned = json!({ "metadata": { "name": "owned", "ownerReferences": [owner.owner_ref(&()).unwrap()] } });
    let owned = create(&config_maps, owned).await;

    config_maps.delete("owner", &DeleteParams::default()).await.unwrap();

    await_deletion(config_maps, &owned).await;
}

#[tokio::test]
async fn a_service_account_may_do_what_its_role_says_and_no_more() {
    let control_plane = shared().await;
    let client = control_plane.client();
    create(&Api::<Namespace>::all(client.clone()), json!({ "metadata": { "name": "guarded" } })).await;
    create(&Api::<ServiceAccount>::namespaced(client.clone(), "guarded"), json!({ "metadata": { "name": "reader" } }))
        .await;
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"] }]);
    create(
        &Api::<Role>::namespaced(client.clone(), "guarded"),
        json!({ "metadata": { "name": "read" }, "rules": rules }),
    )
    .await;
    let binding = json!({
        "metadata": { "name": "read" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read" },
        "subjects": [{ "kind": "ServiceAccount", "name": "reader", "namespace": "guarded" }],
    });
    create(&Api::<RoleBinding>::namespaced(client, "guarded"), binding).await;

    let config = load(&control_plane.kubeconfig_for_service_account("guarded", "reader").await.unwrap()).await;

    assert_eq!(config.default_namespace, "guarded");
    let reader = Client::try_from(config).unwrap();
    let config_maps = Api::<ConfigMap>::default_namespaced(reader.clone());
    // RBAC learns of a new binding by a watch.
    let start = Instant::now();
    while let Err(error) = config_maps.list(&ListParams::default()).await {
        assert!(is_forbidden(&error) && start.elapsed() < DEADLINE, "{error}");
    }
    let secrets = Api::<Secret>::default_namespaced(reader).list(&ListParams::default()).await;
    assert!(is_forbidden(&secrets.unwrap_err()));
}

#[tokio::test]
async fn a_service_account_that_is_not_there_is_named_in_the_error() {
    let error = shared().await.kubeconfig_for_service_account("default", "nobody").await.unwrap_err();
    assert!(matches!(error, Error::ServiceAccount { .. }));
    assert_eq!(error.to_string(), "no token for the ServiceAccount default/nobody: create it first");
}

#[tokio::test]
async fn two_can_start_at_once_and_know_nothing_of_each_other() {
    let (one, other) = tokio::join!(ControlPlane::start(), ControlPlane::start());
    let (one, other) = (one.unwrap(), other.unwrap());

    create(&Api::<Namespace>::all(one.client()), json!({ "metadata": { "name": "only-here" } })).await;

    assert!(Api::<Namespace>::all(one.client()).get_opt("only-here").await.unwrap().is_some());
    assert!(Api::<Namespace>::all(other.client()).get_opt("only-here").await.unwrap().is_none());
}

#[tokio::test]
async fn dropping_it_leaves_nothing() {
    let control_plane = ControlPlane::start().await.unwrap();
    let folder = folder(control_plane.kubeconfig());
    assert!(!processes_of(&folder).is_empty());

    drop(control_plane);

    assert!(!folder.exists());
    assert_eq!(processes_of(&folder), Vec::<String>::new());
}

#[test]
fn killing_its_process_leaves_nothing() {
    let (mut process, folder) = start_process();
    assert!(folder.exists());
    assert!(!processes_of(&folder).is_empty());

    process.kill().unwrap(); // SIGKILL
    process.wait().unwrap();

    // Nobody is left who could tell us when it is done.
    let start = Instant::now();
    while folder.exists() || !processes_of(&folder).is_empty() {
        assert!(start.elapsed() < DEADLINE, "left: {:?} {:?}", folder, processes_of(&folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a control plane in a process of its own; returns the control plane's folder, too.
fn start_process() -> (Child, PathBuf) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_controlplane")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").unwrap();
    (process, folder(Path::new(kubeconfig)))
}

fn version_of(apiserver: &Path) -> String {
    let output = Command::new(apiserver).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().strip_prefix("Kubernetes ").unwrap().to_owned()
}

fn folder(kubeconfig: &Path) -> PathBuf {
    kubeconfig.parent().unwrap().to_owned()
}

/// The command lines of all processes that name a folder: those of a control plane all do, the shells too.
fn processes_of(folder: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-A", "-ww", "-o", "args="]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let folder = folder.display().to_string();
    lines.lines().filter(|line| line.contains(&folder)).map(str::to_owned).collect()
}

async fn load(kubeconfig: &Path) -> kube::Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
}

async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + serde::Serialize,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

async fn await_deletion<K>(api: Api<K>, object: &K)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (name, uid) = (object.name_any(), object.uid().unwrap());
    let deleted = await_condition(api, &name, conditions::is_deleted(&uid));
    tokio::time::timeout(DEADLINE, deleted).await.expect("it is not deleted").unwrap();
}

fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}
