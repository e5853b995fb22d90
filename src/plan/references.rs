//! What specs refer to in the cluster, and the Secrets that the operator keeps there.

use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// Another resource in the same namespace that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// An Auth0Api, for its client's id.
    Api(String),
    /// An Auth0Connection, for its name in the tenant.
    Connection(String),
    /// A key of a Secret.
    Secret {
        /// The Secret's name.
        name: String,
        /// The key in its data.
        key: String,
    },
    /// A password that the operator makes and keeps in a Secret; in [`References::secrets`] under the key `password`.
    GeneratedPassword {
        /// The Secret's name.
        name: String,
        /// Characters, when it is made.
        length: usize,
    },
    /// A Secret that the operator keeps for applications.
    Output(String),
}

impl Need {
    /// Kind and name of the object that is needed.
    pub fn referred(&self) -> (&'static str, &str) {
        match self {
            Self::Api(name) => ("Auth0Api", name),
            Self::Connection(name) => ("Auth0Connection", name),
            Self::Secret { name, .. } | Self::GeneratedPassword { name, .. } | Self::Output(name) => ("Secret", name),
        }
    }
}

/// The values of all [`Need`]s.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// Client ids by the Auth0Api's name.
    pub api_clients: BTreeMap<String, String>,
    /// Names in the tenant by the Auth0Connection's name.
    pub connections: BTreeMap<String, ConnectionReference>,
    /// Values by Secret and key.
    pub secrets: BTreeMap<(String, String), SecretString>,
    /// Output Secrets by name; absent when there is none yet.
    pub outputs: BTreeMap<String, ExistingOutput>,
}

impl References {
    /// A number that tells these secrets from others, in this process only.
    pub fn print_of_secrets(&self, state: &impl std::hash::BuildHasher) -> u64 {
        let secrets = self.secrets.iter().map(|(key, secret)| (key, secret.expose_secret()));
        state.hash_one(secrets.collect::<Vec<_>>())
    }
}

/// An Auth0Connection that another resource names.
#[derive(Clone, Debug)]
pub struct ConnectionReference {
    /// Its name in the tenant.
    pub name: String,
    /// Its strategy.
    pub strategy: String,
    /// Whether it lets users be made without a password, as far as its spec tells.
    pub is_password_optional: bool,
}

/// The key of a generated password in its Secret.
pub const PASSWORD_KEY: &str = "password";

/// A Secret that is there under the name of an output Secret.
#[derive(Clone, Debug, Default)]
pub struct ExistingOutput {
    /// Whether the resource controls it, or one of the same kind and name did that is gone.
    pub owned: bool,
    /// Whether it is such a predecessor's, which Kubernetes will soon collect. Its values count for nothing.
    pub inherited: bool,
    /// Which version of it was read.
    pub resource_version: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its values.
    pub data: BTreeMap<String, SecretString>,
}

/// A Secret for applications.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The Secret's name.
    pub name: String,
    /// Its values. Keys that are not named stay as they are.
    pub data: BTreeMap<String, SecretString>,
    /// The key that it must not have any more.
    pub without: Option<&'static str>,
    /// The name of the Secret that goes once this one is written.
    pub replaces: Option<String>,
}
