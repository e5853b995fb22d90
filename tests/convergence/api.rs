//! Auth0Api: the API, its client and their grant.

use super::{
    Step, Subject, Wish, converges,
    drive::World,
    is_in_parts,
    values::{flag, free_form, line, list, maybe, number, one_of, policies, set, strings, tenant_ref, text, url, word},
};
use auth0_operator::{
    crd::{
        ApiClient, ApiScope, Auth0ApiSpec, Auth0ApiStatus, AuthorizationPolicy, ClientPolicy,
        ClientSubjectAuthorization, ClientSubjectPolicy, ConsentPolicy, EncryptionAlg, EncryptionFormat, EncryptionKey,
        OrganizationUsage, PopMechanism, PopRequiredFor, ProofOfPossession, SecretKeyRef, SigningAlg,
        SubjectTypeAuthorization, TokenDialect, TokenEncryption, TokenEndpointAuthMethod, UserSubjectAuthorization,
        UserSubjectPolicy,
    },
    plan::{ObjectKind, References, unset::Defaults},
};
use proptest::{collection::vec, prelude::*};
use secrecy::SecretString;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

const CASES: u32 = 1000;

/// Keys of the Secret that signing secrets are from: the shortest that Auth0 takes, and a longer one.
const SIGNING_SECRETS: [(&str, &str); 2] = [("short", "canary-01234567é"), ("long", "canary 0123456789 canary 中")];

impl Subject for Auth0ApiSpec {
    // Both names: Auth0 has no default for the one and asks for the other.
    // The secret that signs tokens: Auth0 has no default for it either.
    const STAYS: &'static [&'static str] = &["/name", "/signing_secret"];

    const SHOWN_ONCE_SET: Defaults = &[
        ("/allow_online_access", || json!(false)),
        ("/enforce_policies", || json!(false)),
        ("/token_dialect", || json!("access_token")),
    ];

    const GOES: &'static [&'static str] = &[];

    fn ids(status: &Auth0ApiStatus) -> Vec<(ObjectKind, String)> {
        let client = status.client.clone().unwrap_or_default();
        let ids = [
            (ObjectKind::ClientGrant, client.grant_id),
            (ObjectKind::Client, client.id),
            (ObjectKind::ResourceServer, status.common.id.clone()),
        ];
        ids.into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect()
    }

    fn most_writes(&self, before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize> {
        if before.is_empty() {
            return [("POST resource-servers", 1), ("POST clients", 1), ("POST client-grants", 1)].into();
        }
        let is_rotated = self.client.as_ref().is_some_and(|client| client.rotate_secret_every.is_some());
        let differs = |kind: ObjectKind| {
            let of = |wish: &Wish| -> Vec<_> {
                wish.iter()
                    .filter(|((other, _), _)| *other == kind)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            };
            usize::from(of(before) != of(after))
        };
        [
            ("PATCH resource-servers", differs(ObjectKind::ResourceServer)),
            (
                "PATCH clients",
                differs(ObjectKind::Client).max(is_rotated.into())
                    + usize::from(is_in_parts(before, after, "/client_metadata")),
            ),
            ("PATCH client-grants", differs(ObjectKind::ClientGrant)),
            // The client may come with the change.
            ("POST clients", differs(ObjectKind::Client)),
            ("POST client-grants", differs(ObjectKind::ClientGrant)),
        ]
        .into()
    }
}

#[test]
fn an_api_converges_in_one_pass() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start("api.eu.auth0.com"));
    converges(&runtime, &world, CASES, step(least(), 0), &(spec(), spec()), |(first, second), number| {
        [first, second, least()].map(|spec| step(spec, number))
    });
}

/// The identifier never changes, and no two cases share one.
fn step(spec: Auth0ApiSpec, number: u64) -> Step<Auth0ApiSpec> {
    let identifier = format!("https://case-{number}.example.com/é x/");
    let secret = |(key, secret): (&str, &str)| (("signing".to_owned(), key.to_owned()), SecretString::from(secret));
    let secrets = SIGNING_SECRETS.into_iter().map(secret).collect();
    Step { spec: Auth0ApiSpec { identifier, ..spec }, references: References { secrets, ..References::default() } }
}

fn least() -> Auth0ApiSpec {
    serde_json::from_value(json!({ "identifier": "" })).unwrap()
}

fn spec() -> impl Strategy<Value = Auth0ApiSpec> {
    let first = (
        maybe(line(200)),
        maybe(one_of([SigningAlg::Hs256, SigningAlg::Rs256, SigningAlg::Rs512, SigningAlg::Ps256])),
        maybe(scopes()),
        maybe(number(0, 2_592_000)),
        flag(),
        flag(),
        flag(),
        flag(),
        maybe(one_of(SIGNING_SECRETS.map(|(key, _)| key))),
    );
    let second = (
        maybe(one_of([
            TokenDialect::AccessToken,
            TokenDialect::AccessTokenAuthz,
            TokenDialect::Rfc9068Profile,
            TokenDialect::Rfc9068ProfileAuthz,
        ])),
        maybe(Just(ConsentPolicy::TransactionalAuthorizationWithMfa)),
        maybe(vec(free_form(), 0..3)),
        maybe(line(1024).prop_map(|policy_id| AuthorizationPolicy { policy_id })),
        maybe(token_encryption()),
        maybe(proof_of_possession()),
        maybe(subject_types()),
        maybe(client()),
        policies(),
        tenant_ref(),
    );
    (first, second).prop_map(|(first, second)| {
        let (name, signing_alg, scopes, token_lifetime, offline, online, skip_consent, enforce_policies, secret) =
            first;
        let (
            token_dialect,
            consent_policy,
            details,
            policy,
            encryption,
            possession,
            subjects,
            client,
            policies,
            tenant_ref,
        ) = second;
        let is_shared = signing_alg == Some(SigningAlg::Hs256);
        Auth0ApiSpec {
            tenant_ref,
            identifier: String::new(),
            name,
            signing_alg,
            signing_secret_ref: secret
                .filter(|_| is_shared)
                .map(|key| SecretKeyRef { name: "signing".to_owned(), key: key.to_owned() }),
            scopes,
            token_lifetime,
            allow_offline_access: offline,
            allow_online_access: online,
            skip_consent_for_verifiable_first_party_clients: skip_consent,
            enforce_policies,
            token_dialect,
            consent_policy,
            authorization_details: details,
            authorization_policy: policy,
            token_encryption: encryption,
            proof_of_possession: possession,
            subject_type_authorization: subjects,
            client,
            policies,
        }
    })
}

fn scopes() -> impl Strategy<Value = Vec<ApiScope>> {
    let scope = (word(280), maybe(text(500))).prop_map(|(value, description)| ApiScope { value, description });
    vec(scope, 0..6).prop_map(|mut scopes| {
        let mut seen = vec![];
        scopes.retain(|scope| {
            !seen.contains(&scope.value) && {
                seen.push(scope.value.clone());
                true
            }
        });
        scopes
    })
}

fn token_encryption() -> impl Strategy<Value = TokenEncryption> {
    let key = (
        maybe(line(128)),
        one_of([EncryptionAlg::RsaOaep256, EncryptionAlg::RsaOaep384, EncryptionAlg::RsaOaep512]),
        maybe(line(128)),
        "-----BEGIN PUBLIC KEY-----\n[A-Z]{4}\n-----END PUBLIC KEY-----\n?",
    );
    key.prop_map(|(name, alg, kid, pem)| TokenEncryption {
        format: EncryptionFormat::CompactNestedJwe,
        encryption_key: EncryptionKey { name, alg, kid, pem },
    })
}

fn proof_of_possession() -> impl Strategy<Value = ProofOfPossession> {
    let whose = maybe(one_of([PopRequiredFor::PublicClients, PopRequiredFor::AllClients]));
    (one_of([PopMechanism::Mtls, PopMechanism::Dpop]), any::<bool>(), whose)
        .prop_map(|(mechanism, required, required_for)| ProofOfPossession { mechanism, required, required_for })
}

fn subject_types() -> impl Strategy<Value = SubjectTypeAuthorization> {
    let user = one_of([UserSubjectPolicy::AllowAll, UserSubjectPolicy::DenyAll, UserSubjectPolicy::RequireClientGrant])
        .prop_map(|policy| UserSubjectAuthorization { policy });
    let client = one_of([ClientSubjectPolicy::DenyAll, ClientSubjectPolicy::RequireClientGrant])
        .prop_map(|policy| ClientSubjectAuthorization { policy });
    (maybe(user), maybe(client)).prop_map(|(user, client)| SubjectTypeAuthorization { user, client })
}

fn client() -> impl Strategy<Value = ApiClient> {
    let grant_types = ["client_credentials", "authorization_code", "refresh_token", "password"].map(str::to_owned);
    let first = (
        prop_oneof![8 => Just(None), 2 => Just(Some(ClientPolicy::Create)), 1 => Just(Some(ClientPolicy::None))],
        maybe(line(200)),
        maybe(set(word(280))),
        maybe(set(one_of(grant_types))),
        maybe(list(url())),
        maybe(list(url())),
        maybe(list(url())),
        maybe(list(url())),
    );
    let second = (
        maybe(text(140)),
        maybe(one_of([
            TokenEndpointAuthMethod::None,
            TokenEndpointAuthMethod::ClientSecretPost,
            TokenEndpointAuthMethod::ClientSecretBasic,
        ])),
        maybe(strings()),
        maybe(one_of([OrganizationUsage::Deny, OrganizationUsage::Allow, OrganizationUsage::Require])),
        maybe("[a-z]{1,3}-client"),
        maybe(one_of(["10m", "1h30m", "720h", "999h59m60s", "2000h"]).prop_map(str::to_owned)),
    );
    (first, second).prop_map(|(first, second)| {
        let (policy, name, scopes, grant_types, callbacks, logout_urls, web_origins, allowed_origins) = first;
        let (description, auth_method, client_metadata, organization_usage, secret_name, rotation) = second;
        ApiClient {
            policy,
            name,
            scopes,
            grant_types,
            callbacks,
            allowed_logout_urls: logout_urls,
            web_origins,
            allowed_origins,
            description,
            token_endpoint_auth_method: auth_method,
            client_metadata,
            organization_usage,
            secret_name,
            rotate_secret_every: rotation,
        }
    })
}
