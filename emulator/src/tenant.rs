//! Everything that the tenant holds, and its rules that concern several kinds of objects.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::config::Config;
use crate::keys::Keys;
use crate::management::timestamp;
use crate::password::Digest;
use crate::request::{Object, ObjectExt as _, object_of};
use crate::resources::client_credentials::Credential;
use crate::resources::{client_defaults, resource_servers};
use crate::store::Store;
use crate::{access, ids};

#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) domain: String,
    pub(crate) resource_servers: Store<Object>,
    pub(crate) clients: Store<Object>,
    /// What clients prove who they are by, by the ids of the clients.
    pub(crate) credentials: HashMap<String, Store<Credential>>,
    pub(crate) client_grants: Store<Object>,
    pub(crate) connections: Store<Connection>,
    /// Connections that are gone from every read while their deletion goes on.
    pub(crate) deletions: Vec<Deletion>,
    pub(crate) users: Store<User>,
    pub(crate) settings: Object,
}

#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) object: Object,
    /// The ids of the clients that may use it.
    pub(crate) clients: BTreeSet<String>,
}

#[derive(Clone)]
pub(crate) struct User {
    pub(crate) profile: Object,
    /// The name of the connection that the user's first identity is in.
    pub(crate) connection: String,
    /// The current password, then the ones before, newest first.
    pub(crate) passwords: Vec<Digest>,
}

impl User {
    /// What a user is found by: the e-mail, and whatever is unique within the connection.
    fn keys(&self) -> Vec<String> {
        let members =
            ["email", "username", "phone_number"].into_iter().filter(|key| !self.profile.text(key).is_empty());
        let mut keys: Vec<_> =
            members.map(|member| Self::key(&self.connection, member, self.profile.text(member))).collect();
        keys.push(self.profile.text("email").to_owned());
        keys
    }

    fn key(connection: &str, member: &str, value: &str) -> String {
        [connection, member, value].join("\n")
    }
}

fn grant_key(client_id: &str, audience: &str, subject_type: &str) -> String {
    [client_id, audience, subject_type].join("\n")
}

/// The deletion of a connection, which Auth0 does in the background.
#[derive(Clone)]
pub(crate) struct Deletion {
    pub(crate) id: String,
    pub(crate) name: String,
    /// As the answers have it.
    pub(crate) deleted_at: String,
    pub(crate) over: SystemTime,
}

/// How long the deletion of a connection goes on. Auth0 says only that it is "long-running"; of the recorded repeats a third
/// still met it.
pub(crate) const DELETION: Duration = Duration::from_millis(500);

impl Tenant {
    /// A new tenant: the Management API, the global client, and the management client with a grant of every scope.
    pub(crate) fn new(config: &Config, keys: &Keys) -> Self {
        let mut tenant = Self {
            domain: config.domain.clone(),
            resource_servers: Store::found_by(|api| vec![api.text("identifier").to_owned()]),
            clients: Store::default(),
            credentials: HashMap::new(),
            client_grants: Store::found_by(|grant| {
                vec![grant_key(grant.text("client_id"), grant.text("audience"), grant.text("subject_type"))]
            }),
            connections: Store::found_by(|connection| vec![connection.object.text("name").to_owned()]),
            deletions: Vec::new(),
            users: Store::found_by(User::keys),
            settings: settings(),
        };
        let api = resource_servers::management_api(&tenant.management_audience());
        tenant.resource_servers.insert(api.text("id").to_owned(), api);
        for client in [client_defaults::global(&tenant.domain, keys), client_defaults::management(config, keys)] {
            tenant.clients.insert(client.text("client_id").to_owned(), client);
        }
        let id = ids::client_grant_id();
        let grant = json!({
            "id": id, "client_id": config.client_id, "audience": tenant.management_audience(),
            "scope": access::SCOPES.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(), "subject_type": "client",
        });
        tenant.client_grants.insert(id, object_of(grant));
        tenant
    }

    /// `https://DOMAIN/`
    pub(crate) fn issuer(&self) -> String {
        format!("https://{}/", self.domain)
    }

    /// `https://DOMAIN/api/v2/`
    pub(crate) fn management_audience(&self) -> String {
        format!("https://{}/api/v2/", self.domain)
    }

    /// The API with this id or identifier.
    pub(crate) fn resource_server(&self, id: &str) -> Option<&Object> {
        self.resource_servers.get(id).or_else(|| self.api(id))
    }

    /// The API with this identifier.
    pub(crate) fn api(&self, identifier: &str) -> Option<&Object> {
        self.resource_servers.find(identifier).next()
    }

    pub(crate) fn connection_named(&self, name: &str) -> Option<&Connection> {
        self.connections.find(name).next()
    }

    /// The connection in which users log in by this realm.
    pub(crate) fn connection_of_realm(&self, realm: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.object.texts("realms").any(|name| name == realm))
    }

    /// The user of a connection with this e-mail or user name, in any case.
    pub(crate) fn user_named(&self, connection: &Connection, name: &str) -> Option<&User> {
        let (connection, name) = (connection.object.text("name"), name.to_lowercase());
        ["email", "username"].iter().find_map(|member| self.users_with(connection, member, &name).next())
    }

    /// The users of a connection with this value of `email`, `username` or `phone_number`.
    pub(crate) fn users_with<'a>(
        &'a self,
        connection: &str,
        member: &str,
        value: &str,
    ) -> impl Iterator<Item = &'a User> + use<'a> {
        self.users.find(&User::key(connection, member, value))
    }

    /// The users of all connections with this e-mail.
    pub(crate) fn users_by_email<'a>(&'a self, email: &str) -> impl Iterator<Item = &'a User> + use<'a> {
        self.users.find(email)
    }

    /// Counts a login.
    pub(crate) fn note_login(&mut self, user_id: &str, at: SystemTime) {
        let Some(user) = self.users.get_mut(user_id) else { return };
        let logins = user.profile.get("logins_count").and_then(Value::as_u64).unwrap_or(0);
        user.profile.insert("logins_count".into(), (logins + 1).into());
        user.profile.insert("last_login".into(), timestamp(at).into());
    }

    /// The grant that lets a client have tokens for an audience, for itself (`client`) or for its users (`user`).
    pub(crate) fn grant(&self, client_id: &str, audience: &str, subject_type: &str) -> Option<&Object> {
        self.client_grants.find(&grant_key(client_id, audience, subject_type)).next()
    }

    /// Whether new clients are enabled on every connection.
    pub(crate) fn enables_client_connections(&self) -> bool {
        self.settings.object(&["flags"]).is_some_and(|flags| flags.is_true("enable_client_connections"))
    }
}

/// The first part of the tenant's domain.
pub(crate) fn tenant_name(domain: &str) -> &str {
    domain.split(['.', ':']).next().unwrap_or(domain)
}

/// What `GET /tenants/settings` shows of a new tenant (Auth0's documentation).
fn settings() -> Object {
    object_of(json!({
        "friendly_name": "Emulated tenant",
        "picture_url": "", "support_email": "", "support_url": "",
        "default_audience": "", "default_directory": "",
        "enabled_locales": ["en"],
        "session_lifetime": 168, "idle_session_lifetime": 72,
        "sandbox_version": "22", "sandbox_versions_available": ["22", "18"],
        "flags": { "enable_client_connections": false },
    }))
}
