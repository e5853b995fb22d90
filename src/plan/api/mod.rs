//! Auth0Api: a resource server, its non interactive client, the grant between them, and the Secret for the application.
//!
//! `POST /resource-servers` makes neither client nor grant (no recording has one); the dashboard makes both, and users expect
//! them. A client, once made, is ours whatever the API's origin.

mod calls;
mod desired;
mod output;
mod remote;
mod rotation;
mod signing;

use super::{
    Call, Depth, Fields, Found, Held, Managed, Need, ObjectKind, Output, Owner, Plan, Read, Reason, Refusal, Situation,
    TenantFacts, is_system_identifier, text, unset,
};
use crate::crd::{
    ApiClientStatus, Auth0ApiSpec, Auth0ApiStatus, ClientPolicy, CommonStatus, DeletionPolicy, Origin, Policies,
    SecretKeyRef, TenantRef,
};
use calls::{managed_paths, plan_client, plan_grant, plan_server};
use desired::{client, resource_server};
use remote::{digest_of_key, find_client, find_grant, find_server, is_announced};
use rotation::{Step, asked, has_nothing_to_rotate, kept, rotated_at, step};
use serde_json::Value;
use signing::{SIGNING_SECRET, Signing};
use std::time::Duration;

type View<'a> = Situation<'a, Auth0ApiStatus>;

impl Managed for Auth0ApiSpec {
    type Status = Auth0ApiStatus;
    const OBJECT: ObjectKind = ObjectKind::ResourceServer;

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

    fn natural_key(&self, _owner: &Owner, _connection: &dyn Fn(&str) -> Option<String>) -> String {
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
        Ok(())
    }

    fn managed(&self, owner: &Owner) -> Vec<String> {
        let client = self.wants_client().then(|| client(self, owner).ok()).flatten().unwrap_or_default();
        let server = resource_server(self).unwrap_or_default();
        let client_paths =
            unset::paths(&client, unset::CLIENT).into_iter().map(|path| format!("{CLIENT_PREFIX}{path}"));
        unset::paths(&server, unset::RESOURCE_SERVER).into_iter().chain(client_paths).collect()
    }

    fn needs(&self, owner: &Owner) -> Vec<Need> {
        let signing = self.signing_secret_ref.clone().map(|SecretKeyRef { name, key }| Need::Secret { name, key });
        let output = self.wants_client().then(|| Need::Output(self.secret_name(owner)));
        signing.into_iter().chain(output).collect()
    }

    fn former_output(&self, owner: &Owner, status: &Auth0ApiStatus) -> Option<String> {
        let written = status.client.as_ref()?.secret_name.clone()?;
        (self.wants_client() && written != self.secret_name(owner)).then_some(written)
    }

    fn finders(&self, _owner: &Owner) -> Vec<Read> {
        vec![Read::Get(ObjectKind::ResourceServer, self.identifier.clone())]
    }

    fn held(&self, status: &Auth0ApiStatus) -> Vec<Held> {
        let client = status.client.as_ref();
        let server = status
            .common
            .id
            .clone()
            .map(|id| Held { read: Read::Get(ObjectKind::ResourceServer, id), alias: Some(self.identifier.clone()) });
        let client_id = client.and_then(|client| client.id.clone());
        let grant_id = client.and_then(|client| client.grant_id.clone());
        let others = [(ObjectKind::Client, client_id), (ObjectKind::ClientGrant, grant_id)];
        let others = others.into_iter().filter_map(|(kind, id)| Some(Read::Get(kind, id?).into()));
        server.into_iter().chain(others).collect()
    }

    fn sought(&self, status: &Auth0ApiStatus, owner: &Owner) -> Vec<Read> {
        let client = status.client.as_ref().and_then(|client| client.id.as_deref());
        self.finders(owner).into_iter().chain(client.map(|client| self.grants(client))).collect()
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
            if matches!(step(self, view), Step::Lost) {
                reads.push(Read::ClientSecret(client.to_owned()));
            }
        }
        unanswered(reads, view)
    }

    fn plan(&self, view: &View<'_>) -> Result<Plan, Refusal> {
        let mut plan = Plan::default();
        plan_server(self, view, &mut plan)?;
        if let Some(notice) = nothing_to_rotate(self, view) {
            plan.notices.push(notice.to_owned());
        }
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

    fn announce(&self, status: &mut Auth0ApiStatus, plan: &Plan, view: &View<'_>) {
        if !plan.calls.iter().any(sets_signing_secret) {
            status.signing_secret_fingerprint =
                match find_server(self, view).map(|have| signing::compare(self, have, view)) {
                    Some(Signing::AsWanted | Signing::Unknown) => signing::fingerprint(self, view),
                    _ => status.signing_secret_fingerprint.take(),
                };
        }
        if nothing_to_rotate(self, view).is_some() {
            status.last_handled_rotate_at = asked(view).map(str::to_owned);
        }
    }

    fn record(&self, status: &mut Auth0ApiStatus, call: &Call, answer: &Fields, view: &View<'_>) {
        let id = text(answer, call.kind().id_key()).map(str::to_owned);
        if sets_signing_secret(call) {
            status.signing_secret_fingerprint = signing::fingerprint(self, view);
        }
        // A secret that was just made answers whoever asks for a new one.
        let is_new_client = call.is_create() && call.kind() == ObjectKind::Client;
        let is_replaced = sets_client_secret(call) && kept(self, view).is_none();
        if (is_new_client || is_replaced) && view.rotation.asked.is_some() {
            status.last_handled_rotate_at.clone_from(&view.rotation.asked);
        }
        if let Some(client) = status.client.as_mut().filter(|client| is_replaced && client.secret_name.is_some()) {
            client.secret_rotated_at = Some(rotated_at(view));
        }
        if let (Call::Create { body, .. } | Call::Update { body, .. }, ObjectKind::ResourceServer) = (call, call.kind())
            && let Some(encryption) = body.fields.get("token_encryption")
        {
            status.token_encryption_key = digest_of_key(encryption);
        }
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

    fn output_ahead(&self, plan: &Plan, view: &View<'_>) -> Option<Output> {
        if plan.calls.iter().any(sets_client_secret) { output::with_next(self, view) } else { None }
    }

    fn output(&self, view: &View<'_>) -> Option<Output> {
        output::output(self, view)
    }

    fn record_output(&self, status: &mut Auth0ApiStatus, output: &Output, view: &View<'_>) {
        let client = status.client.get_or_insert_default();
        client.secret_name = Some(output.name.clone());
        if let (Step::Promote(_), Some(sent)) = (step(self, view), &view.rotation.sent) {
            client.secret_rotated_at = Some(rotated_at(view));
            status.last_handled_rotate_at = sent.asked.clone().or(status.last_handled_rotate_at.take());
        }
    }

    fn due_in(&self, view: &View<'_>) -> Option<Duration> {
        match step(self, view) {
            Step::Settle(left) => Some(left),
            _ => rotation::due_in(self, view),
        }
    }

    fn news(before: &Auth0ApiStatus, after: &Auth0ApiStatus) -> Option<(&'static str, &'static str)> {
        let rotated = |status: &Auth0ApiStatus| status.client.clone().and_then(|client| client.secret_rotated_at);
        (rotated(after).is_some() && rotated(before) != rotated(after)).then_some((
            "SecretRotated",
            "the client secret was replaced; the Secret for applications holds the new one",
        ))
    }

    fn removal_reads(&self, view: &View<'_>) -> Vec<Read> {
        if !view.announced {
            return vec![];
        }
        let mut reads = vec![];
        if view.status.common.id.is_none() {
            reads.extend(self.finders(view.owner));
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
        // Those that left the spec leave the API in this very pass.
        if managed_paths(view, "").any(|path| path == "scopes") {
            return vec![];
        }
        let scopes = find_server(self, view).and_then(|server| server.get("scopes")).and_then(Value::as_array);
        scopes.into_iter().flatten().filter_map(|scope| scope["value"].as_str().map(str::to_owned)).collect()
    }
}

/// The key of the client secret in bodies of clients.
const CLIENT_SECRET: &str = "/client_secret";

fn sets_client_secret(call: &Call) -> bool {
    matches!(call, Call::Update { kind: ObjectKind::Client, body, .. } if body.secrets.contains_key(CLIENT_SECRET))
}

fn sets_signing_secret(call: &Call) -> bool {
    match call {
        Call::Create { body, .. } | Call::Update { body, .. } => body.secrets.contains_key(SIGNING_SECRET),
        Call::CreateGrant { .. } | Call::Delete { .. } | Call::EnableClients { .. } => false,
    }
}

/// What somebody is told who asks for a new client secret where there is none to replace.
fn nothing_to_rotate(spec: &Auth0ApiSpec, view: &View<'_>) -> Option<&'static str> {
    asked(view).filter(|_| has_nothing_to_rotate(spec)).map(|_| {
        "a new client secret was asked for, and there is none to replace: the client is public (tokenEndpointAuthMethod: none), or the spec wants none"
    })
}

/// What stands before the client's paths in `status.managed`.
const CLIENT_PREFIX: &str = "client.";

fn unanswered(reads: Vec<Read>, view: &View<'_>) -> Vec<Read> {
    reads.into_iter().filter(|read| !view.remote.has(read)).collect()
}
