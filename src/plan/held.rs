//! What of the tenant a resource stands for, and what it looks for there: so that a change in the tenant finds its resource.

use super::{ObjectKind, Owner, Read};
use crate::crd::{
    Auth0ApiSpec, Auth0ApiStatus, Auth0ConnectionSpec, Auth0ConnectionStatus, Auth0UserSpec, Auth0UserStatus,
    EnabledClientsPolicy,
};

/// Something in the tenant that a resource has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The question that shows it.
    pub read: Read,
    /// Its other name, by which lists can be narrowed.
    pub alias: Option<String>,
}

impl From<Read> for Held {
    fn from(read: Read) -> Self {
        Self { read, alias: None }
    }
}

/// A resource and its place in the tenant.
pub trait Holds: super::Managed {
    /// What it has there, by ids.
    fn held(&self, status: &Self::Status) -> Vec<Held>;

    /// What it looks for there besides, by natural keys: an answer that changes may end a wait.
    fn sought(&self, status: &Self::Status, owner: &Owner) -> Vec<Read>;

    /// The connection, by its name in the tenant, that it is in; where the spec says it by name.
    fn connection(&self) -> Option<&str> {
        None
    }

    /// Whether a client that somebody makes concerns it: a tenant can be set to enable new ones everywhere.
    fn minds_new_clients(&self) -> bool {
        false
    }
}

impl Holds for Auth0ApiSpec {
    fn held(&self, status: &Auth0ApiStatus) -> Vec<Held> {
        let client = status.client.as_ref();
        let server = status
            .common
            .id
            .clone()
            .map(|id| Held { read: Read::Get(ObjectKind::ResourceServer, id), alias: Some(self.identifier.clone()) });
        let client_id = client.and_then(|client| client.id.clone());
        let grant_id = client.and_then(|client| client.grant_id.clone());
        let others = [(ObjectKind::Client, client_id), (ObjectKind::ClientGrant, grant_id)];
        let others = others.into_iter().filter_map(|(kind, id)| Some(Read::Get(kind, id?).into()));
        server.into_iter().chain(others).collect()
    }

    fn sought(&self, status: &Auth0ApiStatus, _owner: &Owner) -> Vec<Read> {
        let client = status.client.as_ref().and_then(|client| client.id.clone());
        let grants = client.map(|client| Read::Grants { client, audience: self.identifier.clone() });
        std::iter::once(Read::Get(ObjectKind::ResourceServer, self.identifier.clone())).chain(grants).collect()
    }
}

impl Holds for Auth0ConnectionSpec {
    fn held(&self, status: &Auth0ConnectionStatus) -> Vec<Held> {
        let Some(id) = status.common.id.clone() else { return vec![] };
        let minds_clients = self.enables_management_client()
            || self.enabled_clients.as_ref().is_some_and(|clients| !clients.is_empty())
            || !status.enabled_clients.is_empty()
            || self.minds_new_clients();
        let clients = minds_clients.then(|| Read::ConnectionClients(id.clone()).into());
        std::iter::once(Read::Get(ObjectKind::Connection, id).into()).chain(clients).collect()
    }

    fn sought(&self, _status: &Auth0ConnectionStatus, owner: &Owner) -> Vec<Read> {
        vec![Read::ConnectionNamed(self.effective_name(&owner.name))]
    }

    fn minds_new_clients(&self) -> bool {
        self.enabled_clients_policy == Some(EnabledClientsPolicy::Exclusive)
    }
}

impl Holds for Auth0UserSpec {
    fn held(&self, status: &Auth0UserStatus) -> Vec<Held> {
        status.common.id.clone().map(|id| Read::Get(ObjectKind::User, id).into()).into_iter().collect()
    }

    fn sought(&self, _status: &Auth0UserStatus, _owner: &Owner) -> Vec<Read> {
        let email = self.email.as_ref().map(|email| Read::UsersWithEmail(email.to_lowercase()));
        let connection = self.connection.clone().map(Read::ConnectionNamed);
        email.into_iter().chain(connection).collect()
    }

    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }
}
