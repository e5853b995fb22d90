//! Auth0User: a user in a database, by e-mail, by username, or by both.

use super::{
    Step, Subject, Wish, converges,
    drive::World,
    values::{flag, free_form, line, maybe, one_of, url},
};
use auth0_operator::{
    crd::{Auth0UserSpec, Auth0UserStatus, FreeForm, GeneratePassword, LocalRef, Password, Policies, SecretKeyRef},
    plan::{ObjectKind, PASSWORD_KEY, References, unset::Defaults},
};
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

/// The connections, by who refers to them.
const BY_EMAIL: &str = "by-email";
const BY_BOTH: &str = "by-both";
const BY_EITHER: &str = "by-either";

/// What is sent apart from the rest.
const APART: [&[&str]; 2] = [&["/username"], &["/email", "/email_verified"]];

impl Subject for Auth0UserSpec {
    const STAYS: &'static [&'static str] = &[
        "/connection",
        "/user_id",
        "/verify_email",
        // What the user logs in with, and what somebody found out about it.
        "/email",
        "/username",
        "/email_verified",
        "/blocked",
        // Auth0 makes these up for a new user only, and takes them away on request.
        "/name",
        "/nickname",
        "/picture",
    ];

    const SHOWN_ONCE_SET: Defaults = &[];

    fn ids(status: &Auth0UserStatus) -> Vec<(ObjectKind, String)> {
        status.common.id.iter().map(|id| (ObjectKind::User, id.clone())).collect()
    }

    fn most_writes(before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize> {
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
        // The password is not part of what can be compared.
        [("PATCH users", apart + rest + 1)].into()
    }
}

#[test]
fn a_user_converges_in_one_pass() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start("user.eu.auth0.com"));
    let connections = runtime.block_on(async {
        let username = json!({ "identifier": { "active": true }, "signup": { "status": "optional" }, "validation": { "max_length": 128 } });
        let email = json!({ "identifier": { "active": true }, "signup": { "status": "optional" } });
        BTreeMap::from([
            (BY_EMAIL.to_owned(), world.connection("Email", json!({})).await),
            (
                BY_BOTH.to_owned(),
                world
                    .connection("Both", json!({ "requires_username": true, "validation": { "username": { "min": 1, "max": 128 } } }))
                    .await,
            ),
            (
                BY_EITHER.to_owned(),
                world.connection("Either", json!({ "attributes": { "email": email, "username": username } })).await,
            ),
        ])
    });
    let step = |(spec, password): (Auth0UserSpec, String), number| {
        let secret = spec.password_secret().unwrap();
        let references = References {
            connections: connections.clone(),
            secrets: [(secret, SecretString::from(password))].into(),
            ..References::default()
        };
        Step { spec: named(spec, number), references }
    };
    converges(&runtime, &world, step(least(&spec_of(BY_EMAIL)), 0), &seeds(), |(first, second), number| {
        let last = least(&second.0);
        [first, second, last].map(|seed| step(seed, number))
    });
}

/// Addresses and usernames are one user's only.
fn named(mut spec: Auth0UserSpec, number: u64) -> Auth0UserSpec {
    spec.email = spec.email.map(|email| format!("{number}.{email}"));
    spec.username = spec.username.map(|username| format!("{number}.{username}").chars().take(128).collect());
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
        user_id: spec.user_id.clone(),
        ..spec_of(BY_EMAIL)
    };
    (least, "The-least-Passw0rd!".to_owned())
}

/// Two specs for one user: connection and id never change.
fn seeds() -> impl Strategy<Value = ((Auth0UserSpec, String), (Auth0UserSpec, String))> {
    let fixed = (one_of([BY_EMAIL, BY_BOTH, BY_EITHER]), any::<bool>(), maybe("[a-zA-Z0-9._é#-]{1,20}"));
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
    match connection {
        BY_EMAIL => "Email",
        BY_BOTH => "Both",
        BY_EITHER => "Either",
        other => panic!("no connection {other}"),
    }
}

fn spec(connection: &'static str) -> impl Strategy<Value = Auth0UserSpec> {
    let login = match connection {
        BY_EMAIL => email().prop_map(|email| (Some(email), None)).boxed(),
        BY_BOTH => (email(), username()).prop_map(|(email, username)| (Some(email), Some(username))).boxed(),
        _ => prop_oneof![
            email().prop_map(|email| (Some(email), None)),
            username().prop_map(|username| (None, Some(username))),
            (email(), username()).prop_map(|(email, username)| (Some(email), Some(username))),
        ]
        .boxed(),
    };
    let profile = (maybe(line(150)), maybe(line(150)), maybe(line(300)), maybe(line(300)), maybe(url()));
    let rest = (login, password_source(), flag(), flag(), flag(), maybe(free_form()), maybe(metadata()));
    (rest, profile).prop_map(|(rest, profile)| {
        let ((email, username), password, email_verified, verify_email, blocked, user_metadata, app_metadata) = rest;
        let (given_name, family_name, name, nickname, picture) = profile;
        Auth0UserSpec {
            tenant_ref: None,
            connection_ref: None,
            connection: None,
            // Without an address there is nothing to verify.
            email_verified: email_verified.filter(|_| email.is_some()),
            email,
            username,
            phone_number: None,
            password: Some(password),
            user_id: None,
            phone_verified: None,
            verify_email,
            blocked,
            given_name,
            family_name,
            name,
            nickname,
            picture,
            user_metadata,
            app_metadata,
            policies: Policies::default(),
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

fn metadata() -> impl Strategy<Value = FreeForm> {
    free_form()
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
