//! What a user applies, applied: `deploy/` on a real control plane, and the operator running with no more rights than it grants.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use auth0_emulator::{Config, Emulator};
use auth0_operator::crd;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use controlplane::ControlPlane;
use serde_json::Value;

const PASSWORD: &str = "Kalkulator-1815-Babbage!";

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap()
}

#[test]
fn the_installation_is_fresh() {
    let head = "# Generated from crds/ and deploy/operator.yaml; a test says when it is stale.\n";
    let current = format!("{head}{}---\n{}", crd::yaml(), read("deploy/operator.yaml"));
    let path = project().join("deploy/install.yaml");
    if std::env::var_os("UPDATE_INSTALL").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == current,
        "deploy/install.yaml is stale: rerun with UPDATE_INSTALL=1"
    );
}

/// A cluster with the operator installed and a tenant with nothing in it.
struct House {
    control_plane: ControlPlane,
    emulator: Emulator,
    scratch: tempfile::TempDir,
}

/// The operator as a process; killed when dropped.
struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl House {
    async fn build() -> Self {
        let control_plane = ControlPlane::start().await.unwrap();
        let (client_id, client_secret) = ("your-client-id".to_owned(), "your-client-secret".to_owned());
        let config =
            Config { domain: "example.eu.auth0.com".to_owned(), client_id, client_secret, ..Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let house = Self { control_plane, emulator, scratch: tempfile::tempdir().unwrap() };
        house.kubectl(&["apply", "-k", "deploy"], "");
        house.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"], "");
        house
    }

    /// What kubectl prints, as cluster-admin; it must succeed.
    fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", self.control_plane.kubeconfig()).current_dir(project());
        command.arg("--cache-dir").arg(self.scratch.path().join("cache")).args(arguments);
        let mut kubectl = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        kubectl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = kubectl.wait_with_output().unwrap();
        let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "kubectl {arguments:?}: {complaint}");
        said
    }

    /// The samples, in the emulated tenant.
    fn samples(&self) -> String {
        let files = ["tenant", "api", "connection", "user"].map(|name| read(&format!("deploy/samples/{name}.yaml")));
        let written = "# endpoint: http://127.0.0.1:8080";
        let samples = files.join("---\n");
        assert!(samples.contains(written));
        samples.replace(written, &format!("endpoint: {}", self.emulator.url()))
    }

    fn log(&self) -> PathBuf {
        self.scratch.path().join("operator.log")
    }

    /// Starts the operator with the rights of its ServiceAccount.
    async fn operator(&self, flags: &[&str]) -> Operator {
        let kubeconfig =
            self.control_plane.kubeconfig_for_service_account("auth0-operator", "auth0-operator").await.unwrap();
        let log = File::create(self.log()).unwrap();
        let operator = Command::new(env!("CARGO_BIN_EXE_auth0-operator"))
            .args(["run", "--allow-endpoint", "http://127.0.0.1:*", "--http-address", "127.0.0.1:0"])
            .args(flags)
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAMESPACE", "auth0-operator")
            .env("RUST_LOG", "info,auth0_operator=debug")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Operator(operator.unwrap())
    }

    fn all_become_ready(&self) {
        let kinds = "auth0tenants,auth0apis,auth0connections,auth0users";
        let arguments = ["wait", "--for=condition=Ready", "--timeout=60s", kinds, "--all"];
        self.kubectl(&arguments, "");
    }

    fn nothing_was_forbidden(&self) {
        let log = fs::read_to_string(self.log()).unwrap();
        let complaints: Vec<_> =
            log.lines().filter(|line| line.contains("forbidden") || line.contains("403")).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    async fn tenant(&self) -> Value {
        let url = format!("{}/emulator/state", self.emulator.url());
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    /// Whether somebody can log in with this password.
    async fn lets_in(&self, password: &str) -> bool {
        let application = self.kubectl(&["get", "secret", "basic-calculator-client", "-o", "json"], "");
        let application: Value = serde_json::from_str(&application).unwrap();
        let value = |key: &str| {
            String::from_utf8(STANDARD.decode(application["data"][key].as_str().unwrap()).unwrap()).unwrap()
        };
        let form = [
            ("grant_type", "http://auth0.com/oauth/grant-type/password-realm".to_owned()),
            ("realm", "BasicCalculator".to_owned()),
            ("username", "ada@example.com".to_owned()),
            ("password", password.to_owned()),
            ("client_id", value("clientId")),
            ("client_secret", value("clientSecret")),
        ];
        reqwest::Client::new().post(value("tokenUrl")).form(&form).send().await.unwrap().status().is_success()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_it_is_installed_with_suffice_from_apply_to_delete() {
    let house = House::build().await;
    let operator = house.operator(&[]).await;

    house.kubectl(&["apply", "-f", "-"], &house.samples());
    house.all_become_ready();
    assert!(house.lets_in(PASSWORD).await);
    let events = house.kubectl(&["get", "events.events.k8s.io", "-o", "name"], "");
    assert!(!events.is_empty(), "the operator wrote no event");

    house.kubectl(&["delete", "--timeout=60s", "-f", "-"], &house.samples());
    let tenant = house.tenant().await;
    for left in ["client_grants", "connections", "users"] {
        let ours = tenant[left].as_array().unwrap();
        assert!(ours.is_empty(), "{left}: {ours:?}");
    }
    assert!(!tenant.to_string().contains("Basic Calculator"), "{tenant}");
    drop(operator);
    house.nothing_was_forbidden();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_right_to_watch_secrets_a_new_password_is_seen_at_once() {
    let house = House::build().await;
    house.kubectl(&["apply", "-f", "deploy/watch-secrets.yaml"], "");
    let operator = house.operator(&["--watch-secrets"]).await;
    house.kubectl(&["apply", "-f", "-"], &house.samples());
    house.all_become_ready();

    let another = "Rechenmaschine-1843-Menabrea!";
    house.kubectl(&["apply", "-f", "-"], &house.samples().replace(PASSWORD, another));
    let seen = async {
        while !house.lets_in(another).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("the new password lets nobody in");
    drop(operator);
    house.nothing_was_forbidden();
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pod_obeys_the_restricted_pod_security_standard() {
    let house = House::build().await;
    // Without nodes the Pod stays Pending; that it was made means that the namespace's policy let it in.
    let arguments = [
        "-n",
        "auth0-operator",
        "wait",
        "--for=create",
        "--timeout=30s",
        "pod",
        "-l",
        "app.kubernetes.io/name=auth0-operator",
    ];
    house.kubectl(&arguments, "");
}
