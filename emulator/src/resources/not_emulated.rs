//! Parts of Auth0 that are not emulated, as a client finds them in a tenant that has none of it: the list of actions is empty, which
//! must be readable for whoever exports databases; for all else no client has the scope.

use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::management::Call;
use crate::request::Request;
use crate::tenant::Tenant;

/// First segments of paths, and what their scopes are about, in the words of Auth0's Node SDK. That some longer paths have scopes of
/// their own makes no difference here. Missing, so 404, is what is served by scopes that clients can have: jobs, blocks of users.
const COLLECTIONS: &[(&str, &str)] = &[
    ("actions", "actions"),
    ("anomaly", "anomaly_blocks"),
    ("attack-protection", "attack_protection"),
    ("branding", "branding"),
    ("connection-profiles", "connection_profiles"),
    ("connections-directory-provisionings", "directory_provisionings"),
    ("custom-domains", "custom_domains"),
    ("device-credentials", "device_credentials"),
    ("email-templates", "email_templates"),
    ("emails", "email_provider"),
    ("event-streams", "event_streams"),
    ("flows", "flows"),
    ("forms", "forms"),
    ("groups", "groups"),
    ("guardian", "guardian_factors"),
    ("hooks", "hooks"),
    ("keys", "signing_keys"),
    ("log-streams", "log_streams"),
    ("network-acls", "network_acls"),
    ("organizations", "organizations"),
    ("prompts", "prompts"),
    ("rate-limit-policies", "rate_limit_policies"),
    ("refresh-tokens", "refresh_tokens"),
    ("risk-assessments", "attack_protection"),
    ("roles", "roles"),
    ("rules", "rules"),
    ("rules-configs", "rules_configs"),
    ("self-service-profiles", "self_service_profiles"),
    ("sessions", "sessions"),
    ("stats", "stats"),
    ("supplemental-signals", "attack_protection"),
    ("tickets", "user_tickets"),
    ("token-exchange-profiles", "token_exchange_profiles"),
    ("user-attribute-profiles", "user_attribute_profiles"),
];

/// `GET /actions/actions`, whose envelope is its own (Auth0's documentation).
pub(crate) fn actions(_: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let page = call.request.number("page", 0, usize::MAX)?.unwrap_or(0);
    let per_page = call.request.number("per_page", 1, 100)?.unwrap_or(50);
    Ok(Answer::ok(json!({ "actions": [], "total": 0, "page": page, "per_page": per_page })))
}

/// The scope that a request would need; `None` where Auth0 has no such part.
pub(crate) fn scope(request: &Request) -> Option<String> {
    let first = request.segments.get(2)?;
    let (_, about) = COLLECTIONS.iter().find(|(path, _)| path == first)?;
    let verb = match request.method.as_str() {
        "GET" => "read",
        "POST" => "create",
        "PATCH" | "PUT" => "update",
        "DELETE" => "delete",
        _ => return None,
    };
    Some(format!("{verb}:{about}"))
}
