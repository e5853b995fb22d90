//! The resource server and the client as the spec wants them, in Auth0's names. Only what the spec writes: the rest is the
//! tenant's.

use crate::{
    crd::{ApiClient, Auth0ApiSpec, Origin, STAMP_KEY},
    plan::{Fields, Owner, Refusal, auth0_case, fields, put},
};
use serde_json::{Value, json};

/// The resource server as wanted, in Auth0's names. Its identifier is not among them: it never changes.
pub(super) fn resource_server(spec: &Auth0ApiSpec) -> Result<Fields, Refusal> {
    let Auth0ApiSpec {
        tenant_ref: _,
        identifier: _,
        name,
        signing_alg,
        signing_secret_ref: _,
        scopes,
        token_lifetime,
        allow_offline_access,
        allow_online_access,
        skip_consent_for_verifiable_first_party_clients,
        enforce_policies,
        token_dialect,
        consent_policy,
        authorization_details,
        authorization_policy,
        token_encryption,
        proof_of_possession,
        subject_type_authorization,
        client: _,
        policies: _,
    } = spec;
    let mut want = Fields::new();
    put(&mut want, "name", name.as_ref())?;
    put(&mut want, "signing_alg", signing_alg.as_ref())?;
    put(&mut want, "scopes", scopes.as_ref())?;
    put(&mut want, "token_lifetime", *token_lifetime)?;
    put(&mut want, "allow_offline_access", *allow_offline_access)?;
    put(&mut want, "allow_online_access", *allow_online_access)?;
    let skip_consent = *skip_consent_for_verifiable_first_party_clients;
    put(&mut want, "skip_consent_for_verifiable_first_party_clients", skip_consent)?;
    put(&mut want, "enforce_policies", *enforce_policies)?;
    put(&mut want, "token_dialect", token_dialect.as_ref())?;
    put(&mut want, "consent_policy", consent_policy.as_ref())?;
    put(&mut want, "authorization_details", authorization_details.as_ref())?;
    put(&mut want, "authorization_policy", auth0_case(authorization_policy.as_ref())?)?;
    put(&mut want, "token_encryption", auth0_case(token_encryption.as_ref())?)?;
    put(&mut want, "proof_of_possession", auth0_case(proof_of_possession.as_ref())?)?;
    put(&mut want, "subject_type_authorization", auth0_case(subject_type_authorization.as_ref())?)?;
    Ok(want)
}

/// The body of the create.
pub(super) fn new_server(spec: &Auth0ApiSpec, owner: &Owner) -> Result<Fields, Refusal> {
    let mut body = resource_server(spec)?;
    body.entry("name").or_insert_with(|| owner.name.clone().into());
    body.insert("identifier".to_owned(), spec.identifier.clone().into());
    Ok(body)
}

/// The client as wanted, in Auth0's names.
pub(super) fn client(spec: &Auth0ApiSpec, owner: &Owner) -> Result<Fields, Refusal> {
    // The API's own defaults are the old ones: not OIDC conformant, HS256 (recordings).
    let mut want = fields(json!({
        "app_type": "non_interactive",
        "oidc_conformant": true,
        "jwt_configuration": {"alg": "RS256"},
    }));
    let mut metadata = Fields::new();
    if let Some(client) = &spec.client {
        let ApiClient {
            policy: _,
            name,
            scopes: _,
            grant_types,
            callbacks,
            allowed_logout_urls,
            web_origins,
            allowed_origins,
            description,
            token_endpoint_auth_method,
            client_metadata,
            organization_usage,
            secret_name: _,
            rotate_secret_every: _,
        } = client;
        put(&mut want, "name", name.as_ref())?;
        put(&mut want, "grant_types", grant_types.as_ref())?;
        put(&mut want, "callbacks", callbacks.as_ref())?;
        put(&mut want, "allowed_logout_urls", allowed_logout_urls.as_ref())?;
        put(&mut want, "web_origins", web_origins.as_ref())?;
        put(&mut want, "allowed_origins", allowed_origins.as_ref())?;
        put(&mut want, "description", description.as_ref())?;
        put(&mut want, "token_endpoint_auth_method", token_endpoint_auth_method.as_ref())?;
        put(&mut want, "organization_usage", organization_usage.as_ref())?;
        for (key, value) in client_metadata.iter().flatten() {
            metadata.insert(key.clone(), value.clone().into());
        }
    }
    metadata.insert(STAMP_KEY.to_owned(), owner.stamp(Origin::Created).into());
    want.insert("client_metadata".to_owned(), Value::Object(metadata));
    Ok(want)
}
