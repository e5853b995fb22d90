//! The operator's side of Kubernetes: watches, passes over objects, finalizers, status, events.
//!
//! ```text
//! watch ─▶ store ─▶ wakes ─▶ pass: admit ▸ dereference ▸ observe ▸ plan ▸ announce ▸ execute ▸ output ▸ status
//! ```
//!
//! One generic pass (`reconcile.rs`) serves every kind that stands for tenant objects; `auth0tenant.rs` looks after the tenants
//! themselves. Nothing polls: what an object waits for wakes it (`wake.rs`), from the store that the pass then reads.

mod access;
mod admission;
mod announce;
mod auth0tenant;
mod brake;
mod concern;
mod context;
mod dereference;
mod detection;
mod drift;
mod error;
mod finalizers;
mod generate;
mod holds;
mod identity;
mod index;
mod kind;
mod leader;
mod lookout;
mod memory;
mod options;
mod output;
mod pass;
mod reconcile;
mod removal;
mod resync;
mod secrets;
mod status;
mod stores;
mod survey;
mod tenants;
mod tracker;
mod turns;
mod wake;

pub use identity::Error as IdentityError;
pub(crate) use identity::random_hex;
pub use leader::Candidacy;
pub use options::Options;

use crate::{telemetry::Metrics, tenant::http_client};
use auth0tenant::TenantContext;
use context::{Context, Shared};
use futures::{
    FutureExt, Stream, StreamExt, TryStreamExt, channel::mpsc::UnboundedReceiver, future, future::BoxFuture,
};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Controller, WatchStreamExt,
        controller::{self, Action},
        events::{Recorder, Reporter},
        reflector::{ObjectRef, store::Writer},
        watcher,
    },
};
use secrets::Secrets;
use std::sync::Arc;
use stores::watched;
use tokio_util::sync::CancellationToken;
use wake::Waker;

/// Passes of one kind that may run at the same time, of all tenants. Those that wait for their turn do not run (`turns.rs`).
const CONCURRENCY: u16 = 1024;

/// Why the operator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The CRDs are not there.
    #[error(
        "the API server does not serve {}/{}; install the CustomResourceDefinitions: auth0-operator crd | kubectl apply -f -",
        crate::crd::GROUP,
        crate::crd::VERSION
    )]
    NoCrds,
    /// The API server cannot be asked.
    #[error("the Kubernetes API server does not answer; check KUBECONFIG or the ServiceAccount")]
    Kubernetes(#[source] kube::Error),
    /// There is no HTTP client.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// Runs the operator until `shutdown`, then lets running passes end. `namespace` is the operator's own.
///
/// # Errors
/// When it cannot start.
pub async fn run(
    client: Client,
    namespace: &str,
    options: Options,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    require_crds(&client).await?;
    let identity = identity::load(&client, namespace, options.cluster_id.as_deref()).await?;
    let (stores, writers) = stores::stores();
    let (wakes, woken) = stores::wakes();
    let (stores, wakes) = (Arc::new(stores), Arc::new(wakes));
    let waker = Arc::new(Waker::new(stores.clone(), wakes.clone(), options.default_tenant.clone()));
    let reporter = Reporter { controller: "auth0-operator".to_owned(), instance: std::env::var("POD_NAME").ok() };
    let watch_secrets = options.watch_secrets;
    let shared = Arc::new(Shared {
        recorder: Recorder::new(client.clone(), reporter.clone()),
        reporter,
        secrets: Secrets::new(client.clone(), options.watch_secrets),
        http: http_client().map_err(Error::Http)?,
        client: client.clone(),
        options,
        identity,
        stores: stores.clone(),
        wakes,
        turns: Arc::default(),
        culprits: lookout::Culprits::default(),
        waker: waker.clone(),
        tenants: tenants::Tenants::default(),
        holds: holds::Holds::default(),
        shutdown: shutdown.clone(),
        metrics,
    });
    tracing::info!(cluster = shared.identity.cluster, "watching");

    let tenant_context = Arc::new(TenantContext::new(shared.clone()));
    let (on_tenant, on_namespace) = (tenant_context.clone(), waker.clone());
    let tenants = watched(client.clone(), writers.tenants, move |event| on_tenant.saw(event));
    let namespaces = watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(writers.namespaces)
        .inspect_ok(move |event| on_namespace.namespace(event));
    let secrets = async {
        if watch_secrets {
            let watched = watcher(Api::<PartialObjectMeta<Secret>>::all(client.clone()), watcher::Config::default())
                .default_backoff()
                .inspect_ok(|event| waker.secret(event));
            drain(watched).await;
        } else {
            resync::run(&shared).await;
        }
    };
    let side_watches = async { future::join(drain(namespaces), secrets).await };
    let tenant_controller = Controller::for_stream(tenants, stores.tenants.clone())
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .reconcile_on(woken.tenants)
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(
            auth0tenant::reconcile,
            |tenant, error, context| auth0tenant::on_kubernetes_error(&tenant, error, &context),
            tenant_context,
        )
        .for_each(|result| ended(&shared, result));
    let controllers = future::join4(
        tenant_controller,
        control(writers.apis, woken.apis, &shared),
        control(writers.connections, woken.connections, &shared),
        control(writers.users, woken.users, &shared),
    );
    tokio::select! {
        _ = controllers => {}
        _ = side_watches => {}
    }
    tracing::info!("ended");
    Ok(())
}

/// The controller of one kind: a new kind is one more line above.
fn control<K: kind::Kind>(
    writer: Writer<K>,
    woken: UnboundedReceiver<ObjectRef<K>>,
    shared: &Arc<Shared>,
) -> BoxFuture<'static, ()> {
    let (context, shared) = (Arc::new(Context::<K>::new(shared.clone())), shared.clone());
    let on_event = context.clone();
    let stream = watched(shared.client.clone(), writer, move |event| {
        on_event.memory.saw(event);
        on_event.shared.waker.resource(event);
    });
    Controller::for_stream(stream, K::store(&shared.stores).clone())
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .reconcile_on(woken)
        .graceful_shutdown_on(shared.shutdown.clone().cancelled_owned())
        .run(
            reconcile::reconcile::<K>,
            |object, error, context| reconcile::on_kubernetes_error::<K>(&object, error, &context),
            context,
        )
        .for_each(move |result| ended(&shared, result))
        .boxed()
}

/// Errors of passes are dealt with where they happen; what is left is the queue's own.
fn ended<K: Resource<DynamicType = ()>>(
    shared: &Shared,
    result: Result<(ObjectRef<K>, Action), controller::Error<error::Stop, watcher::Error>>,
) -> future::Ready<()> {
    match result {
        // A requeued object that was deleted meanwhile, or one that was called.
        Err(controller::Error::ObjectNotFound(object)) => {
            shared.turns.forget(&turns::place::<K>(object.namespace.as_deref(), &object.name));
            tracing::debug!(%object, "is gone");
        }
        Err(controller::Error::QueueError(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a watch broke; it is taken up again");
        }
        Err(controller::Error::ReconcilerFailed(..) | controller::Error::RunnerError(_)) | Ok(_) => {}
    }
    future::ready(())
}

async fn drain<T>(watched: impl Stream<Item = Result<T, watcher::Error>>) {
    watched
        .for_each(|result| {
            if let Err(error) = result {
                tracing::warn!(error = &error as &dyn std::error::Error, "a watch broke; it is taken up again");
            }
            future::ready(())
        })
        .await;
}

/// Without CRDs every watch fails for ever, and nobody sees why.
async fn require_crds(client: &Client) -> Result<(), Error> {
    let served = client.list_api_group_resources(&format!("{}/{}", crate::crd::GROUP, crate::crd::VERSION)).await;
    let served = match served {
        Err(kube::Error::Api(status)) if status.is_not_found() => return Err(Error::NoCrds),
        other => other.map_err(Error::Kubernetes)?,
    };
    let names: Vec<String> = crate::crd::all().iter().map(ResourceExt::name_any).collect();
    let is_served =
        |name: &String| served.resources.iter().any(|resource| name.starts_with(&format!("{}.", resource.name)));
    if names.iter().all(is_served) { Ok(()) } else { Err(Error::NoCrds) }
}
