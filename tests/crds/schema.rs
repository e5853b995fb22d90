//! The generated schemas, field by field.

use auth0_operator::crd;
use serde_json::Value;

/// A field of a schema.
pub(crate) struct Field {
    /// Where it is, such as `Auth0Api.spec.scopes[].value`.
    pub(crate) path: String,
    /// Its own schema, as the API server gets it.
    pub(crate) schema: Value,
}

impl Field {
    /// Whether it has this type.
    pub(crate) fn is(&self, of_type: &str) -> bool {
        self.schema["type"] == of_type
    }

    /// Whether its schema says this about it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.schema.get(key).is_some()
    }

    /// Whether its keys are the user's own.
    pub(crate) fn is_map(&self) -> bool {
        self.has("additionalProperties") || self.has("x-kubernetes-preserve-unknown-fields")
    }
}

/// Every field of every kind, at every level, the root of each kind included.
pub(crate) fn fields() -> Vec<Field> {
    let mut fields = Vec::new();
    for definition in crd::all() {
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
        collect(&definition.spec.names.kind, &schema["openAPIV3Schema"], &mut fields);
    }
    fields
}

fn collect(path: &str, schema: &Value, fields: &mut Vec<Field>) {
    fields.push(Field { path: path.to_owned(), schema: schema.clone() });
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        collect(&format!("{path}.{name}"), property, fields);
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            collect(&format!("{path}{suffix}"), &schema[key], fields);
        }
    }
}
