//! Entries of the tenant's log: whose doing they are, and what we knew that may no longer be so.
//!
//! An entry says that something was changed, and which; hardly ever what (its bodies are cut to a list of allowed keys). Bodies hold
//! e-mail addresses and names, so nothing of an entry is kept or logged but ids.

use super::nonces::Nonces;
use crate::plan::{ObjectKind, Read};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Something that others changed in the tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Questions whose answers may be others now.
    pub reads: Vec<Read>,
    /// Whether the object of the first question was deleted, and with it what hangs on it.
    pub is_delete: bool,
    /// Whether it is a new client, which a tenant can be set to enable on every connection.
    pub is_new_client: bool,
    /// The connection, by name, whose users were changed in bulk.
    pub users_of: Option<String>,
    /// Who did it: the id of a client, or of a person in the dashboard.
    pub by: Option<String>,
}

/// An entry, as far as we look at it (recorded; always to be read leniently, its words have moved over the years).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    #[serde(deserialize_with = "null_as_default")]
    pub(super) log_id: String,
    #[serde(rename = "type", deserialize_with = "null_as_default")]
    kind: String,
    client_id: Option<String>,
    user_id: Option<String>,
    description: Option<String>,
    connection: Option<String>,
    connection_id: Option<String>,
    user_name: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    references: References,
    #[serde(deserialize_with = "null_as_default")]
    details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct References {
    correlation_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    request: Option<Request>,
    response: Option<Response>,
    query: Option<Value>,
    connection_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    #[serde(deserialize_with = "null_as_default")]
    method: String,
    #[serde(deserialize_with = "null_as_default")]
    path: String,
    channel: Option<String>,
    query: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    body: Option<Value>,
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// What tells our own entries.
pub(super) struct Ours<'a> {
    pub(super) client: &'a str,
    pub(super) nonces: &'a Nonces,
    /// Whether the log has ever repeated a correlation id to us.
    pub(super) correlates: bool,
}

impl Entry {
    /// Whether the entry carries a correlation id, and is of our client.
    pub(super) fn correlates(&self, client: &str) -> bool {
        self.client_id.as_deref() == Some(client) && self.references.correlation_id.is_some()
    }

    /// Whether it is about a write of our own. Never needed for correctness: in doubt it is somebody else's, which costs a read.
    pub(super) fn is_ours(&self, ours: &Ours<'_>) -> bool {
        if self.client_id.as_deref() != Some(ours.client) {
            return false;
        }
        match &self.references.correlation_id {
            Some(id) => ours.nonces.is_ours(id),
            // A tenant whose log repeats no ids: our client, by the API, is then the best that can be said.
            None => {
                !ours.correlates
                    && self.details.request.as_ref().and_then(|request| request.channel.as_deref()) == Some("api")
            }
        }
    }

    /// What was changed; `None` for entries that tell of no change that could concern us: logins, failures, reads.
    pub(super) fn change(&self) -> Option<Change> {
        let mut change = match self.kind.as_str() {
            "sapi" => self.change_by_api()?,
            // Changes by the users themselves: e-mail, username, phone number, a verified address.
            "sce" | "scu" | "scpn" | "sv" => user(&self.user().filter(|id| !id.is_empty())?),
            // A sign-up: somebody may be waiting for this address.
            "ss" => {
                let mut change = user(self.user_id.as_deref().unwrap_or_default());
                change.reads.extend(self.user_name.as_deref().map(email));
                change
            }
            // The user is named in the description only, without the prefix (recorded).
            "sdu" => {
                let id = self.description.as_deref()?.split("user_id:").nth(1)?.trim();
                let id = if id.contains('|') { id.to_owned() } else { format!("auth0|{id}") };
                Change { is_delete: true, ..user(&id) }
            }
            "sui" | "sscim" | "directory_sync_completed" => {
                let connection = self.connection.clone();
                let by_id = [&self.connection_id, &self.details.connection_id].into_iter().flatten();
                let reads = by_id.map(|id| Read::Get(ObjectKind::Connection, id.clone())).collect();
                Change { reads, users_of: connection, ..Change::default() }
            }
            _ => return None,
        };
        change.by = self.client_id.clone().filter(|id| !id.is_empty()).or_else(|| self.user_id.clone());
        Some(change)
    }

    fn user(&self) -> Option<String> {
        let in_query = || self.details.query.as_ref()?["user_id"].as_str().map(str::to_owned);
        self.user_id.clone().filter(|id| !id.is_empty()).or_else(in_query)
    }

    fn change_by_api(&self) -> Option<Change> {
        let request = self.details.request.as_ref()?;
        let answer = |key: &str| {
            let body = self.details.response.as_ref()?.body.as_ref()?;
            body[key].as_str().filter(|value| !value.is_empty()).map(str::to_owned)
        };
        // As the caller sent it, still encoded (recorded); ids hold `|`, identifiers `/`.
        let path: Vec<String> = request
            .path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["api", "v2", path @ ..] = path.as_slice() else { return None };
        let is_delete = request.method.eq_ignore_ascii_case("DELETE");
        let get =
            |kind, id: &str| Change { reads: vec![Read::Get(kind, id.to_owned())], is_delete, ..Change::default() };
        Some(match path {
            ["resource-servers"] => get(ObjectKind::ResourceServer, &answer("identifier")?),
            ["resource-servers", id, ..] => get(ObjectKind::ResourceServer, id),
            ["clients"] => Change { is_new_client: true, ..get(ObjectKind::Client, &answer("client_id")?) },
            ["clients", id] => get(ObjectKind::Client, id),
            // Secrets and credentials of a client.
            ["clients", id, ..] => Change { is_delete: false, ..get(ObjectKind::Client, id) },
            // The id of the grant is in no body (recorded).
            ["client-grants"] => {
                let read = Read::Grants { client: answer("client_id")?, audience: answer("audience")? };
                Change { reads: vec![read], ..Change::default() }
            }
            ["client-grants", id] => {
                let mut change = get(ObjectKind::ClientGrant, id);
                if let (Some(client), Some(audience)) = (answer("client_id"), answer("audience")) {
                    change.reads.push(Read::Grants { client, audience });
                }
                change
            }
            ["connections"] => Change { reads: vec![Read::ConnectionNamed(answer("name")?)], ..Change::default() },
            ["connections", id] => {
                let mut change = get(ObjectKind::Connection, id);
                change.reads.push(Read::ConnectionClients((*id).to_owned()));
                change
            }
            ["connections", id, "clients"] => {
                Change { reads: vec![Read::ConnectionClients((*id).to_owned())], ..Change::default() }
            }
            // One user, named by an e-mail that the log may not show.
            ["connections", id, "users"] => {
                let shown = request.query.as_ref().and_then(|query| query["email"].as_str());
                let reads = vec![shown.map_or_else(|| Read::ConnectionClients((*id).to_owned()), email)];
                Change { reads, is_delete: true, ..Change::default() }
            }
            ["connections", id, ..] => Change { is_delete: false, ..get(ObjectKind::Connection, id) },
            ["users"] => {
                let mut change = user(&answer("user_id").unwrap_or_default());
                change.reads.extend(answer("email").as_deref().map(email));
                change
            }
            ["users", id] => get(ObjectKind::User, id),
            ["users", id, ..] => Change { is_delete: false, ..get(ObjectKind::User, id) },
            ["jobs", "users-imports"] => {
                let by_id = answer("connection_id").map(|id| Read::Get(ObjectKind::Connection, id));
                Change { reads: by_id.into_iter().collect(), users_of: answer("connection"), ..Change::default() }
            }
            _ => return None,
        })
    }
}

fn user(id: &str) -> Change {
    Change { reads: vec![Read::Get(ObjectKind::User, id.to_owned())], ..Change::default() }
}

fn email(address: &str) -> Read {
    Read::UsersWithEmail(address.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::time::Instant;

    fn entry(value: Value) -> Entry {
        serde_json::from_value(value).unwrap()
    }

    fn sapi(method: &str, path: &str, answer: &Value) -> Entry {
        let details = json!({"request": {"method": method, "path": path}, "response": {"body": answer}});
        entry(json!({"type": "sapi", "client_id": "foreign", "details": details}))
    }

    fn get(kind: ObjectKind, id: &str) -> Read {
        Read::Get(kind, id.into())
    }

    #[test]
    fn an_entry_says_which_answers_may_be_others_now() {
        for (case, entry, reads) in [
            (
                "an API by id",
                sapi("patch", "/api/v2/resource-servers/5f", &json!({})),
                vec![get(ObjectKind::ResourceServer, "5f")],
            ),
            (
                "an API by identifier, encoded",
                sapi("DELETE", "/api/v2/resource-servers/https%3A%2F%2Fa.example.com%2F", &json!({})),
                vec![get(ObjectKind::ResourceServer, "https://a.example.com/")],
            ),
            (
                "a new API",
                sapi("post", "/api/v2/resource-servers", &json!({"identifier": "https://a/"})),
                vec![get(ObjectKind::ResourceServer, "https://a/")],
            ),
            (
                "a rotated secret",
                sapi("post", "/api/v2/clients/abc/rotate-secret", &json!({})),
                vec![get(ObjectKind::Client, "abc")],
            ),
            (
                "a grant, whose id is not shown",
                sapi("patch", "/api/v2/client-grants/cgr_1", &json!({"client_id": "abc", "audience": "https://a/"})),
                vec![
                    get(ObjectKind::ClientGrant, "cgr_1"),
                    Read::Grants { client: "abc".into(), audience: "https://a/".into() },
                ],
            ),
            (
                "a connection",
                sapi("patch", "/api/v2/connections/con_1", &json!({})),
                vec![get(ObjectKind::Connection, "con_1"), Read::ConnectionClients("con_1".into())],
            ),
            (
                "its clients",
                sapi("patch", "/api/v2/connections/con_1/clients", &json!({})),
                vec![Read::ConnectionClients("con_1".into())],
            ),
            (
                "a user, encoded",
                sapi("patch", "/api/v2/users/auth0%7C64", &json!({})),
                vec![get(ObjectKind::User, "auth0|64")],
            ),
            (
                "a new user",
                sapi("post", "/api/v2/users", &json!({"user_id": "auth0|64", "email": "Ada@example.com"})),
                vec![get(ObjectKind::User, "auth0|64"), Read::UsersWithEmail("ada@example.com".into())],
            ),
            (
                "a verified address",
                entry(json!({"type": "sv", "user_id": "", "details": {"query": {"user_id": "auth0|64"}}})),
                vec![get(ObjectKind::User, "auth0|64")],
            ),
            (
                "a deleted user, named in the description",
                entry(json!({"type": "sdu", "user_id": "", "description": "user_id: 64"})),
                vec![get(ObjectKind::User, "auth0|64")],
            ),
        ] {
            assert_eq!(entry.change().map(|change| change.reads), Some(reads), "{case}");
        }
        for (case, entry) in [
            ("a login", entry(json!({"type": "s", "user_id": "auth0|64"}))),
            ("a read", entry(json!({"type": "mgmt_api_read"}))),
            ("of no kind of ours", sapi("post", "/api/v2/roles", &json!({}))),
            ("a body that is null", entry(json!({"type": "sapi", "details": {"request": null}}))),
        ] {
            assert_eq!(entry.change(), None, "{case}");
        }
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        for (case, value, reads) in [
            (
                "details and references",
                json!({"type": "sdu", "log_id": null, "description": "user_id: 64", "details": null, "references": null}),
                Some(vec![get(ObjectKind::User, "auth0|64")]),
            ),
            (
                "a method",
                json!({"type": "sapi", "details": {"request": {"method": null, "path": "/api/v2/clients/abc"}}}),
                Some(vec![get(ObjectKind::Client, "abc")]),
            ),
            ("a path", json!({"type": "sapi", "details": {"request": {"method": "patch", "path": null}}}), None),
            ("a type", json!({"type": null}), None),
        ] {
            assert_eq!(entry(value).change().map(|change| change.reads), reads, "{case}");
        }
    }

    #[test]
    fn an_entry_is_ours_when_client_and_correlation_id_are() {
        let nonces = Nonces::new();
        let id = nonces.next(Instant::now());
        let of = |client: &str, id: Option<&str>, channel: &str| {
            let details = json!({"request": {"method": "patch", "path": "", "channel": channel}});
            entry(
                json!({"type": "sapi", "client_id": client, "references": {"correlation_id": id}, "details": details}),
            )
        };
        for (case, entry, correlates, is_ours) in [
            ("our write", of("operator", Some(&id), "api"), true, true),
            ("another's with our id", of("foreign", Some(&id), "api"), true, false),
            ("another's with our credentials", of("operator", Some("x"), "api"), true, false),
            ("without an id where others have one", of("operator", None, "api"), true, false),
            ("without an id where none has one", of("operator", None, "api"), false, true),
            ("by the dashboard", of("operator", None, "https://manage.auth0.com/"), false, false),
        ] {
            assert_eq!(entry.is_ours(&Ours { client: "operator", nonces: &nonces, correlates }), is_ours, "{case}");
        }
    }
}
