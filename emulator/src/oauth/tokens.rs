//! Access tokens and ID tokens: what stands in them, and who may have which scopes.

use serde_json::{Value, json};

use crate::answer::OauthError;
use crate::authentication::Authentication;
use crate::ids;
use crate::keys::{Keys, Signing};
use crate::oauth::Granted;
use crate::request::{Object, ObjectExt as _, object_of};
use crate::tenant::Tenant;

const OIDC_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// The scope that asks for a refresh token.
const OFFLINE: &str = "offline_access";

/// Without an API, seconds.
pub(crate) const DEFAULT_LIFETIME: u64 = 86400;

/// A user who logged in, and what for.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    /// `""` when there is no API.
    pub(crate) audience: String,
    /// As they were asked for.
    pub(crate) scopes: Vec<String>,
    pub(crate) way: Way,
    pub(crate) nonce: Option<String>,
    /// UNIX seconds, where the ID token is to tell it.
    pub(crate) auth_time: Option<u64>,
    /// The session of the browser.
    pub(crate) sid: Option<String>,
}

impl Login {
    /// Whether the client gets a refresh token: it asks for one, may use one, and the API allows it.
    pub(crate) fn is_offline(&self, tenant: &Tenant, client: &Object) -> bool {
        self.scopes.iter().any(|scope| scope == OFFLINE)
            && client.texts("grant_types").any(|allowed| allowed == "refresh_token")
            && tenant.api(&self.audience).is_none_or(|api| api.is_true("allow_offline_access"))
    }
}

/// How a user logged in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    /// The client had the password.
    PasswordGrant,
    Browser,
}

/// Makes the tokens of one authenticated client.
pub(crate) struct Tokens<'a> {
    client: &'a Object,
    keys: &'a Keys,
    issuer: String,
    /// UNIX seconds.
    now: u64,
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(call: &Authentication<'a>, client: &'a Object) -> Self {
        Self { client, keys: call.keys, issuer: call.tenant.issuer(), now: call.now() }
    }

    pub(crate) fn for_client(&self, tenant: &Tenant, fields: &Object) -> Result<Granted, OauthError> {
        let denied = |description: String| Err(OauthError::new(403, "access_denied", description));
        let audience = &audience(tenant, fields.text("audience"));
        if audience.is_empty() {
            return denied(
                "No audience parameter was provided, and no default audience has been configured".to_owned(),
            );
        }
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
        Ok(Granted { answer, audience: audience.clone(), user_id: None })
    }

    /// Fails where the client's users may have no tokens for the API.
    pub(crate) fn for_user(&self, tenant: &Tenant, login: &Login) -> Result<Granted, OauthError> {
        let requested: Vec<_> = login.scopes.iter().map(String::as_str).collect();
        let api = tenant.api(&login.audience);
        let (mut scopes, permissions) = match api {
            // Without an API the password grant's answer names all of OpenID Connect, whatever was asked for (recorded).
            None if login.way == Way::PasswordGrant => (OIDC_SCOPES.to_vec(), vec![]),
            None => (oidc_scopes(&requested), vec![]),
            Some(api) => self.user_scopes(tenant, api, &requested, login.way)?,
        };
        if login.is_offline(tenant, self.client) {
            scopes.push(OFFLINE);
        }
        let (token, lifetime) = match api {
            // For /userinfo only, and not a JWT.
            None => (ids::opaque(), DEFAULT_LIFETIME),
            Some(api) => {
                // `/userinfo` reads tokens of one algorithm only.
                let is_for_both = requested.contains(&"openid") && api.text("signing_alg") == "RS256";
                let audience = match is_for_both {
                    true => json!([login.audience, format!("{}userinfo", self.issuer)]),
                    false => login.audience.as_str().into(),
                };
                let mut claims = json!({ "sub": login.user_id, "aud": audience });
                if login.way == Way::PasswordGrant {
                    claims["gty"] = "password".into();
                }
                let lifetime = lifetime(api);
                (self.access_token(api, claims, &scopes, &permissions, lifetime)?, lifetime)
            }
        };
        let mut answer = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
        if !scopes.is_empty() {
            answer["scope"] = scopes.join(" ").into();
        }
        if let Some(user) = tenant.users.get(&login.user_id).filter(|_| requested.contains(&"openid")) {
            answer["id_token"] = self.id_token(&user.profile, &scopes, login)?.into();
        }
        Ok(Granted { answer, audience: login.audience.clone(), user_id: Some(login.user_id.clone()) })
    }

    /// Fails where the client's users may have no tokens for the API.
    pub(crate) fn check(&self, tenant: &Tenant, login: &Login) -> Result<(), OauthError> {
        let Some(api) = tenant.api(&login.audience) else { return Ok(()) };
        self.user_scopes(tenant, api, &[], login.way).map(drop)
    }

    /// What a user's token may do: scopes for the token, and permissions.
    fn user_scopes<'s>(
        &self,
        tenant: &'s Tenant,
        api: &'s Object,
        requested: &[&'s str],
        way: Way,
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
        let gives_all = requested.is_empty() && way == Way::PasswordGrant;
        let of_api: Vec<_> = allowed.into_iter().filter(|scope| gives_all || requested.contains(scope)).collect();
        let of_oidc = oidc_scopes(requested).into_iter();
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
    fn id_token(&self, profile: &Object, scopes: &[&str], login: &Login) -> Result<String, OauthError> {
        let configuration = self.client.object(&["jwt_configuration"]);
        let algorithm = configuration.map(|jwt| jwt.text("alg")).filter(|alg| !alg.is_empty()).unwrap_or("HS256");
        let lifetime = configuration.and_then(|jwt| jwt.get("lifetime_in_seconds")?.as_u64()).unwrap_or(36000);
        let mut claims = claims_of(profile, scopes);
        claims.extend(object_of(json!({
            "iss": self.issuer, "sub": login.user_id, "aud": login.client_id, "iat": self.now, "exp": self.now + lifetime,
        })));
        let more = [
            ("nonce", login.nonce.clone().map(Value::from)),
            ("auth_time", login.auth_time.map(Value::from)),
            ("sid", login.sid.clone().map(Value::from)),
        ];
        claims.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let claims = claims.into();
        self.sign("JWT", &Signing::named(algorithm, self.client.text("client_secret")), &claims)
    }

    fn sign(&self, typ: &str, signing: &Signing<'_>, claims: &Value) -> Result<String, OauthError> {
        let failed = |_| OauthError::new(500, "server_error", "The token could not be signed");
        self.keys.sign(typ, signing, claims).map_err(failed)
    }
}

/// What the scopes of OpenID Connect let be seen of a user.
pub(crate) fn claims_of(profile: &Object, scopes: &[&str]) -> Object {
    let mut claims = Object::new();
    for (scope, names) in [
        ("profile", &["name", "nickname", "picture", "given_name", "family_name", "updated_at"][..]),
        ("email", &["email", "email_verified"]),
        ("phone", &["phone_number", "phone_verified"]),
    ] {
        for name in names.iter().filter(|_| scopes.contains(&scope)) {
            if let Some(value) = profile.get(*name) {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
    }
    claims
}

fn oidc_scopes(requested: &[&str]) -> Vec<&'static str> {
    OIDC_SCOPES.into_iter().filter(|scope| requested.contains(scope)).collect()
}

/// The API that tokens are for: the tenant's default where none is asked for.
pub(crate) fn audience(tenant: &Tenant, asked: &str) -> String {
    if asked.is_empty() { tenant.settings.text("default_audience").to_owned() } else { asked.to_owned() }
}

pub(crate) fn words(text: &str) -> Vec<&str> {
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
