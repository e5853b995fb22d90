//! Our finalizer on objects: on our own kinds, and on a credentials Secret in use.

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

/// On every object of ours, and on a credentials Secret in use.
pub(super) const FINALIZER: &str = "auth0-operator.dev/tenant";

/// A namespaced object that can be held.
pub(super) trait Held:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug
{
}
impl<K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug> Held for K {}

/// Whether the object carries our finalizer.
pub(super) fn has_finalizer(object: &impl ResourceExt) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Adds our finalizer. Gives whether it is on now: not when the object is gone, is ending, or is another than `uid`.
pub(super) async fn add_finalizer<K: Held>(api: &Api<K>, name: &str, uid: Option<&str>) -> Result<bool, kube::Error> {
    loop {
        let Some(object) = api.get_metadata_opt(name).await? else { return Ok(false) };
        if uid.is_some() && object.metadata.uid.as_deref() != uid {
            return Ok(false);
        }
        if has_finalizer(&object) {
            return Ok(object.metadata.deletion_timestamp.is_none());
        }
        if object.metadata.deletion_timestamp.is_some() {
            return Ok(false);
        }
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(FINALIZER.to_owned());
        if write(api, name, &object, &finalizers).await? {
            return Ok(true);
        }
    }
}

/// Takes our finalizer off; an object that is gone has none.
pub(super) async fn remove_finalizer<K: Held>(api: &Api<K>, name: &str) -> Result<(), kube::Error> {
    loop {
        let Some(object) = api.get_metadata_opt(name).await? else { return Ok(()) };
        if !has_finalizer(&object) {
            return Ok(());
        }
        let others: Vec<_> = object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
        if write(api, name, &object, &others).await? {
            return Ok(());
        }
    }
}

/// Writes the finalizers of the object as it was read. Gives false when somebody else wrote in between.
async fn write<K: Held>(
    api: &Api<K>,
    name: &str,
    read: &impl ResourceExt,
    finalizers: &[String],
) -> Result<bool, kube::Error> {
    let patch = json!({
        "metadata": {"uid": read.uid(), "resourceVersion": read.resource_version(), "finalizers": finalizers},
    });
    match api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
