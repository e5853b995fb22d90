//! Auth0User: a user in a database, by e-mail, by username, by number, or by several; and in passwordless connections.

use super::{
    Step, Subject, Wish, converges,
    drive::World,
    values::{flag, free_form, line, maybe, one_of, policies, tenant_ref, url},
};
use auth0_operator::{
    crd::{Auth0UserSpec, Auth0UserStatus, GeneratePassword, LocalRef, Password, SecretKeyRef},
    plan::{ObjectKind, PASSWORD_KEY, References, unset::Defaults},
};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

const CASES: u32 = 1000;

/// The connections, by who refers to them.
const BY_EMAIL: &str = "by-email";
const BY_BOTH: &str = "by-both";
const BY_ANY: &str = "by-any";
const BY_MAIL: &str = "by-mail";
const BY_TEXT: &str = "by-text";

/// Their names in the tenant, strategies, and options.
fn connections() -> [(&'static str, &'static str, &'static str, Value); 5] {
    let attribute = json!({ "identifier": { "active": true }, "signup": { "status": "optional" } });
    let mut username = attribute.clone();
    username["validation"] = json!({ "max_length": 128 });
    // Users may be without a password.
    let any = json!({
        "attributes": { "email": attribute, "username": username, "phone_number": attribute },
        "authentication_methods": { "password": { "api_behavior": "optional" } },
    });
    let both = json!({ "requires_username": true, "validation": { "username": { "min": 1, "max": 128 } } });
    [
        (BY_EMAIL, "Email", "auth0", json!({})),
        (BY_BOTH, "Both", "auth0", both),
        (BY_ANY, "Any", "auth0", any),
        (BY_MAIL, "Mail", "email", json!({})),
        (BY_TEXT, "Text", "sms", json!({})),
    ]
}

/// What is sent apart from the rest.
const APART: [&[&str]; 3] = [&["/username"], &["/email", "/email_verified"], &["/password"]];

impl Subject for Auth0UserSpec {
    const STAYS: &'static [&'static str] = &[
        "/connection",
        "/user_id",
        "/verify_email",
        // What the user logs in with, and what somebody found out about it.
        "/email",
        "/username",
        "/phone_number",
        "/email_verified",
        "/phone_verified",
        "/blocked",
        "/password",
        // Auth0 makes these up for a new user only, and takes them away on request.
        "/name",
        "/nickname",
        "/picture",
    ];

    const SHOWN_ONCE_SET: Defaults = &[];

    const GOES: &'static [&'static str] = &[];

    fn ids(status: &Auth0UserStatus) -> Vec<(ObjectKind, String)> {
        status.common.id.iter().map(|id| (ObjectKind::User, id.clone())).collect()
    }

    fn most_writes(&self, before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize> {
        if before.is_empty() {
            return [("POST users", 1)].into();
        }
        let differs = |is_part: &dyn Fn(&str) -> bool| {
            let of = |wish: &Wish| -> Vec<_> {
                let part = wish.iter().filter(|((_, pointer), _)| is_part(pointer));
                part.map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            usize::from(of(before) != of(after))
        };
        let apart: usize = APART.iter().map(|part| differs(&|pointer| part.contains(&pointer))).sum();
        let rest = differs(&|pointer| !APART.concat().contains(&pointer));
        [("PATCH users", apart + rest)].into()
    }
}

#[test]
fn a_user_converges_in_one_pass() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start("user.eu.auth0.com"));
    let connections: BTreeMap<_, _> = runtime.block_on(async {
        let mut made = BTreeMap::new();
        for (reference, name, strategy, options) in connections() {
            made.insert(reference.to_owned(), world.connection(name, strategy, options).await);
        }
        made
    });
    let step = |(spec, password): (Auth0UserSpec, String), number| {
        let references = References {
            connections: connections.clone(),
            secrets: spec.password_secret().map(|secret| (secret, SecretString::from(password))).into_iter().collect(),
            ..References::default()
        };
        Step { spec: named(spec, number), references }
    };
    converges(&runtime, &world, CASES, step(least(&spec_of(BY_EMAIL)), 0), &seeds(), |(first, second), number| {
        let last = least(&second.0);
        [first, second, last].map(|seed| step(seed, number))
    });
}

/// Addresses and usernames are one user's only.
fn named(mut spec: Auth0UserSpec, number: u64) -> Auth0UserSpec {
    spec.email = spec.email.map(|email| format!("{number}.{email}"));
    spec.username = spec.username.map(|username| format!("{number}.{username}").chars().take(128).collect());
    spec.phone_number = spec.phone_number.map(|phone| format!("{phone}{number:07}"));
    spec.user_id = spec.user_id.map(|id| format!("{id}-{number}"));
    spec
}

fn spec_of(connection: &str) -> Auth0UserSpec {
    serde_json::from_value(json!({
        "connectionRef": { "name": connection },
        "email": "ada@example.com",
        "password": { "secretKeyRef": { "name": "ada", "key": "password" } },
    }))
    .unwrap()
}

/// What the user logs in with, and nothing else.
fn least(spec: &Auth0UserSpec) -> (Auth0UserSpec, String) {
    let least = Auth0UserSpec {
        connection_ref: spec.connection_ref.clone(),
        connection: spec.connection.clone(),
        email: spec.email.clone(),
        username: spec.username.clone(),
        phone_number: spec.phone_number.clone(),
        user_id: spec.user_id.clone(),
        password: spec.password.as_ref().and_then(|_| spec_of(BY_EMAIL).password),
        ..spec_of(BY_EMAIL)
    };
    (least, "The-least-Passw0rd!".to_owned())
}

/// Two specs for one user: connection and id never change.
fn seeds() -> impl Strategy<Value = ((Auth0UserSpec, String), (Auth0UserSpec, String))> {
    let fixed = (one_of([BY_EMAIL, BY_BOTH, BY_ANY, BY_MAIL, BY_TEXT]), any::<bool>(), maybe("[a-zA-Z0-9._é#-]{1,20}"));
    fixed.prop_flat_map(|(connection, by_name, user_id)| {
        let seed = move || {
            let user_id = user_id.clone();
            (spec(connection), password()).prop_map(move |(spec, password)| {
                let reference = Some(LocalRef { name: connection.to_owned() });
                let (connection_ref, name) =
                    if by_name { (None, Some(name_of(connection).to_owned())) } else { (reference, None) };
                (Auth0UserSpec { connection_ref, connection: name, user_id: user_id.clone(), ..spec }, password)
            })
        };
        (seed(), seed())
    })
}

fn name_of(connection: &str) -> &'static str {
    let mut connections = connections().into_iter();
    connections.find(|(reference, ..)| *reference == connection).map(|(_, name, ..)| name).unwrap()
}

fn spec(connection: &'static str) -> impl Strategy<Value = Auth0UserSpec> {
    let login = match connection {
        BY_EMAIL | BY_MAIL => email().prop_map(|email| (Some(email), None, None)).boxed(),
        BY_BOTH => (email(), username()).prop_map(|(email, username)| (Some(email), Some(username), None)).boxed(),
        BY_TEXT => phone().prop_map(|phone| (None, None, Some(phone))).boxed(),
        _ => (maybe(email()), maybe(username()), maybe(phone()))
            .prop_filter("a user has one at least", |(email, username, phone)| {
                email.is_some() || username.is_some() || phone.is_some()
            })
            .boxed(),
    };
    let password = match connection {
        BY_MAIL | BY_TEXT => Just(None).boxed(),
        BY_ANY => maybe(password_source()),
        _ => password_source().prop_map(Some).boxed(),
    };
    let profile = (maybe(line(150)), maybe(line(150)), maybe(line(300)), maybe(line(300)), maybe(url()));
    let rest = (login, password, flag(), flag(), flag(), flag(), maybe(free_form()), maybe(free_form()));
    (rest, profile, policies(), tenant_ref()).prop_map(|(rest, profile, policies, tenant_ref)| {
        let (login, password, email_verified, phone_verified, verify_email, blocked, user_metadata, app_metadata) =
            rest;
        let (email, username, phone_number) = login;
        let (given_name, family_name, name, nickname, picture) = profile;
        Auth0UserSpec {
            tenant_ref,
            connection_ref: None,
            connection: None,
            // Without an address there is nothing to verify.
            email_verified: email_verified.filter(|_| email.is_some()),
            email,
            username,
            phone_verified: phone_verified.filter(|_| phone_number.is_some()),
            phone_number,
            password,
            user_id: None,
            verify_email,
            blocked,
            given_name,
            family_name,
            name,
            nickname,
            picture,
            user_metadata,
            app_metadata,
            policies,
        }
    })
}

/// Few, so that a change often keeps it; in both cases, and where lower case is longer or looks like another letter's.
fn email() -> impl Strategy<Value = String> {
    let local = one_of(["ada", "Ada.LOVELACE", "ÄDA", "o'hara+x", "İpek", "ΣΑΣ", "ada_%"]);
    let domain = one_of(["example.com", "EXAMPLE.com", "mail.exämple.org"]);
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

fn username() -> impl Strategy<Value = String> {
    prop_oneof![
        one_of(["ada", "Ada.LOVELACE", "ÄDA", "İpek", "ΣΑΣ", "a|b"]).prop_map(str::to_owned),
        Just("U".repeat(128))
    ]
}

/// What the number of the case follows.
fn phone() -> impl Strategy<Value = String> {
    one_of(["+1", "+4930", "+8613800"]).prop_map(str::to_owned)
}

/// Long enough, and of all classes.
fn password() -> impl Strategy<Value = String> {
    prop_oneof!["Aa1!-[a-z0-9 é]{10,20}", Just(format!("Aa1!{}", "x".repeat(68)))]
}

fn password_source() -> impl Strategy<Value = Password> {
    let from_secret = Just(Password {
        secret_key_ref: Some(SecretKeyRef { name: "ada".to_owned(), key: "password".to_owned() }),
        generate: None,
        take_over: None,
    });
    let generated = (maybe(15_i64..=72), flag()).prop_map(|(length, take_over)| Password {
        secret_key_ref: None,
        generate: Some(GeneratePassword { secret_name: format!("generated-{PASSWORD_KEY}"), length }),
        take_over,
    });
    prop_oneof![from_secret, generated]
}
