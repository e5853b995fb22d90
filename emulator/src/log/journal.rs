//! What one request gives the tenant log reason to say, before it has a date and an id.

use serde_json::{Value, json};

use crate::request::{Object, ObjectExt as _, object_of};
use crate::tenant::Connection;

#[derive(Default)]
pub(crate) struct Journal(Vec<Object>);

/// Whom an entry is about.
#[derive(Default, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) client: Option<&'a Object>,
    pub(crate) connection: Option<&'a Connection>,
    pub(crate) user: Option<&'a Object>,
}

impl Journal {
    /// An entry of a type, with these members.
    pub(crate) fn push(&mut self, kind: &str, members: Value) {
        let mut entry = object_of(members);
        entry.insert("type".into(), kind.into());
        self.0.push(entry);
    }

    /// An entry of a type about someone, with more members.
    pub(crate) fn about(&mut self, kind: &str, about: About<'_>, members: Value) {
        let mut entry = about.members();
        entry.extend(object_of(members));
        entry.insert("type".into(), kind.into());
        self.0.push(entry);
    }

    pub(crate) fn into_entries(self) -> Vec<Object> {
        self.0
    }
}

impl About<'_> {
    fn members(&self) -> Object {
        let mut members = Object::new();
        if let Some(client) = self.client {
            members.insert("client_id".into(), client.text("client_id").into());
            members.insert("client_name".into(), client.text("name").into());
        }
        if let Some(Connection { object, .. }) = self.connection {
            members.extend(object_of(json!({
                "connection": object.text("name"),
                "connection_id": object.text("id"),
                "strategy": object.text("strategy"),
                "strategy_type": if object.text("strategy") == "auth0" { "database" } else { "passwordless" },
            })));
        }
        if let Some(user) = self.user {
            members.insert("user_id".into(), user.text("user_id").into());
            members.insert("user_name".into(), user_name(user).into());
        }
        members
    }
}

/// The user name where there is one, the e-mail otherwise (recorded).
pub(crate) fn user_name(user: &Object) -> &str {
    ["username", "email", "phone_number"]
        .map(|key| user.text(key))
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}
