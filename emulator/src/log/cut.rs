//! What the log shows of the bodies of Management API calls: an allow-list per kind of object, as recorded, and secrets masked.

use serde_json::Value;

use crate::request::Object;

/// How a call is logged.
pub(crate) struct Logged {
    pub(crate) description: &'static str,
    request: Shown,
    response: Shown,
    /// Some deletions say so once more.
    pub(crate) says_deleted: bool,
    /// Some entries list the scopes of the token.
    pub(crate) lists_scopes: bool,
}

#[derive(Clone, Copy)]
enum Shown {
    Nothing,
    Only(&'static [&'static str]),
    Everything,
}

const RESOURCE_SERVER: Shown = Shown::Only(&[
    "id",
    "name",
    "identifier",
    "signing_alg",
    "token_lifetime",
    "token_lifetime_for_web",
    "allow_offline_access",
]);

const CLIENT: Shown = Shown::Only(&[
    "allowed_clients",
    "app_type",
    "callbacks",
    "client_aliases",
    "client_id",
    "client_secret",
    "cross_origin_auth",
    "cross_origin_loc",
    "custom_login_page_on",
    "description",
    "grant_types",
    "is_first_party",
    "is_token_endpoint_ip_header_trusted",
    "jwt_configuration",
    "name",
    "oidc_conformant",
    "refresh_token",
    "sso",
    "sso_disabled",
    "token_endpoint_auth_method",
]);

/// Not the grant's id.
const CLIENT_GRANT: Shown = Shown::Only(&["client_id", "audience", "scope"]);

/// Never the options.
const CONNECTION: Shown = Shown::Only(&["id", "strategy", "name", "enabled_clients", "realms"]);
const NEW_CONNECTION: Shown = Shown::Only(&["strategy", "name"]);

/// Masked wherever they stand.
const SECRETS: &[&str] = &["client_secret", "password"];

/// How a successful write to a path, without `/api/v2`, is logged. Of paths that are not recorded, nothing but the call is shown.
pub(crate) fn logged(method: &str, path: &[&str]) -> Logged {
    use Shown::{Everything, Nothing};
    let (description, request, response) = match (method, path) {
        ("POST", ["resource-servers"]) => ("Create a resource server", RESOURCE_SERVER, RESOURCE_SERVER),
        ("PATCH", ["resource-servers", _]) => ("Update a resource server", RESOURCE_SERVER, RESOURCE_SERVER),
        ("DELETE", ["resource-servers", _]) => ("Delete a resource server", Nothing, Nothing),
        ("POST", ["clients"]) => ("Create a client", CLIENT, CLIENT),
        ("PATCH", ["clients", _]) => ("Update a client", CLIENT, CLIENT),
        ("DELETE", ["clients", _]) => ("Delete a client", Nothing, Nothing),
        ("POST", ["clients", _, "rotate-secret"]) => ("Rotate a client secret", Nothing, CLIENT),
        ("POST", ["clients", _, "credentials"]) => ("Create a client credential", Nothing, Nothing),
        ("PATCH", ["clients", _, "credentials", _]) => ("Update a client credential", Nothing, Nothing),
        ("DELETE", ["clients", _, "credentials", _]) => ("Delete a client credential", Nothing, Nothing),
        ("POST", ["client-grants"]) => ("Create client grant", CLIENT_GRANT, CLIENT_GRANT),
        ("PATCH", ["client-grants", _]) => ("Update client grant", CLIENT_GRANT, CLIENT_GRANT),
        ("DELETE", ["client-grants", _]) => ("Delete client grant", Nothing, Nothing),
        ("POST", ["connections"]) => ("Create a connection", NEW_CONNECTION, CONNECTION),
        ("PATCH", ["connections", _]) => ("Update a connection", Nothing, CONNECTION),
        ("DELETE", ["connections", _]) => ("Delete a connection", Nothing, Nothing),
        ("PATCH", ["connections", _, "clients"]) => ("Update enabled clients for a connection", Nothing, Nothing),
        ("POST", ["users"]) => ("Create a User", Everything, Everything),
        ("PATCH", ["users", _]) => ("Update a User", Everything, Everything),
        ("DELETE", ["users", _]) => ("Delete a User", Nothing, Nothing),
        ("PATCH", ["tenants", "settings"]) => ("Update tenant settings", Nothing, Nothing),
        _ => ("", Nothing, Nothing),
    };
    Logged {
        description,
        request,
        response,
        says_deleted: method == "DELETE" && matches!(path, ["clients" | "connections", _]),
        lists_scopes: matches!(path, ["users" | "connections", ..]),
    }
}

impl Logged {
    pub(crate) fn request(&self, body: Option<&Object>) -> Value {
        self.request.cut(body)
    }

    pub(crate) fn response(&self, body: Option<&Object>) -> Value {
        self.response.cut(body)
    }
}

impl Shown {
    fn cut(self, body: Option<&Object>) -> Value {
        let shown = |key: &str| match self {
            Self::Nothing => false,
            Self::Only(keys) => keys.contains(&key),
            Self::Everything => true,
        };
        let members = body.into_iter().flatten().filter(|(key, _)| shown(key));
        members.map(|(key, value)| (key.clone(), masked(key, value))).collect::<Object>().into()
    }
}

pub(crate) fn masked(key: &str, value: &Value) -> Value {
    if SECRETS.contains(&key) { "*****".into() } else { value.clone() }
}
