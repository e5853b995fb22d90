//! The manifests that tests apply: the samples that users get, for a tenant of the test's own.

use serde_json::{Value, json};
use std::{fs, path::Path, sync::OnceLock};

pub(crate) const TENANT: &str = "Auth0Tenant/default";
pub(crate) const API: &str = "Auth0Api/basic-calculator";
pub(crate) const CONNECTION: &str = "Auth0Connection/basic-calculator";
pub(crate) const USER: &str = "Auth0User/ada";
pub(crate) const CREDENTIALS: &str = "Secret/auth0-management";
pub(crate) const PASSWORD: &str = "Secret/ada";
/// The Secret that the operator keeps for the application.
pub(crate) const OUTPUT: &str = "basic-calculator-client";

/// All keys that [`Samples`] knows, in an order in which nothing waits.
pub(crate) const ALL: [&str; 6] = [CREDENTIALS, TENANT, API, CONNECTION, PASSWORD, USER];

/// The samples for one tenant.
#[derive(Clone)]
pub(crate) struct Samples {
    pub(crate) domain: String,
    pub(crate) endpoint: String,
    /// Of the operator's own client, `management`.
    pub(crate) client_secret: String,
    /// Makes names in the tenant different where several sets share one.
    pub(crate) suffix: String,
    /// Where the Auth0Tenant is, when it is in another namespace.
    pub(crate) tenant_namespace: Option<String>,
}

impl Samples {
    /// A manifest, by `Kind/name`, as it is applied here.
    pub(crate) fn get(&self, key: &str) -> Value {
        let Self { domain, endpoint, client_secret, suffix, tenant_namespace } = self;
        let change = match key {
            // Nobody looks out for changes, so that the calls are those that a test gives cause to. Tests of the lookout change it.
            TENANT => {
                json!({ "spec": { "domain": domain, "endpoint": endpoint, "driftDetection": { "mode": "Off" } } })
            }
            CREDENTIALS => json!({ "stringData": { "clientId": "management", "clientSecret": client_secret } }),
            API => json!({ "spec": { "identifier": self.identifier(), "client": { "name": self.client() } } }),
            CONNECTION => json!({ "spec": { "name": self.connection() } }),
            PASSWORD => json!({ "stringData": { "password": self.password() } }),
            USER => json!({ "spec": { "email": self.email(), "givenName": format!("Ada{suffix}") } }),
            other => panic!("no sample {other}"),
        };
        let mut object =
            files().iter().find(|object| name(object) == key).unwrap_or_else(|| panic!("no sample {key}")).clone();
        merge(&mut object, &change);
        if let (Some(namespace), Some(reference)) = (tenant_namespace, object.pointer_mut("/spec/tenantRef")) {
            reference["namespace"] = json!(namespace);
        }
        object
    }

    pub(crate) fn identifier(&self) -> String {
        format!("https://basic-calculator{}.example.com/", self.suffix)
    }

    pub(crate) fn client(&self) -> String {
        format!("Basic Calculator{} (Non Interactive)", self.suffix)
    }

    pub(crate) fn connection(&self) -> String {
        format!("BasicCalculator{}", self.suffix)
    }

    pub(crate) fn email(&self) -> String {
        format!("ada{}@example.com", self.suffix)
    }

    pub(crate) fn password(&self) -> String {
        format!("canary-Passw0rd!{}", self.suffix)
    }

    /// The names of what the whole set makes in the tenant, as `Tenant::added` gives them.
    pub(crate) fn made(&self) -> Value {
        json!({
            "resource_servers": [self.identifier()],
            "clients": [self.client()],
            "client_grants": [self.identifier()],
            "connections": [self.connection()],
            "users": [self.email()],
        })
    }
}

/// All objects in the files of `deploy/samples`.
fn files() -> &'static [Value] {
    static FILES: OnceLock<Vec<Value>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples");
        let objects = |file: &str| -> Vec<Value> {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
        };
        ["tenant.yaml", "api.yaml", "connection.yaml", "user.yaml"].into_iter().flat_map(objects).collect()
    })
}

fn name(object: &Value) -> String {
    format!(
        "{}/{}",
        object["kind"].as_str().unwrap_or_default(),
        object["metadata"]["name"].as_str().unwrap_or_default()
    )
}

/// Puts a change over a value (RFC 7396): null takes a key out.
pub(crate) fn merge(into: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in change {
        match value {
            Value::Null => drop(into.as_object_mut().unwrap().remove(key)),
            value => merge(&mut into[key], value),
        }
    }
}

/// A resource of ours from `Kind/name` and spec.
pub(crate) fn resource(key: &str, spec: Value) -> Value {
    object("auth0-operator.dev/v1alpha1", key, "spec", spec)
}

/// A Secret from `Secret/name` and its values.
pub(crate) fn secret(key: &str, values: Value) -> Value {
    object("v1", key, "stringData", values)
}

fn object(version: &str, key: &str, member: &str, content: Value) -> Value {
    let (kind, name) = key.split_once('/').unwrap();
    let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
    object[member] = content;
    object
}
