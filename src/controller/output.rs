//! Secrets that the operator keeps for applications.

use crate::plan::{ExistingOutput, Output, Owner, Reason, Refusal};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::error::Stop;

/// Makes the Secret as wanted; writes only what changed, and never over a Secret that is not ours. Gives it as it is then.
pub(super) async fn write(
    client: &Client,
    owner: &Owner,
    reference: &OwnerReference,
    output: &Output,
    existing: Option<&ExistingOutput>,
) -> Result<ExistingOutput, Stop> {
    let secrets = Api::<Secret>::namespaced(client.clone(), &owner.namespace);
    let data =
        || output.data.iter().map(|(key, value)| (key.clone(), ByteString(value.expose_secret().as_bytes().to_vec())));
    let Some(existing) = existing else {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(output.name.clone()),
                owner_references: Some(vec![reference.clone()]),
                ..Default::default()
            },
            data: Some(data().collect()),
            type_: Some("Opaque".to_owned()),
            ..Default::default()
        };
        return match secrets.create(&PostParams::default(), &secret).await {
            Ok(made) => Ok(ExistingOutput {
                owned: true,
                inherited: false,
                resource_version: made.resource_version(),
                created: made.creation_timestamp().map(|created| created.0),
                data: output.data.clone(),
            }),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(not_owned(&output.name).into()),
            Err(error) => Err(error.into()),
        };
    };
    let mut written = existing.clone();
    // The values of a predecessor's Secret were not read.
    let surplus = output.without.filter(|key| existing.inherited || existing.data.contains_key(*key));
    let is_same = output
        .data
        .iter()
        .all(|(key, value)| existing.data.get(key).is_some_and(|other| other.expose_secret() == value.expose_secret()));
    if !is_same || surplus.is_some() {
        // Only over what was read: it may have been replaced since.
        let mut patch = json!({
            "metadata": {"resourceVersion": existing.resource_version},
            "data": data().collect::<BTreeMap<_, _>>(),
        });
        if let Some(key) = surplus {
            patch["data"][key] = Value::Null;
            written.data.remove(key);
        }
        if existing.inherited {
            patch["metadata"]["ownerReferences"] = json!([reference]);
        }
        let patched = secrets.patch(&output.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        written.resource_version = patched.resource_version();
        written.inherited = false;
        written.data.extend(output.data.clone());
    }
    Ok(written)
}

/// Deletes a Secret of ours that another has taken the place of, as it was read.
pub(super) async fn remove(client: &Client, owner: &Owner, name: &str, existing: &ExistingOutput) -> Result<(), Stop> {
    if !existing.owned {
        return Ok(());
    }
    let preconditions = Preconditions { resource_version: existing.resource_version.clone(), uid: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..Default::default() };
    match Api::<Secret>::namespaced(client.clone(), &owner.namespace).delete(name, &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        // It goes with its owner all the same.
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            tracing::warn!(
                namespace = owner.namespace,
                secret = name,
                "the operator may not delete a Secret that it made and that is no longer used"
            );
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

/// The refusal to write over a Secret of somebody else.
pub(super) fn not_owned(name: &str) -> Refusal {
    let message = format!(
        "the Secret {name} exists and does not belong to this resource; delete it, or name another in the spec"
    );
    Refusal::new(Reason::SecretNotOwned, message)
}

/// Takes the ownerReference of a resource off a Secret that is to outlive it.
pub(super) async fn release(client: &Client, owner: &Owner, name: &str) -> Result<(), kube::Error> {
    let secrets = Api::<Secret>::namespaced(client.clone(), &owner.namespace);
    let Some(secret) = secrets.get_metadata_opt(name).await? else { return Ok(()) };
    let (ours, others): (Vec<_>, Vec<_>) =
        secret.owner_references().iter().cloned().partition(|reference| reference.uid == owner.uid);
    if !ours.is_empty() {
        let patch = json!({"metadata": {"resourceVersion": secret.resource_version(), "ownerReferences": others}});
        secrets.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    Ok(())
}
