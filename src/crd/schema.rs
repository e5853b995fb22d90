//! What the derives cannot say: free-form fields, and the finish of every generated definition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::STAMP_KEY;

/// Most keys of a free-form object. Auth0 has no such limit; its objects have far fewer.
const FREE_FORM_KEYS: usize = 256;

/// Auth0 takes 10 keys in the metadata of clients and connections; one is the operator's stamp.
const METADATA_KEYS: usize = 9;

/// An object whose keys are not known here, kept as it is written.
pub(super) fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "maxProperties": FREE_FORM_KEYS,
    })
}

/// A list of free-form objects.
pub(super) fn free_form_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "maxItems": 100, "items": free_form(generator) })
}

/// A free-form object that carries the operator's stamp in the tenant. CEL sees only declared properties, so the
/// reserved key is declared in order to be refused.
pub(super) fn stamped_free_form(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = free_form(generator);
    schema.insert(
        "properties".to_owned(),
        json!({ STAMP_KEY: {
            "description": "Reserved: the operator keeps its own mark under this key in the tenant. Must not be written.",
            "type": "string",
            "maxLength": 255,
        }}),
    );
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{ "rule": format!("!has(self.{STAMP_KEY})"), "message": stamp_help() }]),
    );
    schema
}

/// Metadata of a client or a connection, which carries the operator's stamp in the tenant.
pub(super) fn stamped_strings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": METADATA_KEYS,
        "additionalProperties": { "type": "string", "maxLength": 255 },
        "x-kubernetes-validations": [
            { "rule": format!("!('{STAMP_KEY}' in self)"), "message": stamp_help() },
            { "rule": "self.all(key, key.size() >= 1 && key.size() <= 255)",
              "message": "Auth0 takes keys of 1 to 255 characters: shorten the key" },
        ],
    })
}

fn stamp_help() -> String {
    format!("the key {STAMP_KEY} is reserved for the operator's own mark in the tenant: remove it")
}

/// Makes a generated definition ready for the API server.
pub(super) fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|validation| validation.open_api_v3_schema.as_mut()) else {
            continue;
        };
        tidy(root);
        let Some(status) = property(root, "status") else { continue };
        // Without it Helm, Flux and Argo CD take a resource that nobody has looked at yet for done.
        status.default = Some(JSON(json!({ "observedGeneration": -1 })));
        if let Some(conditions) = property(status, "conditions") {
            finish_conditions(conditions);
        }
    }
    crd
}

/// Null is not a value of ours: the API server prunes it where a field is not nullable, so a template that renders
/// `name: null` means "not written". And what a doc comment breaks into lines is one paragraph to a reader.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    if let Some(description) = &mut schema.description {
        *description =
            description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(tidy);
    items(schema).into_iter().for_each(tidy);
    values(schema).into_iter().for_each(tidy);
    bound_selector(schema);
}

fn property<'a>(schema: &'a mut JSONSchemaProps, name: &str) -> Option<&'a mut JSONSchemaProps> {
    schema.properties.as_mut()?.get_mut(name)
}

fn items(list: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut list.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        _ => None,
    }
}

fn values(map: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut map.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Some(values),
        _ => None,
    }
}

/// Kubernetes's own type says neither how lists merge nor how long they may be; these are the limits that
/// `metav1.Condition` has in Go. One more condition type may then belong to another field manager.
fn finish_conditions(conditions: &mut JSONSchemaProps) {
    conditions.x_kubernetes_list_type = Some("map".to_owned());
    conditions.x_kubernetes_list_map_keys = Some(vec!["type".to_owned()]);
    conditions.max_items = Some(32);
    let Some(condition) = items(conditions) else { return };
    for (name, most) in [("type", 316), ("reason", 1024), ("message", 32768), ("status", 16)] {
        if let Some(field) = property(condition, name) {
            field.max_length = Some(most);
        }
    }
}

/// Label selectors are Kubernetes's own type, which has no limits; label keys and values do.
fn bound_selector(schema: &mut JSONSchemaProps) {
    let Some(selector) = property(schema, "selector") else { return };
    selector.x_kubernetes_map_type = Some("atomic".to_owned());
    if let Some(labels) = property(selector, "matchLabels") {
        labels.max_properties = Some(32);
        if let Some(value) = values(labels) {
            value.max_length = Some(63);
        }
    }
    let Some(expressions) = property(selector, "matchExpressions") else { return };
    expressions.max_items = Some(32);
    let Some(expression) = items(expressions) else { return };
    if let Some(key) = property(expression, "key") {
        key.max_length = Some(317);
    }
    if let Some(operator) = property(expression, "operator") {
        operator.enum_ = Some(["In", "NotIn", "Exists", "DoesNotExist"].map(|operator| JSON(operator.into())).to_vec());
    }
    if let Some(choice) = property(expression, "values") {
        choice.max_items = Some(64);
        if let Some(value) = items(choice) {
            value.max_length = Some(63);
        }
    }
}
