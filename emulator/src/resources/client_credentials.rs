//! `/clients/{id}/credentials`: keys and certificates by which a client proves who it is, once a property of the client names them.

use std::time::SystemTime;

use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::certificates::Certificate;
use crate::ids;
use crate::keys::thumbprint;
use crate::management::{Call, timestamp};
use crate::request::{Object, ObjectExt as _};
use crate::resources::clients;
use crate::store::Store;
use crate::tenant::Tenant;

/// The properties of clients that name credentials.
const NAMING: &[&str] = &["client_authentication_methods", "signed_request_object", "token_vault_privileged_access"];

/// A key or certificate of a client.
#[derive(Clone)]
pub(crate) struct Credential {
    /// As answers have it: what the key or certificate says, not the thing itself (recorded).
    shown: Object,
    /// No answer shows it.
    pem: String,
}

impl Credential {
    /// From what a request sends, which has passed its schema. That a PEM text must be readable is not recorded, but what is shown
    /// of it could not be had otherwise.
    fn new(mut sent: Object, now: &str) -> Result<Self, Refusal> {
        let pem = sent.get("pem").and_then(Value::as_str).map(str::to_owned);
        let kind = sent.text("credential_type").to_owned();
        if kind != "cert_subject_dn" && pem.is_none() {
            return Err(Refusal::invalid_body("Payload validation error: 'Missing required property: pem'."));
        }
        if kind == "cert_subject_dn" && pem.is_some() == sent.contains_key("subject_dn") {
            return Err(Refusal::invalid_body("Exactly one of pem and subject_dn must be set"));
        }
        let pem = pem.unwrap_or_default();
        let certificate = Certificate::parse(&pem);
        let parses_expiry = sent.is_true("parse_expiry_from_cert");
        // What belongs to other types is left out.
        let members: &[&str] = match kind.as_str() {
            "public_key" => &["credential_type", "name", "alg", "kid", "expires_at"],
            _ => &["credential_type", "name", "subject_dn"],
        };
        sent.retain(|key, _| members.contains(&key.as_str()));
        match (kind.as_str(), certificate) {
            ("x509_cert", Some(certificate)) => {
                sent.insert("expires_at".into(), certificate.expires.into());
                sent.insert("thumbprint_sha256".into(), certificate.thumbprint_sha256.into());
            }
            ("cert_subject_dn", Some(certificate)) => {
                sent.insert("subject_dn".into(), certificate.subject_dn.into());
            }
            ("cert_subject_dn", None) if pem.is_empty() => {}
            ("public_key", certificate) if is_public_rsa(&pem) => {
                sent.entry("alg").or_insert_with(|| "RS256".into());
                sent.entry("kid").or_insert_with(|| thumbprint(&pem).into());
                set_expiry(&mut sent);
                if let Some(certificate) = certificate.filter(|_| parses_expiry) {
                    sent.insert("expires_at".into(), certificate.expires.into());
                }
            }
            _ => return Err(Refusal::invalid_body("The pem of the credential cannot be read")),
        }
        sent.insert("id".into(), ids::credential_id().into());
        sent.insert("created_at".into(), now.into());
        sent.insert("updated_at".into(), now.into());
        Ok(Self { shown: sent, pem })
    }

    fn id(&self) -> &str {
        self.shown.text("id")
    }

    /// The public key and its algorithm (RS256, RS384 or PS256), when it is one and still good.
    pub(crate) fn public_key(&self, now: SystemTime) -> Option<(&str, &str)> {
        // A time that cannot be read is one after the year 9999.
        let until = self.shown.text("expires_at").parse::<jiff::Timestamp>().ok().map(SystemTime::from);
        let is_good = self.shown.text("credential_type") == "public_key" && until.is_none_or(|until| now < until);
        is_good.then(|| (self.pem.as_str(), self.shown.text("alg")))
    }
}

pub(crate) fn list(tenant: &mut Tenant, client_id: &str) -> Result<Answer, Refusal> {
    let credentials = of_client(tenant, client_id)?;
    Ok(Answer::ok(credentials.iter().map(|credential| credential.shown.clone()).collect::<Vec<_>>()))
}

pub(crate) fn get(tenant: &mut Tenant, client_id: &str, id: &str) -> Result<Answer, Refusal> {
    let credential = of_client(tenant, client_id)?.get(id).ok_or_else(inexistent)?;
    Ok(Answer::ok(credential.shown.clone()))
}

pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>, client_id: &str) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.client_credentials.create)?;
    let credentials = of_client(tenant, client_id)?;
    let credential = Credential::new(body, &call.timestamp())?;
    let shown = credential.shown.clone();
    credentials.insert(credential.id().to_owned(), credential);
    Ok(Answer::created(shown))
}

/// Only its end can be changed.
pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, client_id: &str, id: &str) -> Result<Answer, Refusal> {
    let body = call.object(&call.schemas.client_credentials.update)?;
    let credential = of_client(tenant, client_id)?.get_mut(id).ok_or_else(inexistent)?;
    credential.shown.extend(body);
    set_expiry(&mut credential.shown);
    credential.shown.insert("updated_at".into(), call.timestamp().into());
    Ok(Answer::ok(credential.shown.clone()))
}

/// Auth0's documentation: whether it is enabled or not. That the client names it no more is not recorded. Can be repeated, as all
/// deletions.
pub(crate) fn delete(tenant: &mut Tenant, client_id: &str, id: &str) -> Result<Answer, Refusal> {
    of_client(tenant, client_id)?.remove(id);
    if let Some(client) = tenant.clients.get_mut(client_id) {
        for property in NAMING {
            if let Some(value) = client.get_mut(*property) {
                for_each_list(value, &mut |credentials| credentials.retain(|credential| credential["id"] != id));
            }
        }
    }
    Ok(Answer::no_content())
}

/// Takes the credentials out of a new client and leaves no more than their ids in it. The create answer shows them whole: that is
/// what is returned, by property, beside the credentials.
pub(crate) fn take(client: &mut Object, now: &str) -> Result<(Object, Store<Credential>), Refusal> {
    let (mut whole, mut credentials) = (Object::new(), Store::default());
    for property in NAMING {
        let Some(value) = client.get_mut(*property) else { continue };
        let (mut shown, mut failure) = (value.clone(), None);
        for_each(&mut shown, &mut |sent| match Credential::new(sent.as_object().cloned().unwrap_or_default(), now) {
            Ok(credential) => {
                *sent = credential.shown.clone().into();
                credentials.insert(credential.id().to_owned(), credential);
            }
            Err(refusal) => failure = Some(refusal),
        });
        if let Some(refusal) = failure {
            return Err(refusal);
        }
        whole.insert((*property).into(), shown.clone());
        for_each(&mut shown, &mut |credential| *credential = json!({ "id": credential["id"] }));
        *value = shown;
    }
    Ok((whole, credentials))
}

/// Refuses a change of a client that names credentials which are not its own. (Not recorded; how else could it be meant?)
pub(crate) fn check_names(tenant: &Tenant, client_id: &str, sent: &Object) -> Result<(), Refusal> {
    let own = tenant.credentials.get(client_id);
    let mut foreign = None;
    for value in NAMING.iter().filter_map(|property| sent.get(*property)) {
        for_each(&mut value.clone(), &mut |credential| {
            let id = credential["id"].as_str().unwrap_or_default();
            if own.is_none_or(|own| own.get(id).is_none()) {
                foreign = Some(id.to_owned());
            }
        });
    }
    match foreign {
        Some(id) => Err(Refusal::invalid_body(format!("The credential {id} does not exist"))),
        None => Ok(()),
    }
}

fn of_client<'a>(tenant: &'a mut Tenant, client_id: &str) -> Result<&'a mut Store<Credential>, Refusal> {
    if tenant.clients.get(client_id).is_none() {
        return Err(clients::inexistent());
    }
    Ok(tenant.credentials.entry(client_id.to_owned()).or_default())
}

/// A key or a certificate. A private key would do as well, but must not get here.
fn is_public_rsa(pem: &str) -> bool {
    !pem.contains("PRIVATE KEY") && DecodingKey::from_rsa_pem(pem.as_bytes()).is_ok()
}

/// Auth0's words are not recorded.
fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_credential", "The credential does not exist")
}

/// Writes `expires_at` in UTC and to the millisecond, whatever it was sent in (recorded); `null` is no end.
fn set_expiry(credential: &mut Object) {
    match credential.text("expires_at").parse::<jiff::Timestamp>() {
        Ok(time) => {
            credential.insert("expires_at".into(), timestamp(time.into()).into());
        }
        Err(_) => {
            credential.remove("expires_at");
        }
    }
}

/// Acts on the credentials that stand anywhere in a property of a client.
fn for_each(value: &mut Value, act: &mut impl FnMut(&mut Value)) {
    for_each_list(value, &mut |credentials| credentials.iter_mut().for_each(&mut *act));
}

fn for_each_list(value: &mut Value, act: &mut impl FnMut(&mut Vec<Value>)) {
    let Value::Object(members) = value else { return };
    for (key, member) in members {
        match member {
            Value::Array(credentials) if key == "credentials" => act(credentials),
            member => for_each_list(member, act),
        }
    }
}
