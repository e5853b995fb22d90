//! Reads what a spec refers to: other resources from the stores, Secrets from the API server.

use super::{
    context::Shared,
    error::Stop,
    generate,
    kind::{Kind, Watched},
    output,
};
use crate::{
    crd::{Auth0Api, Auth0Connection, TenantPin},
    plan::{
        ConnectionReference, ExistingOutput, Managed, Need, Output, Owner, PASSWORD_KEY, Reason, References, Refusal,
    },
};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{ResourceExt, core::object::HasStatus, runtime::reflector::ObjectRef};
use secrecy::SecretString;
use std::{collections::BTreeMap, sync::Arc};

/// The resource whose needs are read, and what its Secrets say of it.
pub(super) struct Referrer<'a> {
    pub(super) owner: &'a Owner,
    /// The tenant that it is for. What it refers to has to be in the same.
    pub(super) tenant: TenantPin,
    pub(super) reference: OwnerReference,
}

/// The values of all needs of a resource, or the first that is missing.
pub(super) async fn dereference(shared: &Shared, of: &Referrer<'_>, needs: Vec<Need>) -> Result<References, Stop> {
    let owner = of.owner;
    let mut references = References::default();
    let mut secrets: BTreeMap<String, Option<Arc<Secret>>> = BTreeMap::new();
    for need in needs {
        match need {
            Need::Api(name) => {
                let (_, id) = referred::<Auth0Api>(shared, of, &name)?;
                references.api_clients.insert(name, id);
            }
            Need::Connection(name) => {
                let (connection, _) = referred::<Auth0Connection>(shared, of, &name)?;
                let reference = ConnectionReference {
                    name: connection.spec.effective_name(&name),
                    strategy: connection.spec.strategy.clone(),
                    is_password_optional: connection.spec.is_password_optional(),
                };
                references.connections.insert(name, reference);
            }
            Need::Secret { name, key } => {
                if !secrets.contains_key(&name) {
                    secrets.insert(name.clone(), read_secret(shared, owner, &name).await?);
                }
                let value = value(secrets.get(&name).and_then(Option::as_deref), &name, &key)?;
                references.secrets.insert((name, key), value);
            }
            Need::GeneratedPassword { name, length } => {
                let existing = existing(shared, of, &name).await?;
                let made = match existing.as_ref().and_then(|existing| existing.data.get(PASSWORD_KEY)) {
                    Some(password) => password.clone(),
                    None => make_password(shared, of, &name, length, existing.as_ref()).await?,
                };
                references.secrets.insert((name, PASSWORD_KEY.to_owned()), made);
            }
            Need::Output(name) => {
                if let Some(existing) = existing(shared, of, &name).await? {
                    references.outputs.insert(name, existing);
                }
            }
        }
    }
    Ok(references)
}

/// Another resource of the namespace and the id that it is referred to for.
fn referred<K: Kind>(shared: &Shared, of: &Referrer<'_>, name: &str) -> Result<(Arc<K>, String), Refusal> {
    let owner = of.owner;
    let kind = K::kind(&());
    let Some(object) = <K as Watched>::store(&shared.stores).get(&ObjectRef::new(name).within(&owner.namespace)) else {
        return Err(Refusal::new(
            Reason::ReferenceNotFound,
            format!(
                "the {kind} {name} does not exist in namespace {}; create it, or correct the name",
                owner.namespace
            ),
        ));
    };
    let status = HasStatus::status(&*object);
    let id = status.and_then(K::Wish::referred_id).map(str::to_owned);
    let is_ending = object.meta().deletion_timestamp.is_some();
    // Else a namespace could reach into a tenant that does not trust it, by a name that it made up in a tenant of its own.
    if id.is_some() && object.common().tenant.as_ref() != Some(&of.tenant) {
        return Err(Refusal::invalid(format!(
            "the {kind} {name} belongs to another Auth0 tenant; give both the same spec.tenantRef"
        )));
    }
    match id {
        // What was made stays usable while its resource has other troubles; a change of its spec is its own affair.
        Some(id) if !is_ending => Ok((object, id)),
        _ => {
            let state = if is_ending { "is being deleted" } else { "has nothing in the tenant yet" };
            Err(Refusal::new(Reason::ReferenceNotReady, format!("the {kind} {name} {state}; see its condition Ready")))
        }
    }
}

/// A Secret that is there under the name of one that the operator keeps.
async fn existing(shared: &Shared, of: &Referrer<'_>, name: &str) -> Result<Option<ExistingOutput>, Stop> {
    let Some(secret) = read_secret(shared, of.owner, name).await? else { return Ok(None) };
    let controller = secret.owner_references().iter().find(|reference| reference.controller == Some(true));
    let is_ours = controller.is_some_and(|controller| controller.uid == of.owner.uid);
    let inherited = controller.is_some_and(|controller| {
        controller.uid != of.owner.uid
            && (&controller.api_version, &controller.kind) == (&of.reference.api_version, &of.reference.kind)
            && controller.name == of.owner.name
    });
    let data = if is_ours { texts(&secret) } else { BTreeMap::new() };
    let resource_version = secret.resource_version();
    let created = secret.creation_timestamp().map(|created| created.0);
    Ok(Some(ExistingOutput { owned: is_ours || inherited, inherited, resource_version, created, data }))
}

/// Makes a password and keeps it: the Secret first, so that a user never has a password that nobody knows.
async fn make_password(
    shared: &Shared,
    of: &Referrer<'_>,
    name: &str,
    length: usize,
    existing: Option<&ExistingOutput>,
) -> Result<SecretString, Stop> {
    if existing.is_some_and(|existing| !existing.owned) {
        return Err(output::not_owned(name).into());
    }
    let password = generate::password(length).map_err(|error| Refusal::new(Reason::Retrying, error.to_string()))?;
    let password = SecretString::from(password);
    let data = [(PASSWORD_KEY.to_owned(), password.clone())].into();
    let made = Output { name: name.to_owned(), data, ..Default::default() };
    output::write(&shared.client, of.owner, &of.reference, &made, existing).await?;
    Ok(password)
}

async fn read_secret(shared: &Shared, owner: &Owner, name: &str) -> Result<Option<Arc<Secret>>, Stop> {
    secret(shared, &owner.namespace, name).await
}

/// A Secret; `None` when there is none.
pub(super) async fn secret(shared: &Shared, namespace: &str, name: &str) -> Result<Option<Arc<Secret>>, Stop> {
    match shared.secrets.read(namespace, name).await {
        Ok(secret) => Ok(secret),
        Err(error) if matches!(&*error, kube::Error::Api(status) if status.is_forbidden()) => Err(Refusal::new(
            Reason::SecretNotFound,
            format!("the operator may not read the Secret {name} in namespace {namespace}; bind its ClusterRole auth0-operator-secrets there"),
        )
        .into()),
        Err(error) => Err(Stop::Kubernetes(error)),
    }
}

/// A value of a Secret that is there.
pub(super) fn value(secret: Option<&Secret>, name: &str, key: &str) -> Result<SecretString, Refusal> {
    let Some(secret) = secret else {
        return Err(Refusal::new(
            Reason::SecretNotFound,
            format!("the Secret {name} does not exist; create it with the key {key}"),
        ));
    };
    let missing =
        |what: &str| Refusal::new(Reason::SecretKeyMissing, format!("the key {key} of the Secret {name} {what}"));
    let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| missing("does not exist; add it"))?;
    let text = std::str::from_utf8(&bytes.0).map_err(|_| missing("is not UTF-8 text; replace it"))?;
    // `kubectl create secret --from-file` and `echo` leave a line end that nobody means.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() { Err(missing("is empty; fill it in")) } else { Ok(SecretString::from(text)) }
}

fn texts(secret: &Secret) -> BTreeMap<String, SecretString> {
    let data = secret.data.iter().flatten();
    data.map(|(key, bytes)| (key.clone(), SecretString::from(String::from_utf8_lossy(&bytes.0).into_owned()))).collect()
}
