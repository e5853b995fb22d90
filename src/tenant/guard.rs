//! The last check before a write leaves: what must never be written, whatever a plan says.

use super::error::Error;
use crate::plan::{Call, ObjectKind, Target, TenantFacts, concealed::has_digests, is_system_identifier, text};

/// Refuses writes to Auth0's own APIs, and to the operator's own client and its grants.
pub(super) fn check(call: &Call, tenant: &TenantFacts) -> Result<(), Error> {
    let is_system = |identifier: &str| {
        let domains = [Some(tenant.domain.as_str()), tenant.custom_domain.as_deref()];
        is_system_identifier(identifier, domains.into_iter().flatten())
    };
    let is_forbidden = match call {
        Call::Create { kind: ObjectKind::ResourceServer, body } => {
            text(&body.fields, "identifier").is_none_or(is_system)
        }
        Call::CreateGrant { client, fields } => {
            text(fields, "audience").is_none_or(is_system) || *client == Target::Known(tenant.management_client.clone())
        }
        Call::Update { kind, id, .. } | Call::Delete { kind, id } => {
            id.is_empty() || is_system(id) || *kind == ObjectKind::Client && *id == tenant.management_client
        }
        Call::Create { .. } | Call::EnableClients { .. } => false,
    };
    if is_forbidden {
        return Err(Error::Guarded(format!(
            "the operator never touches Auth0's own APIs or its own client, so it did not {call}; change the spec"
        )));
    }
    match call {
        Call::Create { body, .. } | Call::Update { body, .. } if has_digests(&body.fields) => {
            Err(Error::Guarded(format!("the operator would have to {call} without the secrets in it, so it did not")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Body, fields};
    use serde_json::json;

    fn tenant() -> TenantFacts {
        TenantFacts {
            domain: "example.eu.auth0.com".into(),
            endpoint: None,
            custom_domain: Some("login.example.com".into()),
            management_client: "operator".into(),
        }
    }

    #[test]
    fn nothing_is_written_to_what_is_auth0s_or_the_operators_own() {
        let api = |identifier: &str| Call::Create {
            kind: ObjectKind::ResourceServer,
            body: fields(json!({"identifier": identifier})).into(),
        };
        let grant = |client: &str, audience: &str| Call::CreateGrant {
            client: Target::Known(client.into()),
            fields: fields(json!({"audience": audience})),
        };
        let delete = |kind, id: &str| Call::Delete { kind, id: id.into() };
        let update = |kind, id: &str| Call::Update { kind, id: id.into(), body: Body::default() };
        for (call, is_allowed) in [
            (api("https://orders.example.com/"), true),
            (api("https://EXAMPLE.eu.auth0.com/api/v2"), false),
            (grant("abc", "https://orders.example.com/"), true),
            (grant("abc", "https://login.example.com/api/v2/"), false),
            (grant("operator", "https://orders.example.com/"), false),
            (delete(ObjectKind::Client, "abc"), true),
            (delete(ObjectKind::Client, "operator"), false),
            (delete(ObjectKind::Client, ""), false),
            (update(ObjectKind::Client, "operator"), false),
            (delete(ObjectKind::ResourceServer, "https://example.eu.auth0.com/api/v2/"), false),
            (update(ObjectKind::User, "auth0|1"), true),
        ] {
            assert_eq!(check(&call, &tenant()).is_ok(), is_allowed, "{call:?}");
        }
    }
}
