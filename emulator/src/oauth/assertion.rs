//! `private_key_jwt`: clients that prove who they are by a JWT that they sign.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::authentication::Authentication;
use crate::request::{Object, ObjectExt as _};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Auth0's documentation: an assertion is valid for at most five minutes, in seconds.
const LONGEST_LIFETIME: u64 = 300;
/// Auth0's documentation: characters.
const LONGEST_JTI: usize = 64;

/// The client that an assertion says it is from; nothing of it is verified.
pub(crate) fn claimed(fields: &Object) -> Option<String> {
    let assertion = fields.text("client_assertion");
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(assertion).ok()?.claims;
    claims["iss"].as_str().map(str::to_owned)
}

/// Whether a request carries an assertion of the client that is signed with one of its keys, for this tenant, and not seen before.
pub(crate) fn is_proof(call: &mut Authentication<'_>, fields: &Object, client: &Object) -> bool {
    let assertion = fields.text("client_assertion");
    if fields.text("client_assertion_type") != ASSERTION_TYPE {
        return false;
    }
    let Some(credentials) = client.object(&["client_authentication_methods", "private_key_jwt"]) else { return false };
    let ids = credentials.get("credentials").and_then(Value::as_array).into_iter().flatten();
    let own = call.tenant.credentials.get(client.text("client_id"));
    let keys = ids.filter_map(|credential| own?.get(credential["id"].as_str()?)?.public_key(call.request.received));
    let issuer = call.tenant.issuer();
    let claims = keys.filter_map(|(pem, algorithm)| verified(assertion, pem, algorithm, &issuer)).next();
    let Some(claims) = claims else { return false };
    let (client_id, now) = (client.text("client_id"), call.now());
    let jti = claims.text("jti");
    let until = claims.get("exp").and_then(Value::as_u64).unwrap_or_default();
    let is_fine = claims.text("iss") == client_id
        && claims.text("sub") == client_id
        && until <= now + LONGEST_LIFETIME
        && !jti.is_empty()
        && jti.chars().count() <= LONGEST_JTI;
    let seen = format!("{client_id} {jti}");
    if !is_fine || call.logins.assertions.get(&seen, now).is_some() {
        return false;
    }
    call.logins.assertions.put(&seen, (), now, LONGEST_LIFETIME);
    true
}

fn verified(assertion: &str, pem: &str, algorithm: &str, issuer: &str) -> Option<Object> {
    let mut validation = Validation::new(match algorithm {
        "RS384" => Algorithm::RS384,
        "PS256" => Algorithm::PS256,
        _ => Algorithm::RS256,
    });
    validation.leeway = 0;
    validation.set_audience(&[issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let key = DecodingKey::from_rsa_pem(pem.as_bytes()).ok()?;
    let claims = jsonwebtoken::decode::<Value>(assertion, &key, &validation).ok()?.claims;
    if let Value::Object(claims) = claims { Some(claims) } else { None }
}
