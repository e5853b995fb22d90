//! Auth0Tenant: proves credentials, keeps the client for the tenant at hand, and holds the tenant while it has dependants.

use super::{
    context::Shared,
    dereference::{secret, value},
    detection::Detection,
    error::{Stop, retry_after},
    holds::{Settled, Surroundings},
    kind::{Kind, Watched},
    lookout,
    memory::Memory,
    pass::MANAGER,
    status::{Verdicts, is_transition},
    stores::FORCE,
    tenants::{Connected, facts, is_abandoning, pin},
};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0TenantStatus, Auth0User, DriftMode, GROUP},
    plan::{Class, ObjectKind, Reason, Refusal},
    tenant::{Credentials, DEFAULT_SHARE, PrivateKey, Scopes, Tenant},
};
use k8s_openapi::{api::core::v1::Secret, jiff::Timestamp};
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{controller::Action, watcher::Event},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

/// What passes over tenants share.
pub(super) struct TenantContext {
    pub(super) shared: Arc<Shared>,
    memory: Memory<Auth0TenantStatus>,
}

impl TenantContext {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, memory: Memory::default() }
    }

    /// The watch brought something. One without dependants goes without a pass, since nothing holds it.
    pub(super) fn saw(&self, event: &Event<Auth0Tenant>) {
        self.memory.saw(event);
        if let Event::Delete(tenant) = event {
            self.forget(tenant);
        }
        self.shared.waker.tenant(event);
    }

    /// The tenant is asked no more on behalf of this Auth0Tenant.
    fn forget(&self, tenant: &Auth0Tenant) {
        self.shared.tenants.remove(tenant);
        self.memory.forget(&tenant.uid().unwrap_or_default());
    }
}

/// Looks after one tenant. Fails only where Kubernetes does.
pub(super) async fn reconcile(tenant: Arc<Auth0Tenant>, context: Arc<TenantContext>) -> Result<Action, Stop> {
    let shared = &context.shared;
    if !shared.ready().await {
        return Ok(Action::await_change());
    }
    let (before, _) = context.memory.newest(&*tenant, &shared.stores.tenants);
    let mut status = before.clone();
    let is_ending = tenant.meta().deletion_timestamp.is_some();
    let settled = settle(shared, &tenant).await?;
    if is_ending && settled.dependants == 0 {
        context.forget(&tenant);
        return Ok(Action::await_change());
    }
    let end = connect(shared, &tenant, &mut status).await;
    let (mut outcome, asked_wait) = match end {
        Ok(outcome) => (outcome, None),
        Err(Stop::Kubernetes(_) | Stop::Stale) if is_ending => (Refusal::new(Reason::Deleting, ""), None),
        Err(stop) => stop.outcome()?,
    };
    if is_ending {
        outcome = Refusal::new(
            Reason::Deleting,
            format!(
                "{} resources still use this tenant; it goes when they are gone: delete them, or set their spec.deletionPolicy to Orphan and delete them",
                settled.dependants
            ),
        );
    }
    status.credentials_secret = settled.secret;
    status.dependants = Some(i64::try_from(settled.dependants).unwrap_or(i64::MAX));
    write_end(&context, &tenant, &before, status, &outcome).await?;
    shared.metrics.pass_ended(&Auth0Tenant::kind(&()), outcome.reason);
    let lacks_scopes = outcome.reason.class() == Class::Done && outcome.message != READY;
    let uid = tenant.uid().unwrap_or_default();
    let failures = if outcome.reason.class() == Class::Done && !lacks_scopes {
        context.memory.succeeded(&uid);
        0
    } else {
        context.memory.failed(&uid, false)
    };
    let waits_like = if lacks_scopes { Reason::ScopeMissing } else { outcome.reason };
    let wait = asked_wait
        .unwrap_or_else(|| retry_after(waits_like, failures, shared.options.resync, shared.options.watch_secrets));
    Ok(if shared.options.no_requeues { Action::await_change() } else { Action::requeue(wait) })
}

/// Brings the finalizers on the tenant and its Secret in line with its dependants.
async fn settle(shared: &Shared, tenant: &Auth0Tenant) -> Result<Settled, kube::Error> {
    let existing = || {
        let mut uids = HashSet::new();
        // Those that are let go need not end first, only know.
        if !is_abandoning(tenant) {
            uids.extend(uids_of::<Auth0Api>(shared));
            uids.extend(uids_of::<Auth0Connection>(shared));
            uids.extend(uids_of::<Auth0User>(shared));
        }
        uids
    };
    let is_shared = |secret: &str| shared.is_shared(tenant, secret);
    let around = Surroundings { client: &shared.client, tenant, is_shared: &is_shared };
    shared.holds.settle(&around, dependants(shared, tenant), existing).await
}

/// When Kubernetes refused or did not answer: soon again, since nothing could be written down.
pub(super) fn on_kubernetes_error(tenant: &Auth0Tenant, error: &Stop, context: &TenantContext) -> Action {
    let failures = context.memory.failed(&tenant.uid().unwrap_or_default(), false);
    tracing::warn!(
        kind = "Auth0Tenant",
        name = tenant.name_any(),
        error = error as &dyn std::error::Error,
        "a pass was broken off"
    );
    Action::requeue(retry_after(Reason::Retrying, failures, Duration::from_secs(600), true))
}

/// While scopes are missing, a pass fetches a new token when the old one is older than this.
const SCOPES_MAY_COME_AFTER: Duration = Duration::from_secs(50);

const READY: &str = "the tenant issued a token with all scopes that are needed";

/// Proves the credentials and puts the client for the tenant at hand.
async fn connect(shared: &Arc<Shared>, tenant: &Auth0Tenant, status: &mut Auth0TenantStatus) -> Result<Refusal, Stop> {
    let (namespace, name) = (tenant.namespace().unwrap_or_default(), tenant.name_any());
    let spec = &tenant.spec;
    if let Some(connected) = shared.tenants.get(tenant) {
        connected.set(Detection::of(spec));
    }
    if let Some(objection) = shared.options.objection(&spec.domain, spec.endpoint.as_deref()) {
        shared.tenants.remove(tenant);
        return Err(Refusal::invalid(objection).into());
    }
    if spec.suspend == Some(true) {
        return Err(Refusal::new(Reason::Suspended, "spec.suspend is true; nothing is done in this tenant").into());
    }
    let secret_name = &spec.credentials.secret_ref.name;
    let secret = secret(shared, &namespace, secret_name).await?;
    let client_id = value(secret.as_deref(), secret_name, "clientId")?;
    let credentials = credentials(secret.as_deref(), secret_name)?;
    if secret
        .iter()
        .flat_map(|secret| secret.owner_references())
        .any(|owner| owner.api_version.starts_with(&format!("{GROUP}/")))
    {
        return Err(Refusal::invalid(format!(
            "the Secret {secret_name} was written by the operator for an application; use the credentials of a client that is authorized for the Management API"
        ))
        .into());
    }
    let facts = facts(spec, client_id.expose_secret().to_owned());
    let is_forced =
        tenant.annotations().get(FORCE).is_some_and(|asked| Some(asked) != status.last_handled_reconcile_at.as_ref());
    let at_hand = shared
        .tenants
        .get(tenant)
        .filter(|connected| connected.credentials == credentials && *connected.tenant.facts() == facts);
    let (is_new, label) = (at_hand.is_none(), format!("{namespace}/{name}"));
    let connected = at_hand.unwrap_or_else(|| {
        let observer = shared.metrics.clone().of_tenant(label.clone());
        let tenant = Tenant::new(facts, credentials.clone(), shared.http.clone(), observer);
        Arc::new(Connected::new(tenant, credentials, Detection::of(spec)))
    });
    connected.tenant.set_share(spec.rate_limit.as_ref().and_then(|limit| limit.share).unwrap_or(DEFAULT_SHARE));
    if is_forced {
        connected.tenant.renew_token(Duration::ZERO).await?;
        connected.ask_for_sweep();
    } else if !status.missing_scopes.is_empty() {
        connected.tenant.renew_token(SCOPES_MAY_COME_AFTER).await?;
    }
    let scopes = connected.tenant.scopes().await?;
    // The old client serves until here, where the new credentials are proven.
    if is_new {
        shared.metrics.follow(label, connected.tenant.vitals());
        lookout::start(shared, tenant, &connected);
        shared.tenants.insert(tenant, connected, |uid| exists::<Auth0Tenant>(shared, uid));
        shared.waker.dependants_of(&namespace, &name);
    }
    status.missing_scopes = missing(shared, tenant, &scopes);
    if status.missing_scopes.is_empty() {
        return Ok(Refusal::new(Reason::Available, READY));
    }
    Ok(Refusal::new(
        Reason::Available,
        format!(
            "the tenant issued a token, but it lacks scopes that are needed: {}; add them to the client's grant for the Management API",
            status.missing_scopes.join(", ")
        ),
    ))
}

/// What the credentials Secret holds: a private key, or a client secret.
fn credentials(secret: Option<&Secret>, name: &str) -> Result<Credentials, Refusal> {
    let has = |key: &str| secret.and_then(|secret| secret.data.as_ref()).is_some_and(|data| data.contains_key(key));
    if !has("privateKey") {
        return Ok(Credentials::Secret(value(secret, name, "clientSecret")?));
    }
    let optional = |key: &str| has(key).then(|| value(secret, name, key)).transpose();
    let text = |value: Option<SecretString>| value.map(|value| value.expose_secret().to_owned());
    let (id, algorithm) = (text(optional("keyId")?), text(optional("algorithm")?));
    PrivateKey::new(value(secret, name, "privateKey")?, id, algorithm.as_deref())
        .map(Credentials::PrivateKey)
        .map_err(|error| Refusal::new(Reason::CredentialsInvalid, format!("in the Secret {name}, {error}")))
}

/// Scopes that the kinds in use need and the token lacks.
fn missing(shared: &Shared, tenant: &Auth0Tenant, scopes: &Scopes) -> Vec<String> {
    let managed = |kind: ObjectKind| ["read", "create", "update"].map(|verb| kind.scope(verb));
    let mut needed = BTreeSet::new();
    if uses::<Auth0Api>(shared, tenant) {
        for kind in [ObjectKind::ResourceServer, ObjectKind::Client, ObjectKind::ClientGrant] {
            needed.extend(managed(kind));
        }
        needed.insert("update:client_keys".to_owned());
    }
    if uses::<Auth0Connection>(shared, tenant) {
        needed.extend(managed(ObjectKind::Connection));
        needed.extend(["read", "update"].map(|verb| format!("{verb}:connections_options")));
    }
    if uses::<Auth0User>(shared, tenant) {
        needed.extend(managed(ObjectKind::User));
    }
    let mode = tenant.spec.drift_detection.as_ref().and_then(|detection| detection.mode).unwrap_or_default();
    if mode == DriftMode::Log && !needed.is_empty() {
        needed.insert("read:logs".to_owned());
    }
    needed.into_iter().filter(|scope| !scopes.contains(scope)).collect()
}

fn is_for<K: Kind>(shared: &Shared, object: &K, tenant: &Auth0Tenant) -> bool {
    let key = (tenant.namespace().unwrap_or_default(), tenant.name_any());
    object.tenant_key(shared.options.default_tenant.as_ref()) == Some(key)
}

fn uses<K: Kind>(shared: &Shared, tenant: &Auth0Tenant) -> bool {
    !K::store(&shared.stores).state_filter(|object| is_for(shared, object, tenant)).is_empty()
}

/// Uids of the resources that have, or are about to have, something in the tenant.
fn dependants(shared: &Shared, tenant: &Auth0Tenant) -> HashSet<String> {
    fn of<K: Kind>(shared: &Shared, tenant: &Auth0Tenant) -> Vec<String> {
        let pinned = pin(&tenant.spec);
        let objects = K::store(&shared.stores).state_filter(|object| {
            object.is_dependant()
                && !(is_abandoning(tenant) && object.is_abandoned())
                && is_for(shared, object, tenant)
                && object.common().tenant.is_none_or(|other| other == pinned)
        });
        objects.iter().filter_map(|object| object.uid()).collect()
    }
    [of::<Auth0Api>(shared, tenant), of::<Auth0Connection>(shared, tenant), of::<Auth0User>(shared, tenant)]
        .into_iter()
        .flatten()
        .collect()
}

fn uids_of<K: Watched>(shared: &Shared) -> impl Iterator<Item = String> {
    K::store(&shared.stores).state().into_iter().filter_map(|object| object.meta().uid.clone())
}

fn exists<K: Watched>(shared: &Shared, uid: &str) -> bool {
    !K::store(&shared.stores).state_filter(|object| object.meta().uid.as_deref() == Some(uid)).is_empty()
}

async fn write_end(
    context: &TenantContext,
    tenant: &Auth0Tenant,
    before: &Auth0TenantStatus,
    mut status: Auth0TenantStatus,
    outcome: &Refusal,
) -> Result<(), Stop> {
    let shared = &context.shared;
    if let Some(asked) = tenant.annotations().get(FORCE) {
        status.last_handled_reconcile_at = Some(asked.clone());
    }
    let generation = tenant.meta().generation.unwrap_or_default();
    let mut verdicts =
        Verdicts { conditions: &mut status.conditions, observed_generation: &mut status.observed_generation };
    // New credentials that do not work leave the tenant Ready as long as the old token serves.
    let old_serves = match shared.tenants.get(tenant) {
        Some(connected) => connected.tenant.has_token().await,
        None => false,
    };
    if old_serves {
        verdicts.end(outcome, generation, Timestamp::now());
    } else {
        verdicts.end_tenant(outcome, generation, Timestamp::now());
    }
    if old_serves
        && outcome.reason == Reason::CredentialsInvalid
        && context.memory.is_new(&tenant.uid().unwrap_or_default())
    {
        shared.event(tenant, true, &outcome.reason.to_string(), &outcome.message, None).await;
    }
    if status == *before {
        return Ok(());
    }
    let api = Api::<Auth0Tenant>::namespaced(shared.client.clone(), &tenant.namespace().unwrap_or_default());
    let body = json!({
        "apiVersion": Auth0Tenant::api_version(&()),
        "kind": Auth0Tenant::kind(&()),
        "metadata": {"name": tenant.name_any()},
        "status": status,
    });
    match api.patch_status(&tenant.name_any(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
        written => {
            let resource_version = written?.resource_version().unwrap_or_default();
            context.memory.wrote(tenant, resource_version, status.clone(), &context.shared.stores.tenants);
        }
    }
    if is_transition(&before.conditions, &status.conditions, outcome.reason) {
        shared.event(tenant, outcome.reason.is_warning(), &outcome.reason.to_string(), &outcome.message, None).await;
    }
    Ok(())
}
