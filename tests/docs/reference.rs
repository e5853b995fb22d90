//! `docs/reference.md`: every kind, every field.

use crate::{
    markdown::{cell, table},
    schema::{Field, fields},
};
use auth0_operator::{
    crd,
    plan::unset::{self, Defaults},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};
use serde_json::Value;

const HEAD: &str = "\
<!-- Made from src/crd and src/plan/unset.rs by tests/docs.rs: UPDATE_DOCS=1 cargo test -p auth0-operator --test docs -->
# Reference

Every field of every kind; `kubectl explain auth0api.spec --recursive` shows the same. What the reasons in conditions mean stands
in [reasons.md](reasons.md).

A field that is not written is not managed: the tenant's own value stays. So no field of the tenant has a default here; where a
description says \"default\", it is used once, when the object is created.

";

const ANNOTATIONS: &str = "\
## Annotations

| annotation | on | effect |
| --- | --- | --- |
| `reconcile.auth0-operator.dev/requestedAt` | every kind | Any new value: the operator looks at once, ends waits and pauses, and then shows the value in `status.lastHandledReconcileAt`. On an Auth0Tenant it also fetches a new token and looks at everything in the tenant. |
| `auth0-operator.dev/rotateClientSecret` | Auth0Api | Any new value: the client gets a new secret. Once the tenant takes it, `status.lastHandledRotateAt` shows the value. |

";

const UNSET: &str = "\
## What a field goes back to

A field that the operator has set and that leaves the spec goes back to the tenant's default, once; after that it is not managed.
`status.managed` lists the fields that are. Names here are Auth0's. A field that is not listed keeps its value.

";

pub(crate) fn page() -> String {
    let all = fields();
    let definitions = crd::all();
    let contents: String = definitions
        .iter()
        .map(|definition| {
            let kind = &definition.spec.names.kind;
            format!("- [{kind}](#{})\n", kind.to_lowercase())
        })
        .collect();
    let kinds: String = definitions.iter().map(|definition| kind(definition, &all)).collect();
    let rest = "- [Annotations](#annotations)\n- [What a field goes back to](#what-a-field-goes-back-to)\n\n";
    let page = [HEAD, &contents, rest, &kinds, ANNOTATIONS, UNSET, &defaults()].concat();
    page.trim_end().to_owned() + "\n"
}

fn kind(definition: &CustomResourceDefinition, all: &[Field]) -> String {
    let names = &definition.spec.names;
    let root = all.iter().find(|field| field.path == names.kind).unwrap();
    let short = names.short_names.iter().flatten().map(|name| format!(", `{name}`")).collect::<String>();
    let mut page = format!(
        "## {}\n\n{}\n\n`{}/{}`; for kubectl: `{}`{short}\n\n",
        names.kind,
        description(&root.schema),
        crd::GROUP,
        crd::VERSION,
        names.plural
    );
    page += &rules(&root.schema);
    let below = format!("{}.", names.kind);
    // What Kubernetes says of every condition is the same everywhere.
    let is_section = |field: &&Field| {
        field.path.starts_with(&below) && field.has("properties") && !field.path.ends_with(".conditions[]")
    };
    for section in all.iter().filter(is_section) {
        page += &format!("### {}\n\n", title(&section.path));
        page += &rules(&section.schema);
        page += &table(["field", "type", "what it is"], &rows(section));
    }
    page + &columns(definition)
}

/// What is required comes first.
fn rows(object: &Field) -> Vec<[String; 3]> {
    let required = object.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<_> = required.collect();
    let mut properties: Vec<_> = object.schema["properties"].as_object().unwrap().iter().collect();
    properties.sort_by_key(|(name, _)| !required.contains(&name.as_str()));
    let row = |(name, schema): (&String, &Value)| {
        let path = format!("{}.{name}", object.path);
        let required = if required.contains(&name.as_str()) { ", **required**" } else { "" };
        let what = cell(&(description(schema) + &inner_rules(schema)));
        [format!("`{name}`"), cell(&(type_of(&path, schema) + required)), what]
    };
    properties.into_iter().map(row).collect()
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// Type, values or range, and default; an object with fields of its own leads to its section.
fn type_of(path: &str, schema: &Value) -> String {
    let values: Vec<_> =
        schema["enum"].as_array().into_iter().flatten().map(|value| format!("`{}`", bare(value))).collect();
    let default = Some(&schema["default"]).filter(|default| !default.is_null() && !default.is_object());
    let default = default.map(|default| format!(", default `{}`", bare(default))).unwrap_or_default();
    let what = match schema["type"].as_str() {
        Some("string") if !values.is_empty() => values.join(", "),
        Some("string") if schema["format"] == "date-time" => "time".to_owned(),
        Some("string") => "string".to_owned() + &range(schema, "Length", " characters"),
        Some(number @ ("integer" | "number")) => number.to_owned() + &range(schema, "imum", ""),
        Some("array") => {
            format!("list{} of {}", range(schema, "Items", ""), type_of(&format!("{path}[]"), &schema["items"]))
        }
        Some("object") if schema["properties"].is_object() && path.ends_with(".conditions[]") => {
            "conditions".to_owned()
        }
        Some("object") if schema["properties"].is_object() => format!("[object](#{})", anchor(&title(path))),
        Some("object") if schema["additionalProperties"].is_object() => {
            let keys = range(schema, "Properties", " keys");
            format!("map{keys} of {}", type_of(&format!("{path}{{}}"), &schema["additionalProperties"]))
        }
        Some("object") => "free-form".to_owned() + &range(schema, "Properties", " keys"),
        Some(other) => other.to_owned(),
        None => "any value".to_owned(),
    };
    what + &default
}

/// The limits of a size, in brackets.
fn range(schema: &Value, of: &str, unit: &str) -> String {
    let limit = |which: &str| {
        let limit = &schema[format!("{which}{of}")];
        limit.as_i64().or_else(|| limit.as_f64().map(|limit| limit.round() as i64))
    };
    match (limit("min"), limit("max")) {
        (None, None) => String::new(),
        (Some(low), None) => format!(" (at least {low}{unit})"),
        (None, Some(high)) => format!(" (at most {high}{unit})"),
        (Some(low), Some(high)) => format!(" ({low} to {high}{unit})"),
    }
}

/// `Auth0Api.spec.client` as a title.
fn title(path: &str) -> String {
    path.replacen('.', " ", 1)
}

/// How GitHub names a title in links.
pub(crate) fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the API server says when a rule is broken: each line says the way out.
fn messages(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["message"].as_str().map(str::to_owned)).collect()
}

fn rules(schema: &Value) -> String {
    let messages = messages(schema);
    if messages.is_empty() {
        return String::new();
    }
    let lines: String = messages.iter().map(|message| format!("- {}\n", cell(message))).collect();
    format!("Refused by the API server, with these words:\n\n{lines}\n")
}

/// The same for a field that has no section of its own.
fn inner_rules(schema: &Value) -> String {
    let has_section = schema["properties"].is_object();
    let messages = if has_section { vec![] } else { messages(schema) };
    messages.iter().map(|message| format!(" *Refused: {message}.*")).collect()
}

fn columns(definition: &CustomResourceDefinition) -> String {
    let columns = definition.spec.versions[0].additional_printer_columns.iter().flatten();
    let row = |column: &CustomResourceColumnDefinition| {
        let wide = if column.priority.unwrap_or_default() > 0 { "with `-o wide`" } else { "always" };
        [column.name.clone(), format!("`{}`", cell(column.json_path.trim_start_matches('.'))), wide.to_owned()]
    };
    let rows: Vec<_> = columns.map(row).collect();
    format!("### {} in `kubectl get`\n\n{}", definition.spec.names.kind, table(["column", "shows", "when"], &rows))
}

fn defaults() -> String {
    let of = |title: &str, defaults: Defaults| {
        let row = |(path, value): &(&str, fn() -> Value)| {
            let value = value();
            let shown = match &value {
                _ if unset::NAMES.contains(path) => "the connection's name".to_owned(),
                Value::Null => "taken away".to_owned(),
                value => format!("`{}`", cell(&value.to_string())),
            };
            [format!("`{path}`"), shown]
        };
        let rows: Vec<_> = defaults.iter().map(row).collect();
        format!("### {title}\n\n{}", table(["field", "goes back to"], &rows))
    };
    [
        of("API", unset::RESOURCE_SERVER),
        of("Client of an API", unset::CLIENT),
        of("Connection", unset::CONNECTION),
        of("User", unset::USER),
    ]
    .concat()
}
