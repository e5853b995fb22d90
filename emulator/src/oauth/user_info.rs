//! `/userinfo`: the user of an access token, as far as its scopes go.

use serde_json::Value;

use crate::answer::{Answer, Body};
use crate::authentication::Authentication;
use crate::oauth::tokens::{claims_of, words};
use crate::request::{Object, ObjectExt as _};

pub(crate) fn answer(call: &mut Authentication<'_>) -> Answer {
    match user_info(call) {
        Some(claims) => Answer::ok(claims),
        None => Answer { status: 401, headers: Vec::new(), body: Body::Text("Unauthorized".to_owned()) }
            .with_header("content-type", "text/plain; charset=utf-8")
            .with_header("www-authenticate", "Bearer realm=\"Users\", error=\"invalid_token\""),
    }
}

/// The token is one for no API, or a JWT that names `/userinfo` beside its API.
fn user_info(call: &Authentication<'_>) -> Option<Object> {
    let form = || call.request.fields().map(|fields| fields.text("access_token").to_owned());
    let header = call.request.header("authorization").map(|header| header.strip_prefix("Bearer ").map(str::to_owned));
    let token = header.unwrap_or_else(form)?;
    let (user_id, scopes) = match call.logins.access_tokens.get(&token, call.now()) {
        Some(known) => (known.user_id.clone(), known.scopes.clone()),
        None => {
            let issuer = call.tenant.issuer();
            let claims = call.keys.verify(&token, &issuer, &format!("{issuer}userinfo")).ok()?;
            let claims = claims.as_object()?;
            let scopes = words(claims.text("scope")).into_iter().map(str::to_owned).collect();
            (claims.text("sub").to_owned(), scopes)
        }
    };
    let user = call.tenant.users.get(&user_id)?;
    let scopes: Vec<_> = scopes.iter().map(String::as_str).collect();
    let mut claims = claims_of(&user.profile, &scopes);
    claims.insert("sub".into(), Value::from(user_id));
    Some(claims)
}
