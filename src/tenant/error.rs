//! What can go wrong between us and a tenant, told apart by HTTP status and `errorCode`, never by `message` alone.

use reqwest::StatusCode;
use serde::Deserialize;
use std::time::Duration;

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 429, or the gate is still closed since the last one.
    #[error("the tenant's rate limit is reached; the operator goes on by itself")]
    Throttled(Duration),
    /// No connection: nothing was sent.
    #[error("the tenant cannot be reached ({0}); the operator tries again by itself")]
    Unreachable(String),
    /// No answer, or a 5xx: nothing is known about the effect of a write.
    #[error("the tenant does not answer as it should ({0}); the operator tries again by itself")]
    Unavailable(String),
    /// /oauth/token refused the operator's client.
    #[error("{0}")]
    CredentialsRefused(String),
    /// The token lacks scopes.
    #[error("the operator's client lacks the scope {0}; add it to its grant for the Management API")]
    ScopeMissing(String),
    /// 409 on a create.
    #[error("the tenant says that the {0} exists already")]
    AlreadyExists(&'static str),
    /// 409 while an object of the same name is being deleted.
    #[error("an object of this name is being deleted in the tenant; the operator tries again by itself")]
    BeingDeleted,
    /// 404.
    #[error("the {0} is not in the tenant")]
    Gone(&'static str),
    /// Any other 4xx: the tenant will say the same again.
    #[error("Auth0 refused to {call}: {message}")]
    Refused {
        /// What was tried.
        call: String,
        /// The HTTP status.
        status: u16,
        /// Auth0's `errorCode`, where there is one.
        code: String,
        /// Auth0's words without echoed values; our own for calls that carried a secret.
        message: String,
    },
    /// One of our own rules forbids the call.
    #[error("{0}")]
    Guarded(String),
}

impl Error {
    /// Whether a write that failed so may have taken effect all the same.
    pub fn may_have_had_effect(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Throttled(_)
            | Self::Unreachable(_)
            | Self::CredentialsRefused(_)
            | Self::ScopeMissing(_)
            | Self::AlreadyExists(_)
            | Self::BeingDeleted
            | Self::Gone(_)
            | Self::Refused { .. }
            | Self::Guarded(_) => false,
        }
    }

    /// Whether what we know of the object of a failed call may no longer be true. A call that was not let through changes
    /// nothing, and what we know is what saves the next calls.
    pub(super) fn questions_what_is_known(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::AlreadyExists(_)
            | Self::BeingDeleted
            | Self::Gone(_)
            | Self::Refused { .. } => true,
            Self::Throttled(_)
            | Self::Unreachable(_)
            | Self::CredentialsRefused(_)
            | Self::ScopeMissing(_)
            | Self::Guarded(_) => false,
        }
    }
}

/// Auth0's error envelope.
#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(rename = "statusCode")]
    status: Option<u16>,
    #[serde(rename = "errorCode", default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// What a failed call was about.
pub(super) struct Tried {
    /// The call in words, for the message.
    pub(super) what: String,
    /// The word for the object.
    pub(super) noun: &'static str,
    /// Whether the answer may echo something that must not be shown.
    pub(super) is_secret: bool,
}

/// The error that an answer of the Management API means.
pub(super) fn of_answer(status: StatusCode, body: &[u8], tried: Tried) -> Error {
    let envelope: Option<Envelope> =
        serde_json::from_slice(body).ok().filter(|envelope: &Envelope| envelope.status.is_some());
    let Some(Envelope { code, message, .. }) = envelope else {
        // A proxy's page: it says nothing of the object, least of all that it is gone.
        return Error::Unavailable(format!("status {} with an answer that is not Auth0's", status.as_u16()));
    };
    match status.as_u16() {
        403 if message.starts_with("Insufficient scope") => {
            let scopes = message.split("any of:").nth(1).unwrap_or_default().trim();
            Error::ScopeMissing(scopes.replace(',', " or "))
        }
        404 if code == "inexistent_client" && tried.noun != "client" => {
            Error::Refused { call: tried.what, status: 404, message, code }
        }
        404 => Error::Gone(tried.noun),
        409 if message.contains("is being deleted") => Error::BeingDeleted,
        409 if code != "custom_domain_conflict" => Error::AlreadyExists(tried.noun),
        408 | 500..=599 => Error::Unavailable(format!("status {}", status.as_u16())),
        status => {
            Error::Refused { call: tried.what, status, message: public_message(&message, &code, tried.is_secret), code }
        }
    }
}

/// The words of Auth0 that a condition may show. Validation messages echo what was sent, so values are cut out; where a secret
/// was sent, only the error code and the property's name are left, and the names of password errors.
fn public_message(message: &str, code: &str, is_secret: bool) -> String {
    let property = message.split("on property ").nth(1).and_then(|rest| rest.split([' ', '.']).next());
    if is_secret {
        let password_error = PASSWORD_ERRORS.iter().find(|(name, _)| message.contains(name)).map(|(_, words)| *words);
        return match (password_error, property) {
            (Some(words), _) => words.to_owned(),
            (None, Some(property)) if is_a_name(property) => format!("{} (property {property})", or_unspecified(code)),
            (None, _) if message.starts_with("Connection must be enabled for this client") => {
                MANAGEMENT_CLIENT_DISABLED.to_owned()
            }
            (None, _) if message == CONNECTION_DISABLED => message.to_owned(),
            (None, _) => or_unspecified(code),
        };
    }
    if message.is_empty() {
        return or_unspecified(code);
    }
    // "'Object didn't pass validation for format client-id: <value>' on property …": the value goes.
    let mut text = message.to_owned();
    if let Some(quoted_from) = text.find('\'') {
        let quoted_to = text.rfind("' on property").or_else(|| text.rfind('\'')).unwrap_or(text.len());
        if let Some(colon) = text.get(quoted_from..quoted_to).and_then(|quoted| quoted.find(": ")) {
            let keeps_names = text[quoted_from..].starts_with("'Additional properties not allowed")
                || text[quoted_from..].starts_with("'Missing required property");
            if !keeps_names {
                text.replace_range(quoted_from + colon..quoted_to, "");
            }
        }
    }
    text.chars().take(400).collect()
}

/// Stands in for Auth0's sentence, which names the client and the connection.
pub const MANAGEMENT_CLIENT_DISABLED: &str = "the connection is not enabled for the operator's own client";

/// Auth0's words for a connection that is enabled for no client at all.
pub const CONNECTION_DISABLED: &str = "The connection is disabled";

/// Password errors of `POST` and `PATCH /users`. The Management API gives no detail which rule failed.
const PASSWORD_ERRORS: [(&str, &str); 5] = [
    ("PasswordStrengthError", "PasswordStrengthError: the password is too weak for the connection's password policy"),
    ("PasswordDictionaryError", "PasswordDictionaryError: the password is too common"),
    ("PasswordNoUserInfoError", "PasswordNoUserInfoError: the password contains information about the user"),
    ("PasswordHistoryError", "PasswordHistoryError: the password was used before"),
    ("PasswordTooLongError", "PasswordTooLongError: the password is too long"),
];

/// Whether the tenant refused a password for what it is.
pub fn is_password_error(message: &str) -> bool {
    PASSWORD_ERRORS.iter().any(|(name, _)| message.starts_with(name))
}

fn is_a_name(word: &str) -> bool {
    word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '[' | ']'))
}

fn or_unspecified(code: &str) -> String {
    if code.is_empty() { "no reason given".to_owned() } else { code.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(status: u16, code: &str, message: &str, is_secret: bool) -> Error {
        let body = json!({"statusCode": status, "error": "x", "errorCode": code, "message": message}).to_string();
        let tried = Tried { what: "create the user".into(), noun: "user", is_secret };
        of_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes(), tried)
    }

    fn refused(status: u16, code: &str, message: &str) -> Error {
        Error::Refused { call: "create the user".into(), status, code: code.into(), message: message.into() }
    }

    #[test]
    fn an_answer_becomes_the_situation_that_it_means() {
        for (case, got, expected) in [
            (
                "scope",
                error(
                    403,
                    "insufficient_scope",
                    "Insufficient scope, expected any of: read:users,read:user_idp_tokens",
                    false,
                ),
                Error::ScopeMissing("read:users or read:user_idp_tokens".into()),
            ),
            (
                "not every insufficient_scope is one",
                error(403, "insufficient_scope", "Please upgrade your subscription", false),
                refused(403, "insufficient_scope", "Please upgrade your subscription"),
            ),
            ("gone", error(404, "inexistent_user", "The user does not exist.", false), Error::Gone("user")),
            ("exists", error(409, "auth0_idp_error", "The user already exists.", false), Error::AlreadyExists("user")),
            (
                "being deleted",
                error(409, "", "A connection with the same name is being deleted, try again later", false),
                Error::BeingDeleted,
            ),
            (
                "custom domains",
                error(409, "custom_domain_conflict", "The tenant has multiple verified custom domains.", false),
                refused(409, "custom_domain_conflict", "The tenant has multiple verified custom domains."),
            ),
            ("outage", error(503, "", "", false), Error::Unavailable("status 503".into())),
            (
                "password",
                error(400, "", "PasswordStrengthError: Password is too weak", true),
                refused(
                    400,
                    "",
                    "PasswordStrengthError: the password is too weak for the connection's password policy",
                ),
            ),
        ] {
            assert_eq!(got, expected, "{case}");
        }
    }

    #[test]
    fn what_auth0_echoes_is_not_shown() {
        let echoed = "Payload validation error: 'Object didn't pass validation for format email: canary-value' on property email (The user's email).";
        assert_eq!(
            error(400, "invalid_body", echoed, false),
            refused(
                400,
                "invalid_body",
                "Payload validation error: 'Object didn't pass validation for format email' on property email (The user's email)."
            )
        );
        assert_eq!(
            error(400, "invalid_body", echoed, true),
            refused(400, "invalid_body", "invalid_body (property email)")
        );
        let whole = error(400, "invalid_body", "Payload validation error: {\"password\":\"canary-value\"}", true);
        assert!(!format!("{whole:?} {whole}").contains("canary"), "{whole:?}");
    }

    #[test]
    fn property_names_are_shown_since_they_help() {
        let message = "Payload validation error: 'Additional properties not allowed: enabled_clients'.";
        assert_eq!(error(400, "invalid_body", message, false), refused(400, "invalid_body", message));
    }
}
