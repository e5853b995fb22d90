//! Where a user is: the connection, the id in it, and how to find a user whose id is not known.

use super::super::{Fields, ObjectKind, Owner, Read, Reason, Refusal, pointer, text};
use super::View;
use crate::crd::Auth0UserSpec;
use serde_json::Value;

/// The connection of a user, as far as plans depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name in the tenant.
    pub(super) connection: String,
    /// Its strategy.
    pub(super) strategy: String,
    /// Whether users can be made in it without a password.
    pub(super) is_password_optional: bool,
}

impl Place {
    /// A database of which nothing else is known.
    pub(super) fn database(connection: String) -> Self {
        Self { connection, strategy: "auth0".to_owned(), is_password_optional: false }
    }

    pub(super) fn is_database(&self) -> bool {
        self.strategy == "auth0"
    }

    /// Auth0 makes users through the API in these only (Auth0's OpenAPI description).
    pub(super) fn takes_new_users(&self) -> bool {
        matches!(self.strategy.as_str(), "auth0" | "email" | "sms")
    }
}

impl Auth0UserSpec {
    /// The connection. One that is named by string is a database, as far as is known without asking the tenant.
    pub(super) fn place(&self, view: &View<'_>) -> Result<Place, Refusal> {
        if let Some(reference) = &self.connection_ref {
            let connection = view.references.connections.get(&reference.name).ok_or_else(|| {
                Refusal::new(
                    Reason::ReferenceNotFound,
                    format!("the Auth0Connection {} does not exist; create it", reference.name),
                )
            })?;
            return Ok(Place {
                connection: connection.name.clone(),
                strategy: connection.strategy.clone(),
                is_password_optional: connection.is_password_optional,
            });
        }
        let name = self.connection.clone().unwrap_or_default();
        let by_name = Read::ConnectionNamed(name.clone());
        match view.remote.one(&by_name) {
            Some(connection) => Ok(Place {
                strategy: text(connection, "strategy").unwrap_or_default().to_owned(),
                is_password_optional: pointer::find(
                    connection,
                    "/options/authentication_methods/password/api_behavior",
                ) == Some(&"optional".into()),
                connection: name,
            }),
            None if view.remote.has(&by_name) => Err(Refusal::new(
                Reason::ReferenceNotFound,
                format!("the connection {name} is not in the tenant; create it, or correct spec.connection"),
            )),
            None => Ok(Place::database(name)),
        }
    }

    /// Asks for the connection that is named by string, where its strategy matters: only databases have passwords.
    pub(super) fn asks_for_connection(&self, view: &View<'_>) -> Option<Read> {
        let matters = self.password.is_none() && view.status.common.id.is_none();
        self.connection.clone().filter(|_| matters).map(Read::ConnectionNamed)
    }

    /// The id's part after `|`, where we choose it: a repeated create then cannot make a second user.
    pub(super) fn local_id(&self, place: &Place, owner: &Owner) -> Option<String> {
        self.user_id.clone().or_else(|| place.is_database().then(|| owner.uid.clone()))
    }

    /// Asks for the id that we choose.
    pub(super) fn by_our_id(&self, place: &Place, owner: &Owner) -> Option<Read> {
        let id = self.local_id(place, owner)?;
        Some(Read::Get(ObjectKind::User, format!("{}|{id}", place.strategy)))
    }

    /// Asks for users by what they log in with. Connections keep it unique among their users.
    pub(super) fn by_login(&self) -> Vec<Read> {
        let email = self.email.as_ref().map(|email| Read::UsersWithEmail(email.to_lowercase()));
        let username = self.username.as_ref().map(|name| ("username", name.to_lowercase()));
        let phone = self.phone_number.clone().map(|number| ("phone_number", number));
        let others = username.into_iter().chain(phone).map(|(field, value)| Read::UsersWith { field, value });
        email.into_iter().chain(others).collect()
    }

    /// The user with the id of the status, or with the one that we choose.
    pub(super) fn find_by_id<'a>(&self, place: &Place, view: &'a View<'_>) -> Option<&'a Fields> {
        let by_id = view.status.common.id.clone().map(|id| Read::Get(ObjectKind::User, id));
        // An id counts only with its natural key: a status can be restored or edited.
        let is_meant = |user: &&Fields| connections(user).first().is_none_or(|first| *first == place.connection);
        let by_our_id = || self.by_our_id(place, view.owner).and_then(|read| view.remote.one(&read));
        by_id.and_then(|read| view.remote.one(&read)).filter(is_meant).or_else(by_our_id)
    }

    /// The user with our e-mail, name or number in our connection. A linked account has no profile of its own: its e-mail shows
    /// the primary, another person's record perhaps.
    pub(super) fn find_by_login<'a>(&self, place: &Place, view: &'a View<'_>) -> Option<Result<&'a Fields, Refusal>> {
        let logins = self.by_login();
        let found = || logins.iter().flat_map(|read| view.remote.all(read));
        if let Some(user) = found().find(|user| connections(user).first() == Some(&place.connection.as_str())) {
            return Some(Ok(user));
        }
        let linked = found().find(|user| connections(user).contains(&place.connection.as_str()))?;
        Some(Err(Refusal::new(
            Reason::LinkedToAnotherUser,
            format!(
                "the account with this login in connection {} is linked to the user {}; unlink it in the tenant, or choose another login",
                place.connection,
                text(linked, "user_id").unwrap_or_default()
            ),
        )))
    }
}

/// The connections of a user's identities; the first is the one that the user's own profile is from.
fn connections(user: &Fields) -> Vec<&str> {
    let identities = user.get("identities").and_then(Value::as_array).into_iter().flatten();
    identities.filter_map(|identity| identity["connection"].as_str()).collect()
}
