//! The CustomResourceDefinitions, before a real kube-apiserver: what it accepts, what it refuses, and what it says then.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy lets the functions of tests panic, but not those that they share"
)]

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use auth0_operator::crd::{self, Auth0Api, Auth0Connection, Auth0Tenant, Auth0User};
use controlplane::ControlPlane;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt, ResourceExt,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::ApiResource,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

#[path = "crds/schema.rs"]
mod schema;

use schema::fields;

/// One line of the tables in `tests/crds/`. It states only its difference: specs are merged over [`minimal`] ones, and null
/// takes a field out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    kind: String,
    /// metadata.name, where it matters.
    name: Option<String>,
    /// What the object was before, where a change is tried.
    before: Option<Value>,
    #[serde(default = "unchanged")]
    spec: Value,
    /// Part of the API server's message.
    refused: Option<String>,
}

fn unchanged() -> Value {
    json!({})
}

/// The least that each kind takes.
fn minimal(kind: &str) -> Value {
    match kind {
        "Auth0Tenant" => {
            json!({ "domain": "example.eu.auth0.com", "credentials": { "secretRef": { "name": "auth0" } } })
        }
        "Auth0Api" => json!({ "identifier": "https://orders.example.com/" }),
        "Auth0Connection" => json!({}),
        "Auth0User" => json!({ "connectionRef": { "name": "customers" }, "email": "ada@example.com" }),
        other => panic!("no kind of ours: {other}"),
    }
}

fn resource(kind: &str) -> ApiResource {
    match kind {
        "Auth0Tenant" => Auth0Tenant::api_resource(),
        "Auth0Api" => Auth0Api::api_resource(),
        "Auth0Connection" => Auth0Connection::api_resource(),
        "Auth0User" => Auth0User::api_resource(),
        other => panic!("no kind of ours: {other}"),
    }
}

fn table(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crds").join(file);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Null takes out what is there; elsewhere it is a value, as in free-form fields.
fn merge(into: &mut Value, change: &Value) {
    let (Some(fields), Some(change)) = (into.as_object_mut(), change.as_object()) else {
        *into = change.clone();
        return;
    };
    for (key, value) in change {
        match fields.get_mut(key) {
            Some(_) if value.is_null() => drop(fields.remove(key)),
            Some(present) => merge(present, value),
            None => drop(fields.insert(key.clone(), value.clone())),
        }
    }
}

impl Case {
    /// The object with `change` over the minimal spec. `index`, its place in the table, makes its name the only one.
    fn object(&self, index: usize, change: &Value) -> DynamicObject {
        let mut spec = minimal(&self.kind);
        merge(&mut spec, change);
        let table = if self.refused.is_some() { "refused" } else { "accepted" };
        let name = self.name.clone().unwrap_or_else(|| format!("{table}-{index}"));
        DynamicObject::new(&name, &resource(&self.kind)).data(json!({ "spec": spec }))
    }

    /// What the API server makes of it. Nothing is left there but what a change starts from.
    async fn submit(&self, api: &Api<DynamicObject>, index: usize) -> Result<DynamicObject, kube::Error> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let object = self.object(index, &self.spec);
        let Some(before) = &self.before else {
            return api.create(&dry_run, &object).await;
        };
        let mut existing = api.create(&PostParams::default(), &self.object(index, before)).await?;
        existing.data = object.data;
        api.replace(&existing.name_any(), &dry_run, &existing).await
    }
}

static CONTROL_PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

/// The one control plane of these tests, with our definitions established.
async fn control_plane() -> &'static ControlPlane {
    CONTROL_PLANE
        .get_or_init(|| async {
            let control_plane = ControlPlane::start().await.unwrap();
            let definitions = Api::<CustomResourceDefinition>::all(control_plane.client());
            for definition in crd::all() {
                let name = definition.name_any();
                definitions.create(&PostParams::default(), &definition).await.unwrap();
                await_condition(definitions.clone(), &name, is_crd_established()).await.unwrap();
            }
            control_plane
        })
        .await
}

fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), "default", &resource(kind))
}

#[test]
fn the_generated_files_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let files = crd::files();
    for (name, text) in &files {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_CRDS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, text).unwrap();
        }
        let on_disk = fs::read_to_string(&path).unwrap_or_default();
        assert!(&on_disk == text, "crds/{name} is stale: rerun with UPDATE_CRDS=1");
    }
    let others: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(others.len(), files.len(), "a file in crds/ is of no kind of ours: {others:?}");
}

#[test]
fn what_is_printed_reads_back_as_it_was_meant() {
    let printed: Vec<CustomResourceDefinition> = serde_saphyr::from_multiple(&crd::yaml()).unwrap();
    assert_eq!(printed, crd::all());
}

#[test]
fn every_field_is_described_and_bounded() {
    let mut faults = Vec::new();
    for field in fields() {
        let is_element = field.path.ends_with(']') || field.path.ends_with('}');
        let description = field.schema["description"].as_str().unwrap_or_default();
        let mut fault = |fault: &str| faults.push(format!("{}: {fault}", field.path));
        if description.is_empty() && !is_element {
            fault("no description");
        }
        for value in field.schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !is_element && !description.contains(value) {
                fault(&format!("the description does not tell what {value} means"));
            }
        }
        if field.is("string") && !field.has("maxLength") && !field.has("enum") && !field.has("format") {
            fault("a string without maxLength");
        }
        if field.is("array") && !field.has("maxItems") {
            fault("a list without maxItems");
        }
        if field.is("object") && field.is_map() && !field.has("maxProperties") {
            fault("a map without maxProperties");
        }
        if field.has("nullable") {
            fault("nullable: null would be kept, where it is to mean that nothing was written");
        }
        if field.schema["format"].as_str().is_some_and(|format| format.starts_with("uint")) {
            fault("the API server does not know this format");
        }
        let may_default = field.path.ends_with(".status") || field.path == "Auth0Connection.spec.strategy";
        if field.has("default") && !may_default {
            fault("a default: what is not written is not managed");
        }
        for rule in field.schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            if rule["message"].as_str().unwrap_or_default().is_empty() {
                fault("a rule without a message");
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn users_see_key_field_readiness_and_fate_in_columns() {
    for (definition, columns) in crd::all().iter().zip([
        "Domain Ready Status Dependants Age | Endpoint Message",
        "Identifier Ready Status On-Delete Age | Id Client-Id Message",
        "Strategy Connection Ready Status On-Delete Age | Id Message",
        "Email Ready Status On-Delete Age | Username Id Message",
    ]) {
        let (wide, narrow): (Vec<_>, Vec<_>) = definition.spec.versions[0]
            .additional_printer_columns
            .iter()
            .flatten()
            .partition(|column| column.priority.is_some_and(|priority| priority > 0));
        let names = |columns: Vec<&CustomResourceColumnDefinition>| {
            columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(format!("{} | {}", names(narrow), names(wide)), columns);
    }
}

#[tokio::test]
async fn good_manifests_are_accepted_and_read_back_by_our_types_as_they_were_written() {
    let client = control_plane().await.client();
    let strict = PatchParams { dry_run: true, ..PatchParams::apply("tests").validation_strict() };
    let mut faults = Vec::new();
    for (index, case) in table("accepted.yaml").iter().enumerate() {
        let api = api(&client, &case.kind);
        let object = case.object(index, &case.spec);
        // Strict validation refuses what a schema does not know, so a misspelt field is not silently pruned.
        let outcome = match &case.before {
            None => api.patch(&object.name_any(), &strict, &Patch::Apply(&object)).await,
            Some(_) => case.submit(&api, index).await,
        };
        match outcome {
            Ok(stored) => {
                let read = match case.kind.as_str() {
                    "Auth0Tenant" => through::<Auth0Tenant>(&stored),
                    "Auth0Api" => through::<Auth0Api>(&stored),
                    "Auth0Connection" => through::<Auth0Connection>(&stored),
                    _ => through::<Auth0User>(&stored),
                };
                if read != stored.data["spec"] {
                    faults.push(format!("{}: our types make {read} of {}", case.case, stored.data["spec"]));
                }
            }
            Err(error) => faults.push(format!("{}: {}", case.case, message(error))),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The spec, read into our type and written again.
fn through<K: DeserializeOwned + Serialize>(stored: &DynamicObject) -> Value {
    let typed: K = serde_json::from_value(serde_json::to_value(stored).unwrap()).unwrap();
    serde_json::to_value(typed).unwrap()["spec"].take()
}

#[test]
fn the_good_manifests_hold_every_field() {
    let mut written = BTreeSet::new();
    for case in table("accepted.yaml") {
        let mut spec = minimal(&case.kind);
        merge(&mut spec, &case.spec);
        note_paths(&format!("{}.spec", case.kind), &spec, &mut written);
    }
    let missing: Vec<String> = fields()
        .into_iter()
        .filter(|field| {
            field.path.contains(".spec.") && !field.path.ends_with('}') && !field.path.contains(crd::STAMP_KEY)
        })
        .map(|field| field.path)
        .filter(|path| !written.contains(path))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn note_paths(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    paths.insert(path.to_owned());
    for (name, value) in value.as_object().into_iter().flatten() {
        note_paths(&format!("{path}.{name}"), value, paths);
    }
    for item in value.as_array().into_iter().flatten() {
        note_paths(&format!("{path}[]"), item, paths);
    }
}

fn message(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn bad_manifests_and_changes_are_refused_with_what_to_do_and_every_rule_is_tried() {
    let client = control_plane().await.client();
    let (mut faults, mut messages) = (Vec::new(), String::new());
    for (index, case) in table("refused.yaml").iter().enumerate() {
        let expected = case.refused.as_deref().unwrap();
        match case.submit(&api(&client, &case.kind), index).await {
            Ok(_) => faults.push(format!("{}: accepted", case.case)),
            Err(kube::Error::Api(status)) if status.is_invalid() && status.message.contains(expected) => {
                messages.push_str(&status.message);
            }
            Err(error) => faults.push(format!("{}: {}", case.case, message(error))),
        }
    }
    for field in fields() {
        for rule in field.schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let help = rule["message"].as_str().unwrap_or_default();
            if !messages.contains(help) {
                faults.push(format!("{}: no case for the rule that says: {help}", field.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_new_object_is_not_observed_yet_and_null_means_not_written() {
    let client = control_plane().await.client();
    let mut object = DynamicObject::new("fresh", &Auth0Api::api_resource());
    object.data = json!({ "spec": { "identifier": "https://fresh.example.com/", "tokenLifetime": null, "client": { "name": null } } });

    let stored = api(&client, "Auth0Api").create(&PostParams::default(), &object).await.unwrap();

    let spec = json!({ "identifier": "https://fresh.example.com/", "client": {} });
    assert_eq!(stored.data, json!({ "spec": spec, "status": { "observedGeneration": -1 } }));
}

/// What kubectl says, on standard output and standard error, when it is given `input`.
fn kubectl(control_plane: &ControlPlane, cache: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(control_plane.kubeconfig())
        .arg("--cache-dir")
        .arg(cache)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test runs kubectl: install it (https://kubernetes.io/docs/tasks/tools/) and put it on PATH");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn kubectl_reads_what_is_printed_as_it_was_meant() {
    let (control_plane, cache) = (control_plane().await, tempfile::tempdir().unwrap());
    // kubectl reads YAML 1.1, where a bare Off is a boolean.
    let applied = kubectl(
        control_plane,
        cache.path(),
        &["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--output=json", "--filename=-"],
        &crd::yaml(),
    );
    let applied: Value = serde_json::from_str(&applied).unwrap_or_else(|_| panic!("{applied}"));
    for (definition, applied) in crd::all().into_iter().zip(applied["items"].as_array().unwrap()) {
        let applied: CustomResourceDefinition = serde_json::from_value(applied.clone()).unwrap();
        let is_same = applied.spec.versions == definition.spec.versions;
        assert!(is_same, "kubectl makes something else of {}", definition.name_any());
    }
}

#[tokio::test]
async fn kubectl_explains_every_level() {
    let (control_plane, cache) = (control_plane().await, tempfile::tempdir().unwrap());
    let kubectl = |arguments: &[&str]| kubectl(control_plane, cache.path(), arguments, "");
    // kube-apiserver publishes the schemas of new kinds a moment after it serves them, and has no event for it.
    let document = format!("/openapi/v3/apis/{}/{}", crd::GROUP, crd::VERSION);
    let kinds: Vec<String> = crd::all().into_iter().map(|definition| definition.spec.names.kind).collect();
    loop {
        let published = kubectl(&["get", "--raw", &document]);
        if kinds.iter().all(|kind| published.contains(&format!("{kind}List"))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(kubectl(&["explain", "auth0api.spec", "--recursive"]).contains("rotateSecretEvery"));

    let mut faults = Vec::new();
    for field in fields().iter().filter(|field| field.has("properties")) {
        let (kind, below) = field.path.split_at(field.path.find('.').unwrap_or(field.path.len()));
        let path = format!("{}{}", kind.to_lowercase(), below.replace("[]", ""));
        let page = kubectl(&["explain", &path]);
        let mut names = field.schema["properties"].as_object().unwrap().keys();
        if page.contains("<no description>") || !names.all(|name| page.contains(name.as_str())) {
            faults.push(format!("{path}:\n{page}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
