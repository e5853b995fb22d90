use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::browser::{CALLBACK, Shop, VERIFIER};
use crate::tenant::{AUDIENCE, Tenant, text};

const OFFLINE: &[(&str, &str)] = &[("audience", "orders"), ("scope", "openid read write offline_access")];

async fn refresh(shop: &Shop, token: &str) -> (u16, Value) {
    shop.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

#[tokio::test]
async fn a_refresh_token_gives_new_tokens_for_the_same_login() {
    let shop = Shop::open().await;
    let (_, first) = shop.redeem(&shop.log_in(&[OFFLINE, &[("nonce", "n1")]].concat()).await).await;
    assert_eq!(first["scope"], "openid read write offline_access");
    let token = text(&first, "refresh_token");
    for _ in 0..2 {
        let (status, next) = refresh(&shop, &token).await;
        assert_eq!((status, next.get("refresh_token")), (200, None), "it does not rotate");
        assert_eq!(next["scope"], first["scope"]);
        let claims =
            jsonwebtoken::dangerous::insecure_decode::<Value>(text(&next, "id_token").as_str()).unwrap().claims;
        assert_eq!((&claims["sub"], claims.get("nonce")), (&json!(shop.user_id), None));
    }
    let fewer = [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", "read fly")];
    assert_eq!(shop.token(&fewer).await.1["scope"], "read");
    shop.change_user(json!({ "blocked": true })).await;
    assert_eq!(refresh(&shop, &token).await.1["error_description"], "user is blocked");
    shop.tenant.delete(&format!("/users/{}", shop.user_id.replace('|', "%7C"))).await;
    let gone = "The refresh_token was generated for a user who doesn't exist anymore.";
    assert_eq!(refresh(&shop, &token).await.1["error_description"], gone);
    assert!(shop.logged().await.ends_with(&["fertft".to_owned(), "sdu".to_owned(), "fertft".to_owned()]));
}

#[tokio::test]
async fn there_is_no_refresh_token_unless_asked_for_and_allowed() {
    let shop = Shop::open().await;
    shop.log_in(&[]).await;
    let has_one = async |more: &[(&str, &str)]| {
        let response = shop.browser.get(&shop.authorize(more)).await;
        shop.redeem(&crate::browser::code(&response)).await.1.get("refresh_token").is_some()
    };
    assert!(has_one(OFFLINE).await && has_one(&[("scope", "openid offline_access")]).await);
    assert!(!has_one(&[("audience", "orders"), ("scope", "openid read")]).await);
    shop.tenant.patch("/resource-servers/orders", json!({ "allow_offline_access": false })).await;
    assert!(!has_one(OFFLINE).await);
    shop.tenant.patch("/resource-servers/orders", json!({ "allow_offline_access": true })).await;
    shop.change_client(json!({ "grant_types": ["authorization_code"] })).await;
    assert!(!has_one(OFFLINE).await);
}

#[tokio::test]
async fn a_rotated_token_that_is_used_again_takes_its_family_with_it() {
    let shop = Shop::open().await;
    shop.change_client(json!({ "refresh_token": { "rotation_type": "rotating", "expiration_type": "expiring" } }))
        .await;
    let (_, first) = shop.redeem(&shop.log_in(OFFLINE).await).await;
    let first = text(&first, "refresh_token");
    let (_, second) = refresh(&shop, &first).await;
    let second = text(&second, "refresh_token");
    let (_, third) = refresh(&shop, &second).await;
    let third = text(&third, "refresh_token");
    assert!(first != second && second != third);
    let invalid = json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." });
    assert_eq!(refresh(&shop, &first).await, (403, invalid.clone()));
    assert_eq!(refresh(&shop, &third).await, (403, invalid), "nobody knows who is the thief");

    let leeway = json!({ "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 60 });
    shop.change_client(json!({ "refresh_token": leeway })).await;
    let response = shop.browser.get(&shop.authorize(OFFLINE)).await;
    let (_, first) = shop.redeem(&crate::browser::code(&response)).await;
    let first = text(&first, "refresh_token");
    assert_eq!((refresh(&shop, &first).await.0, refresh(&shop, &first).await.0), (200, 200), "within the leeway");
}

#[tokio::test]
async fn a_revoked_or_foreign_refresh_token_is_void() {
    let shop = Shop::open().await;
    let (_, answer) = shop.redeem(&shop.log_in(OFFLINE).await).await;
    let token = text(&answer, "refresh_token");
    let other = shop.tenant.create("/clients", json!({ "name": "Other" })).await;
    let revoke = async |client_id: &str, secret: &str, token: &str| {
        let form = [("client_id", client_id), ("client_secret", secret), ("token", token)];
        shop.tenant.http.post(shop.tenant.url("/oauth/revoke")).form(&form).send().await.unwrap().status().as_u16()
    };
    let (id, secret) = (text(&other, "client_id"), text(&other, "client_secret"));
    assert_eq!(revoke(&id, &secret, &token).await, 200);
    let stolen =
        [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", &id), ("client_secret", &secret)];
    assert_eq!(shop.tenant.oauth(&stolen).await.0, 403);
    assert_eq!(refresh(&shop, &token).await.0, 200);
    assert_eq!(revoke(&shop.client_id, "wrong", &token).await, 401);
    assert_eq!(revoke(&shop.client_id, &shop.client_secret, "unknown").await, 200);
    assert_eq!(revoke(&shop.client_id, &shop.client_secret, &token).await, 200);
    assert_eq!(refresh(&shop, &token).await.0, 403);
}

#[tokio::test]
async fn a_public_client_needs_no_secret_but_its_verifier() {
    let shop = Shop::open().await;
    shop.change_client(json!({ "token_endpoint_auth_method": "none" })).await;
    let code = shop.log_in(OFFLINE).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", &shop.client_id),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let (status, answer) = shop.tenant.oauth(&form).await;
    assert_eq!(status, 200, "{answer}");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &shop.client_id),
        ("refresh_token", &text(&answer, "refresh_token")),
    ];
    assert_eq!(shop.tenant.oauth(&form).await.0, 200);
}

#[tokio::test]
async fn a_client_proves_itself_by_a_jwt_of_its_own_key_once() {
    let tenant = Tenant::start().await;
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let credential = json!({ "credential_type": "public_key", "name": "key", "pem": pair.public_key_pem() });
    let methods = json!({ "private_key_jwt": { "credentials": [credential] } });
    let client = json!({ "name": "Shop", "client_authentication_methods": methods });
    let id = text(&tenant.create("/clients", client).await, "client_id");
    tenant.create("/client-grants", json!({ "client_id": id, "audience": AUDIENCE, "scope": ["read:users"] })).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let good =
        json!({ "iss": id, "sub": id, "aud": "https://localhost:8080/", "iat": now, "exp": now + 60, "jti": "1" });
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    let ask = async |change: Value, key: &EncodingKey| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let assertion = encode(&Header::new(Algorithm::RS256), &claims, key).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("audience", AUDIENCE),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        tenant.oauth(&form).await.0
    };
    let other = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let other = EncodingKey::from_rsa_pem(other.serialize_pem().as_bytes()).unwrap();
    assert_eq!(ask(json!({}), &other).await, 401, "another key");
    for change in [
        json!({ "aud": "https://localhost:8080" }),
        json!({ "exp": now - 1 }),
        json!({ "exp": now + 400 }),
        json!({ "sub": "management" }),
        json!({ "jti": "" }),
        json!({ "jti": "x".repeat(65) }),
    ] {
        assert_eq!(ask(change.clone(), &key).await, 401, "{change}");
    }
    assert_eq!(ask(json!({}), &key).await, 200);
    assert_eq!(ask(json!({}), &key).await, 401, "the same once more");
    assert_eq!(ask(json!({ "jti": "2" }), &key).await, 200);
}
