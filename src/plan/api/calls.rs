//! The calls that bring API, client and grant into the tenant.

use super::{
    CLIENT_PREFIX, CLIENT_SECRET, View,
    desired::{client, new_server, resource_server},
    remote::{find_client, find_grant, find_server, is_announced, is_same_encryption},
    rotation::{Step, step},
    signing,
};
use crate::{
    crd::{Auth0ApiSpec, Origin},
    plan::{Body, Call, Fields, Found, ObjectKind, Plan, Reason, Refusal, Target, diff, ownership, put, text, unset},
};
use serde_json::{Value, json};

pub(super) fn plan_server(spec: &Auth0ApiSpec, view: &View<'_>, plan: &mut Plan) -> Result<(), Refusal> {
    let want = resource_server(spec)?;
    let Some(have) = find_server(spec, view) else {
        let mut body = Body::from(new_server(spec, view.owner)?);
        signing::add(spec, view, &mut body)?;
        plan.calls.push(Call::Create { kind: ObjectKind::ResourceServer, body });
        return Ok(());
    };
    if have.get("is_system").and_then(Value::as_bool) == Some(true) {
        return Err(Refusal::invalid(
            "this API is one of Auth0's own, which this operator never touches; choose another spec.identifier",
        ));
    }
    let id = text(have, "id").unwrap_or_default().to_owned();
    if view.status.common.id.as_deref() != Some(&id) {
        let announced = is_announced(spec, have, view);
        let origin =
            ownership::judge(ObjectKind::ResourceServer, have, view.owner, spec.policies.adoption_policy, announced)?;
        plan.found.push(Found { kind: ObjectKind::ResourceServer, id: id.clone(), origin });
    }
    let mut want = want;
    unset::add_unset(&mut want, managed_paths(view, ""), unset::RESOURCE_SERVER);
    let mut change = diff(&want, have);
    if change.get("scopes").is_some_and(|scopes| same_scopes(scopes, have.get("scopes"))) {
        change.remove("scopes");
    }
    if is_same_encryption(&want, have, view) {
        change.remove("token_encryption");
    }
    let change = change.into_iter().map(|(key, value)| (key, unset::without_nulls(value))).collect();
    let signing = signing::compare(spec, have, view);
    plan.drift = signing.drift(spec);
    plan.notices.extend(signing.notice(spec).map(str::to_owned));
    let mut secret = Body { follows_secret: true, ..Body::default() };
    if signing.is_to_write(spec) {
        signing::add(spec, view, &mut secret)?;
    }
    push_update(ObjectKind::ResourceServer, &id, change, secret, view.spec_changed, plan);
    Ok(())
}

pub(super) fn plan_client(spec: &Auth0ApiSpec, view: &View<'_>, plan: &mut Plan) -> Result<Target, Refusal> {
    let want = client(spec, view.owner)?;
    let Some(have) = find_client(view) else {
        let mut body = want;
        body.entry("name")
            .or_insert_with(|| format!("{} (Non Interactive)", spec.name.as_ref().unwrap_or(&view.owner.name)).into());
        body.entry("grant_types").or_insert_with(|| json!(["client_credentials"]));
        plan.calls.push(Call::Create { kind: ObjectKind::Client, body: body.into() });
        return Ok(Target::CreatedByThisPlan);
    };
    let id = text(have, "client_id").unwrap_or_default().to_owned();
    if view.status.client.as_ref().and_then(|client| client.id.as_deref()) != Some(&id) {
        plan.found.push(Found { kind: ObjectKind::Client, id: id.clone(), origin: Origin::Created });
    } else {
        ownership::check_stamp(ObjectKind::Client, have, view.owner)?;
    }
    let mut want = want;
    unset::add_unset(&mut want, managed_paths(view, CLIENT_PREFIX), unset::CLIENT);
    let secret = match step(spec, view) {
        Step::Keep | Step::Settle(_) | Step::Promote(_) => None,
        Step::Replace | Step::Begin => Some(view.fresh_secret),
        Step::Set(next) => Some(next),
        Step::Lost => {
            return Err(Refusal::new(
                Reason::SecretNotRecoverable,
                format!(
                    "the Secret {} is gone and the tenant does not show the client's secret; have a new one set by the annotation auth0-operator.dev/rotateClientSecret, or grant the operator's client the scope read:client_keys",
                    spec.secret_name(view.owner)
                ),
            ));
        }
    };
    let secret = secret.map(|secret| Body::new_secret(CLIENT_SECRET, secret.clone())).unwrap_or_default();
    let mut change = diff(&want, have);
    // Metadata merges, so only what differs is sent.
    if let (Some(Value::Object(metadata)), Some(Value::Object(current))) =
        (change.get_mut("client_metadata"), have.get("client_metadata"))
    {
        *metadata = diff(metadata, current);
        if let Some(ahead) = unset::send_ahead(metadata, current) {
            let first: Fields = [("client_metadata".to_owned(), ahead.into())].into_iter().collect();
            plan.calls.push(Call::Update { kind: ObjectKind::Client, id: id.clone(), body: first.into() });
        }
    }
    push_update(ObjectKind::Client, &id, change, secret, view.spec_changed, plan);
    Ok(Target::Known(id))
}

/// Fields that differ and a secret: in one call when the spec changed, else apart, since what others changed may have to stay.
fn push_update(kind: ObjectKind, id: &str, change: Fields, secret: Body, is_one: bool, plan: &mut Plan) {
    let bodies = if is_one { vec![Body { fields: change, ..secret }] } else { vec![secret, change.into()] };
    let calls = bodies.into_iter().filter(|body| !body.fields.is_empty() || !body.secrets.is_empty());
    plan.calls.extend(calls.map(|body| Call::Update { kind, id: id.to_owned(), body }));
}

pub(super) fn plan_grant(spec: &Auth0ApiSpec, view: &View<'_>, client: Target, plan: &mut Plan) -> Result<(), Refusal> {
    let mut want = Fields::new();
    put(&mut want, "scope", Some(spec.grant_scopes(view)))?;
    let have = match &client {
        Target::Known(client) => find_grant(spec, view, client),
        Target::CreatedByThisPlan => None,
    };
    let Some(have) = have else {
        want.insert("audience".to_owned(), spec.identifier.clone().into());
        plan.calls.push(Call::CreateGrant { client, fields: want });
        return Ok(());
    };
    let id = text(have, "id").unwrap_or_default().to_owned();
    if view.status.client.as_ref().and_then(|client| client.grant_id.as_deref()) != Some(&id) {
        plan.found.push(Found { kind: ObjectKind::ClientGrant, id: id.clone(), origin: Origin::Created });
    }
    let change = diff(&want, have);
    if !change.is_empty() && !same_set(change.get("scope"), have.get("scope")) {
        plan.calls.push(Call::Update { kind: ObjectKind::ClientGrant, id, body: change.into() });
    }
    Ok(())
}

/// The paths of one of the two objects that an earlier pass set; none while the object is not ours yet.
pub(super) fn managed_paths<'a>(view: &'a View<'_>, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let is_verdict = view.status.common.pending.is_none();
    let managed = view.status.common.managed.iter().filter(move |_| is_verdict);
    managed.filter_map(move |path| match path.strip_prefix(CLIENT_PREFIX) {
        Some(path) => (!prefix.is_empty()).then_some(path),
        None => prefix.is_empty().then_some(path.as_str()),
    })
}

fn same_scopes(want: &Value, have: Option<&Value>) -> bool {
    let sorted = |value: &Value| {
        let mut scopes: Vec<_> = value.as_array().into_iter().flatten().map(ToString::to_string).collect();
        scopes.sort();
        scopes
    };
    have.is_some_and(|have| sorted(want) == sorted(have))
}

fn same_set(want: Option<&Value>, have: Option<&Value>) -> bool {
    want.is_some_and(|want| same_scopes(want, have))
}
