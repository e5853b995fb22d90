//! The cluster: what is applied to it, and what it was asked for.

use crate::{Result, manifests::NAMESPACE};
use auth0_operator::crd::{self, Auth0Api, Auth0Connection, Auth0Tenant, Auth0User};
use axum::http::Request;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, CustomResourceExt, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// So many are applied at the same time.
const AT_ONCE: usize = 16;

/// What is installed with the operator, its rights too.
const OPERATOR: &str = include_str!("../../deploy/operator.yaml");

/// Installs the operator as its documentation says, but for the Deployment: it runs as a process here. Makes the namespace for the
/// resources.
pub(crate) async fn prepare(kubernetes: &Client) -> Result<()> {
    let definitions = Api::all(kubernetes.clone());
    let ours = PatchParams::apply("load");
    for definition in crd::all() {
        let name = definition.name_any();
        definitions.patch(&name, &ours, &Patch::Apply(&definition)).await?;
        await_condition(definitions.clone(), &name, is_crd_established()).await?;
    }
    for object in serde_saphyr::from_multiple::<DynamicObject>(OPERATOR)? {
        let types = object.types.as_ref().ok_or("an object without a kind")?;
        if types.kind == "Deployment" {
            continue;
        }
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(kubernetes.clone(), &namespace, &resource),
            None => Api::all_with(kubernetes.clone(), &resource),
        };
        api.patch(&object.name_any(), &ours, &Patch::Apply(&object)).await?;
    }
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    Api::<Namespace>::all(kubernetes.clone()).patch(NAMESPACE, &ours, &Patch::Apply(namespace)).await?;
    Ok(())
}

/// Applies a manifest; gives the resource's `Kind/name` and its generation.
pub(crate) async fn apply(kubernetes: &Client, manifest: &Value) -> Result<(String, i64)> {
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    let params = PatchParams::apply("load").force();
    let applied = api(kubernetes, kind)?.patch(name, &params, &Patch::Apply(manifest)).await?;
    Ok((format!("{kind}/{name}"), applied.metadata.generation.unwrap_or_default()))
}

/// Applies manifests, many at the same time; gives when each was sent, by `Kind/name`.
pub(crate) async fn apply_all(kubernetes: &Client, manifests: &[Value]) -> Result<HashMap<String, Instant>> {
    let apply = |manifest| async move {
        let sent = Instant::now();
        let (key, _) = apply(kubernetes, manifest).await?;
        Ok((key, sent))
    };
    stream::iter(manifests).map(apply).buffer_unordered(AT_ONCE).try_collect().await
}

/// Sets an annotation.
pub(crate) async fn annotate(kubernetes: &Client, key: &str, annotation: &str, value: &str) -> Result<()> {
    let (kind, name) = key.split_once('/').unwrap_or_default();
    let change = json!({ "metadata": { "annotations": { annotation: value } } });
    api(kubernetes, kind)?.patch(name, &PatchParams::default(), &Patch::Merge(change)).await?;
    Ok(())
}

/// The resources of a kind in our namespace.
pub(crate) fn api(kubernetes: &Client, kind: &str) -> Result<Api<DynamicObject>> {
    let resource = match kind {
        "Auth0Tenant" => Auth0Tenant::api_resource(),
        "Auth0Api" => Auth0Api::api_resource(),
        "Auth0Connection" => Auth0Connection::api_resource(),
        "Auth0User" => Auth0User::api_resource(),
        "Secret" => ApiResource::erase::<Secret>(&()),
        other => return Err(format!("{other} is not applied here").into()),
    };
    Ok(Api::namespaced_with(kubernetes.clone(), NAMESPACE, &resource))
}

/// Requests for our kinds, for Secrets and events that the API server has had, by verb and resource, as its own metrics count
/// them. Watches are left out.
pub(crate) async fn requests(kubernetes: &Client) -> Result<BTreeMap<String, usize>> {
    let metrics = kubernetes.request_text(Request::get("/metrics").body(vec![])?).await?;
    let mut requests = BTreeMap::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
        let Some((labels, count)) = line.rsplit_once("} ") else { continue };
        let label = |name: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
            found.map_or("", |value| value.trim_end_matches('"'))
        };
        let (verb, resource, part) = (label("verb"), label("resource"), label("subresource"));
        let is_counted = label("group") == crd::GROUP || ["secrets", "events"].contains(&resource);
        if is_counted && !["WATCH", "LIST"].contains(&verb) {
            let name = [verb, " ", resource, if part.is_empty() { "" } else { "/" }, part].concat();
            *requests.entry(name).or_default() += count.parse::<f64>()? as usize;
        }
    }
    Ok(requests)
}

/// What came since an earlier count.
pub(crate) fn since(before: &BTreeMap<String, usize>, now: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let new = now.into_iter().map(|(name, count)| {
        let more = count - before.get(&name).copied().unwrap_or_default();
        (name, more)
    });
    new.filter(|(_, count)| *count > 0).collect()
}

/// Waits until nothing has been written for as long as the operator may take to count a tenant's dependants; gives the requests so
/// far.
pub(crate) async fn until_unwritten(kubernetes: &Client) -> Result<BTreeMap<String, usize>> {
    let mut before = requests(kubernetes).await?;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = requests(kubernetes).await?;
        if writes(&since(&before, now.clone())) == 0 {
            return Ok(now);
        }
        before = now;
    }
}

/// How many of them change something.
pub(crate) fn writes(requests: &BTreeMap<String, usize>) -> usize {
    requests.iter().filter(|(request, _)| is_write(request)).map(|(_, count)| count).sum()
}

/// Whether a request changes something.
pub(crate) fn is_write(request: &str) -> bool {
    !request.starts_with("GET ")
}
