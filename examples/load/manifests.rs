//! The resources of a load, and how many of each.

use serde_json::{Value, json};
use std::fmt;

/// The namespace of all of them.
pub(crate) const NAMESPACE: &str = "load";
/// The tenant's domain.
pub(crate) const DOMAIN: &str = "load.eu.auth0.com";
/// The Auth0Tenant.
pub(crate) const TENANT: &str = "Auth0Tenant/load";

/// How many resources of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    pub(crate) apis: usize,
    pub(crate) connections: usize,
    pub(crate) users: usize,
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { apis, connections, users } = self;
        write!(formatter, "{} resources ({apis} APIs, {connections} connections, {users} users)", self.all())
    }
}

impl Mix {
    /// 30 % APIs, 5 % connections, 65 % users; at least one of each.
    pub(crate) fn of(objects: usize) -> Self {
        let (apis, connections) = ((objects * 30 / 100).max(1), (objects * 5 / 100).max(1));
        Self { apis, connections, users: objects.saturating_sub(apis + connections).max(1) }
    }

    pub(crate) fn all(&self) -> usize {
        self.apis + self.connections + self.users
    }

    /// The connection's API: they are spread over all.
    fn api_of(&self, connection: usize) -> usize {
        connection % self.connections * self.apis / self.connections
    }

    /// All resources, by kind, as they come in a folder.
    pub(crate) fn manifests(&self) -> Vec<Value> {
        let apis = (0..self.apis).map(|number| api(&format!("{number:05}")));
        let connections = (0..self.connections).map(|number| self.connection(number));
        let users = (0..self.users).map(|number| self.user(number));
        apis.chain(connections).chain(users).collect()
    }

    /// A connection that is enabled for one client.
    pub(crate) fn connection(&self, number: usize) -> Value {
        resource(
            &format!("Auth0Connection/{number:05}"),
            json!({
                "name": format!("load-{number:05}"),
                "strategy": "auth0",
                "database": { "disableSignup": true, "bruteForceProtection": true },
                "enabledClients": [{ "apiRef": { "name": format!("{:05}", self.api_of(number)) } }],
            }),
        )
    }

    /// A user of one of the connections.
    pub(crate) fn user(&self, number: usize) -> Value {
        resource(
            &format!("Auth0User/{number:05}"),
            json!({
                "connectionRef": { "name": format!("{:05}", number % self.connections) },
                "email": format!("user-{number:05}@example.com"),
                "emailVerified": true,
                "givenName": "Ada",
                "familyName": format!("Lovelace {number}"),
                "appMetadata": { "team": "calculators" },
                "password": { "secretKeyRef": { "name": "password", "key": "password" } },
            }),
        )
    }
}

/// An API with its client, grant and Secret.
pub(crate) fn api(number: &str) -> Value {
    resource(
        &format!("Auth0Api/{number}"),
        json!({
            "identifier": format!("https://load-{number}.example.com/"),
            "name": format!("Load {number}"),
            "tokenLifetime": 3600,
            "scopes": [
                { "value": "add:numbers", "description": "Add numbers" },
                { "value": "subtract:numbers", "description": "Subtract numbers" },
            ],
            // Written, since what is not written is not looked after.
            "client": { "name": format!("Load {number} (Non Interactive)") },
        }),
    )
}

/// What has to be there before: the tenant with its credentials, and the password of all users.
pub(crate) fn before(endpoint: &str) -> [Value; 3] {
    let secret = |name: &str, values: Value| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": values });
    let mut tenant = resource(
        TENANT,
        json!({ "domain": DOMAIN, "endpoint": endpoint, "credentials": { "secretRef": { "name": "management" } } }),
    );
    if let Some(spec) = tenant["spec"].as_object_mut() {
        spec.remove("tenantRef");
    }
    [
        secret("management", json!({ "clientId": "management", "clientSecret": "management-secret" })),
        secret("password", json!({ "password": "Kalkulator-1815-Babbage!" })),
        tenant,
    ]
}

fn resource(key: &str, mut spec: Value) -> Value {
    let (kind, name) = key.split_once('/').unwrap_or_default();
    spec["tenantRef"] = json!({ "name": "load" });
    json!({
        "apiVersion": "auth0-operator.dev/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec,
    })
}
