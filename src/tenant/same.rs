//! Whether two answers of the tenant show the same.

use crate::plan::Fields;
use serde_json::Value;

/// Keys that logins and the tenant itself change, and that no spec sets.
const VOLATILE: [&str; 9] = [
    "created_at",
    "updated_at",
    "last_login",
    "last_ip",
    "logins_count",
    "last_password_reset",
    "multifactor_last_modified",
    "identities",
    // Of connections, in lists of some tenants only: the clients of a connection have a read of their own.
    "enabled_clients",
];

/// Whether two answers show the same, in any order, as far as a spec could care.
pub(super) fn is_same(one: &[Fields], other: &[Fields]) -> bool {
    let lasting = |objects: &[Fields]| {
        let mut objects: Vec<String> = objects
            .iter()
            .map(|object| {
                let mut members: Vec<_> = object
                    .iter()
                    .filter(|(key, value)| !VOLATILE.contains(&key.as_str()) && !is_empty(value))
                    .collect();
                members.sort_by_key(|(key, _)| key.as_str());
                format!("{members:?}")
            })
            .collect();
        objects.sort();
        objects
    };
    lasting(one) == lasting(other)
}

/// Lists and single reads leave out differently what was never set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
