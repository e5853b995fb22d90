//! Faults that a test wants: which requests they hit, and what happens then.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Body, reason};
use crate::request::Request;

/// The faults in force, in the order given. The first that matches a request acts.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

struct Fault {
    method: Option<String>,
    path: Option<Regex>,
    /// How often it still acts; `None` is for ever.
    times: Option<u64>,
    /// How many matching requests it still lets pass.
    skip: u64,
    probability: f64,
    kind: Kind,
}

/// What a fault does.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Answers so; the request has no effect.
    Status { answer: Answer, echo: bool },
    /// Closes the connection; the request has no effect.
    Drop,
    /// The request takes effect, then the connection is closed.
    CommitThenDrop,
    /// Waits, then goes on as usual.
    Delay(Duration),
    /// The request takes effect; half of the answer is sent.
    Truncate,
    /// For so long, reads show the state before a write.
    Stale(Duration),
    /// Entries of the tenant log about the request come only so much later.
    LogDelay(Duration),
    /// The request leaves no entry in the tenant log.
    LogDrop,
}

impl Faults {
    /// Reads the list of the control interface. The error is a message for whoever wrote it.
    pub(crate) fn parse(list: &Value) -> Result<Self, String> {
        let list = list.as_array().ok_or("expected an array of faults")?;
        let fault =
            |(index, fault): (usize, &Value)| Fault::parse(fault).map_err(|error| format!("fault {index}: {error}"));
        list.iter().enumerate().map(fault).collect::<Result<_, _>>().map(Self)
    }

    /// The fault that acts on a request. Counts the request.
    pub(crate) fn hit(&mut self, request: &Request) -> Option<Kind> {
        self.0.iter_mut().find_map(|fault| fault.hit(request))
    }

    /// How far reads may lag behind by any of the faults.
    pub(crate) fn longest_lag(&self) -> Option<Duration> {
        let lag = |fault: &Fault| if let Kind::Stale(lag) = fault.kind { Some(lag) } else { None };
        self.0.iter().filter_map(lag).max()
    }
}

impl Kind {
    /// The answer of a `status` fault to a request.
    pub(crate) fn answer(answer: &Answer, echo: bool, request: &Request) -> Answer {
        let mut answer = answer.clone();
        if echo && let Body::Json(body) = &mut answer.body {
            let sent = String::from_utf8_lossy(&request.body);
            body["message"] = format!("Payload validation error: 'Object didn't pass validation: {sent}'.").into();
        }
        answer
    }
}

/// A fault as it is written. Which keys there may be depends on the kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    method: Option<String>,
    path: Option<String>,
    times: Option<u64>,
    skip: Option<u64>,
    probability: Option<f64>,
    kind: String,
    status: Option<u16>,
    body: Option<Value>,
    headers: Option<BTreeMap<String, String>>,
    echo: Option<bool>,
    ms: Option<u64>,
}

impl Fault {
    fn parse(fault: &Value) -> Result<Self, String> {
        let written = Written::deserialize(fault).map_err(|error| error.to_string())?;
        let kind = written.kind()?;
        let Written { method, path, times, skip, probability, .. } = written;
        let path = path.map(|path| Regex::new(&path)).transpose().map_err(|error| error.to_string())?;
        let probability = probability.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Err(format!("probability {probability} is not between 0 and 1"));
        }
        Ok(Self { method, path, times, skip: skip.unwrap_or(0), probability, kind })
    }

    fn hit(&mut self, request: &Request) -> Option<Kind> {
        let matches = self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
            && self.path.as_ref().is_none_or(|path| path.is_match(&request.path));
        if !matches || self.times == Some(0) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.probability < 1.0 && rand::random::<f64>() >= self.probability {
            return None;
        }
        self.times = self.times.map(|times| times - 1);
        Some(self.kind.clone())
    }
}

impl Written {
    fn kind(&self) -> Result<Kind, String> {
        let allowed: &[&str] = match self.kind.as_str() {
            "status" => &["status", "body", "headers", "echo"],
            "delay" | "stale" | "log_delay" => &["ms"],
            "drop" | "commit_then_drop" | "truncate" | "log_drop" => &[],
            other => return Err(format!("unknown kind {other:?}")),
        };
        for (key, is_there) in [
            ("status", self.status.is_some()),
            ("body", self.body.is_some()),
            ("headers", self.headers.is_some()),
            ("echo", self.echo.is_some()),
            ("ms", self.ms.is_some()),
        ] {
            if is_there && !allowed.contains(&key) {
                return Err(format!("key {key:?} has no meaning for kind {:?}", self.kind));
            }
        }
        let ms = || self.ms.map(Duration::from_millis).ok_or_else(|| format!("kind {:?} needs \"ms\"", self.kind));
        Ok(match self.kind.as_str() {
            "status" => self.status()?,
            "drop" => Kind::Drop,
            "commit_then_drop" => Kind::CommitThenDrop,
            "delay" => Kind::Delay(ms()?),
            "truncate" => Kind::Truncate,
            "stale" => Kind::Stale(ms()?),
            "log_delay" => Kind::LogDelay(ms()?),
            _ => Kind::LogDrop,
        })
    }

    fn status(&self) -> Result<Kind, String> {
        let status = self.status.ok_or("kind \"status\" needs \"status\"")?;
        if !(200..=599).contains(&status) {
            return Err(format!("status {status} is not between 200 and 599"));
        }
        let default = || match status {
            429 => json!({
                "statusCode": 429, "error": reason(429), "message": "Global limit has been reached",
                "errorCode": "too_many_requests",
            }),
            _ => json!({ "statusCode": status, "error": reason(status), "message": "Fault of the emulator" }),
        };
        let mut answer = Answer::new(status, self.body.clone().unwrap_or_else(default));
        for (name, value) in self.headers.iter().flatten() {
            let is_fine = hyper::header::HeaderName::try_from(name).is_ok()
                && hyper::header::HeaderValue::try_from(value).is_ok();
            if !is_fine {
                return Err(format!("header {name:?} cannot be sent"));
            }
            answer = answer.with_header(name, value);
        }
        let echo = self.echo == Some(true);
        if echo && !matches!(answer.body, Body::Json(Value::Object(_))) {
            return Err("\"echo\" needs a body that is an object".to_owned());
        }
        Ok(Kind::Status { answer, echo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_cannot_be_understood_is_refused_with_a_reason() {
        for (fault, reason) in [
            (json!({"kind": "explode"}), "fault 0: unknown kind \"explode\""),
            (json!({"kind": "drop", "time": 1}), "fault 0: unknown field `time`"),
            (json!({"kind": "drop", "ms": 1}), "fault 0: key \"ms\" has no meaning for kind \"drop\""),
            (json!({"kind": "delay"}), "fault 0: kind \"delay\" needs \"ms\""),
            (json!({"kind": "status"}), "fault 0: kind \"status\" needs \"status\""),
            (json!({"kind": "drop", "path": "("}), "fault 0: regex parse error"),
            (json!({"kind": "drop", "probability": 2}), "fault 0: probability 2 is not between 0 and 1"),
        ] {
            let error = Faults::parse(&json!([fault])).err().unwrap();
            assert!(error.starts_with(reason), "{error}");
        }
    }
}
