//! Secrets that the operator keeps for applications.

use crate::plan::{ExistingOutput, Output, Owner, Reason, Refusal};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use secrecy::ExposeSecret;
use serde_json::json;
use std::collections::BTreeMap;

use super::error::Stop;

/// Makes the Secret as wanted; writes only what changed, and never over a Secret that is not ours.
pub(super) async fn write(
    client: &Client,
    owner: &Owner,
    reference: &OwnerReference,
    output: &Output,
    existing: Option<&ExistingOutput>,
) -> Result<(), Stop> {
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
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(not_owned(&output.name).into()),
            Err(error) => Err(error.into()),
        };
    };
    let is_same = output
        .data
        .iter()
        .all(|(key, value)| existing.data.get(key).is_some_and(|other| other.expose_secret() == value.expose_secret()));
    if !is_same {
        // Only over what was read: it may have been replaced since.
        let mut patch = json!({
            "metadata": {"resourceVersion": existing.resource_version},
            "data": data().collect::<BTreeMap<_, _>>(),
        });
        if existing.inherited {
            patch["metadata"]["ownerReferences"] = json!([reference]);
        }
        secrets.patch(&output.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    Ok(())
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
