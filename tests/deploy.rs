//! What a user applies, applied: `deploy/` on a real control plane, and the operator running with no more rights than it grants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml's exception leaves out what tests share"
)]

mod support;

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
use serde_json::{Value, json};
use support::login::{Application, CALLBACK};

/// Of the samples.
const DOMAIN: &str = "example.eu.auth0.com";
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
    if std::env::var_os("UPDATE_CRDS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == current,
        "deploy/install.yaml is stale: rerun with UPDATE_CRDS=1"
    );
}

/// A cluster with the operator installed and a tenant with nothing in it.
struct House {
    control_plane: ControlPlane,
    emulator: Emulator,
    /// Client id and secret of the operator's own client.
    credentials: (String, String),
    scratch: tempfile::TempDir,
}

/// A machine-to-machine application with the scopes that the README asks for, made as a user makes it.
async fn management_client(endpoint: &str) -> (String, String) {
    let readme = read("README.md");
    let is_scope = |word: &&str| {
        word.split_once(':').is_some_and(|(verb, _)| ["read", "create", "update", "delete"].contains(&verb))
    };
    let scopes: Vec<_> = readme.split_whitespace().filter(is_scope).collect();
    assert!(scopes.contains(&"update:connections_options"), "{scopes:?}");

    let http = reqwest::Client::new();
    let audience = format!("https://{DOMAIN}/api/v2/");
    let post = async |path: &str, token: &str, body: Value| -> Value {
        let request = http.post(format!("{endpoint}{path}")).bearer_auth(token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let form = json!({
        "grant_type": "client_credentials", "client_id": "management", "client_secret": "management-secret", "audience": audience,
    });
    let token = post("/oauth/token", "", form).await["access_token"].as_str().unwrap().to_owned();
    let client =
        json!({ "name": "auth0-operator", "app_type": "non_interactive", "grant_types": ["client_credentials"] });
    let client = post("/api/v2/clients", &token, client).await;
    let grant = json!({ "client_id": client["client_id"], "audience": audience, "scope": scopes });
    post("/api/v2/client-grants", &token, grant).await;
    let value = |key: &str| client[key].as_str().unwrap().to_owned();
    (value("client_id"), value("client_secret"))
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
        let emulator = Emulator::start(Config { domain: DOMAIN.to_owned(), ..Config::default() }).await.unwrap();
        let credentials = management_client(emulator.url()).await;
        let house = Self { control_plane, emulator, credentials, scratch: tempfile::tempdir().unwrap() };
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
        let (client_id, client_secret) = &self.credentials;
        let fill_in = |samples: String, (gap, value): (&str, &str)| {
            assert!(samples.contains(gap), "{gap}");
            samples.replace(gap, value)
        };
        let endpoint = format!("endpoint: {}", self.emulator.url());
        let values = [
            ("# endpoint: http://127.0.0.1:8080", endpoint.as_str()),
            ("your-client-id", client_id),
            ("your-client-secret", client_secret),
        ];
        values.into_iter().fold(files.join("---\n"), fill_in)
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
        // Not "403" alone, which is in times as well.
        let is_complaint = |line: &&str| ["forbidden", " 403", "=403"].iter().any(|sign| line.contains(sign));
        let complaints: Vec<_> = log.lines().filter(is_complaint).collect();
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
        let text = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
        let values = application["data"].as_object().unwrap().iter();
        let secret = values.map(|(key, value)| (key.clone(), text(value))).collect();
        Application::new(secret, CALLBACK).unwrap().log_in("ada@example.com", password).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_it_is_installed_with_suffice_from_apply_to_delete() {
    let house = House::build().await;
    let empty = house.tenant().await;
    let operator = house.operator(&[]).await;

    house.kubectl(&["apply", "-f", "-"], &house.samples());
    house.all_become_ready();
    assert!(house.lets_in(PASSWORD).await);
    let missing = house.kubectl(&["get", "auth0tenant", "default", "-o", "jsonpath={.status.missingScopes}"], "");
    assert_eq!(missing, "");
    let events = house.kubectl(&["get", "events.events.k8s.io", "-o", "name"], "");
    assert!(!events.is_empty(), "the operator wrote no event");
    let rename = r#"{"spec":{"client":{"secretName":"moved"}}}"#;
    house.kubectl(&["patch", "auth0api", "basic-calculator", "--type=merge", "-p", rename], "");
    house.all_become_ready();
    house.kubectl(&["wait", "--for=delete", "--timeout=60s", "secret/basic-calculator-client"], "");

    house.kubectl(&["delete", "--timeout=60s", "-f", "-"], &house.samples());
    assert_eq!(house.tenant().await, empty);
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
    let documents: Vec<Value> = serde_saphyr::from_multiple(&read("deploy/operator.yaml")).unwrap();
    let deployment = documents.into_iter().find(|document| document["kind"] == "Deployment").unwrap();
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "auth0-operator".into();
    // Made by hand, since the namespace's policy only warns about a Deployment, and there is no node to run a Pod.
    house.kubectl(&["-n", "auth0-operator", "create", "--dry-run=server", "-f", "-"], &pod.to_string());
}
