//! Auth0Connection: a source of users, and the clients that it is enabled for.
//!
//! Every PATCH carries `display_name`, since leaving it out resets it to the name (Auth0's OpenAPI description). The options
//! are in `options.rs`.

mod options;

pub(super) use options::OF_CERTIFICATE;

use super::{
    Body, Call, Depth, Fields, Found, Held, Managed, Need, ObjectKind, Output, Owner, Plan, Read, Refusal, Situation,
    Target, TenantFacts, auth0_case, concealed, diff, fields, ownership, pointer, put, text, unset,
};
use crate::crd::{
    Auth0ConnectionSpec, Auth0ConnectionStatus, CommonStatus, DatabaseOptions, DeletionPolicy, EnabledClientsPolicy,
    Origin, Policies, STAMP_KEY, TenantRef,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

type View<'a> = Situation<'a, Auth0ConnectionStatus>;

impl Managed for Auth0ConnectionSpec {
    type Status = Auth0ConnectionStatus;
    const OBJECT: ObjectKind = ObjectKind::Connection;

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn tenant_ref(&self) -> Option<&TenantRef> {
        self.tenant_ref.as_ref()
    }

    fn common(status: &Auth0ConnectionStatus) -> &CommonStatus {
        &status.common
    }

    fn common_mut(status: &mut Auth0ConnectionStatus) -> &mut CommonStatus {
        &mut status.common
    }

    fn natural_key(&self, owner: &Owner, _connection: &dyn Fn(&str) -> Option<String>) -> String {
        self.effective_name(&owner.name)
    }

    fn needs_trust(&self) -> Option<&'static str> {
        if self.enabled_clients.iter().flatten().any(|client| client.client_id.is_some()) {
            return Some("spec.enabledClients[].clientId");
        }
        if self.enabled_clients_policy == Some(EnabledClientsPolicy::Exclusive) {
            return Some("spec.enabledClientsPolicy: Exclusive");
        }
        if self.is_domain_connection == Some(true) {
            return Some("spec.isDomainConnection");
        }
        // Scripts see every password that is typed into the connection.
        let typed = self.database.as_ref().is_some_and(|database| database.custom_scripts.is_some());
        let untyped = self.options.iter().any(|options| options.contains_key("customScripts"));
        let secret = options::places(self).any(|place| concealed::is_within(place, "/customScripts"));
        (typed || untyped || secret).then_some("customScripts")
    }

    fn check(&self, _tenant: &TenantFacts) -> Result<(), Refusal> {
        options::check(self)
    }

    fn managed(&self, owner: &Owner) -> Vec<String> {
        let want = connection(self, owner, Origin::Created).unwrap_or_default();
        let secret = options::places(self).map(|place| format!("options.{}", &place[1..]));
        unset::paths(&want, unset::CONNECTION).into_iter().chain(secret).collect()
    }

    fn needs(&self, _owner: &Owner) -> Vec<Need> {
        let references = self.enabled_clients.iter().flatten().filter_map(|client| client.api_ref.as_ref());
        let secrets = self.options_from.iter().flatten().map(|option| &option.secret_key_ref);
        let secrets = secrets.map(|secret| Need::Secret { name: secret.name.clone(), key: secret.key.clone() });
        references.map(|reference| Need::Api(reference.name.clone())).chain(secrets).collect()
    }

    fn finders(&self, owner: &Owner) -> Vec<Read> {
        vec![self.by_name(owner)]
    }

    fn held(&self, status: &Auth0ConnectionStatus) -> Vec<Held> {
        let Some(id) = status.common.id.clone() else { return vec![] };
        let minds_clients = self.enables_management_client()
            || self.enabled_clients.as_ref().is_some_and(|clients| !clients.is_empty())
            || !status.enabled_clients.is_empty()
            || self.minds_new_clients();
        let clients = minds_clients.then(|| Read::ConnectionClients(id.clone()).into());
        std::iter::once(Read::Get(ObjectKind::Connection, id).into()).chain(clients).collect()
    }

    fn minds_new_clients(&self) -> bool {
        self.enabled_clients_policy == Some(EnabledClientsPolicy::Exclusive)
    }

    fn conceals(&self) -> Vec<String> {
        options::places(self).map(str::to_owned).collect()
    }

    fn reads(&self, view: &View<'_>) -> Vec<Read> {
        let mut reads = vec![];
        if let Some(id) = &view.status.common.id {
            reads.push(Read::Get(ObjectKind::Connection, id.clone()));
        }
        let found = self.find(view);
        match found.and_then(|connection| text(connection, "id")) {
            None if view.depth == Depth::NaturalKeys => reads.push(self.by_name(view.owner)),
            Some(id) if !self.wanted_clients(view).is_empty() || !view.status.enabled_clients.is_empty() => {
                reads.push(Read::ConnectionClients(id.to_owned()));
            }
            _ => {}
        }
        reads.into_iter().filter(|read| !view.remote.has(read)).collect()
    }

    fn plan(&self, view: &View<'_>) -> Result<Plan, Refusal> {
        let mut plan = Plan::default();
        let Some(have) = self.find(view) else {
            let mut body = Body::from(connection(self, view.owner, Origin::Created)?);
            body.fields.insert("name".to_owned(), self.effective_name(&view.owner.name).into());
            body.fields.insert("strategy".to_owned(), self.strategy.clone().into());
            options::create(self, view, &mut body);
            plan.calls.push(Call::Create { kind: ObjectKind::Connection, body });
            let changes: Vec<_> = self.wanted_clients(view).into_iter().map(|client| (client, true)).collect();
            enable(&Target::CreatedByThisPlan, &changes, &mut plan);
            return Ok(plan);
        };
        let id = text(have, "id").unwrap_or_default().to_owned();
        let mut origin = view.status.common.origin.unwrap_or(Origin::Created);
        if view.status.common.id.as_deref() != Some(&id) {
            origin = ownership::judge(ObjectKind::Connection, have, view.owner, self.policies.adoption_policy, false)?;
            plan.found.push(Found { kind: ObjectKind::Connection, id: id.clone(), origin });
        } else {
            ownership::check_stamp(ObjectKind::Connection, have, view.owner)?;
        }
        let strategy = text(have, "strategy").unwrap_or_default();
        if strategy != self.strategy {
            return Err(Refusal::invalid(format!(
                "the connection {id} in the tenant has strategy {strategy}, which never changes; delete it there or choose another spec.name"
            )));
        }
        let mut change = self.change(have, origin, view)?;
        if let (Some(Value::Object(metadata)), Some(Value::Object(current))) =
            (change.fields.get_mut("metadata"), have.get("metadata"))
            && let Some(ahead) = unset::send_ahead(metadata, current)
        {
            let mut first: Fields = [("metadata".to_owned(), ahead.into())].into_iter().collect();
            first.extend(change.fields.get("display_name").map(|name| ("display_name".to_owned(), name.clone())));
            plan.calls.push(Call::Update { kind: ObjectKind::Connection, id: id.clone(), body: first.into() });
        }
        if !change.fields.is_empty() {
            plan.calls.push(Call::Update { kind: ObjectKind::Connection, id: id.clone(), body: change });
        }
        enable(&Target::Known(id.clone()), &self.client_changes(&id, view), &mut plan);
        Ok(plan)
    }

    /// A client counts as enabled by us before the call: else, after a lost answer, it would stay when it leaves the list.
    fn announce(&self, status: &mut Auth0ConnectionStatus, plan: &Plan, view: &View<'_>) {
        // Secrets that were found in the tenant as they are in the cluster count as written.
        if !plan.calls.iter().any(writes_options) {
            status.options_fingerprint = options::fingerprint(self, view);
        }
        for call in &plan.calls {
            let Call::EnableClients { changes, .. } = call else { continue };
            let enabled = changes.iter().filter(|(_, is_enabled)| *is_enabled).map(|(client, _)| client.clone());
            let ours: BTreeSet<String> = status.enabled_clients.drain(..).chain(enabled).collect();
            status.enabled_clients = ours.into_iter().collect();
        }
    }

    fn is_enabled_by_us(status: &Auth0ConnectionStatus, client: &str) -> bool {
        status.enabled_clients.iter().any(|other| other == client)
    }

    fn record(&self, status: &mut Auth0ConnectionStatus, call: &Call, answer: &Fields, view: &View<'_>) {
        if writes_options(call) {
            status.options_fingerprint = options::fingerprint(self, view);
        }
        match call {
            Call::Create { .. } => {
                status.common.id = text(answer, "id").map(str::to_owned);
                status.common.origin = Some(Origin::Created);
            }
            Call::EnableClients { changes, .. } => {
                let mut ours: BTreeSet<String> = status.enabled_clients.drain(..).collect();
                for (client, enabled) in changes {
                    if *enabled {
                        ours.insert(client.clone())
                    } else {
                        ours.remove(client)
                    };
                }
                status.enabled_clients = ours.into_iter().collect();
            }
            Call::CreateGrant { .. } | Call::Update { .. } | Call::Delete { .. } => {}
        }
    }

    fn record_found(&self, status: &mut Auth0ConnectionStatus, found: &Found, _view: &View<'_>) {
        status.common.id = Some(found.id.clone());
        status.common.origin = Some(found.origin);
    }

    fn output(&self, _view: &View<'_>) -> Option<Output> {
        None
    }

    /// Deleting a connection deletes its users, so it is left in the tenant unless `Delete` is written.
    fn deletion_policy(&self, _origin: Option<Origin>) -> DeletionPolicy {
        self.policies.deletion_policy.unwrap_or(DeletionPolicy::Orphan)
    }
}

impl Auth0ConnectionSpec {
    /// The connection's name in the tenant.
    pub fn effective_name(&self, resource_name: &str) -> String {
        self.name.clone().unwrap_or_else(|| resource_name.to_owned())
    }

    /// Whether the operator's own client is to be enabled. Auth0 refuses `POST /users` unless the calling client is.
    pub fn enables_management_client(&self) -> bool {
        self.enable_management_client.unwrap_or(matches!(self.strategy.as_str(), "auth0" | "email" | "sms"))
    }

    /// Whether users can be made without a password, as far as the spec tells.
    pub fn is_password_optional(&self) -> bool {
        let behavior = "/authentication_methods/password/api_behavior";
        options::wanted(self).is_ok_and(|wanted| pointer::find(&wanted, behavior) == Some(&"optional".into()))
    }

    fn by_name(&self, owner: &Owner) -> Read {
        Read::ConnectionNamed(self.effective_name(&owner.name))
    }

    fn find<'a>(&self, view: &'a View<'_>) -> Option<&'a Fields> {
        let by_id = view.status.common.id.clone().map(|id| Read::Get(ObjectKind::Connection, id));
        // An id counts only with its natural key: a status can be restored or edited.
        let name = self.effective_name(&view.owner.name);
        let is_meant = |connection: &&Fields| text(connection, "name") == Some(&name);
        let by_name = || view.remote.one(&self.by_name(view.owner));
        by_id.and_then(|read| view.remote.one(&read)).filter(is_meant).or_else(by_name)
    }

    /// What to PATCH, with what must come along so that nothing of others is lost.
    fn change(&self, have: &Fields, origin: Origin, view: &View<'_>) -> Result<Body, Refusal> {
        let mut want = connection(self, view.owner, origin)?;
        let secrets: Vec<_> = options::places(self).map(|place| format!("options.{}", &place[1..])).collect();
        let managed = view.status.common.managed.iter().filter(|path| !secrets.contains(path));
        unset::add_unset(&mut want, managed.map(String::as_str), unset::CONNECTION);
        let name = self.effective_name(&view.owner.name);
        for (key, default) in [("display_name", json!(name)), ("realms", json!([name]))] {
            if let Some(unset) = want.get_mut(key).filter(|wanted| wanted.is_null()) {
                *unset = default;
            }
        }
        let wanted = want.remove("options").map(fields).unwrap_or_default();
        let mut body = Body::from(diff(&want, have));
        options::change(self, &wanted, have, view, &mut body)?;
        let change = &mut body.fields;
        if change.is_empty() {
            return Ok(body);
        }
        if let (Some(Value::Object(wanted)), Some(Value::Object(metadata))) =
            (change.get("metadata"), have.get("metadata"))
        {
            let mut merged = metadata.clone();
            merged.extend(wanted.clone());
            change.insert("metadata".to_owned(), Value::Object(merged));
        }
        if let Some(display_name) = want.get("display_name").or_else(|| have.get("display_name")) {
            change.insert("display_name".to_owned(), display_name.clone());
        }
        Ok(body)
    }

    fn wanted_clients(&self, view: &View<'_>) -> BTreeSet<String> {
        let references =
            self.enabled_clients.iter().flatten().filter_map(|client| match (&client.api_ref, &client.client_id) {
                (Some(reference), _) => view.references.api_clients.get(&reference.name).cloned(),
                (None, id) => id.clone(),
            });
        let management = self.enables_management_client().then(|| view.tenant.management_client.clone());
        references.chain(management).collect()
    }

    fn client_changes(&self, id: &str, view: &View<'_>) -> Vec<(String, bool)> {
        let wanted = self.wanted_clients(view);
        let clients = view.remote.all(&Read::ConnectionClients(id.to_owned()));
        let enabled: BTreeSet<String> =
            clients.iter().filter_map(|client| text(client, "client_id").map(str::to_owned)).collect();
        let ours: BTreeSet<String> = view.status.enabled_clients.iter().cloned().collect();
        let surplus: BTreeSet<String> = match self.enabled_clients_policy.unwrap_or(EnabledClientsPolicy::Additive) {
            EnabledClientsPolicy::Additive => {
                ours.intersection(&enabled).filter(|id| !wanted.contains(*id)).cloned().collect()
            }
            EnabledClientsPolicy::Exclusive => enabled.difference(&wanted).cloned().collect(),
        };
        let missing = wanted.difference(&enabled).map(|client| (client.clone(), true));
        missing.chain(surplus.into_iter().map(|client| (client, false))).collect()
    }
}

fn writes_options(call: &Call) -> bool {
    matches!(call, Call::Create { kind: ObjectKind::Connection, body } | Call::Update { body, .. } if body.fields.contains_key("options"))
}

fn enable(connection: &Target, changes: &[(String, bool)], plan: &mut Plan) {
    for changes in changes.chunks(Call::CLIENTS_PER_CALL) {
        plan.calls.push(Call::EnableClients { connection: connection.clone(), changes: changes.to_vec() });
    }
}

/// The connection as wanted, in Auth0's names; without name and strategy, which never change.
fn connection(spec: &Auth0ConnectionSpec, owner: &Owner, origin: Origin) -> Result<Fields, Refusal> {
    let Auth0ConnectionSpec {
        tenant_ref: _,
        name: _,
        strategy: _,
        display_name,
        realms,
        is_domain_connection,
        show_as_button,
        metadata,
        authentication,
        connected_accounts,
        database: _,
        options: _,
        options_from: _,
        enabled_clients: _,
        enabled_clients_policy: _,
        enable_management_client: _,
        policies: _,
    } = spec;
    let mut want = Fields::new();
    put(&mut want, "display_name", display_name.as_ref())?;
    put(&mut want, "realms", realms.as_ref())?;
    put(&mut want, "is_domain_connection", *is_domain_connection)?;
    put(&mut want, "show_as_button", *show_as_button)?;
    put(&mut want, "authentication", auth0_case(authentication.as_ref())?)?;
    put(&mut want, "connected_accounts", auth0_case(connected_accounts.as_ref())?)?;
    let mut stamped: Fields =
        metadata.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    stamped.insert(STAMP_KEY.to_owned(), owner.stamp(origin).into());
    want.insert("metadata".to_owned(), Value::Object(stamped));
    let wanted = options::wanted(spec)?;
    if !wanted.is_empty() {
        want.insert("options".to_owned(), Value::Object(wanted));
    }
    Ok(want)
}

/// Typed database options in Auth0's names. Auth0 itself mixes spellings: these three are camelCase on the wire.
fn database_options(database: Option<&DatabaseOptions>) -> Result<Fields, Refusal> {
    const CAMEL_CASE: [(&str, &str); 3] = [
        ("password_policy", "passwordPolicy"),
        ("enabled_database_customization", "enabledDatabaseCustomization"),
        ("custom_scripts", "customScripts"),
    ];
    let Some(Value::Object(mut options)) = auth0_case(database)? else { return Ok(Fields::new()) };
    for (ours, auth0s) in CAMEL_CASE {
        if let Some(value) = options.remove(ours) {
            options.insert(auth0s.to_owned(), value);
        }
    }
    Ok(options)
}
