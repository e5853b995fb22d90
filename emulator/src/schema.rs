//! Judges a request's body as Auth0 does: by a JSON schema, with Auth0's words for what is wrong.
//!
//! The schemas under `schemas/` hold the request bodies of Auth0's OpenAPI description of the Management API: names, types and
//! limits. Auth0's messages end with the property's description in parentheses where it has one; ours leave it out, as
//! recorded messages for properties without a description do.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::formats::Format;

/// The schemas of all requests with a body.
pub(crate) struct Schemas {
    pub(crate) resource_servers: Requests,
    pub(crate) clients: Requests,
    pub(crate) client_credentials: Requests,
    pub(crate) client_grants: Requests,
    pub(crate) connections: Requests,
    pub(crate) connection_clients: Schema,
    pub(crate) users: Requests,
    pub(crate) tenant_settings: Schema,
}

/// What POST and PATCH of one kind of object accept.
pub(crate) struct Requests {
    pub(crate) create: Schema,
    pub(crate) update: Schema,
}

impl Schemas {
    /// Reads the schemas that are part of the program. Fails only when one of them is broken.
    pub(crate) fn load() -> Result<Self, serde_json::Error> {
        let connections: Value = serde_json::from_str(include_str!("schemas/connections.json"))?;
        Ok(Self {
            resource_servers: Requests::read(&serde_json::from_str(include_str!("schemas/resource_servers.json"))?)?,
            clients: Requests::read(&serde_json::from_str(include_str!("schemas/clients.json"))?)?,
            client_credentials: Requests::read(&serde_json::from_str(include_str!(
                "schemas/client_credentials.json"
            ))?)?,
            client_grants: Requests::read(&serde_json::from_str(include_str!("schemas/client_grants.json"))?)?,
            connection_clients: Schema::read(&connections, "clients")?,
            connections: Requests::read(&connections)?,
            users: Requests::read(&serde_json::from_str(include_str!("schemas/users.json"))?)?,
            tenant_settings: Schema::read(
                &serde_json::from_str(include_str!("schemas/tenant_settings.json"))?,
                "update",
            )?,
        })
    }
}

impl Requests {
    fn read(file: &Value) -> Result<Self, serde_json::Error> {
        Ok(Self { create: Schema::read(file, "create")?, update: Schema::read(file, "update")? })
    }
}

/// The part of JSON Schema that Auth0's description uses.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Schema {
    r#type: Types,
    r#enum: Option<Vec<Value>>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    #[serde(deserialize_with = "regex")]
    pattern: Option<Regex>,
    format: Option<Format>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    unique_items: bool,
    items: Option<Box<Schema>>,
    min_properties: Option<usize>,
    max_properties: Option<usize>,
    required: Vec<String>,
    properties: BTreeMap<String, Schema>,
    additional_properties: Additional,
    one_of: Vec<Schema>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Types {
    #[default]
    Any,
    One(String),
    Several(Vec<String>),
}

/// What may stand in an object beside the properties listed. Everything, when the schema does not say.
#[derive(Deserialize)]
#[serde(untagged)]
enum Additional {
    Allowed(bool),
    Like(Box<Schema>),
}

impl Default for Additional {
    fn default() -> Self {
        Self::Allowed(true)
    }
}

fn regex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let pattern = String::deserialize(deserializer)?;
    Regex::new(&pattern).map(Some).map_err(serde::de::Error::custom)
}

impl Schema {
    fn read(file: &Value, name: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_value(resolve(&file[name], &file["definitions"]))
    }

    /// The first fault of a body, in Auth0's words: `Payload validation error: '…' on property a.b[0]`.
    pub(crate) fn check(&self, body: &Value) -> Result<(), String> {
        self.value("", body).map_err(|fault| match fault.at.as_str() {
            "" => format!("Payload validation error: '{}'.", fault.what),
            at => format!("Payload validation error: '{}' on property {at}.", fault.what),
        })
    }

    fn value(&self, at: &str, value: &Value) -> Result<(), Fault> {
        self.kind(at, value)?;
        if let Some(allowed) = &self.r#enum
            && !allowed.contains(value)
        {
            return Err(Fault::new(at, format!("No enum match for: {}", plain(value))));
        }
        match value {
            Value::String(text) => self.string(at, text),
            Value::Number(number) => self.number(at, number),
            Value::Array(items) => self.array(at, items),
            Value::Object(members) => self.object(at, members),
            Value::Null | Value::Bool(_) => Ok(()),
        }?;
        if !self.one_of.is_empty() && self.one_of.iter().all(|one| one.value(at, value).is_err()) {
            return Err(Fault::new(at, "None of the valid schemas were met"));
        }
        Ok(())
    }

    fn kind(&self, at: &str, value: &Value) -> Result<(), Fault> {
        let found = kind_of(value);
        let fits = |wanted: &str| wanted == found || wanted == "number" && found == "integer";
        let wanted = match &self.r#type {
            Types::Any => return Ok(()),
            Types::One(one) if fits(one) => return Ok(()),
            Types::One(one) => one.clone(),
            Types::Several(several) if several.iter().any(|one| fits(one)) => return Ok(()),
            Types::Several(several) => several.join(","),
        };
        Err(Fault::new(at, format!("Expected type {wanted} but found type {found}")))
    }

    fn string(&self, at: &str, text: &str) -> Result<(), Fault> {
        let length = text.chars().count();
        let what = if let Some(least) = self.min_length.filter(|least| length < *least) {
            format!("String is too short ({length} chars), minimum {least}")
        } else if let Some(most) = self.max_length.filter(|most| length > *most) {
            format!("String is too long ({length} chars), maximum {most}")
        } else if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            format!("String does not match pattern {pattern}: {text}")
        } else if let Some(format) = self.format.filter(|format| !format.fits(text)) {
            format!("Object didn't pass validation for format {}: {text}", format.name())
        } else {
            return Ok(());
        };
        Err(Fault::new(at, what))
    }

    fn number(&self, at: &str, number: &serde_json::Number) -> Result<(), Fault> {
        let Some(value) = number.as_f64() else { return Ok(()) };
        if let Some(least) = self.minimum.filter(|least| value < *least) {
            return Err(Fault::new(at, format!("Value {number} is less than minimum {least}")));
        }
        if let Some(most) = self.maximum.filter(|most| value > *most) {
            return Err(Fault::new(at, format!("Value {number} is greater than maximum {most}")));
        }
        Ok(())
    }

    fn array(&self, at: &str, items: &[Value]) -> Result<(), Fault> {
        let length = items.len();
        if let Some(least) = self.min_items.filter(|least| length < *least) {
            return Err(Fault::new(at, format!("Array is too short ({length}), minimum {least}")));
        }
        if let Some(most) = self.max_items.filter(|most| length > *most) {
            return Err(Fault::new(at, format!("Array is too long ({length}), maximum {most}")));
        }
        if self.unique_items {
            for (second, item) in items.iter().enumerate() {
                if let Some(first) = items[..second].iter().position(|other| other == item) {
                    let what = format!("Array items are not unique (indexes {first} and {second})");
                    return Err(Fault::new(at, what));
                }
            }
        }
        let Some(schema) = &self.items else { return Ok(()) };
        items.iter().enumerate().try_for_each(|(index, item)| schema.value(&format!("{at}[{index}]"), item))
    }

    fn object(&self, at: &str, members: &Map<String, Value>) -> Result<(), Fault> {
        let size = members.len();
        if let Some(least) = self.min_properties.filter(|least| size < *least) {
            return Err(Fault::new(at, format!("Too few properties defined ({size}), minimum {least}")));
        }
        if let Some(most) = self.max_properties.filter(|most| size > *most) {
            return Err(Fault::new(at, format!("Too many properties defined ({size}), maximum {most}")));
        }
        if let Additional::Allowed(false) = self.additional_properties {
            let extra: Vec<_> =
                members.keys().map(String::as_str).filter(|key| !self.properties.contains_key(*key)).collect();
            if !extra.is_empty() {
                return Err(Fault::new(at, format!("Additional properties not allowed: {}", extra.join(","))));
            }
        }
        if let Some(missing) = self.required.iter().find(|key| !members.contains_key(*key)) {
            return Err(Fault::new(at, format!("Missing required property: {missing}")));
        }
        for (key, value) in members {
            let here = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            match (self.properties.get(key), &self.additional_properties) {
                (Some(schema), _) => schema.value(&here, value)?,
                (None, Additional::Like(schema)) => schema.value(&here, value)?,
                (None, Additional::Allowed(_)) => {}
            }
        }
        Ok(())
    }
}

/// What is wrong, and where.
struct Fault {
    at: String,
    what: String,
}

impl Fault {
    fn new(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), what: what.into() }
    }
}

/// Replaces `{"$ref": "name"}` by the definition of that name; keys beside `$ref` win over the definition's.
fn resolve(schema: &Value, definitions: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut resolved = match members.get("$ref").and_then(Value::as_str) {
                Some(name) => resolve(&definitions[name], definitions),
                None => Value::Object(Map::new()),
            };
            for (key, value) in members.iter().filter(|(key, _)| *key != "$ref") {
                resolved[key] = resolve(value, definitions);
            }
            resolved
        }
        Value::Array(items) => items.iter().map(|item| resolve(item, definitions)).collect(),
        other => other.clone(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: &Value, body: &Value) -> String {
        Schema::read(&json!({ "s": schema }), "s").unwrap().check(body).err().unwrap_or_default()
    }

    #[test]
    fn each_fault_is_told_in_auth0s_words() {
        for (schema, body, message) in [
            (json!({"type": "string"}), json!(1), "'Expected type string but found type integer'."),
            (
                json!({"additionalProperties": false}),
                json!({"b": 1, "a": 1}),
                "'Additional properties not allowed: a,b'.",
            ),
            (json!({"required": ["email"]}), json!({}), "'Missing required property: email'."),
            (json!({"minProperties": 1}), json!({}), "'Too few properties defined (0), minimum 1'."),
            (
                json!({"properties": {"a": {"items": {"properties": {"b": {"maxLength": 1}}}}}}),
                json!({"a": [{"b": ""}, {"b": "xx"}]}),
                "'String is too long (2 chars), maximum 1' on property a[1].b.",
            ),
            (
                json!({"properties": {"a": {"uniqueItems": true}}}),
                json!({"a": ["x", "x"]}),
                "'Array items are not unique (indexes 0 and 1)' on property a.",
            ),
            (json!({"pattern": "^a$"}), json!("b"), "'String does not match pattern ^a$: b'."),
            (
                json!({"format": "client-id"}),
                json!("#<x y>"),
                "'Object didn't pass validation for format client-id: #<x y>'.",
            ),
            (json!({"enum": ["a"]}), json!("b"), "'No enum match for: b'."),
            (json!({"maximum": 2}), json!(3), "'Value 3 is greater than maximum 2'."),
            (json!({"minItems": 1}), json!([]), "'Array is too short (0), minimum 1'."),
            (
                json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
                json!(1),
                "'None of the valid schemas were met'.",
            ),
        ] {
            assert_eq!(said(&schema, &body), format!("Payload validation error: {message}"));
        }
    }

    #[test]
    fn every_schema_of_the_program_can_be_read() {
        Schemas::load().unwrap();
    }
}
