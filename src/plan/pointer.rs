//! JSON Pointers (RFC 6901) into objects.

use super::Fields;
use serde_json::Value;

/// The keys that a pointer leads through.
pub(crate) fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// The pointer to a member of what `pointer` leads to.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// What a pointer leads to.
pub(crate) fn find<'a>(fields: &'a Fields, pointer: &str) -> Option<&'a Value> {
    let (first, rest) = tokens(pointer).split_first().map(|(first, rest)| (first.clone(), rest.to_vec()))?;
    rest.iter().try_fold(fields.get(&first)?, |value, token| member(value, token))
}

fn member<'a>(value: &'a Value, token: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(token),
        Value::Array(items) => items.get(token.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Puts a value where a pointer leads. Objects are made on the way; what is no object gives way to one.
pub(crate) fn put(fields: &mut Fields, pointer: &str, value: Value) {
    let tokens = tokens(pointer);
    let Some((first, rest)) = tokens.split_first() else { return };
    let mut slot = fields.entry(first.clone()).or_insert(Value::Null);
    for token in rest {
        let is_passable = slot.is_object() || member(slot, token).is_some();
        if !is_passable {
            *slot = Value::Object(Fields::new());
        }
        slot = match slot {
            Value::Object(members) => members.entry(token.clone()).or_insert(Value::Null),
            // Asked just before.
            other => match token.parse::<usize>().ok().and_then(|index| other.get_mut(index)) {
                Some(item) => item,
                None => return,
            },
        };
    }
    *slot = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use serde_json::json;

    #[test]
    fn a_value_goes_where_the_pointer_leads() {
        for (case, before, pointer, after) in [
            ("a member", json!({"a": 1}), "/b", json!({"a": 1, "b": "x"})),
            ("one in the depth", json!({"a": {"b": 1}}), "/a/c/d", json!({"a": {"b": 1, "c": {"d": "x"}}})),
            ("what is in the way goes", json!({"a": "text"}), "/a/b", json!({"a": {"b": "x"}})),
            ("an item", json!({"a": [{"b": 1}]}), "/a/0/b", json!({"a": [{"b": "x"}]})),
            ("escapes", json!({}), "/a~1b/c~0d", json!({"a/b": {"c~d": "x"}})),
        ] {
            let mut fields = fields(before);
            put(&mut fields, pointer, "x".into());
            assert_eq!(Value::Object(fields.clone()), after, "{case}");
            assert_eq!(find(&fields, pointer), Some(&json!("x")), "{case}");
        }
    }
}
