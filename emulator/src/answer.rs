//! Answers of the tenant, and the two shapes of its errors.

use serde_json::{Value, json};

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What is sent after the headers.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    /// Text that is ready to be sent: a page, or JSON that was kept as text.
    Text(String),
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Option<Value>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into().map_or(Body::Empty, Body::Json) }
    }

    /// An answer whose body is JSON already.
    pub(crate) fn ok_text(json: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Text(json) }
    }

    pub(crate) fn ok(body: impl Into<Value>) -> Self {
        Self::new(200, Some(body.into()))
    }

    pub(crate) fn created(body: impl Into<Value>) -> Self {
        Self::new(201, Some(body.into()))
    }

    pub(crate) fn no_content() -> Self {
        Self::new(204, None)
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// An error of the Management API: `{"statusCode","error","message","errorCode"?}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    status: u16,
    /// Auth0 leaves it out of some errors.
    code: Option<&'static str>,
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: impl Into<Option<&'static str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// 400 `invalid_body`: the request's body is at fault.
    pub(crate) fn invalid_body(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_body", message)
    }

    /// 400 `invalid_query_string`: a parameter is at fault.
    pub(crate) fn invalid_query(what: impl std::fmt::Display, parameter: &str) -> Self {
        let message = format!("Query validation error: '{what}' on property {parameter}.");
        Self::new(400, "invalid_query_string", message)
    }

    /// The same refusal in other words.
    pub(crate) fn map_message(mut self, words: impl FnOnce(String) -> String) -> Self {
        self.message = words(self.message);
        self
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, None, message)
    }

    pub(crate) fn insufficient_scope(any_of: &[&str]) -> Self {
        let message = format!("Insufficient scope, expected any of: {}", any_of.join(","));
        Self::new(403, "insufficient_scope", message)
    }

    /// 404 of a path that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::new(404, None, "Not Found")
    }

    pub(crate) fn conflict(code: impl Into<Option<&'static str>>, message: impl Into<String>) -> Self {
        Self::new(409, code, message)
    }

    pub(crate) fn too_many_requests(which: &str) -> Self {
        Self::new(429, "too_many_requests", format!("{which} limit has been reached"))
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message } = refusal;
        let mut body = json!({ "statusCode": status, "error": reason(status), "message": message });
        if let Some(code) = code {
            body["errorCode"] = code.into();
        }
        if status == 401 && message.starts_with("Expired") {
            body["attributes"] = json!({ "error": message });
        }
        let answer = Self::new(status, body);
        if status == 401 { answer.with_header("www-authenticate", "Bearer") } else { answer }
    }
}

/// An error of the Authentication API: `{"error","error_description"}`.
#[derive(Debug, PartialEq)]
pub(crate) struct OauthError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl OauthError {
    pub(crate) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { status, error, description: description.into() }
    }
}

impl From<OauthError> for Answer {
    fn from(error: OauthError) -> Self {
        Self::new(error.status, json!({ "error": error.error, "error_description": error.description }))
    }
}

/// The words for a status, as the `error` member has them.
pub(crate) fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}
