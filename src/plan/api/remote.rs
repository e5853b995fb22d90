//! What the tenant holds of an Auth0Api, as far as this pass has asked.

use super::{View, desired::new_server};
use crate::{
    crd::{Auth0ApiSpec, Origin},
    plan::{Fields, ObjectKind, Read, diff, digest, fields, text},
};
use serde_json::{Value, json};

/// The API in the tenant, by id, else by identifier.
pub(super) fn find_server<'a>(spec: &Auth0ApiSpec, view: &'a View<'_>) -> Option<&'a Fields> {
    let by_id = view.status.common.id.clone().map(|id| Read::Get(ObjectKind::ResourceServer, id));
    let by_identifier = Read::Get(ObjectKind::ResourceServer, spec.identifier.clone());
    // An id counts only with its natural key: a status can be restored or edited.
    let is_meant = |server: &&Fields| text(server, "identifier") == Some(&spec.identifier);
    by_id.and_then(|read| view.remote.one(&read)).filter(is_meant).or_else(|| view.remote.one(&by_identifier))
}

pub(super) fn find_client<'a>(view: &'a View<'_>) -> Option<&'a Fields> {
    let by_id =
        view.status.client.as_ref().and_then(|client| client.id.clone()).map(|id| Read::Get(ObjectKind::Client, id));
    let by_stamp = Read::StampedClient(view.owner.stamp(Origin::Created));
    by_id.and_then(|read| view.remote.one(&read)).or_else(|| view.remote.one(&by_stamp))
}

pub(super) fn find_grant<'a>(spec: &Auth0ApiSpec, view: &'a View<'_>, client: &str) -> Option<&'a Fields> {
    let by_id = view
        .status
        .client
        .as_ref()
        .and_then(|client| client.grant_id.clone())
        .map(|id| Read::Get(ObjectKind::ClientGrant, id));
    by_id.and_then(|read| view.remote.one(&read)).or_else(|| view.remote.one(&spec.grants(client)))
}

/// Whether a create of this API was announced earlier, and the API in the tenant is what was announced: the tenant may have
/// filled in what the spec leaves out, also inside of what it writes.
pub(super) fn is_announced(spec: &Auth0ApiSpec, have: &Fields, view: &View<'_>) -> bool {
    let Some(pending) = view.status.common.pending.as_ref().filter(|_| view.announced) else { return false };
    if pending.key != spec.identifier {
        return false;
    }
    if let Ok(body) = new_server(spec, view.owner)
        && pending.digest == digest(&body)
    {
        return diff(&without_key(&body), have).is_empty();
    }
    // The spec has changed since: what was announced is known by its digest and its keys only.
    let managed = view.status.common.managed.iter().filter_map(|path| path.split('.').next());
    let keys = managed.chain(["identifier", "name"]);
    let announced: Fields = keys.filter_map(|key| have.get(key).map(|value| (key.to_owned(), value.clone()))).collect();
    pending.digest == digest(&announced)
}

/// Whether tokens are encrypted as wanted, to the key that we wrote last. Auth0 never shows the key itself.
pub(super) fn is_same_encryption(want: &Fields, have: &Fields, view: &View<'_>) -> bool {
    let Some(encryption) = want.get("token_encryption").filter(|encryption| !encryption.is_null()) else {
        return false;
    };
    let wanted = fields(json!({"token_encryption": encryption}));
    diff(&without_key(&wanted), have).is_empty() && view.status.token_encryption_key == digest_of_key(encryption)
}

/// SHA-256 of the key to which tokens are encrypted.
pub(super) fn digest_of_key(encryption: &Value) -> Option<String> {
    let pem = encryption.pointer(KEY)?;
    Some(digest(&fields(json!({"pem": pem}))))
}

/// The API without what Auth0 does not show.
fn without_key(server: &Fields) -> Fields {
    let mut shown = Value::Object(server.clone());
    if let Some(pem) = shown.pointer_mut(&format!("/token_encryption{KEY}")) {
        *pem = Value::Null;
    }
    fields(shown)
}

const KEY: &str = "/encryption_key/pem";
