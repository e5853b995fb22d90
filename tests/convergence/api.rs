//! Auth0Api: the API, its client and their grant.

use super::{
    Step, Subject, Wish, converges,
    drive::World,
    is_in_parts,
    values::{flag, free_form, line, list, maybe, number, one_of, set, strings, text, url, word},
};
use auth0_operator::{
    crd::{
        ApiClient, ApiScope, Auth0ApiSpec, Auth0ApiStatus, AuthorizationPolicy, ClientPolicy,
        ClientSubjectAuthorization, ClientSubjectPolicy, ConsentPolicy, EncryptionAlg, EncryptionFormat, EncryptionKey,
        OrganizationUsage, Policies, PopMechanism, PopRequiredFor, ProofOfPossession, SigningAlg,
        SubjectTypeAuthorization, TokenDialect, TokenEncryption, TokenEndpointAuthMethod, UserSubjectAuthorization,
        UserSubjectPolicy,
    },
    plan::{ObjectKind, References, unset::Defaults},
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;
use std::collections::BTreeMap;
use tokio::runtime::Runtime;

impl Subject for Auth0ApiSpec {
    // Both names: Auth0 has no default for the one and asks for the other.
    const STAYS: &'static [&'static str] = &["/name"];

    const SHOWN_ONCE_SET: Defaults = &[
        ("/allow_online_access", || json!(false)),
        ("/enforce_policies", || json!(false)),
        ("/token_dialect", || json!("access_token")),
    ];

    fn ids(status: &Auth0ApiStatus) -> Vec<(ObjectKind, String)> {
        let client = status.client.clone().unwrap_or_default();
        let ids = [
            (ObjectKind::ClientGrant, client.grant_id),
            (ObjectKind::Client, client.id),
            (ObjectKind::ResourceServer, status.common.id.clone()),
        ];
        ids.into_iter().filter_map(|(kind, id)| Some((kind, id?))).collect()
    }

    fn most_writes(before: &Wish, after: &Wish) -> BTreeMap<&'static str, usize> {
        if before.is_empty() {
            return [("POST resource-servers", 1), ("POST clients", 1), ("POST client-grants", 1)].into();
        }
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
                differs(ObjectKind::Client) + usize::from(is_in_parts(before, after, "/client_metadata")),
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
    converges(&runtime, &world, step(least(), 0), &(spec(), spec()), |(first, second), number| {
        [first, second, least()].map(|spec| step(spec, number))
    });
}

/// The identifier never changes, and no two cases share one.
fn step(spec: Auth0ApiSpec, number: u64) -> Step<Auth0ApiSpec> {
    let identifier = format!("https://case-{number}.example.com/é x/");
    Step { spec: Auth0ApiSpec { identifier, ..spec }, references: References::default() }
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
    );
    (first, second).prop_map(|(first, second)| {
        let (name, signing_alg, scopes, token_lifetime, offline, online, skip_consent, enforce_policies) = first;
        let (token_dialect, consent_policy, details, policy, encryption, possession, subjects, client) = second;
        Auth0ApiSpec {
            tenant_ref: None,
            identifier: String::new(),
            name,
            signing_alg,
            signing_secret_ref: None,
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
            policies: Policies::default(),
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
    );
    (first, second).prop_map(|(first, second)| {
        let (policy, name, scopes, grant_types, callbacks, logout_urls, web_origins, allowed_origins) = first;
        let (description, auth_method, client_metadata, organization_usage, secret_name) = second;
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
            rotate_secret_every: None,
        }
    })
}
