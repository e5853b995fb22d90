//! Values of ours in Auth0's spelling.

use super::{Fields, Refusal};
use serde::Serialize;
use serde_json::Value;

/// Puts a value under its Auth0 name when the spec has one: unwritten is unmanaged.
pub(crate) fn put<T: Serialize>(fields: &mut Fields, key: &str, value: Option<T>) -> Result<(), Refusal> {
    if let Some(value) = value {
        let value = serde_json::to_value(value)
            .map_err(|error| Refusal::invalid(format!("{key} is not representable in JSON: {error}")))?;
        fields.insert(key.to_owned(), value);
    }
    Ok(())
}

/// A typed value of ours in Auth0's spelling: our camelCase keys become snake_case, at every level.
pub(crate) fn auth0_case<T: Serialize>(value: Option<T>) -> Result<Option<Value>, Refusal> {
    let mut fields = Fields::new();
    put(&mut fields, "value", value)?;
    Ok(fields.remove("value").map(snake_case))
}

fn snake_case(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (snake_case_key(&key), snake_case(value))).collect::<Fields>().into()
        }
        Value::Array(items) => items.into_iter().map(snake_case).collect(),
        scalar => scalar,
    }
}

fn snake_case_key(key: &str) -> String {
    key.chars().fold(String::with_capacity(key.len() + 4), |mut out, c| {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        out
    })
}
