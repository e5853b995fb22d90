//! Who calls the Management API, and what they may do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::answer::Refusal;
use crate::keys::{BadToken, Keys};
use crate::request::{ObjectExt as _, Request};
use crate::tenant::Tenant;

/// The scopes of the Management API that the endpoints served here know, with descriptions.
pub(crate) const SCOPES: &[(&str, &str)] = &[
    ("read:resource_servers", "Read Resource Servers"),
    ("create:resource_servers", "Create Resource Servers"),
    ("update:resource_servers", "Update Resource Servers"),
    ("delete:resource_servers", "Delete Resource Servers"),
    ("read:clients", "Read Clients"),
    ("create:clients", "Create Clients"),
    ("update:clients", "Update Clients"),
    ("delete:clients", "Delete Clients"),
    ("read:client_summary", "Read Client Summary"),
    ("read:client_keys", "Read Client Keys"),
    ("update:client_keys", "Update Client Keys"),
    ("read:client_credentials", "Read Client Credentials"),
    ("create:client_credentials", "Create Client Credentials"),
    ("update:client_credentials", "Update Client Credentials"),
    ("delete:client_credentials", "Delete Client Credentials"),
    ("update:client_token_vault_privileged_access", "Update Client Token Vault Privileged Access"),
    ("read:client_grants", "Read Client Grants"),
    ("create:client_grants", "Create Client Grants"),
    ("update:client_grants", "Update Client Grants"),
    ("delete:client_grants", "Delete Client Grants"),
    ("read:connections", "Read Connections"),
    ("create:connections", "Create Connections"),
    ("update:connections", "Update Connections"),
    ("delete:connections", "Delete Connections"),
    ("read:connections_options", "Read Connection Options"),
    ("update:connections_options", "Update Connection Options"),
    ("read:users", "Read Users"),
    ("create:users", "Create Users"),
    ("update:users", "Update Users"),
    ("delete:users", "Delete Users"),
    ("read:user_idp_tokens", "Read User IdP Tokens"),
    ("update:users_app_metadata", "Update Users App Metadata"),
    ("read:logs", "Read Logs"),
    ("read:tenant_settings", "Read Tenant Settings"),
    ("update:tenant_settings", "Update Tenant Settings"),
    ("read:actions", "Read Actions"),
];

/// The client whose token a request carries.
pub(crate) struct Caller {
    pub(crate) client_id: String,
    scopes: HashSet<String>,
}

/// Tokens that were verified before: a client sends the same one many times.
#[derive(Default)]
pub(crate) struct Callers(HashMap<String, Known>);

struct Known {
    caller: Arc<Caller>,
    /// UNIX seconds.
    end: u64,
}

/// So many tokens are remembered, then all are forgotten at once.
const REMEMBERED: usize = 1000;

impl Callers {
    /// Reads and verifies the bearer token of a request.
    pub(crate) fn caller(&mut self, request: &Request, tenant: &Tenant, keys: &Keys) -> Result<Arc<Caller>, Refusal> {
        let token = request
            .header("authorization")
            .and_then(|header| header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer ")))
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| Refusal::unauthorized("Missing authentication"))?;
        let now = request.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if let Some(known) = self.0.get(token).filter(|known| known.end > now) {
            return Ok(Arc::clone(&known.caller));
        }
        if token.split('.').count() != 3 {
            return Err(Refusal::new(400, "Bearer", "Bad HTTP authentication header format"));
        }
        let claims = keys.verify(token, &tenant.issuer(), &tenant.management_audience()).map_err(|bad| {
            Refusal::unauthorized(match bad {
                BadToken::Expired => "Expired token received for JSON Web Token validation",
                BadToken::Signature => "Invalid signature received for JSON Web Token validation",
                BadToken::Other => "Invalid token",
            })
        })?;
        let claims = claims.as_object().ok_or_else(|| Refusal::unauthorized("Invalid token"))?;
        let caller = Arc::new(Caller {
            client_id: claims.text("azp").to_owned(),
            scopes: claims.text("scope").split(' ').map(str::to_owned).collect(),
        });
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let end = claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
        self.0.insert(token.to_owned(), Known { caller: Arc::clone(&caller), end });
        Ok(caller)
    }
}

impl Caller {
    /// Those of its token, sorted.
    pub(crate) fn scopes(&self) -> Vec<&str> {
        let mut scopes: Vec<_> = self.scopes.iter().map(String::as_str).filter(|scope| !scope.is_empty()).collect();
        scopes.sort_unstable();
        scopes
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.has(scope))
    }

    /// 403 unless the token has one of the scopes.
    pub(crate) fn need_any(&self, scopes: &[&str]) -> Result<(), Refusal> {
        if self.has_any(scopes) { Ok(()) } else { Err(Refusal::insufficient_scope(scopes)) }
    }
}
