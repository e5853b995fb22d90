//! Credentials of clients, and logins by them.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::tenant::{AUDIENCE, Tenant, error, refusal, text};

/// A tenant with a client that has no credentials yet.
struct Shop {
    tenant: Tenant,
    id: String,
    /// Of its credentials.
    path: String,
}

impl Shop {
    async fn open() -> Self {
        let tenant = Tenant::start().await;
        let id = text(&tenant.create("/clients", json!({ "name": "Shop" })).await, "client_id");
        let path = format!("/clients/{id}/credentials");
        Self { tenant, id, path }
    }

    /// Lets the client prove itself by these credentials.
    async fn enable(&self, ids: &[&str]) -> (u16, Value) {
        let credentials: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
        let methods = json!({ "private_key_jwt": { "credentials": credentials } });
        self.tenant.patch(&format!("/clients/{}", self.id), json!({ "client_authentication_methods": methods })).await
    }

    /// The status of a login by an assertion.
    async fn log_in(&self, pair: &rcgen::KeyPair, jti: &str) -> u16 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": self.id, "sub": self.id, "aud": "https://localhost:8080/", "iat": now, "exp": now + 60, "jti": jti,
        });
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("audience", AUDIENCE),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()),
        ];
        self.tenant.oauth(&form).await.0
    }
}

fn pair() -> rcgen::KeyPair {
    rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap()
}

fn public_key(pair: &rcgen::KeyPair) -> Value {
    json!({ "credential_type": "public_key", "name": "key", "pem": pair.public_key_pem() })
}

fn certificate() -> String {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.not_after = rcgen::date_time_ymd(2040, 1, 2);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "shop");
    parameters.self_signed(&pair()).unwrap().pem()
}

#[tokio::test]
async fn a_credential_that_is_added_serves_once_the_client_names_it_and_until_it_is_over() {
    let shop = Shop::open().await;
    shop.tenant.create("/client-grants", json!({ "client_id": shop.id, "audience": AUDIENCE, "scope": [] })).await;
    let (old, new) = (pair(), pair());
    let first = text(&shop.tenant.create(&shop.path, public_key(&old)).await, "id");
    assert_eq!(shop.log_in(&old, "1").await, 401, "not named yet");
    assert_eq!(shop.enable(&[&first]).await.0, 200);
    assert_eq!(shop.log_in(&old, "2").await, 200);

    let second = text(&shop.tenant.create(&shop.path, public_key(&new)).await, "id");
    assert_eq!(shop.enable(&[&first, &second]).await.0, 200);
    assert_eq!((shop.log_in(&old, "3").await, shop.log_in(&new, "4").await), (200, 200));

    let past = json!({ "expires_at": "2024-01-01T02:00:00+02:00" });
    let (status, ended) = shop.tenant.patch(&format!("{}/{first}", shop.path), past).await;
    assert_eq!((status, text(&ended, "expires_at")), (200, "2024-01-01T00:00:00.000Z".to_owned()));
    assert_eq!((shop.log_in(&old, "5").await, shop.log_in(&new, "6").await), (401, 200));
    shop.tenant.patch(&format!("{}/{first}", shop.path), json!({ "expires_at": null })).await;
    assert_eq!(shop.log_in(&old, "7").await, 200);

    assert_eq!(shop.tenant.delete(&format!("{}/{first}", shop.path)).await.0, 204);
    assert_eq!((shop.log_in(&old, "8").await, shop.log_in(&new, "9").await), (401, 200));
    let (_, client) = shop.tenant.get(&format!("/clients/{}", shop.id)).await;
    assert_eq!(client["client_authentication_methods"]["private_key_jwt"]["credentials"], json!([{ "id": second }]));
}

#[tokio::test]
async fn credentials_show_what_their_key_or_certificate_says() {
    let shop = Shop::open().await;
    let key = shop.tenant.create(&shop.path, public_key(&pair())).await;
    let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "created_at", "credential_type", "id", "kid", "name", "updated_at"]);
    assert_eq!((text(&key, "id").len(), text(&key, "alg")), (27, "RS256".to_owned()));

    let expiring = json!({ "credential_type": "public_key", "pem": certificate(), "parse_expiry_from_cert": true });
    assert_eq!(shop.tenant.create(&shop.path, expiring).await["expires_at"], "2040-01-02T00:00:00.000Z");
    let own = shop.tenant.create(&shop.path, json!({ "credential_type": "x509_cert", "pem": certificate() })).await;
    assert_eq!((text(&own, "expires_at").len(), text(&own, "thumbprint_sha256").len(), own.get("alg")), (24, 43, None));
    let signed = json!({ "credential_type": "cert_subject_dn", "pem": certificate() });
    assert_eq!(shop.tenant.create(&shop.path, signed).await["subject_dn"], "CN=shop");
    let named = json!({ "credential_type": "cert_subject_dn", "subject_dn": "CN=shop" });
    assert_eq!(shop.tenant.create(&shop.path, named).await["subject_dn"], "CN=shop");

    let (_, all) = shop.tenant.get(&shop.path).await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]), (5, &key));
    assert_eq!(shop.tenant.get(&format!("{}/{}", shop.path, text(&key, "id"))).await, (200, key));
}

#[tokio::test]
async fn credentials_given_with_a_new_client_are_listed_like_those_added_later() {
    let shop = Shop::open().await;
    let methods = json!({ "private_key_jwt": { "credentials": [public_key(&pair())] } });
    let client = json!({ "name": "Other", "client_authentication_methods": methods });
    let client = shop.tenant.create("/clients", client).await;
    let path = format!("/clients/{}", text(&client, "client_id"));
    let shown = &client["client_authentication_methods"]["private_key_jwt"]["credentials"];
    assert_eq!(shop.tenant.get(&format!("{path}/credentials")).await, (200, shown.clone()));

    let foreign = text(&shown[0], "id");
    let refused = format!("The credential {foreign} does not exist");
    assert_eq!(error(shop.enable(&[&foreign]).await), refusal(400, "invalid_body", &refused));
    shop.tenant.delete(&path).await;
    assert_eq!(shop.tenant.get(&format!("{path}/credentials")).await.0, 404);
}

#[tokio::test]
async fn what_cannot_be_a_credential_is_refused() {
    let shop = Shop::open().await;
    let private = pair().serialize_pem();
    for body in [
        json!({ "credential_type": "public_key" }),
        json!({ "credential_type": "public_key", "pem": "-----BEGIN PUBLIC KEY-----" }),
        json!({ "credential_type": "public_key", "pem": private }),
        json!({ "credential_type": "public_key", "pem": certificate(), "kid": "short" }),
        json!({ "credential_type": "public_key", "pem": certificate(), "expires_at": "tomorrow" }),
        json!({ "credential_type": "x509_cert", "pem": pair().public_key_pem() }),
        json!({ "credential_type": "cert_subject_dn" }),
        json!({ "credential_type": "cert_subject_dn", "pem": certificate(), "subject_dn": "CN=shop" }),
        json!({ "credential_type": "password", "pem": certificate() }),
        json!({ "credential_type": "x509_cert", "pem": certificate(), "id": "cred_1" }),
    ] {
        let (status, code, _) = error(shop.tenant.post(&shop.path, body.clone()).await);
        assert_eq!((status, code.as_deref()), (400, Some("invalid_body")), "{body}");
    }
    let missing = refusal(404, "inexistent_client", "The client does not exist");
    assert_eq!(error(shop.tenant.get("/clients/none/credentials").await), missing);
    assert_eq!(shop.tenant.get(&format!("{}/cred_none", shop.path)).await.0, 404);
    assert_eq!(shop.tenant.patch(&format!("{}/cred_none", shop.path), json!({})).await.0, 404);
    assert_eq!(shop.tenant.delete(&format!("{}/cred_none", shop.path)).await.0, 204);
}

#[tokio::test]
async fn each_call_of_credentials_needs_its_scope_and_writes_are_logged() {
    let shop = Shop::open().await;
    let id = text(&shop.tenant.create(&shop.path, public_key(&pair())).await, "id");
    let (_, token) = shop.tenant.token_with(&["read:clients", "update:clients"]).await;
    let (one, all) = (format!("{}/{id}", shop.path), shop.path.clone());
    for (method, path, verb) in [
        (Method::GET, &all, "read"),
        (Method::POST, &all, "create"),
        (Method::GET, &one, "read"),
        (Method::PATCH, &one, "update"),
        (Method::DELETE, &one, "delete"),
    ] {
        let (status, _, message) = error(shop.tenant.call_as(&token, method, path, json!({})).await);
        let expected = format!("Insufficient scope, expected any of: {verb}:client_credentials");
        assert_eq!((status, message), (403, expected), "{verb}");
    }
    shop.tenant.patch(&one, json!({})).await;
    shop.tenant.delete(&one).await;
    let (_, entries) = shop.tenant.get("/logs?q=type:sapi&sort=date:-1&per_page=3").await;
    let described =
        |verb: &str| entries.as_array().unwrap().iter().any(|entry| text(entry, "description").starts_with(verb));
    assert!(described("Update a client credential") && described("Delete a client credential"), "{entries}");
}
