//! Auth0Connection: a database, its options, and the clients that it is enabled for.

use super::{
    Step, Subject, Wish, converges,
    database::database,
    drive::World,
    is_in_parts,
    options::{ENTERPRISE, STRATEGIES, options, secrets},
    values::{flag, line, list, maybe, one_of, policies, strings, tenant_ref, word},
};
use auth0_operator::{
    crd::{Auth0ConnectionSpec, Auth0ConnectionStatus, EnabledClient, EnabledClientsPolicy, LocalRef, Purpose},
    plan::{ObjectKind, References, unset::Defaults},
};
use proptest::{prelude::*, sample::subsequence};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

/// Cases of databases, and of each of the other strategies.
const DATABASES: u32 = 640;
const OTHERS: u32 = 60;

/// More than fit into one call.
const CLIENTS: usize = 55;

impl Subject for Auth0ConnectionSpec {
    const STAYS: &'static [&'static str] = &["/display_name", "/name", "/strategy"];

    const SHOWN_ONCE_SET: Defaults = &[
        ("/options/attributes/email/unique", || json!(true)),
        ("/options/attributes/email/verification_method", || json!("link")),
        // Added to whatever older option there is for passwords.
        ("/options/passwordPolicy", || json!("good")),
        // In the order in which the flags came to be.
        ("/options/scope", || json!(["profile", "email"])),
        ("/authentication/active", || json!(true)),
        ("/connected_accounts/active", || json!(false)),
        ("/show_as_button", || json!(false)),
    ];

    const GOES: &'static [&'static str] = &["/options/mfa", "/options/password_options"];

    fn ids(status: &Auth0ConnectionStatus) -> Vec<(ObjectKind, String)> {
        status.common.id.iter().map(|id| (ObjectKind::Connection, id.clone())).collect()
    }

    /// Two calls change up to 100 clients.
    fn most_writes(&self, before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize> {
        if before.is_empty() {
            return [("POST connections", 1), ("PATCH connections/clients", 2)].into();
        }
        let patches = usize::from(before != after) + usize::from(is_in_parts(before, after, "/metadata"));
        [("PATCH connections", patches), ("PATCH connections/clients", 2)].into()
    }
}

#[test]
fn a_connection_converges_in_one_pass() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start("connection.eu.auth0.com"));
    let clients = runtime.block_on(async {
        let mut clients = BTreeMap::new();
        for number in 0..CLIENTS {
            clients.insert(format!("api-{number}"), world.client(&format!("Client {number}")).await);
        }
        clients
    });
    let step = |mut spec: Auth0ConnectionSpec| {
        for client in spec.enabled_clients.iter_mut().flatten() {
            let by_id = client.api_ref.as_ref().and_then(|LocalRef { name }| clients.get(name.strip_prefix("id-of-")?));
            if let Some(id) = by_id {
                *client = EnabledClient { api_ref: None, client_id: Some(id.clone()) };
            }
        }
        let references = References { api_clients: clients.clone(), secrets: secrets(), ..References::default() };
        Step { spec, references }
    };
    for (strategy, cases) in [("auth0", DATABASES)].into_iter().chain(STRATEGIES.map(|strategy| (strategy, OTHERS))) {
        // A name once chosen stays; an address that is not unique too.
        let seeds = (maybe("[a-zA-Z0-9]{1,20}(-[a-zA-Z0-9]{1,9}){0,2}"), spec(strategy), spec(strategy));
        converges(&runtime, &world, cases, step(least(strategy)), &seeds, |(name, first, mut second), number| {
            let name = name.map(|name| format!("{name}-{number}"));
            keep_uniqueness(&first, &mut second);
            let specs = [first, second, least(strategy)];
            specs.map(|spec| step(Auth0ConnectionSpec { name: name.clone(), ..spec }))
        });
    }
}

fn least(strategy: &str) -> Auth0ConnectionSpec {
    serde_json::from_value(json!({ "strategy": strategy })).unwrap()
}

/// Whether addresses are unique is settled when a connection is made (recorded).
fn keep_uniqueness(first: &Auth0ConnectionSpec, second: &mut Auth0ConnectionSpec) {
    let email = |spec: &Auth0ConnectionSpec| spec.database.as_ref()?.attributes.as_ref()?.email.clone();
    let is_unique = email(first).and_then(|email| email.unique);
    if let Some(email) = second.database.as_mut().and_then(|database| database.attributes.as_mut()?.email.as_mut()) {
        email.unique = is_unique.or(email.unique.filter(|unique| *unique));
    }
}

fn spec(strategy: &'static str) -> impl Strategy<Value = Auth0ConnectionSpec> {
    let for_enterprise = if ENTERPRISE.contains(&strategy) { flag() } else { Just(None).boxed() };
    let for_databases = if strategy == "auth0" { maybe(database()) } else { Just(None).boxed() };
    let purpose = || maybe(any::<bool>().prop_map(|active| Purpose { active }));
    let first =
        (maybe(line(128)), maybe(list(word(255))), flag(), maybe(strings()), purpose(), purpose(), tenant_ref());
    let second = (
        for_databases,
        options(strategy),
        maybe(enabled_clients()),
        maybe(one_of([EnabledClientsPolicy::Additive, EnabledClientsPolicy::Exclusive])),
        flag(),
        for_enterprise,
        policies(),
    );
    (first, second).prop_map(move |(first, second)| {
        let (display_name, realms, is_domain_connection, metadata, authentication, accounts, tenant_ref) = first;
        let (database, (options, options_from), clients, clients_policy, management, show_as_button, policies) = second;
        Auth0ConnectionSpec {
            tenant_ref,
            name: None,
            strategy: strategy.to_owned(),
            display_name,
            realms,
            is_domain_connection,
            show_as_button,
            metadata,
            authentication,
            connected_accounts: accounts,
            database,
            options,
            options_from,
            enabled_clients: clients,
            enabled_clients_policy: clients_policy,
            enable_management_client: management,
            policies,
        }
    })
}

/// By the name of an Auth0Api, or by id.
fn enabled_clients() -> impl Strategy<Value = Vec<EnabledClient>> {
    let name = |number| if number % 3 == 0 { format!("id-of-api-{number}") } else { format!("api-{number}") };
    let all: Vec<_> = (0..CLIENTS).map(name).collect();
    let few = subsequence(all.clone(), 0..4);
    prop_oneof![9 => few, 1 => Just(all)].prop_map(|names| {
        let client = |name| EnabledClient { api_ref: Some(LocalRef { name }), client_id: None };
        names.into_iter().map(client).collect()
    })
}
