//! Auth0Api: a resource server, its non interactive client, the grant between them, and the Secret for the application.
//!
//! `POST /resource-servers` makes neither client nor grant (no recording has one); the dashboard makes both, and users expect
//! them. A client, once made, is ours whatever the API's origin.

mod desired;
mod remote;

use super::{
    Body, Call, Depth, Fields, Found, Managed, Need, ObjectKind, Output, Owner, Plan, Read, Reason, Refusal, Situation,
    Target, TenantFacts, diff, is_system_identifier, ownership, put, text, unset,
};
use crate::crd::{
    ApiClientStatus, Auth0ApiSpec, Auth0ApiStatus, ClientPolicy, CommonStatus, DeletionPolicy, Origin, Policies,
    TenantRef,
};
use desired::{client, new_server, resource_server};
use remote::{SecretState, find_client, find_grant, find_server, is_announced, secret_state};
use secrecy::SecretString;
use serde_json::{Value, json};

type View<'a> = Situation<'a, Auth0ApiStatus>;

impl Managed for Auth0ApiSpec {
    type Status = Auth0ApiStatus;

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn tenant_ref(&self) -> Option<&TenantRef> {
        self.tenant_ref.as_ref()
    }

    fn common(status: &Auth0ApiStatus) -> &CommonStatus {
        &status.common
    }

    fn common_mut(status: &mut Auth0ApiStatus) -> &mut CommonStatus {
        &mut status.common
    }

    fn holds(status: &Auth0ApiStatus) -> Option<&str> {
        status.common.id.as_deref().or(Self::referred_id(status))
    }

    /// Connections are enabled for the API's client.
    fn referred_id(status: &Auth0ApiStatus) -> Option<&str> {
        status.client.as_ref()?.id.as_deref()
    }

    fn natural_key(&self, _owner: &Owner) -> String {
        self.identifier.clone()
    }

    fn needs_trust(&self) -> Option<&'static str> {
        None
    }

    fn check(&self, tenant: &TenantFacts) -> Result<(), Refusal> {
        let domains = [Some(tenant.domain.as_str()), tenant.custom_domain.as_deref()];
        if is_system_identifier(&self.identifier, domains.into_iter().flatten()) {
            return Err(Refusal::invalid(format!(
                "spec.identifier {:?} names one of Auth0's own APIs, which this operator never touches; choose an identifier of your own",
                self.identifier
            )));
        }
        if self.signing_secret_ref.is_some() {
            return Err(Refusal::not_yet("spec.signingSecretRef"));
        }
        match &self.client {
            Some(client) if client.rotate_secret_every.is_some() => {
                Err(Refusal::not_yet("spec.client.rotateSecretEvery"))
            }
            _ => Ok(()),
        }
    }

    fn managed(&self, owner: &Owner) -> Vec<String> {
        let client = self.wants_client().then(|| client(self, owner).ok()).flatten().unwrap_or_default();
        let server = resource_server(self).unwrap_or_default();
        let client_paths =
            unset::paths(&client, unset::CLIENT).into_iter().map(|path| format!("{CLIENT_PREFIX}{path}"));
        unset::paths(&server, unset::RESOURCE_SERVER).into_iter().chain(client_paths).collect()
    }

    fn needs(&self, owner: &Owner) -> Vec<Need> {
        if self.wants_client() { vec![Need::Output(self.secret_name(owner))] } else { vec![] }
    }

    fn reads(&self, view: &View<'_>) -> Vec<Read> {
        let client_status = view.status.client.clone().unwrap_or_default();
        let mut reads = vec![];
        if let Some(id) = &view.status.common.id {
            reads.push(Read::Get(ObjectKind::ResourceServer, id.clone()));
        }
        if view.depth == Depth::NaturalKeys && find_server(self, view).is_none() {
            reads.push(Read::Get(ObjectKind::ResourceServer, self.identifier.clone()));
        }
        if !self.wants_client() {
            return unanswered(reads, view);
        }
        if let Some(id) = &client_status.id {
            reads.push(Read::Get(ObjectKind::Client, id.clone()));
        }
        if let Some(id) = &client_status.grant_id {
            reads.push(Read::Get(ObjectKind::ClientGrant, id.clone()));
        }
        // An attempt whose end we did not see may have left a client, an orphaned or restored resource has.
        if view.depth == Depth::NaturalKeys && find_client(view).is_none() {
            reads.push(Read::StampedClient(view.owner.stamp(Origin::Created)));
        }
        if let Some(client) = find_client(view).and_then(|client| text(client, "client_id")) {
            if view.depth == Depth::NaturalKeys && find_grant(self, view, client).is_none() {
                reads.push(self.grants(client));
            }
            if secret_state(self, view) == SecretState::Lost {
                reads.push(Read::ClientSecret(client.to_owned()));
            }
        }
        unanswered(reads, view)
    }

    fn plan(&self, view: &View<'_>) -> Result<Plan, Refusal> {
        let mut plan = Plan::default();
        plan_server(self, view, &mut plan)?;
        // A client that was made before is no longer looked after; it still goes with this resource.
        if !self.wants_client() {
            return Ok(plan);
        }
        if view.references.outputs.get(&self.secret_name(view.owner)).is_some_and(|output| !output.owned) {
            let name = self.secret_name(view.owner);
            return Err(Refusal::new(
                Reason::SecretNotOwned,
                format!(
                    "the Secret {name} exists and does not belong to this resource; delete it, or name another in spec.client.secretName"
                ),
            ));
        }
        let client = plan_client(self, view, &mut plan)?;
        plan_grant(self, view, client, &mut plan)?;
        Ok(plan)
    }

    fn record(&self, status: &mut Auth0ApiStatus, call: &Call, answer: &Fields, _view: &View<'_>) {
        let id = text(answer, call.kind().id_key()).map(str::to_owned);
        match (call, call.kind()) {
            (Call::Create { .. }, ObjectKind::ResourceServer) => {
                status.common.id = id;
                status.common.origin = Some(Origin::Created);
            }
            (Call::Create { .. }, ObjectKind::Client) => {
                let secret_name = status.client.take().and_then(|client| client.secret_name);
                status.client =
                    Some(ApiClientStatus { id, origin: Some(Origin::Created), secret_name, ..Default::default() });
            }
            (Call::CreateGrant { .. }, _) => status.client.get_or_insert_default().grant_id = id,
            (Call::Delete { .. }, ObjectKind::Client) => status.client = None,
            _ => {}
        }
    }

    fn record_found(&self, status: &mut Auth0ApiStatus, found: &Found, _view: &View<'_>) {
        match found.kind {
            ObjectKind::ResourceServer => {
                status.common.id = Some(found.id.clone());
                status.common.origin = Some(found.origin);
            }
            ObjectKind::Client => {
                let client = status.client.get_or_insert_default();
                client.id = Some(found.id.clone());
                client.origin = Some(found.origin);
            }
            ObjectKind::ClientGrant => status.client.get_or_insert_default().grant_id = Some(found.id.clone()),
            ObjectKind::Connection | ObjectKind::User => {}
        }
    }

    fn output(&self, view: &View<'_>) -> Option<Output> {
        let id = view.status.client.as_ref()?.id.clone()?;
        let name = self.secret_name(view.owner);
        let existing = view.references.outputs.get(&name);
        let secret = view.client_secret.or_else(|| existing?.data.get("clientSecret"))?.clone();
        let tenant = view.tenant;
        let mut data: std::collections::BTreeMap<String, SecretString> = [
            ("clientId", id),
            ("audience", self.identifier.clone()),
            ("domain", tenant.custom_domain.clone().unwrap_or_else(|| tenant.domain.clone())),
            ("issuer", tenant.issuer()),
            ("tokenUrl", tenant.url("/oauth/token")),
            ("authorizationUrl", tenant.url("/authorize")),
            ("jwksUri", tenant.url("/.well-known/jwks.json")),
            ("scope", self.grant_scopes(view).join(" ")),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), SecretString::from(value)))
        .collect();
        data.insert("clientSecret".to_owned(), secret);
        Some(Output { name, data })
    }

    fn record_output(&self, status: &mut Auth0ApiStatus, output: &Output) {
        status.client.get_or_insert_default().secret_name = Some(output.name.clone());
    }

    fn removal_reads(&self, view: &View<'_>) -> Vec<Read> {
        if !view.announced {
            return vec![];
        }
        let mut reads = vec![];
        if view.status.common.id.is_none() {
            reads.push(Read::Get(ObjectKind::ResourceServer, self.identifier.clone()));
        }
        if view.status.client.as_ref().is_none_or(|client| client.id.is_none()) {
            reads.push(Read::StampedClient(view.owner.stamp(Origin::Created)));
        }
        unanswered(reads, view)
    }

    fn plan_removal(&self, view: &View<'_>) -> Plan {
        let mut plan = Plan::default();
        if self.policies.deletion_policy == Some(DeletionPolicy::Orphan) {
            return plan;
        }
        let client = view.status.client.as_ref().and_then(|client| client.id.as_deref());
        let left_client = || find_client(view).and_then(|client| text(client, "client_id"));
        // The grant goes with its client (51 of 51 in the recordings).
        if let Some(id) = client.or_else(left_client) {
            plan.calls.push(Call::Delete { kind: ObjectKind::Client, id: id.to_owned() });
        }
        let left_server = || {
            find_server(self, view)
                .filter(|server| is_announced(self, server, view))
                .and_then(|server| text(server, "id"))
        };
        let server = match &view.status.common.id {
            Some(id) if self.deletion_policy(view.status.common.origin) == DeletionPolicy::Delete => Some(id.as_str()),
            Some(_) => None,
            None => left_server(),
        };
        if let Some(id) = server {
            plan.calls.push(Call::Delete { kind: ObjectKind::ResourceServer, id: id.to_owned() });
        }
        plan
    }
}

impl Auth0ApiSpec {
    fn wants_client(&self) -> bool {
        self.client.as_ref().and_then(|client| client.policy) != Some(ClientPolicy::None)
    }

    /// The name of the output Secret.
    pub fn secret_name(&self, owner: &Owner) -> String {
        self.client
            .as_ref()
            .and_then(|client| client.secret_name.clone())
            .unwrap_or_else(|| format!("{}-client", owner.name))
    }

    fn grants(&self, client: &str) -> Read {
        Read::Grants { client: client.to_owned(), audience: self.identifier.clone() }
    }

    /// The grant's scopes: its own, else the API's, as the tenant has them where the spec names none.
    fn grant_scopes(&self, view: &View<'_>) -> Vec<String> {
        if let Some(scopes) = self.client.as_ref().and_then(|client| client.scopes.as_ref()) {
            return scopes.clone();
        }
        if let Some(scopes) = &self.scopes {
            return scopes.iter().map(|scope| scope.value.clone()).collect();
        }
        let scopes = find_server(self, view).and_then(|server| server.get("scopes")).and_then(Value::as_array);
        scopes.into_iter().flatten().filter_map(|scope| scope["value"].as_str().map(str::to_owned)).collect()
    }
}

/// What stands before the client's paths in `status.managed`.
const CLIENT_PREFIX: &str = "client.";

fn unanswered(reads: Vec<Read>, view: &View<'_>) -> Vec<Read> {
    reads.into_iter().filter(|read| !view.remote.has(read)).collect()
}

fn plan_server(spec: &Auth0ApiSpec, view: &View<'_>, plan: &mut Plan) -> Result<(), Refusal> {
    let want = resource_server(spec)?;
    let Some(have) = find_server(spec, view) else {
        let body = new_server(spec, view.owner)?;
        plan.calls.push(Call::Create { kind: ObjectKind::ResourceServer, body: body.into() });
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
    if !change.is_empty() {
        plan.calls.push(Call::Update { kind: ObjectKind::ResourceServer, id, body: change.into() });
    }
    Ok(())
}

fn plan_client(spec: &Auth0ApiSpec, view: &View<'_>, plan: &mut Plan) -> Result<Target, Refusal> {
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
        ownership::check_stamp(ObjectKind::Client, have, view.owner, spec.policies.adoption_policy)?;
    }
    let mut want = want;
    unset::add_unset(&mut want, managed_paths(view, CLIENT_PREFIX), unset::CLIENT);
    let mut body = Body::from(diff(&want, have));
    match secret_state(spec, view) {
        SecretState::Known => {}
        SecretState::NeverWritten => {
            body.secrets.insert("client_secret", view.fresh_secret.clone());
        }
        SecretState::Lost => {
            return Err(Refusal::new(
                Reason::SecretNotRecoverable,
                format!(
                    "the Secret {} is gone and the tenant does not show the client's secret; grant the operator's client the scope read:client_keys, or delete the client {id} in the tenant to have a new one made",
                    spec.secret_name(view.owner)
                ),
            ));
        }
    }
    if !body.fields.is_empty() || !body.secrets.is_empty() {
        plan.calls.push(Call::Update { kind: ObjectKind::Client, id: id.clone(), body });
    }
    Ok(Target::Known(id))
}

fn plan_grant(spec: &Auth0ApiSpec, view: &View<'_>, client: Target, plan: &mut Plan) -> Result<(), Refusal> {
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
fn managed_paths<'a>(view: &'a View<'_>, prefix: &'a str) -> impl Iterator<Item = &'a str> {
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
