//! The Secret for the application: all that it needs to get tokens for the API.

use super::{
    View,
    rotation::{NEXT, SECRET, Step, kept, step},
};
use crate::{
    crd::Auth0ApiSpec,
    plan::{Managed, Output},
};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// The Secret as it should be; `None` while the client or its secret is not known.
pub(super) fn output(spec: &Auth0ApiSpec, view: &View<'_>) -> Option<Output> {
    let id = view.status.client.as_ref()?.id.clone()?;
    let kept = kept(spec, view).map(|(_, kept)| kept);
    let value = |key: &str| kept.and_then(|kept| kept.data.get(key));
    let (secret, next) = match (step(spec, view), value(NEXT)) {
        (Step::Promote(next), _) => (Some(next), None),
        // What the tenant shows meanwhile is one of the two, and nobody knows which.
        (_, Some(next)) => (value(SECRET), Some(next)),
        (_, None) => (view.client_secret.or(value(SECRET)), None),
    };
    let tenant = view.tenant;
    let mut data: BTreeMap<String, SecretString> = [
        ("clientId", id),
        ("audience", spec.identifier.clone()),
        ("domain", tenant.custom_domain.clone().unwrap_or_else(|| tenant.domain.clone())),
        ("issuer", tenant.issuer()),
        ("tokenUrl", tenant.url("/oauth/token")),
        ("authorizationUrl", tenant.url("/authorize")),
        ("jwksUri", tenant.url("/.well-known/jwks.json")),
        ("scope", spec.grant_scopes(view).join(" ")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), SecretString::from(value)))
    .collect();
    data.insert(SECRET.to_owned(), secret?.clone());
    data.extend(next.map(|next| (NEXT.to_owned(), next.clone())));
    Some(Output {
        name: spec.secret_name(view.owner),
        data,
        without: next.is_none().then_some(NEXT),
        replaces: spec.former_output(view.owner, view.status),
    })
}

/// The Secret with a new client secret beside the one in use, before that is set.
pub(super) fn with_next(spec: &Auth0ApiSpec, view: &View<'_>) -> Option<Output> {
    let (Step::Begin, Some((name, _))) = (step(spec, view), kept(spec, view)) else { return None };
    Some(Output { name, data: [(NEXT.to_owned(), view.fresh_secret.clone())].into(), ..Default::default() })
}
