//! The operator's main job, on this machine: `cargo run --example demo`.
//!
//! A real Kubernetes control plane, an emulated Auth0 tenant and the operator as a process of its own; then the manifests of
//! `deploy/samples`, as a user would apply them. When they are Ready, an application takes the Secret that the operator wrote,
//! gets a token for the API, and logs a user in through the tenant's login page; all tokens are verified as the API itself would.
//! The demo then stays up for kubectl until ctrl-c; with `--once` it ends.
//!
//! It fails, with a line that says why, as soon as anything is not as it should be.

// What the application and the user's browser do; the tests' too.
#[path = "../tests/support/login.rs"]
mod login;

use std::{
    collections::BTreeMap,
    env, fs,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use auth0_emulator::{Config, Emulator};
use auth0_operator::{cli, crd};
use controlplane::ControlPlane;
use k8s_openapi::{
    api::core::v1::Secret, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use login::{Application, CALLBACK};
use serde_json::Value;

/// Whatever goes wrong ends the demo, in words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The files of `deploy/samples`, in the order of the story; the operator does not mind.
const SAMPLES: [&str; 4] = ["tenant.yaml", "api.yaml", "connection.yaml", "user.yaml"];

/// The line of `tenant.yaml` that the demo fills in: its tenant is not on the internet.
const ENDPOINT_LINE: &str = "# endpoint: http://127.0.0.1:8080";

/// How long anything may take that the operator does.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let is_once = match env::args().nth(1).as_deref() {
        // The demo starts itself once more as the operator. This is what `auth0-operator run` does.
        Some("run") => return cli::run_from(env::args_os()),
        Some("--once") => true,
        None => false,
        Some(_) => {
            eprintln!("usage: cargo run --example demo [-- --once]");
            return ExitCode::from(2);
        }
    };
    let outcome =
        tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(demo(is_once)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n✗ the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(is_once: bool) -> Result<()> {
    headline("A cluster, a tenant and the operator");
    let control_plane = ControlPlane::start().await?;
    let kubernetes = control_plane.client();
    install_definitions(&kubernetes).await?;
    done("a Kubernetes control plane knows Auth0Tenant, Auth0Api, Auth0Connection and Auth0User");

    let (domain, client_id, client_secret) = tenant_of_samples()?;
    let emulator =
        Emulator::start(Config { domain: domain.clone(), client_id, client_secret, ..Config::default() }).await?;
    done(&format!("an emulator answers as the Auth0 tenant {domain} at {}", emulator.url()));

    let mut operator = Operator::start(control_plane.kubeconfig())?;
    done(&format!("the operator runs as a process of its own (pid {})", operator.process.id()));

    headline("kubectl apply -k deploy/samples");
    let start = Instant::now();
    let objects = apply_samples(&kubernetes, emulator.url()).await?;
    for object in &objects {
        operator.must_run()?;
        until_ready(&kubernetes, object).await.map_err(|error| operator.explain(&error.to_string()))?;
    }
    done(&format!("all of it Ready, {} ms after the first was applied", start.elapsed().as_millis()));
    print_calls(emulator.url()).await?;

    headline("An application uses the API");
    let application = Application::new(secret_values(&kubernetes, "basic-calculator-client").await?, CALLBACK)?;
    done("the Secret basic-calculator-client holds all that it needs; it gets nothing else");
    let claims = application.verify(&application.client_token().await?, &application.audience).await?;
    print_token("a client-credentials token for the API", &claims, &["iss", "aud", "sub", "gty", "scope"]);
    expect_scopes(&claims, &application.scope)?;

    headline("A user logs in, by authorization code with PKCE");
    let password =
        secret_values(&kubernetes, "ada").await?.remove("password").ok_or("the Secret ada holds no password")?;
    let user = application.log_in("ada@example.com", &password).await?;
    done("the login page took her password, and the callback a code for the application");
    print_token("her token for the API", &user.access, &["iss", "aud", "sub", "scope"]);
    print_token(
        "her ID token for the application",
        &user.identity,
        &["iss", "aud", "sub", "name", "email", "email_verified"],
    );
    match application.log_in("ada@example.com", "wrong").await {
        Ok(_) => return Err("a wrong password was let in".into()),
        Err(words) => done(&format!("a wrong password lets nobody in; the page says: {words}")),
    }

    if !is_once {
        stay_up(&control_plane, &emulator, &mut operator).await?;
    }
    operator.stop()?;
    done("asked to end, the operator ended in good order");
    Ok(())
}

// ── The cluster ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What `kubectl apply -k deploy` also does.
async fn install_definitions(kubernetes: &Client) -> Result<()> {
    let definitions = Api::<CustomResourceDefinition>::all(kubernetes.clone());
    for definition in crd::all() {
        let name = definition.name_any();
        definitions.patch(&name, &PatchParams::apply("demo"), &Patch::Apply(&definition)).await?;
        await_condition(definitions.clone(), &name, is_crd_established()).await?;
    }
    Ok(())
}

fn sample(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples").join(file);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Domain, client id and client secret as `tenant.yaml` has them: the emulator becomes that tenant.
fn tenant_of_samples() -> Result<(String, String, String)> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&sample("tenant.yaml")?)?;
    let value = |pointer: &str| {
        let found = documents.iter().find_map(|document| document.pointer(pointer)?.as_str());
        found.map(str::to_owned).ok_or(format!("deploy/samples/tenant.yaml has no {pointer}"))
    };
    Ok((value("/spec/domain")?, value("/stringData/clientId")?, value("/stringData/clientSecret")?))
}

/// Applies the samples, each as it is in its file but for the tenant's address. Gives those of the operator's kinds.
async fn apply_samples(kubernetes: &Client, endpoint: &str) -> Result<Vec<DynamicObject>> {
    let mut applied = Vec::new();
    for file in SAMPLES {
        let manifest = sample(file)?.replace(ENDPOINT_LINE, &format!("endpoint: {endpoint}"));
        for object in serde_saphyr::from_multiple::<DynamicObject>(&manifest)? {
            let api = api_of(kubernetes, &object)?;
            let object = api.patch(&object.name_any(), &PatchParams::apply("demo"), &Patch::Apply(&object)).await?;
            if kind(&object).starts_with("Auth0") {
                applied.push(object);
            }
        }
    }
    Ok(applied)
}

fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| &types.kind)
}

fn api_of(kubernetes: &Client, object: &DynamicObject) -> Result<Api<DynamicObject>> {
    let types = object.types.as_ref().ok_or("a sample without apiVersion and kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    Ok(Api::default_namespaced_with(kubernetes.clone(), &resource))
}

/// Waits until an object is Ready, and prints it.
async fn until_ready(kubernetes: &Client, object: &DynamicObject) -> Result<()> {
    let (api, name) = (api_of(kubernetes, object)?, format!("{} {}", kind(object), object.name_any()));
    let ready = tokio::time::timeout(PATIENCE, await_condition(api.clone(), &object.name_any(), is_ready)).await;
    let Ok(ready) = ready else {
        let status = api.get(&object.name_any()).await?.data["status"].take();
        return Err(format!("{name} is not Ready after {} s; its status: {status}", PATIENCE.as_secs()).into());
    };
    let status = ready?.map(|mut object| object.data["status"].take()).unwrap_or_default();
    let id = status["id"].as_str().map(|id| format!(", in the tenant as {id}")).unwrap_or_default();
    done(&format!("{name} is Ready{id}"));
    Ok(())
}

/// The verdict on the newest generation is that it is Ready.
fn is_ready(object: Option<&DynamicObject>) -> bool {
    let is_ready = |object: &DynamicObject| {
        let conditions = object.data["status"]["conditions"].as_array();
        let is_true = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        object.data["status"]["observedGeneration"] == object.metadata.generation.unwrap_or_default()
            && conditions.is_some_and(|conditions| conditions.iter().any(is_true))
    };
    object.is_some_and(is_ready)
}

async fn secret_values(kubernetes: &Client, name: &str) -> Result<BTreeMap<String, String>> {
    let secret = Api::<Secret>::default_namespaced(kubernetes.clone()).get(name).await?;
    let data = secret.data.unwrap_or_default();
    data.into_iter().map(|(key, value)| Ok((key, String::from_utf8(value.0)?))).collect()
}

// ── The operator ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The operator as a process. It is killed when this is dropped.
struct Operator {
    process: Child,
    log: PathBuf,
}

impl Operator {
    fn start(kubeconfig: &Path) -> Result<Self> {
        // Beside the kubeconfig, in the control plane's own folder: it goes with it.
        let log = kubeconfig.with_file_name("operator.log");
        let output = File::create(&log)?;
        let process = Command::new(env::current_exe()?)
            .args(["run", "--allow-endpoint", "http://127.0.0.1:*", "--http-address", "127.0.0.1:0", "--watch-secrets"])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { process, log })
    }

    fn must_run(&mut self) -> Result<()> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.explain(&format!("the operator ended ({status})"))),
        }
    }

    /// The last words of its log, for an error.
    fn explain(&self, error: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        format!("{error}\nthe operator's last words:\n{}", lines[lines.len().saturating_sub(10)..].join("\n")).into()
    }

    /// Asks it to end, as Kubernetes does.
    fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(self.explain(&format!("the operator ended ({status})"))) }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It has ended already, or it does now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// ── The tenant ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// How many calls to Auth0's Management API it took: the floor, since one call makes one object.
async fn print_calls(endpoint: &str) -> Result<()> {
    let log: Value = reqwest::get(format!("{endpoint}/emulator/requests")).await?.json().await?;
    let mut calls = BTreeMap::from([("Auth0Api", 0), ("Auth0Connection", 0), ("Auth0User", 0)]);
    for request in log["requests"].as_array().into_iter().flatten() {
        let resource = match request["path"].as_str().unwrap_or_default().split('/').nth(3) {
            Some("resource-servers" | "clients" | "client-grants") => "Auth0Api",
            Some("connections") => "Auth0Connection",
            Some("users") => "Auth0User",
            // The token, and the tenant's log, by which the operator learns of changes that others make.
            _ => continue,
        };
        *calls.entry(resource).or_default() += 1;
    }
    let said: Vec<_> = calls.iter().map(|(resource, count)| format!("{count} for the {resource}")).collect();
    let said = format!("Management API calls: {}", said.join(", "));
    if !calls.into_values().eq([3, 2, 1]) {
        return Err(format!("3, 2 and 1 were expected; {said}").into());
    }
    done(&said);
    Ok(())
}

fn expect_scopes(claims: &Value, expected: &str) -> Result<()> {
    let sorted = |scopes: &str| {
        let mut scopes: Vec<_> = scopes.split(' ').map(str::to_owned).collect();
        scopes.sort();
        scopes
    };
    let scopes = claims["scope"].as_str().ok_or("a token without scope")?;
    if sorted(scopes) == sorted(expected) { Ok(()) } else { Err(format!("the token's scopes are {scopes}").into()) }
}

// ── What is printed ──────────────────────────────────────────────────────────────────────────────────────────────────────────

fn headline(words: &str) {
    println!("\n{words}");
}

fn done(words: &str) {
    println!("  ✓ {words}");
    // Piped output would come all at once at the end.
    let _ = io::stdout().flush();
}

/// The claims that matter, in this order. Never the token itself.
fn print_token(what: &str, claims: &Value, names: &[&str]) {
    done(&format!("{what}: signature, issuer, audience and expiry are right"));
    for name in names {
        println!("      {name}: {}", claims[name]);
    }
}

/// Keeps everything up for kubectl until ctrl-c.
async fn stay_up(control_plane: &ControlPlane, emulator: &Emulator, operator: &mut Operator) -> Result<()> {
    println!(
        "\nIt stays up until ctrl-c. In another terminal:
    export KUBECONFIG={kubeconfig}
    kubectl get auth0
    kubectl patch auth0api basic-calculator --type merge -p '{{\"spec\":{{\"tokenLifetime\":7200}}}}'
    curl -s {endpoint}/emulator/state          # the whole tenant, a moment later
The operator's log: {log}",
        kubeconfig = control_plane.kubeconfig().display(),
        endpoint = emulator.url(),
        log = operator.log.display(),
    );
    let mut pulse = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            interrupt = tokio::signal::ctrl_c() => return Ok(interrupt?),
            _ = pulse.tick() => operator.must_run()?,
        }
    }
}
