//! What a plan is made of: reads and writes of the tenant, as data.

use super::{Fields, Refusal, pointer};
use crate::crd::Origin;
use secrecy::SecretString;
use std::{collections::BTreeMap, fmt};

/// A kind of object in the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// What the dashboard calls an API.
    ResourceServer,
    /// What the dashboard calls an application.
    Client,
    /// Leave for a client to get tokens for an audience.
    ClientGrant,
    /// A source of users.
    Connection,
    /// A person in the tenant.
    User,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::ResourceServer, Self::Client, Self::ClientGrant, Self::Connection, Self::User];

    /// The collection's name in paths and scopes of the Management API.
    pub fn collection(self) -> &'static str {
        match self {
            Self::ResourceServer => "resource-servers",
            Self::Client => "clients",
            Self::ClientGrant => "client-grants",
            Self::Connection => "connections",
            Self::User => "users",
        }
    }

    /// The key that holds the id in answers.
    pub fn id_key(self) -> &'static str {
        match self {
            Self::Client => "client_id",
            Self::User => "user_id",
            Self::ResourceServer | Self::ClientGrant | Self::Connection => "id",
        }
    }

    /// The scope that `verb` (read, create, update, delete) needs.
    pub fn scope(self, verb: &str) -> String {
        format!("{verb}:{}", self.collection().replace('-', "_"))
    }

    /// The word for it in messages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::ResourceServer => "API",
            Self::Client => "client",
            Self::ClientGrant => "client grant",
            Self::Connection => "connection",
            Self::User => "user",
        }
    }
}

/// A question to the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// One object by its id; an API by its identifier too.
    Get(ObjectKind, String),
    /// The connection of this name.
    ConnectionNamed(String),
    /// The client ids that a connection is enabled for.
    ConnectionClients(String),
    /// The client that carries this stamp.
    StampedClient(String),
    /// Ids and metadata of all clients: where stamps are looked for.
    ClientStamps,
    /// The grants of a client for an audience.
    Grants {
        /// The client's id.
        client: String,
        /// The API's identifier.
        audience: String,
    },
    /// The users with this e-mail, in any connection.
    UsersWithEmail(String),
    /// The users with this value of a field, in any connection, by Auth0's search: it may lag behind writes.
    UsersWith {
        /// `username` or `phone_number`
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A client's secret, which needs the scope read:client_keys.
    ClientSecret(String),
}

impl Read {
    /// The kind of object that an answer shows.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Get(kind, _) => *kind,
            Self::ConnectionNamed(_) | Self::ConnectionClients(_) => ObjectKind::Connection,
            Self::StampedClient(_) | Self::ClientStamps | Self::ClientSecret(_) => ObjectKind::Client,
            Self::Grants { .. } => ObjectKind::ClientGrant,
            Self::UsersWithEmail(_) | Self::UsersWith { .. } => ObjectKind::User,
        }
    }
}

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

/// The body of a write. Secret values are apart, so that neither `Debug` nor a diff can show them.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// What may be shown.
    pub fields: Fields,
    /// Values that go to the tenant and nowhere else, by their place in the body as JSON Pointer, such as `/password`.
    pub secrets: BTreeMap<String, SecretString>,
    /// Whether it is written since a Secret in the cluster changed, not since the tenant did.
    pub follows_secret: bool,
}

impl Body {
    /// A secret that the tenant does not have yet, alone.
    pub fn new_secret(place: &str, secret: SecretString) -> Self {
        Self { secrets: [(place.to_owned(), secret)].into(), follows_secret: true, ..Self::default() }
    }
}

impl From<Fields> for Body {
    fn from(fields: Fields) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// An object that a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Its id is known.
    Known(String),
    /// An earlier call of the same plan creates it.
    CreatedByThisPlan,
}

/// One write.
#[derive(Clone, Debug)]
pub enum Call {
    /// `POST /{collection}`
    Create {
        /// What is created.
        kind: ObjectKind,
        /// The object as wanted.
        body: Body,
    },
    /// `POST /client-grants`
    CreateGrant {
        /// The client that the grant is for.
        client: Target,
        /// The grant, without its client.
        fields: Fields,
    },
    /// `PATCH /{collection}/{id}`
    Update {
        /// What is changed.
        kind: ObjectKind,
        /// Its id.
        id: String,
        /// What differs.
        body: Body,
    },
    /// `DELETE /{collection}/{id}`
    Delete {
        /// What is deleted.
        kind: ObjectKind,
        /// Its id.
        id: String,
    },
    /// `PATCH /connections/{id}/clients`: a delta, clients not named are untouched.
    EnableClients {
        /// The connection.
        connection: Target,
        /// Client id and whether it shall be enabled; at most [`Call::CLIENTS_PER_CALL`].
        changes: Vec<(String, bool)>,
    },
}

impl Call {
    /// Auth0 takes 1 to 50 changes in one PATCH of a connection's clients (OpenAPI description).
    pub const CLIENTS_PER_CALL: usize = 50;

    /// The kind of object that the call is about.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Create { kind, .. } | Self::Update { kind, .. } | Self::Delete { kind, .. } => *kind,
            Self::CreateGrant { .. } => ObjectKind::ClientGrant,
            Self::EnableClients { .. } => ObjectKind::Connection,
        }
    }

    /// The question that shows what the call changes; none for what is not there yet.
    pub fn shown_by(&self) -> Option<Read> {
        match self {
            Self::Update { kind, id, .. } | Self::Delete { kind, id } => Some(Read::Get(*kind, id.clone())),
            Self::Create { .. } | Self::CreateGrant { .. } | Self::EnableClients { .. } => None,
        }
    }

    /// Whether the call replaces a whole that others have a part in, so that it has to be made from what is there right now.
    pub fn replaces_whole(&self) -> bool {
        matches!(self, Self::Update { body, .. } if body.fields.contains_key("options"))
    }

    /// Whether the call makes something that was not there.
    pub fn is_create(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::CreateGrant { .. })
    }

    /// Whether the answer to this call may echo something that must not be shown.
    pub fn carries_secret(&self) -> bool {
        match self {
            Self::Create { body, .. } | Self::Update { body, .. } => {
                !body.secrets.is_empty() || body.fields.contains_key("options")
            }
            Self::CreateGrant { .. } | Self::Delete { .. } | Self::EnableClients { .. } => false,
        }
    }

    /// The scopes of the Management API that the call needs.
    pub fn scopes(&self) -> Vec<String> {
        let kind = self.kind();
        match self {
            Self::Create { .. } | Self::CreateGrant { .. } => vec![kind.scope("create")],
            Self::Delete { .. } => vec![kind.scope("delete")],
            Self::EnableClients { .. } => vec![kind.scope("update")],
            Self::Update { body, .. } => {
                let mut scopes = vec![kind.scope("update")];
                if body.fields.contains_key("options") {
                    scopes.push("update:connections_options".to_owned());
                }
                if body.secrets.contains_key("/client_secret") {
                    scopes.push("update:client_keys".to_owned());
                }
                scopes
            }
        }
    }

    /// The paths that the call writes, for messages. Never values.
    pub fn paths(&self) -> Vec<String> {
        match self {
            Self::Create { body, .. } | Self::Update { body, .. } => {
                let secrets = body.secrets.keys().filter_map(|place| pointer::tokens(place).into_iter().next());
                let secrets = secrets.filter(|key| !body.fields.contains_key(key));
                body.fields.keys().cloned().chain(secrets).collect()
            }
            Self::CreateGrant { fields, .. } => fields.keys().cloned().collect(),
            Self::Delete { .. } => vec![],
            Self::EnableClients { .. } => vec!["enabled_clients".to_owned()],
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { kind, .. } => write!(f, "create the {}", kind.noun()),
            Self::CreateGrant { .. } => write!(f, "create the client grant"),
            Self::Update { kind, id, .. } => {
                write!(f, "update {} of the {} {id}", self.paths().join(", "), kind.noun())
            }
            Self::Delete { kind, id } => write!(f, "delete the {} {id}", kind.noun()),
            Self::EnableClients { changes, .. } => {
                write!(f, "change {} enabled clients of the connection", changes.len())
            }
        }
    }
}

/// What to write to the tenant, in order, before anything is written.
#[derive(Debug, Default)]
pub struct Plan {
    /// The writes, in order.
    pub calls: Vec<Call>,
    /// Objects that were there already and are ours from now on.
    pub found: Vec<Found>,
    /// What differs in the tenant and is left alone: goes into the condition `Drifted`.
    pub drift: Option<Refusal>,
    /// What a person should know, as events.
    pub notices: Vec<String>,
}

/// An object that was there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id.
    pub id: String,
    /// Created by an earlier attempt of ours, or taken over.
    pub origin: Origin,
}
