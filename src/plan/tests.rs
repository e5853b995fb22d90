//! Plans of the three kinds, from minimal YAML through the real types. A small tenant answers reads and takes calls.

mod api_secrets;
mod connections;
mod users;

use super::*;
use crate::crd::{Auth0ApiSpec, Auth0ConnectionSpec, Auth0UserSpec};
use serde_json::json;

mod changed;

/// A tenant as plans see it: objects by kind and id, and clients enabled on connections.
#[derive(Default)]
struct Tenant {
    objects: BTreeMap<(ObjectKind, String), Fields>,
    enabled: BTreeMap<String, Vec<String>>,
    /// What is behind the digests in the options of its connection.
    option_secrets: BTreeMap<String, SecretString>,
}

impl Tenant {
    fn with(mut self, kind: ObjectKind, object: Value) -> Self {
        let object = fields(object);
        self.objects.insert((kind, text(&object, kind.id_key()).unwrap().to_owned()), object);
        self
    }

    fn answer(&self, read: &Read) -> Vec<Fields> {
        let of = |kind: ObjectKind, is_meant: &dyn Fn(&Fields) -> bool| -> Vec<Fields> {
            self.objects
                .iter()
                .filter(|((other, _), object)| *other == kind && is_meant(object))
                .map(|(_, object)| object.clone())
                .collect()
        };
        match read {
            Read::Get(kind, id) => of(*kind, &|object| {
                text(object, kind.id_key()) == Some(id)
                    || *kind == ObjectKind::ResourceServer && text(object, "identifier") == Some(id)
            }),
            Read::ConnectionNamed(name) => of(ObjectKind::Connection, &|object| text(object, "name") == Some(name)),
            Read::StampedClient(stamp) => {
                of(ObjectKind::Client, &|object| stamp_of(ObjectKind::Client, object) == Some(stamp))
            }
            Read::Grants { client, audience } => of(ObjectKind::ClientGrant, &|object| {
                text(object, "client_id") == Some(client) && text(object, "audience") == Some(audience)
            }),
            Read::UsersWithEmail(email) => of(ObjectKind::User, &|object| text(object, "email") == Some(email)),
            Read::UsersWith { field, value } => of(ObjectKind::User, &|object| text(object, field) == Some(value)),
            Read::ConnectionClients(id) => {
                self.enabled.get(id).into_iter().flatten().map(|client| fields(json!({"client_id": client}))).collect()
            }
            Read::ClientSecret(_) | Read::ClientStamps => vec![],
        }
    }

    /// Takes a call as Auth0 would, as far as plans depend on it; gives the answer.
    fn take(&mut self, call: &Call, created: &mut BTreeMap<ObjectKind, String>) -> Fields {
        let id_of = |target: &Target, kind: ObjectKind, created: &BTreeMap<ObjectKind, String>| match target {
            Target::Known(id) => id.clone(),
            Target::CreatedByThisPlan => created[&kind].clone(),
        };
        let (kind, id, changes) = match call {
            Call::Create { kind, body } => {
                let mut object = body.fields.clone();
                let id =
                    text(&object, "user_id").map_or_else(|| format!("{}-1", kind.noun()), |id| format!("auth0|{id}"));
                object.insert(kind.id_key().to_owned(), id.clone().into());
                (*kind, id, object)
            }
            Call::CreateGrant { client, fields } => {
                let mut object = fields.clone();
                object.insert("client_id".to_owned(), id_of(client, ObjectKind::Client, created).into());
                object.insert("id".to_owned(), "cgr_1".into());
                (ObjectKind::ClientGrant, "cgr_1".to_owned(), object)
            }
            Call::Update { kind, id, body } => (*kind, id.clone(), body.fields.clone()),
            Call::Delete { kind, id } => {
                self.objects.remove(&(*kind, id.clone()));
                return Fields::new();
            }
            Call::EnableClients { connection, changes } => {
                let enabled = self.enabled.entry(id_of(connection, ObjectKind::Connection, created)).or_default();
                for (client, is_enabled) in changes {
                    enabled.retain(|other| other != client);
                    if *is_enabled {
                        enabled.push(client.clone());
                    }
                }
                return Fields::new();
            }
        };
        created.insert(kind, id.clone());
        let object = self.objects.entry((kind, id)).or_default();
        for (key, value) in changes {
            match (object.get_mut(&key), value) {
                (Some(Value::Object(have)), Value::Object(new)) if key.ends_with("metadata") => have.extend(new),
                (_, value) => {
                    object.insert(key, value);
                }
            }
        }
        object.clone()
    }
}

struct Case<Spec: Managed> {
    spec: Spec,
    status: Spec::Status,
    references: References,
    rotation: Rotation,
    spec_changed: bool,
}

fn owner() -> Owner {
    Owner { cluster: "c1".into(), namespace: "shop".into(), name: "orders".into(), uid: "4711".into() }
}

fn facts() -> TenantFacts {
    TenantFacts {
        domain: "example.eu.auth0.com".into(),
        endpoint: None,
        custom_domain: None,
        management_client: "operator".into(),
    }
}

impl<Spec: Managed + serde::de::DeserializeOwned> Case<Spec> {
    fn new(yaml: &str) -> Self {
        Self {
            spec: serde_saphyr::from_str(yaml).unwrap(),
            status: Spec::Status::default(),
            references: References::default(),
            rotation: Rotation::default(),
            spec_changed: true,
        }
    }

    /// Plans against the tenant, looking by natural key as after a 409.
    fn plan(&self, tenant: &Tenant, depth: Depth) -> Result<Plan, Refusal> {
        self.view(tenant, depth, |view| self.spec.plan(view))
    }

    fn view<T>(&self, tenant: &Tenant, depth: Depth, then: impl FnOnce(&Situation<'_, Spec::Status>) -> T) -> T {
        let (owner, facts, key, secret) =
            (owner(), facts(), fingerprint::Key::new(b"key"), SecretString::from("fresh"));
        let mut remote = Remote { option_secrets: tenant.option_secrets.clone(), ..Remote::default() };
        loop {
            let situation = Situation {
                owner: &owner,
                tenant: &facts,
                references: &self.references,
                status: &self.status,
                remote: &remote,
                depth,
                announced: Spec::common(&self.status).pending.is_some(),
                spec_changed: self.spec_changed,
                key: &key,
                rotation: &self.rotation,
                fresh_secret: &secret,
                client_secret: None,
            };
            let reads = self.spec.reads(&situation);
            if reads.is_empty() {
                return then(&situation);
            }
            for read in reads {
                let answer = tenant.answer(&read);
                remote.insert(read, answer);
            }
        }
    }

    /// Plans, executes and records.
    fn converge(&mut self, tenant: &mut Tenant, depth: Depth) -> Vec<String> {
        let plan = self.plan(tenant, depth).unwrap();
        let mut created = BTreeMap::new();
        let mut status = self.status.clone();
        for found in &plan.found {
            self.view(tenant, depth, |view| self.spec.record_found(&mut status, found, view));
        }
        for call in &plan.calls {
            let answer = tenant.take(call, &mut created);
            self.view(tenant, depth, |view| self.spec.record(&mut status, call, &answer, view));
        }
        self.status = status;
        plan.calls.iter().map(ToString::to_string).collect()
    }

    fn planned(&self, tenant: &Tenant) -> Vec<String> {
        self.plan(tenant, Depth::KnownIds).unwrap().calls.iter().map(ToString::to_string).collect()
    }
}

const API: &str =
    "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 3600, scopes: [{value: 'read:orders'}]}";
const CONNECTION: &str =
    "{strategy: auth0, name: Orders, database: {disableSignup: true}, enabledClients: [{clientId: abc}]}";
const USER: &str = "{connectionRef: {name: db}, email: Ada@example.com, name: Ada, password: {secretKeyRef: {name: ada, key: password}}}";

fn api() -> Case<Auth0ApiSpec> {
    Case::new(API)
}

fn reference(strategy: &str) -> ConnectionReference {
    ConnectionReference { name: "Orders".into(), strategy: strategy.into(), is_password_optional: false }
}

fn user() -> Case<Auth0UserSpec> {
    let mut case = Case::<Auth0UserSpec>::new(USER);
    case.references.connections.insert("db".into(), reference("auth0"));
    case.references.secrets.insert(("ada".into(), "password".into()), SecretString::from("canary"));
    case
}

#[test]
fn an_api_is_made_with_its_client_and_grant_and_then_left_alone() {
    let (mut case, mut tenant) = (api(), Tenant::default());
    assert_eq!(
        case.converge(&mut tenant, Depth::KnownIds),
        ["create the API", "create the client", "create the client grant"]
    );
    let client = case.status.client.clone().unwrap();
    assert_eq!((client.id.as_deref(), client.grant_id.as_deref()), (Some("client-1"), Some("cgr_1")));
    let output = case.view(&tenant, Depth::KnownIds, |view| {
        let secret = SecretString::from("s");
        case.spec.output(&Situation { client_secret: Some(&secret), ..*view })
    });
    let output = output.unwrap();
    assert_eq!(
        output.data.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "audience",
            "authorizationUrl",
            "clientId",
            "clientSecret",
            "domain",
            "issuer",
            "jwksUri",
            "scope",
            "tokenUrl"
        ]
    );
    case.references
        .outputs
        .insert(output.name.clone(), ExistingOutput { owned: true, data: output.data, ..Default::default() });
    assert_eq!(case.planned(&tenant), Vec::<String>::new());
}

#[test]
fn a_change_of_an_api_is_one_call_for_each_object_touched() {
    for (case, change, calls) in [
        (
            "the API",
            "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 60, scopes: [{value: 'read:orders'}]}",
            vec!["update token_lifetime of the API API-1"],
        ),
        (
            "its scopes",
            "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 3600, scopes: [{value: 'read:all'}]}",
            vec!["update scopes of the API API-1", "update scope of the client grant cgr_1"],
        ),
        (
            "the client",
            "{identifier: 'https://orders.example.com/', name: Orders, client: {name: New}}",
            vec!["update name of the client client-1"],
        ),
        ("fields left out are left alone", "{identifier: 'https://orders.example.com/'}", vec![]),
    ] {
        let (mut api, mut tenant) = (api(), Tenant::default());
        api.converge(&mut tenant, Depth::KnownIds);
        let data = [("clientSecret".to_owned(), SecretString::from("s"))].into();
        api.references
            .outputs
            .insert("orders-client".into(), ExistingOutput { owned: true, data, ..Default::default() });
        api.spec = serde_saphyr::from_str(change).unwrap();
        assert_eq!(api.planned(&tenant), calls, "{case}");
    }
}

#[test]
fn an_api_of_somebody_else_is_taken_over_only_when_asked() {
    let theirs = || {
        Tenant::default().with(
            ObjectKind::ResourceServer,
            json!({"id": "rs9", "identifier": "https://orders.example.com/", "name": "X"}),
        )
    };
    let refusal = api().plan(&theirs(), Depth::NaturalKeys).unwrap_err();
    assert_eq!(refusal.reason, Reason::AlreadyExists);
    assert!(refusal.message.contains("adoptionPolicy: Adopt"), "{}", refusal.message);
    let mut adopting = api();
    adopting.spec.policies.adoption_policy = Some(crate::crd::AdoptionPolicy::Adopt);
    let calls = adopting.converge(&mut theirs(), Depth::NaturalKeys);
    assert_eq!(
        calls,
        ["update name, scopes, token_lifetime of the API rs9", "create the client", "create the client grant"]
    );
    assert_eq!(adopting.status.common.origin, Some(Origin::Adopted));
    assert_eq!(adopting.spec.deletion_policy(Some(Origin::Adopted)), DeletionPolicy::Orphan);
}

#[test]
fn an_api_that_an_announced_create_made_is_ours_unless_somebody_made_another() {
    let mut case = api();
    let create = case.plan(&Tenant::default(), Depth::KnownIds).unwrap().calls.remove(0);
    let Call::Create { body, .. } = &create else { panic!("{create}") };
    case.status.common.pending =
        Some(crate::crd::Pending { key: "https://orders.example.com/".into(), digest: digest(&body.fields) });
    case.status.common.managed = case.spec.managed(&owner());
    let mut object = body.fields.clone();
    object.extend(fields(json!({"id": "rs1", "signing_alg": "RS256", "allow_offline_access": false})));
    let ours = Tenant::default().with(ObjectKind::ResourceServer, Value::Object(object.clone()));
    let plan = case.plan(&ours, Depth::NaturalKeys).unwrap();
    assert_eq!(plan.found, [Found { kind: ObjectKind::ResourceServer, id: "rs1".into(), origin: Origin::Created }]);
    object.insert("token_lifetime".into(), 1.into());
    let other = Tenant::default().with(ObjectKind::ResourceServer, Value::Object(object));
    assert_eq!(case.plan(&other, Depth::NaturalKeys).unwrap_err().reason, Reason::AlreadyExists);
}

#[test]
fn a_client_secret_that_was_never_written_down_is_set_anew_and_one_that_was_deleted_is_not() {
    let (mut case, mut tenant) = (api(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    assert_eq!(case.planned(&tenant), ["update client_secret of the client client-1"]);
    case.status.client.as_mut().unwrap().secret_name = Some("orders-client".into());
    assert_eq!(case.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::SecretNotRecoverable);
    case.references.outputs.insert("orders-client".into(), ExistingOutput::default());
    assert_eq!(case.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::SecretNotOwned);
}

#[test]
fn a_connection_is_made_and_enabled_and_its_options_are_merged() {
    let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
    assert_eq!(
        case.converge(&mut tenant, Depth::KnownIds),
        ["create the connection", "change 2 enabled clients of the connection"]
    );
    assert_eq!(case.status.enabled_clients, ["abc", "operator"]);
    assert_eq!(case.planned(&tenant), Vec::<String>::new());

    let connection = tenant.objects.get_mut(&(ObjectKind::Connection, "connection-1".into())).unwrap();
    connection["options"]["mfa"] = json!({"active": true});
    connection.insert("display_name".into(), "Theirs".into());
    case.spec =
        serde_saphyr::from_str("{strategy: auth0, name: Orders, database: {disableSignup: false}, enabledClients: []}")
            .unwrap();
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    let [Call::Update { body, .. }, Call::EnableClients { changes, .. }] = plan.calls.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        body.fields,
        fields(json!({"display_name": "Theirs", "options": {"disable_signup": false, "mfa": {"active": true}}}))
    );
    assert_eq!(*changes, [("abc".to_owned(), false)]);
}

#[test]
fn clients_that_others_enabled_are_left_alone_unless_the_list_is_exclusive() {
    for (policy, expected) in [("Additive", vec![]), ("Exclusive", vec![("theirs".to_owned(), false)])] {
        let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
        case.converge(&mut tenant, Depth::KnownIds);
        tenant.enabled.get_mut("connection-1").unwrap().push("theirs".into());
        case.spec.enabled_clients_policy = Some(serde_saphyr::from_str(policy).unwrap());
        let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
        let changes: Vec<_> = plan
            .calls
            .iter()
            .flat_map(|call| match call {
                Call::EnableClients { changes, .. } => changes.clone(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(changes, expected, "{policy}");
    }
}

#[test]
fn a_connection_stays_in_the_tenant_unless_delete_is_written() {
    let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    let removal = |case: &Case<Auth0ConnectionSpec>| {
        case.view(&tenant, Depth::KnownIds, |view| case.spec.plan_removal(view)).calls.len()
    };
    assert_eq!(removal(&case), 0);
    case.spec.policies.deletion_policy = Some(DeletionPolicy::Delete);
    assert_eq!(removal(&case), 1);
}

#[test]
fn a_user_is_made_in_one_call_and_no_plan_shows_the_password() {
    let (mut case, mut tenant) = (user(), Tenant::default());
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    assert!(!format!("{plan:?}").contains("canary"));
    assert_eq!(case.converge(&mut tenant, Depth::KnownIds), ["create the user"]);
    let made = &tenant.objects[&(ObjectKind::User, "auth0|4711".into())];
    assert_eq!(
        (text(made, "email"), text(made, "connection"), &made["verify_email"]),
        (Some("ada@example.com"), Some("Orders"), &json!(false))
    );
    assert_eq!(case.planned(&tenant), Vec::<String>::new());
    case.references.secrets.insert(("ada".into(), "password".into()), SecretString::from("another"));
    assert_eq!(case.planned(&tenant), ["update connection, password of the user auth0|4711"]);
}

#[test]
fn changes_of_a_user_are_split_as_auth0_takes_them() {
    let (mut case, mut tenant) = (user(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    case.spec = serde_saphyr::from_str(
        "{connectionRef: {name: db}, email: eve@example.com, emailVerified: true, username: eve, name: Eve, appMetadata: {plan: gold}, password: {secretKeyRef: {name: ada, key: password}}}",
    )
    .unwrap();
    assert_eq!(
        case.planned(&tenant),
        [
            "update connection, username of the user auth0|4711",
            "update connection, email, email_verified of the user auth0|4711",
            "update app_metadata, connection, name of the user auth0|4711",
        ]
    );
    case.spec_changed = false;
    assert!(!case.planned(&tenant).join(" ").contains(", name of"), "what people change themselves is not corrected");
}

#[test]
fn a_block_that_somebody_set_is_not_taken_back_but_our_own_is() {
    for (case, blocked_before, expected) in
        [("somebody's", false, vec![]), ("our own", true, vec!["update blocked, connection of the user auth0|4711"])]
    {
        let (mut user, mut tenant) = (user(), Tenant::default());
        user.spec.blocked = Some(blocked_before);
        user.converge(&mut tenant, Depth::KnownIds);
        user.status.common.managed = user.spec.managed(&owner());
        tenant.objects.get_mut(&(ObjectKind::User, "auth0|4711".into())).unwrap().insert("blocked".into(), true.into());
        user.spec.blocked = Some(false);
        assert_eq!(user.planned(&tenant), expected, "{case}");
        let drift = user.plan(&tenant, Depth::KnownIds).unwrap().drift.map(|drift| drift.reason);
        assert_eq!(drift, (!blocked_before).then_some(Reason::BlockedInTenant), "{case}");
    }
}

#[test]
fn a_user_with_our_e_mail_is_ours_only_in_our_connection_and_by_itself() {
    let identity = |connections: &[&str]| {
        let identities: Vec<_> = connections.iter().map(|connection| json!({"connection": connection})).collect();
        Tenant::default()
            .with(ObjectKind::User, json!({"user_id": "auth0|9", "email": "ada@example.com", "identities": identities}))
    };
    for (case, tenant, expected) in [
        ("in our connection", identity(&["Orders"]), Err(Reason::AlreadyExists)),
        ("linked to another's", identity(&["Other", "Orders"]), Err(Reason::LinkedToAnotherUser)),
        ("in another connection", identity(&["Other"]), Ok(1)),
    ] {
        let planned =
            user().plan(&tenant, Depth::NaturalKeys).map(|plan| plan.calls.len()).map_err(|refusal| refusal.reason);
        assert_eq!(planned, expected, "{case}");
    }
}

#[test]
fn a_field_that_leaves_the_spec_goes_back_to_the_tenants_default_once() {
    fn unset<Spec: Managed + serde::de::DeserializeOwned>(
        mut case: Case<Spec>,
        tenant: &mut Tenant,
        spec: &str,
    ) -> Vec<Value> {
        case.converge(tenant, Depth::KnownIds);
        Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
        case.spec = serde_saphyr::from_str(spec).unwrap();
        let calls = case.plan(tenant, Depth::KnownIds).unwrap().calls;
        case.converge(tenant, Depth::KnownIds);
        Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
        assert_eq!(case.planned(tenant), Vec::<String>::new(), "once");
        calls
            .into_iter()
            .map(|call| match call {
                Call::Update { body, .. } => Value::Object(body.fields),
                other => panic!("{other}"),
            })
            .collect()
    }
    let mut api = Case::<Auth0ApiSpec>::new(
        "{identifier: 'https://orders.example.com/', tokenLifetime: 60, client: {policy: None, description: x}}",
    );
    api.status.client = None;
    let changes =
        unset(api, &mut Tenant::default(), "{identifier: 'https://orders.example.com/', client: {policy: None}}");
    assert_eq!(changes, [json!({"token_lifetime": 86_400})]);

    let mut connection = Case::<Auth0ConnectionSpec>::new(
        "{strategy: auth0, name: Orders, metadata: {team: shop}, database: {disableSignup: true, mfa: {active: true}}, enableManagementClient: false}",
    );
    connection.status.enabled_clients.clear();
    let changes = unset(
        connection,
        &mut Tenant::default(),
        "{strategy: auth0, name: Orders, database: {disableSignup: true}, enableManagementClient: false}",
    );
    assert_eq!(
        changes,
        [
            json!({"metadata": {"auth0_operator": "created:c1/shop/orders", "team": null}, "options": {"disable_signup": true}})
        ]
    );

    let mut metadata = user();
    metadata.spec.user_metadata = Some(fields(json!({"colour": "red", "size": 1})));
    let changes = unset(metadata, &mut Tenant::default(), USER);
    assert_eq!(changes, [json!({"connection": "Orders", "user_metadata": {"colour": null, "size": null}})]);
}
