//! `/connections`: sources of users.

use serde_json::{Value, json};

use crate::access::Caller;
use crate::answer::{Answer, Refusal};
use crate::ids;
use crate::management::{Call, timestamp};
use crate::paging::{Fields, Paging, Style};
use crate::request::{Object, ObjectExt as _};
use crate::resources::clients;
use crate::resources::connection_options::{self, Write};
use crate::tenant::{Connection, DELETION, Deletion, Tenant};

const PAGING: Paging = Paging { key: "connections", id: "id", always: ALWAYS, default: 100, style: Style::Both };

/// These come whatever `fields` asks for (recorded; the last two since 2025, and for single connections).
const ALWAYS: &[&str] = &["id", "is_domain_connection", "authentication", "connected_accounts"];

/// Strategies whose connections may be a button on the login page.
const ENTERPRISE: &[&str] = &["ad", "adfs", "google-apps", "oidc", "okta", "pingfederate", "samlp", "waad"];
/// Strategies that a customer's administrator sets up by a ticket.
const PROVISIONED: &[&str] = &["ad", "adfs", "google-apps", "pingfederate", "samlp", "waad"];
/// Strategies that show what they are for.
const PURPOSES: &[&str] = &["auth0", "google-oauth2", "google-apps", "line", "oidc", "okta", "oauth2", "samlp", "waad"];
/// Strategies that have a display name from the start: their name.
const NAMED: &[&str] = &["oidc", "okta", "waad"];

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let request = call.request;
    let strategies: Vec<_> = request.parameters("strategy").collect();
    let connections = tenant
        .connections
        .iter()
        .map(|connection| &connection.object)
        .filter(|connection| request.parameter("name").is_none_or(|name| connection.text("name") == name))
        .filter(|connection| strategies.is_empty() || strategies.contains(&connection.text("strategy")));
    PAGING.answer(request, connections, |connection| view(connection, call.caller))
}

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    let connection = tenant.connections.get(id).ok_or_else(inexistent)?;
    Ok(Answer::ok(fields.select(view(&connection.object, call.caller), ALWAYS)))
}

pub(crate) fn create(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let mut body = call.object(&call.schemas.connections.create)?;
    let (name, strategy) = (body.text("name").to_owned(), body.text("strategy").to_owned());
    if tenant.connection_named(&name).is_some() {
        return Err(Refusal::conflict(None, "A connection with the same name already exists"));
    }
    if tenant.deletions.iter().any(|deletion| deletion.name == name) {
        let message = "A connection with the same name is being deleted, try again later";
        return Err(Refusal::conflict(None, message));
    }
    check(&strategy, &body)?;
    let clients: Vec<String> = body.texts("enabled_clients").map(str::to_owned).collect();
    if clients.iter().any(|client| tenant.clients.get(client).is_none()) {
        return Err(clients::inexistent());
    }
    let options = take_options(&mut body);
    connection_options::check(&strategy, &options, None)?;

    let id = ids::connection_id();
    body.remove("enabled_clients");
    body.insert("id".into(), id.clone().into());
    body.insert(
        "options".into(),
        connection_options::complete(&strategy, options, Write::Create, &tenant.domain).into(),
    );
    body.entry("realms").or_insert_with(|| json!([name]));
    for (key, value) in defaults(&strategy, &name, &tenant.domain) {
        body.entry(key).or_insert(value);
    }
    drop_nulls(&mut body, "metadata");
    tenant.connections.insert(id, Connection { object: stored(&body), clients: clients.iter().cloned().collect() });

    // Gone from every other answer, but still here.
    body.insert("enabled_clients".into(), clients.into());
    Ok(Answer::created(body))
}

pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let mut body = call.object(&call.schemas.connections.update)?;
    if body.contains_key("options") {
        call.caller.need_any(&["update:connections_options"])?;
    }
    let connection = &mut tenant.connections.get_mut(id).ok_or_else(inexistent)?.object;
    let strategy = connection.text("strategy").to_owned();
    check(&strategy, &body)?;
    if body.contains_key("options") {
        let options = take_options(&mut body);
        connection_options::check(&strategy, &options, connection.object(&["options"]))?;
        body.insert(
            "options".into(),
            connection_options::complete(&strategy, options, Write::Replace, &tenant.domain).into(),
        );
    }
    // Auth0's OpenAPI description: a display name that is not sent becomes the name again.
    if connection.contains_key("display_name") {
        let name = connection.get("name").cloned().unwrap_or_default();
        body.entry("display_name").or_insert(name);
    }
    let mut answer = connection.clone();
    for (key, value) in body {
        match (answer.get_mut(&key), value) {
            // Not recorded; the `null` that the schema allows for a value only makes sense when the rest stays.
            (Some(Value::Object(current)), Value::Object(sent)) if key == "metadata" => current.extend(sent),
            (_, value) => {
                answer.insert(key, value);
            }
        }
    }
    drop_nulls(&mut answer, "metadata");
    *connection = stored(&answer);
    Ok(Answer::ok(without_hidden(answer, call.caller)))
}

/// Users and enabled clients go with it. The deletion itself goes on for a while, in which it is answered again with the same time.
pub(crate) fn delete(tenant: &mut Tenant, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    if let Some(connection) = tenant.connections.remove(id) {
        let name = connection.object.text("name").to_owned();
        tenant.users.retain(|user| user.connection != name);
        tenant.deletions.push(Deletion {
            id: id.to_owned(),
            name,
            deleted_at: timestamp(call.now),
            over: call.now + DELETION,
        });
    }
    Ok(match tenant.deletions.iter().find(|deletion| deletion.id == id) {
        Some(deletion) => Answer::new(202, json!({ "deleted_at": deletion.deleted_at })),
        None => Answer::no_content(),
    })
}

pub(crate) fn inexistent() -> Refusal {
    Refusal::new(404, "inexistent_connection", "The connection does not exist")
}

/// A connection as a token's scopes let it be seen.
pub(crate) fn view(connection: &Object, caller: &Caller) -> Object {
    without_hidden(connection.clone(), caller)
}

fn without_hidden(mut connection: Object, caller: &Caller) -> Object {
    if !caller.has("read:connections_options") {
        connection.remove("options");
    }
    connection
}

fn check(strategy: &str, body: &Object) -> Result<(), Refusal> {
    if body.contains_key("cross_app_access_requesting_app") && !matches!(strategy, "oidc" | "okta") {
        let message = "Cross App Access Requesting App is not supported for this connection.";
        return Err(Refusal::new(400, "operation_not_supported", message));
    }
    Ok(())
}

fn take_options(body: &mut Object) -> Object {
    match body.remove("options") {
        Some(Value::Object(options)) => options,
        _ => Object::new(),
    }
}

fn defaults(strategy: &str, name: &str, domain: &str) -> Object {
    let mut defaults = Object::new();
    defaults.insert("is_domain_connection".into(), false.into());
    if ENTERPRISE.contains(&strategy) {
        defaults.insert("show_as_button".into(), false.into());
    }
    if PROVISIONED.contains(&strategy) {
        let ticket = format!("https://{domain}/p/{strategy}/{}", ids::opaque());
        defaults.insert("provisioning_ticket_url".into(), ticket.into());
    }
    if PURPOSES.contains(&strategy) {
        defaults.insert("authentication".into(), json!({ "active": true }));
        defaults.insert("connected_accounts".into(), json!({ "active": false }));
    }
    if NAMED.contains(&strategy) {
        defaults.insert("display_name".into(), name.into());
    }
    defaults
}

/// The answer to a write shows these as `null` where they were sent so; later reads omit them. Other `null`s stay (recorded).
fn stored(answer: &Object) -> Object {
    let mut stored = answer.clone();
    if let Some(Value::Object(options)) = stored.get_mut("options") {
        options.retain(|key, value| !value.is_null() || !matches!(key.as_str(), "authorizationURL" | "tokenURL"));
    }
    stored
}

fn drop_nulls(connection: &mut Object, key: &str) {
    if let Some(Value::Object(members)) = connection.get_mut(key) {
        members.retain(|_, value| !value.is_null());
    }
}
