//! Who this operator is: its cluster's name in stamps, and the key for password fingerprints. Made at first start, kept in a
//! Secret in the operator's own namespace.

use crate::plan::fingerprint;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use std::{collections::BTreeMap, fmt::Write};

const NAME: &str = "auth0-operator-identity";
const CLUSTER_ID: &str = "clusterId";
const KEY: &str = "fingerprintKey";

/// The operator's identity.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Part of every stamp.
    pub(super) cluster: String,
    /// For password fingerprints.
    pub(super) key: fingerprint::Key,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret can be neither read nor made.
    #[error(
        "the Secret {NAME} can be neither read nor made in the operator's namespace; allow it in the operator's Role"
    )]
    Secret(#[from] kube::Error),
    /// Somebody made it, or cut it.
    #[error(
        "the Secret {NAME} lacks {0}; restore it from a backup, or delete it to have a new one made (passwords are then not compared with what was set before)"
    )]
    Incomplete(&'static str),
    /// No key can be made.
    #[error("the operating system gives no randomness")]
    Randomness,
}

/// Reads the identity, or makes one.
pub(super) async fn load(client: &Client, namespace: &str, cluster_id: Option<&str>) -> Result<Identity, Error> {
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let secret = match secrets.get_opt(NAME).await? {
        Some(secret) => secret,
        None => match secrets.create(&PostParams::default(), &fresh()?).await {
            // Another replica was faster: its identity is ours.
            Err(kube::Error::Api(status)) if status.is_already_exists() => secrets.get(NAME).await?,
            other => other?,
        },
    };
    let data = secret.data.unwrap_or_default();
    let value = |key: &str| data.get(key).map(|bytes| bytes.0.clone()).unwrap_or_default();
    if value(KEY).len() < 32 {
        return Err(Error::Incomplete(KEY));
    }
    let stored = String::from_utf8_lossy(&value(CLUSTER_ID)).into_owned();
    if stored.is_empty() && cluster_id.is_none() {
        return Err(Error::Incomplete(CLUSTER_ID));
    }
    Ok(Identity { cluster: cluster_id.map_or(stored, str::to_owned), key: fingerprint::Key::new(&value(KEY)) })
}

fn fresh() -> Result<Secret, Error> {
    let data = [(CLUSTER_ID, random_hex(8)?.into_bytes()), (KEY, random_hex(32)?.into_bytes())];
    Ok(Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), ..Default::default() },
        data: Some(
            data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value))).collect::<BTreeMap<_, _>>(),
        ),
        immutable: Some(true),
        ..Default::default()
    })
}

/// So many random bytes, in hex.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Error> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Error::Randomness)?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
