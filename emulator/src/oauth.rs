//! `POST /oauth/token`: tokens for clients and, by password, for users.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::answer::{Answer, OauthError};
use crate::ids;
use crate::keys::{Keys, Signing};
use crate::management::timestamp;
use crate::request::{Object, ObjectExt as _, Request};
use crate::tenant::Tenant;

const REALM_GRANT: &str = "http://auth0.com/oauth/grant-type/password-realm";
const OIDC_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];
/// Without an API, seconds.
const DEFAULT_LIFETIME: u64 = 86400;

pub(crate) fn answer(tenant: &mut Tenant, request: &Request, keys: &Keys) -> Answer {
    exchange(tenant, request, keys).map_or_else(Answer::from, Answer::ok)
}

fn exchange(tenant: &mut Tenant, request: &Request, keys: &Keys) -> Result<Value, OauthError> {
    let Some(fields) = request.fields() else {
        return Err(OauthError::new(400, "invalid_request", "The request body is neither a form nor a JSON object"));
    };
    let grant_type = required(&fields, "grant_type")?;
    if !["client_credentials", "password", REALM_GRANT].contains(&grant_type) {
        return Err(OauthError::new(403, "unsupported_grant_type", format!("Unsupported grant type: {grant_type}")));
    }
    let client = authenticate(tenant, request, &fields)?;
    if !client.texts("grant_types").any(|allowed| allowed == grant_type) {
        let description = format!("Grant type '{grant_type}' not allowed for the client.");
        return Err(OauthError::new(403, "unauthorized_client", description));
    }
    let tokens = Tokens { client, keys, issuer: tenant.issuer(), now: seconds(request) };
    match grant_type {
        "client_credentials" => tokens.for_client(tenant, &fields),
        "password" => {
            let realm = tenant.settings.text("default_directory").to_owned();
            if realm.is_empty() {
                // Quoted with 403 and with 500.
                let description = "Authorization server not configured with default connection.";
                return Err(OauthError::new(403, "server_error", description));
            }
            tokens.for_user(tenant, &fields, &realm, request)
        }
        _ => tokens.for_user(tenant, &fields, required(&fields, "realm")?, request),
    }
}

fn required<'a>(fields: &'a Object, name: &str) -> Result<&'a str, OauthError> {
    match fields.text(name) {
        "" => Err(OauthError::new(400, "invalid_request", format!("Missing required parameter: {name}"))),
        value => Ok(value),
    }
}

fn seconds(request: &Request) -> u64 {
    request.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The client of a request, by its secret in the body or by HTTP Basic. A client that names its method may use no other; that is
/// not recorded, but what the setting says.
fn authenticate(tenant: &Tenant, request: &Request, fields: &Object) -> Result<Object, OauthError> {
    let unauthorized = || OauthError::new(401, "access_denied", "Unauthorized");
    let basic = request.basic();
    let (client_id, secret) = match &basic {
        Some((client_id, secret)) => (client_id.as_str(), secret.as_str()),
        None => (fields.text("client_id"), fields.text("client_secret")),
    };
    if client_id.is_empty() {
        return Err(OauthError::new(400, "invalid_request", "Missing required parameter: client_id"));
    }
    let client = tenant.clients.get(client_id).filter(|client| !client.is_true("global")).ok_or_else(unauthorized)?;
    if client.contains_key("client_authentication_methods") {
        return Err(unauthorized());
    }
    let is_fine = match client.text("token_endpoint_auth_method") {
        // A public client proves nothing, so it can have tokens for users only.
        "none" => fields.text("grant_type") != "client_credentials",
        "client_secret_basic" if basic.is_none() => false,
        "client_secret_post" if basic.is_some() => false,
        _ => secret == client.text("client_secret"),
    };
    if is_fine { Ok(client.clone()) } else { Err(unauthorized()) }
}

/// Makes the tokens of one authenticated client.
struct Tokens<'a> {
    client: Object,
    keys: &'a Keys,
    issuer: String,
    /// UNIX seconds.
    now: u64,
}

impl Tokens<'_> {
    fn for_client(&self, tenant: &Tenant, fields: &Object) -> Result<Value, OauthError> {
        let denied = |description: String| Err(OauthError::new(403, "access_denied", description));
        let audience = match (fields.text("audience"), tenant.settings.text("default_audience")) {
            ("", "") => {
                return denied(
                    "No audience parameter was provided, and no default audience has been configured".to_owned(),
                );
            }
            ("", default) => default,
            (audience, _) => audience,
        };
        let Some(api) = tenant.api(audience) else {
            return denied(format!("Service not enabled within domain: {audience}"));
        };
        let client_id = self.client.text("client_id");
        let grant = tenant.grant(client_id, audience, "client").filter(|_| policy(api, "client") != "deny_all");
        let Some(grant) = grant else {
            return denied(format!(
                "Client \"{client_id}\" is not authorized to access resource server \"{audience}\". You need to create a \
                 \"client-grant\" associated to this API."
            ));
        };
        let granted: Vec<_> = granted(grant, api);
        let requested: Vec<_> = words(fields.text("scope"));
        // Asking for less is fine; what the grant lacks is left out.
        let scopes: Vec<_> =
            granted.into_iter().filter(|scope| requested.is_empty() || requested.contains(scope)).collect();
        let claims = json!({
            "sub": format!("{client_id}@clients"), "aud": audience, "gty": "client-credentials",
        });
        let lifetime = lifetime(api);
        let token = self.access_token(api, claims, &scopes, &scopes, lifetime)?;
        let mut answer = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
        if !scopes.is_empty() {
            answer["scope"] = scopes.join(" ").into();
        }
        Ok(answer)
    }

    fn for_user(
        &self,
        tenant: &mut Tenant,
        fields: &Object,
        realm: &str,
        request: &Request,
    ) -> Result<Value, OauthError> {
        let (username, password) = (required(fields, "username")?, required(fields, "password")?);
        let audience = match fields.text("audience") {
            "" => tenant.settings.text("default_audience"),
            audience => audience,
        };
        let api = match (audience, tenant.api(audience)) {
            ("", _) => None,
            (_, Some(api)) => Some(api.clone()),
            (_, None) => {
                let description = "invalid audience specified for password grant exchange";
                return Err(OauthError::new(400, "invalid_request", description));
            }
        };
        let user_id = self.log_in(tenant, realm, username, password)?;
        let requested: Vec<_> = words(fields.text("scope"));
        let (scopes, permissions) = match &api {
            // Without an API the answer names all of OpenID Connect, whatever was asked for (recorded).
            None => (OIDC_SCOPES.to_vec(), vec![]),
            Some(api) => self.user_scopes(tenant, api, &requested)?,
        };
        let (token, lifetime) = match &api {
            // For /userinfo only, and not a JWT.
            None => (ids::opaque(), DEFAULT_LIFETIME),
            Some(api) => {
                let audience = match requested.contains(&"openid") {
                    true => json!([audience, format!("{}userinfo", self.issuer)]),
                    false => audience.into(),
                };
                let claims = json!({ "sub": user_id, "aud": audience, "gty": "password" });
                let lifetime = lifetime(api);
                (self.access_token(api, claims, &scopes, &permissions, lifetime)?, lifetime)
            }
        };
        let mut answer = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
        if !scopes.is_empty() {
            answer["scope"] = scopes.join(" ").into();
        }
        if let Some(user) = tenant.users.get(&user_id).filter(|_| requested.contains(&"openid")) {
            answer["id_token"] = self.id_token(&user.profile, &scopes)?.into();
        }
        if let Some(user) = tenant.users.get_mut(&user_id) {
            let logins = user.profile.get("logins_count").and_then(Value::as_u64).unwrap_or(0);
            user.profile.insert("logins_count".into(), (logins + 1).into());
            user.profile.insert("last_login".into(), timestamp(request.received).into());
        }
        Ok(answer)
    }

    /// The id of the user with this name and password in the connection that `realm` names.
    fn log_in(&self, tenant: &Tenant, realm: &str, username: &str, password: &str) -> Result<String, OauthError> {
        let connection = tenant
            .connections
            .iter()
            .find(|connection| connection.object.texts("realms").any(|name| name == realm))
            .filter(|connection| connection.object.text("strategy") == "auth0")
            .filter(|connection| connection.clients.contains(self.client.text("client_id")));
        // Neither status nor words are recorded.
        let connection = connection.ok_or_else(|| {
            OauthError::new(
                403,
                "unauthorized_client",
                format!("The connection {realm} is not enabled for the client."),
            )
        })?;
        let name = username.to_lowercase();
        let user = tenant.users.iter().find(|user| {
            user.connection == connection.object.text("name")
                && ["email", "username"].into_iter().any(|key| user.profile.text(key) == name)
        });
        let user = user
            .filter(|user| user.passwords.first().is_some_and(|digest| digest.matches(password)))
            .ok_or_else(|| OauthError::new(403, "invalid_grant", "Wrong email or password."))?;
        if user.profile.is_true("blocked") {
            // The words are quoted, the status is not.
            return Err(OauthError::new(403, "unauthorized", "user is blocked"));
        }
        Ok(user.profile.text("user_id").to_owned())
    }

    /// What a user's token may do: scopes for the token, and permissions.
    fn user_scopes<'s>(
        &self,
        tenant: &'s Tenant,
        api: &'s Object,
        requested: &[&'s str],
    ) -> Result<(Vec<&'s str>, Vec<&'s str>), OauthError> {
        let (client_id, audience) = (self.client.text("client_id"), api.text("identifier"));
        let allowed = match policy(api, "user") {
            "deny_all" => None,
            "require_client_grant" => tenant.grant(client_id, audience, "user").map(|grant| granted(grant, api)),
            _ => Some(all_scopes(api)),
        };
        let Some(allowed) = allowed else {
            let description =
                format!("Client \"{client_id}\" is not authorized to access resource server \"{audience}\".");
            return Err(OauthError::new(403, "access_denied", description));
        };
        // With role-based access control a user has what their roles give; roles are not emulated, so that is nothing.
        let allowed = if api.is_true("enforce_policies") { vec![] } else { allowed };
        // Auth0's documentation: the password grant gives all scopes of the API when none is asked for.
        let of_api: Vec<_> =
            allowed.into_iter().filter(|scope| requested.is_empty() || requested.contains(scope)).collect();
        let of_oidc = OIDC_SCOPES.into_iter().filter(|scope| requested.contains(scope));
        Ok((of_oidc.chain(of_api.iter().copied()).collect(), of_api))
    }

    fn access_token(
        &self,
        api: &Object,
        mut claims: Value,
        scopes: &[&str],
        permissions: &[&str],
        lifetime: u64,
    ) -> Result<String, OauthError> {
        let dialect = api.text("token_dialect");
        let is_rfc9068 = dialect.starts_with("rfc9068");
        let client_id = self.client.text("client_id");
        claims["iss"] = self.issuer.as_str().into();
        claims["iat"] = self.now.into();
        claims["exp"] = (self.now + lifetime).into();
        claims[if is_rfc9068 { "client_id" } else { "azp" }] = client_id.into();
        if is_rfc9068 {
            claims["jti"] = ids::opaque().into();
        }
        if !scopes.is_empty() {
            claims["scope"] = scopes.join(" ").into();
        }
        if dialect.ends_with("authz") {
            claims["permissions"] = permissions.into();
        }
        let typ = if is_rfc9068 { "at+jwt" } else { "JWT" };
        self.sign(typ, &Signing::named(api.text("signing_alg"), api.text("signing_secret")), &claims)
    }

    /// HS256 with the client's secret unless the client's `jwt_configuration` says otherwise: clients made by the API say nothing,
    /// and HS256 is the default of Auth0's OpenAPI description.
    fn id_token(&self, profile: &Object, scopes: &[&str]) -> Result<String, OauthError> {
        let configuration = self.client.object(&["jwt_configuration"]);
        let algorithm = configuration.map(|jwt| jwt.text("alg")).filter(|alg| !alg.is_empty()).unwrap_or("HS256");
        let lifetime = configuration.and_then(|jwt| jwt.get("lifetime_in_seconds")?.as_u64()).unwrap_or(36000);
        let mut claims = json!({
            "iss": self.issuer, "sub": profile.text("user_id"), "aud": self.client.text("client_id"),
            "iat": self.now, "exp": self.now + lifetime,
        });
        for (scope, names) in [
            ("profile", &["name", "nickname", "picture", "given_name", "family_name", "updated_at"][..]),
            ("email", &["email", "email_verified"]),
            ("phone", &["phone_number", "phone_verified"]),
        ] {
            for name in names.iter().filter(|_| scopes.contains(&scope)) {
                if let Some(value) = profile.get(*name) {
                    claims[*name] = value.clone();
                }
            }
        }
        self.sign("JWT", &Signing::named(algorithm, self.client.text("client_secret")), &claims)
    }

    fn sign(&self, typ: &str, signing: &Signing<'_>, claims: &Value) -> Result<String, OauthError> {
        let failed = |_| OauthError::new(500, "server_error", "The token could not be signed");
        self.keys.sign(typ, signing, claims).map_err(failed)
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

/// Seconds.
fn lifetime(api: &Object) -> u64 {
    api.get("token_lifetime").and_then(Value::as_u64).unwrap_or(DEFAULT_LIFETIME)
}

/// Who may have tokens for an API: the policy for `user` or `client`.
fn policy<'a>(api: &'a Object, subject: &str) -> &'a str {
    api.object(&["subject_type_authorization", subject]).map(|subject| subject.text("policy")).unwrap_or_default()
}

fn all_scopes(api: &Object) -> Vec<&str> {
    let scopes = api.get("scopes").and_then(Value::as_array).into_iter().flatten();
    scopes.filter_map(|scope| scope["value"].as_str()).collect()
}

/// The scopes of a grant that the API has.
fn granted<'a>(grant: &'a Object, api: &'a Object) -> Vec<&'a str> {
    let all = all_scopes(api);
    if grant.is_true("allow_all_scopes") {
        return all;
    }
    grant.texts("scope").filter(|scope| all.contains(scope)).collect()
}
