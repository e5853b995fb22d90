use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::tenant::{PASSWORD, Tenant, read, text};

const REALM_GRANT: &str = "http://auth0.com/oauth/grant-type/password-realm";

/// Verifies a token against the JWKS, as its receiver would.
async fn verified(tenant: &Tenant, token: &str, algorithm: Algorithm, audience: &str) -> Value {
    let (_, jwks) = tenant.call(reqwest::Method::GET, "/.well-known/jwks.json", None).await;
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "the current and the next");
    let kid = decode_header(token).unwrap().kid.unwrap();
    let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
    let key = DecodingKey::from_rsa_components(&text(key, "n"), &text(key, "e")).unwrap();
    claims(token, &key, algorithm, audience)
}

fn claims(token: &str, key: &DecodingKey, algorithm: Algorithm, audience: &str) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["https://localhost:8080/"]);
    decode::<Value>(token, key, &validation).unwrap().claims
}

/// A tenant with an API, a client, and a user.
struct Shop {
    tenant: Tenant,
    client_id: String,
    client_secret: String,
    connection: String,
    user_id: String,
}

impl Shop {
    async fn open() -> Self {
        let tenant = Tenant::start().await;
        let api = json!({
            "identifier": "orders", "token_lifetime": 60, "scopes": [{ "value": "read" }, { "value": "write" }],
        });
        tenant.create("/resource-servers", api).await;
        let grant_types = json!(["client_credentials", "password", REALM_GRANT]);
        let jwt = json!({ "alg": "RS256", "lifetime_in_seconds": 300 });
        let client = json!({ "name": "Shop", "grant_types": grant_types, "jwt_configuration": jwt });
        let client = tenant.create("/clients", client).await;
        let connection = tenant.database("users", json!({})).await;
        let user = json!({ "connection": "users", "email": "ada@example.com", "password": PASSWORD });
        let user_id = text(&tenant.create("/users", user).await, "user_id");
        let (client_id, client_secret) = (text(&client, "client_id"), text(&client, "client_secret"));
        let shop = Self { tenant, client_id, client_secret, connection, user_id };
        shop.enable(true).await;
        shop
    }

    async fn enable(&self, status: bool) {
        let path = format!("/connections/{}/clients", self.connection);
        let (code, _) = self.tenant.patch(&path, json!([{ "client_id": self.client_id, "status": status }])).await;
        assert_eq!(code, 204);
    }

    async fn token(&self, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.as_str())];
        form.extend(more);
        self.tenant.oauth(&form).await
    }

    async fn for_itself(&self) -> (u16, Value) {
        self.token(&[("grant_type", "client_credentials"), ("audience", "orders")]).await
    }

    async fn log_in(&self, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![("grant_type", REALM_GRANT), ("realm", "users"), ("username", "Ada@example.com")];
        if !more.iter().any(|(key, _)| *key == "password") {
            form.push(("password", PASSWORD));
        }
        form.extend(more);
        self.token(&form).await
    }
}

fn oauth_error((status, body): (u16, Value)) -> (u16, String) {
    (status, text(&body, "error"))
}

#[tokio::test]
async fn a_client_has_tokens_only_by_a_grant_and_only_the_scopes_that_the_api_has() {
    let shop = Shop::open().await;
    assert_eq!(oauth_error(shop.for_itself().await), (403, "access_denied".to_owned()));
    let grant = json!({ "client_id": shop.client_id, "audience": "orders", "scope": ["write", "fly"] });
    shop.tenant.create("/client-grants", grant).await;
    let (status, answer) = shop.for_itself().await;
    assert_eq!((status, &answer["scope"], &answer["expires_in"]), (200, &json!("write"), &json!(60)));
    assert_eq!(answer["token_type"], "Bearer");
    let claims = verified(&shop.tenant, &text(&answer, "access_token"), Algorithm::RS256, "orders").await;
    assert_eq!(claims["sub"], format!("{}@clients", shop.client_id));
    assert_eq!((&claims["gty"], &claims["azp"]), (&json!("client-credentials"), &json!(shop.client_id)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
}

#[tokio::test]
async fn an_api_signs_as_its_algorithm_says() {
    let shop = Shop::open().await;
    shop.tenant.create("/client-grants", json!({ "client_id": shop.client_id, "audience": "orders" })).await;
    for (name, algorithm) in [("PS256", Algorithm::PS256), ("RS512", Algorithm::RS512)] {
        shop.tenant.patch("/resource-servers/orders", json!({ "signing_alg": name })).await;
        let (_, answer) = shop.for_itself().await;
        verified(&shop.tenant, &text(&answer, "access_token"), algorithm, "orders").await;
    }
    let (_, api) = shop.tenant.patch("/resource-servers/orders", json!({ "signing_alg": "HS256" })).await;
    let (_, answer) = shop.for_itself().await;
    let key = DecodingKey::from_secret(text(&api, "signing_secret").as_bytes());
    claims(&text(&answer, "access_token"), &key, Algorithm::HS256, "orders");
}

#[tokio::test]
async fn a_client_proves_who_it_is_as_its_method_says() {
    let shop = Shop::open().await;
    shop.tenant.create("/client-grants", json!({ "client_id": shop.client_id, "audience": "orders" })).await;
    let basic = async || {
        let request = shop.tenant.http.post(shop.tenant.url("/oauth/token"));
        let request = request.basic_auth(&shop.client_id, Some(&shop.client_secret));
        let form = [("grant_type", "client_credentials"), ("audience", "orders")];
        read(request.form(&form).send().await.unwrap()).await.0
    };
    assert_eq!((basic().await, shop.for_itself().await.0), (200, 200));
    let path = format!("/clients/{}", shop.client_id);
    for (method, expected) in
        [("client_secret_post", (401, 200)), ("client_secret_basic", (200, 401)), ("none", (401, 401))]
    {
        shop.tenant.patch(&path, json!({ "token_endpoint_auth_method": method })).await;
        assert_eq!((basic().await, shop.for_itself().await.0), expected, "{method}");
    }
    let form = [("grant_type", "client_credentials"), ("client_id", &shop.client_id), ("client_secret", "wrong")];
    assert_eq!(
        shop.tenant.oauth(&form).await,
        (401, json!({ "error": "access_denied", "error_description": "Unauthorized" }))
    );
}

#[tokio::test]
async fn a_user_logs_in_by_realm_and_gets_both_tokens() {
    let shop = Shop::open().await;
    let (status, answer) = shop.log_in(&[("audience", "orders"), ("scope", "openid email read fly")]).await;
    assert_eq!((status, &answer["scope"], &answer["expires_in"]), (200, &json!("openid email read"), &json!(60)));
    let access = verified(&shop.tenant, &text(&answer, "access_token"), Algorithm::RS256, "orders").await;
    assert_eq!((&access["sub"], &access["gty"]), (&json!(shop.user_id), &json!("password")));
    let id = verified(&shop.tenant, &text(&answer, "id_token"), Algorithm::RS256, &shop.client_id).await;
    assert_eq!((&id["sub"], &id["email"]), (&json!(shop.user_id), &json!("ada@example.com")));
    assert_eq!(id["exp"].as_u64().unwrap() - id["iat"].as_u64().unwrap(), 300);
    let (_, user) = shop.tenant.get(&format!("/users/{}", shop.user_id.replace('|', "%7C"))).await;
    assert_eq!(user["logins_count"], 1);

    let (_, all) = shop.log_in(&[("audience", "orders")]).await;
    assert_eq!((&all["scope"], all.get("id_token")), (&json!("read write"), None));
    let (_, opaque) = shop.log_in(&[("scope", "openid")]).await;
    assert_eq!(opaque["scope"], "openid profile email address phone");
    assert!(!text(&opaque, "access_token").contains('.'), "a token for no API is not a JWT");
}

#[tokio::test]
async fn a_login_fails_where_auth0_lets_it_fail() {
    let shop = Shop::open().await;
    let wrong = json!({ "error": "invalid_grant", "error_description": "Wrong email or password." });
    assert_eq!(shop.log_in(&[("password", "Wrong-Horse-1")]).await, (403, wrong.clone()));
    let nobody = shop.token(&[
        ("grant_type", REALM_GRANT),
        ("realm", "users"),
        ("username", "x@example.com"),
        ("password", "x"),
    ]);
    assert_eq!(nobody.await, (403, wrong));
    let audience = shop.log_in(&[("audience", "nothing")]).await;
    assert_eq!(audience.1["error_description"], "invalid audience specified for password grant exchange");

    shop.enable(false).await;
    assert_eq!(oauth_error(shop.log_in(&[]).await), (403, "unauthorized_client".to_owned()));
    shop.enable(true).await;
    let user = format!("/users/{}", shop.user_id.replace('|', "%7C"));
    shop.tenant.patch(&user, json!({ "blocked": true })).await;
    assert_eq!(oauth_error(shop.log_in(&[]).await), (403, "unauthorized".to_owned()));
    shop.tenant.patch(&user, json!({ "blocked": false, "password": "Another-Horse-2" })).await;
    assert_eq!(oauth_error(shop.log_in(&[]).await), (403, "invalid_grant".to_owned()));
    assert_eq!(shop.log_in(&[("password", "Another-Horse-2")]).await.0, 200);

    let deny = json!({ "subject_type_authorization": { "user": { "policy": "deny_all" } } });
    shop.tenant.patch("/resource-servers/orders", deny).await;
    let denied = shop.log_in(&[("audience", "orders"), ("password", "Another-Horse-2")]).await;
    assert_eq!(oauth_error(denied), (403, "access_denied".to_owned()));
    shop.tenant.patch(&format!("/clients/{}", shop.client_id), json!({ "grant_types": ["password"] })).await;
    let (_, body) = shop.log_in(&[]).await;
    assert_eq!(body["error_description"], format!("Grant type '{REALM_GRANT}' not allowed for the client."));
}

#[tokio::test]
async fn the_password_grant_needs_a_default_directory() {
    let shop = Shop::open().await;
    let form = [("grant_type", "password"), ("username", "ada@example.com"), ("password", PASSWORD)];
    let (_, body) = shop.token(&form).await;
    assert_eq!(body["error_description"], "Authorization server not configured with default connection.");
    shop.tenant.patch("/tenants/settings", json!({ "default_directory": "users" })).await;
    assert_eq!(shop.token(&form).await.0, 200);
}

#[tokio::test]
async fn malformed_token_requests_are_told_so() {
    let shop = Shop::open().await;
    for (form, expected) in [
        (&[][..], (400, "invalid_request")),
        (&[("grant_type", "magic")], (403, "unsupported_grant_type")),
        (&[("grant_type", "client_credentials")], (403, "access_denied")),
        (&[("grant_type", "client_credentials"), ("audience", "nothing")], (403, "access_denied")),
        (&[("grant_type", REALM_GRANT)], (400, "invalid_request")),
    ] {
        let (status, error) = oauth_error(shop.token(form).await);
        assert_eq!((status, error.as_str()), expected, "{form:?}");
    }
}

#[tokio::test]
async fn the_tenant_describes_itself_by_its_domain() {
    let tenant = Tenant::start().await;
    let (_, configuration) = tenant.call(reqwest::Method::GET, "/.well-known/openid-configuration", None).await;
    assert_eq!(configuration["issuer"], "https://localhost:8080/");
    assert_eq!(configuration["jwks_uri"], "https://localhost:8080/.well-known/jwks.json");
}
