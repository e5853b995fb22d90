//! A request, taken apart once: decoded path, query, body.

use std::net::IpAddr;
use std::time::SystemTime;

use base64::Engine as _;
use hyper::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::answer::Refusal;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

pub(crate) struct Request {
    pub(crate) method: String,
    /// Percent-decoded, for patterns and logs.
    pub(crate) path: String,
    /// As it was sent.
    pub(crate) raw_path: String,
    /// The path between its slashes; an encoded slash does not divide, so that identifiers with slashes stay whole.
    pub(crate) segments: Vec<String>,
    /// As it was sent.
    pub(crate) raw_query: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) received: SystemTime,
    /// Where it came from.
    pub(crate) peer: IpAddr,
}

impl Request {
    pub(crate) fn new(parts: &hyper::http::request::Parts, body: Vec<u8>, peer: IpAddr) -> Self {
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        Self {
            method: parts.method.to_string(),
            path: decode(parts.uri.path()),
            raw_path: parts.uri.path().to_owned(),
            segments: parts.uri.path().split('/').skip(1).map(decode).collect(),
            query: form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
            raw_query,
            headers: parts.headers.clone(),
            body,
            received: SystemTime::now(),
            peer,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter that may be repeated, as `name=a&name=b` or `name[]=a`.
    pub(crate) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is = move |key: &str| key == name || key.strip_suffix("[]") == Some(name);
        self.query.iter().filter(move |(key, _)| is(key)).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid_query("Expected type boolean but found type string", name)),
        }
    }

    /// A query parameter that is a whole number within limits.
    pub(crate) fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        let Ok(number) = text.parse::<usize>() else {
            return Err(Refusal::invalid_query("Expected type integer but found type string", name));
        };
        if number < least {
            return Err(Refusal::invalid_query(format!("Value {number} is less than minimum {least}"), name));
        }
        if number > most {
            return Err(Refusal::invalid_query(format!("Value {number} is greater than maximum {most}"), name));
        }
        Ok(Some(number))
    }

    /// The body as JSON; a form is read as an object of strings, as Auth0 does.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        if self.is_form() {
            return Ok(Value::Object(self.form()));
        }
        if self.body.is_empty() {
            return Err(Refusal::invalid_body("Payload validation error: 'Expected type object but found type null'."));
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::new(400, None, "Invalid request payload JSON format"))
    }

    /// The parameters of an Authentication API call, whether they come as a form or as JSON.
    pub(crate) fn fields(&self) -> Option<Object> {
        if self.is_form() {
            return Some(self.form());
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// User and password of HTTP Basic authentication, form-decoded as OAuth asks for.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((decode(user), decode(password)))
    }

    fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    fn form(&self) -> Object {
        form_urlencoded::parse(&self.body).map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect()
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The members of a JSON object; none of any other value.
pub(crate) fn object_of(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// Reading JSON objects without ceremony.
pub(crate) trait ObjectExt {
    /// A string member, or `""`.
    fn text(&self, key: &str) -> &str;
    /// Whether a member is `true`.
    fn is_true(&self, key: &str) -> bool;
    /// The strings of an array member.
    fn texts(&self, key: &str) -> impl Iterator<Item = &str>;
    /// The object at a path of members.
    fn object(&self, path: &[&str]) -> Option<&Object>;
}

impl ObjectExt for Object {
    fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    fn object(&self, path: &[&str]) -> Option<&Object> {
        path.iter().try_fold(self, |object, key| object.get(*key)?.as_object())
    }
}
