//! What a call of the Management API leaves in the log.

use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::{Answer, Body};
use crate::log::cut::{self, masked};
use crate::log::journal::{About, Journal, user_name};
use crate::request::{Object, ObjectExt as _, Request};
use crate::tenant::{Tenant, tenant_name};

/// The user that a call is about to change or delete, for a comparison afterwards.
pub(crate) struct Before(Option<Object>);

/// Members of answers that are secrets to Auth0's log. More may count than the one that is recorded.
const SECRETS: &[&str] = &["client_secret", "signing_secret"];

impl Before {
    pub(crate) fn of(request: &Request, tenant: &Tenant) -> Self {
        Self(match path(request).as_slice() {
            ["users", id] if request.method != "GET" => tenant.users.get(id).map(|user| user.profile.clone()),
            _ => None,
        })
    }
}

impl Journal {
    /// `sapi` for every successful write and `mgmt_api_read` for a read that showed a secret; failures leave nothing. Beside
    /// that, what Auth0's user store says of its users.
    pub(crate) fn management(
        &mut self,
        request: &Request,
        caller: &Caller,
        before: &Before,
        answer: &Answer,
        tenant: &Tenant,
    ) {
        if request.method == "GET" {
            self.read(request, caller, answer);
            return;
        }
        let sent = request.json().ok();
        let sent = sent.as_ref().and_then(Value::as_object);
        if answer.status == 409 && path(request) == ["users"] {
            self.sign_up(tenant, caller, sent, answer);
        }
        if answer.status >= 300 {
            return;
        }
        let logged = cut::logged(&request.method, &path(request));
        let answered = object(answer);
        let mut details = json!({
            "request": call(request, caller, logged.lists_scopes),
            "response": { "statusCode": answer.status, "body": logged.response(answered) },
        });
        details["request"]["body"] = logged.request(sent);
        if logged.says_deleted {
            details["deleted"] = true.into();
        }
        let secrets = secrets(answered.into_iter());
        if !secrets.is_empty() {
            details["accessedSecrets"] = secrets.into();
        }
        let entry = json!({ "description": logged.description, "client_id": caller.client_id, "details": details });
        self.push("sapi", entry);
        match (request.method.as_str(), path(request).as_slice()) {
            ("POST", ["users"]) => self.sign_up(tenant, caller, sent, answer),
            ("PATCH", ["users", _]) => self.user_changes(tenant, caller, before, sent, answered),
            ("DELETE", ["users", _]) => self.user_deletion(tenant, before),
            _ => {}
        }
    }

    fn read(&mut self, request: &Request, caller: &Caller, answer: &Answer) {
        let secrets = match &answer.body {
            Body::Json(Value::Object(object)) => {
                let inner = object.values().filter_map(Value::as_array).flatten().filter_map(Value::as_object);
                secrets(std::iter::once(object).chain(inner))
            }
            Body::Json(Value::Array(objects)) => secrets(objects.iter().filter_map(Value::as_object)),
            _ => return,
        };
        if secrets.is_empty() {
            return;
        }
        let path = path(request);
        let description = match path.as_slice() {
            ["clients", _] => "Get client by ID",
            ["clients"] => "Get clients",
            ["resource-servers", _] => "Get a resource server",
            _ => "Get resource servers",
        };
        // Recorded for a single client: the answer is cut to its id.
        let ids = object(answer).into_iter().flatten().filter(|(key, _)| matches!(key.as_str(), "client_id" | "id"));
        let body: Object = ids.map(|(key, value)| (key.clone(), value.clone())).collect();
        let details = json!({
            "request": call(request, caller, false),
            "response": { "statusCode": answer.status, "body": body },
            "accessedSecrets": secrets,
        });
        let entry = json!({ "description": description, "client_id": caller.client_id, "details": details });
        self.push("mgmt_api_read", entry);
    }

    /// `ss` comes with every create by the API, `fs` with one that met a user (recorded).
    fn sign_up(&mut self, tenant: &Tenant, caller: &Caller, sent: Option<&Object>, answer: &Answer) {
        let Some(sent) = sent else { return };
        let answered = object(answer);
        let about = About {
            client: tenant.clients.get(&caller.client_id),
            connection: tenant.connection_named(sent.text("connection")),
            user: answered.filter(|_| answer.status == 201),
        };
        let mut body: Object = sent.iter().map(|(key, value)| (key.clone(), masked(key, value))).collect();
        body.insert("tenant".into(), tenant_name(&tenant.domain).into());
        body.insert("client_id".into(), caller.client_id.as_str().into());
        if answer.status == 201 {
            body.insert("is_signup".into(), false.into());
            self.about("ss", about, json!({ "details": { "authentication_methods": ["pwd"], "body": body } }));
        } else {
            let message = answered.map(|error| error.text("message")).unwrap_or_default();
            let name = user_name(sent);
            let members =
                json!({ "description": message, "user_id": "", "user_name": name, "details": { "body": body } });
            self.about("fs", about, members);
        }
    }

    /// An entry for each thing that users have entries for of their own, when it is another now. (Not recorded for changes by the
    /// API; Auth0's documentation names the types.)
    fn user_changes(
        &mut self,
        tenant: &Tenant,
        caller: &Caller,
        before: &Before,
        sent: Option<&Object>,
        now: Option<&Object>,
    ) {
        let (Some(before), Some(now), Some(sent)) = (&before.0, now, sent) else { return };
        let about = About {
            client: tenant.clients.get(&caller.client_id),
            connection: tenant
                .users
                .get(now.text("user_id"))
                .and_then(|user| tenant.connection_named(&user.connection)),
            user: Some(now),
        };
        for (kind, key) in [("sce", "email"), ("scu", "username"), ("scpn", "phone_number")] {
            if before.get(key) != now.get(key) {
                self.about(kind, about, json!({ "details": { "body": { key: now.get(key) } } }));
            }
        }
        if sent.contains_key("password") {
            self.about("scp", about, json!({ "details": { "body": { "newPassword": "*****" } } }));
        }
    }

    /// `sdu` names the user in its description only (recorded).
    fn user_deletion(&mut self, tenant: &Tenant, before: &Before) {
        let Some(user) = &before.0 else { return };
        let identity = user.get("identities").and_then(|identities| identities.get(0)).and_then(Value::as_object);
        let Some(identity) = identity else { return };
        let connection = tenant.connection_named(identity.text("connection"));
        let members = json!({
            "description": format!("user_id: {}", identity.text("user_id")),
            "user_id": "",
            "user_name": "",
            "details": { "body": { "tenant": tenant_name(&tenant.domain), "connection": identity.text("connection") } },
        });
        self.about("sdu", About { connection, ..About::default() }, members);
    }
}

/// The path below `/api/v2`.
fn path(request: &Request) -> Vec<&str> {
    request.segments.iter().skip(2).map(String::as_str).collect()
}

fn object(answer: &Answer) -> Option<&Object> {
    match &answer.body {
        Body::Json(Value::Object(object)) => Some(object),
        _ => None,
    }
}

fn secrets<'a>(objects: impl Iterator<Item = &'a Object>) -> Vec<&'static str> {
    let mut left = SECRETS.to_vec();
    let mut found = vec![];
    for object in objects {
        found.extend(left.extract_if(.., |secret| object.contains_key(*secret)));
    }
    found
}

/// `details.request`, without its body.
fn call(request: &Request, caller: &Caller, lists_scopes: bool) -> Value {
    let credentials = if lists_scopes { json!({ "scopes": caller.scopes() }) } else { json!({}) };
    let query: Object = request.query.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    json!({
        "method": request.method.to_lowercase(),
        "path": request.raw_path,
        "query": query,
        "userAgent": request.header("user-agent").unwrap_or_default(),
        "channel": "api",
        "ip": request.peer.to_string(),
        "auth": { "user": {}, "strategy": "jwt", "credentials": credentials },
    })
}
