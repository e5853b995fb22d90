//! One request from its arrival to its answer: faults, rate limits, the tenant, the request log.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::access::Caller;
use crate::answer::{Answer, Refusal};
use crate::config::Config;
use crate::faults::{Faults, Kind};
use crate::keys::Keys;
use crate::rate::Limits;
use crate::request::{ObjectExt as _, Request};
use crate::request_log::RequestLog;
use crate::schema::Schemas;
use crate::stale::History;
use crate::tenant::Tenant;
use crate::{control, discovery, management, oauth};

/// All that requests share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    schemas: Schemas,
    /// The tenant as it was at the start.
    pub(crate) initial: Tenant,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) tenant: Tenant,
    pub(crate) faults: Faults,
    pub(crate) requests: RequestLog,
    pub(crate) limits: Limits,
    pub(crate) history: History,
}

/// What the client gets to see.
pub(crate) enum Outcome {
    Answer(Answer),
    /// Half of the answer's body, then the end of the connection.
    Half(Answer),
    /// The end of the connection.
    Nothing,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let keys = Keys::generate(&config.domain)?;
        let initial = Tenant::new(&config, &keys);
        let state = State {
            tenant: initial.clone(),
            faults: Faults::default(),
            requests: RequestLog::default(),
            limits: Limits::new(config.rate),
            history: History::default(),
        };
        Ok(Self { config, keys, schemas: Schemas::load()?, initial, state: Mutex::new(state) })
    }

    /// Never held across an `.await`. Nothing leaves the state half changed, so a panic elsewhere does not spoil it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries out a request.
pub(crate) async fn exchange(shared: &Shared, request: Request) -> Outcome {
    if request.segments.first().is_some_and(|first| first == "emulator") {
        return Outcome::Answer(control::answer(shared, &request));
    }
    let started = Instant::now();
    tokio::time::sleep(shared.config.latency).await;
    let fault = shared.state().faults.hit(&request);
    if let Some(Kind::Delay(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let mut state = shared.state();
    let caller = Caller::of(&request, &state.tenant, &shared.keys);
    let client_id = client_id(&request, &caller);
    let (outcome, status) = match fault {
        Some(Kind::Drop) => (Outcome::Nothing, 0),
        Some(Kind::Status { answer, echo }) => {
            let answer = Kind::answer(&answer, echo, &request);
            let status = answer.status;
            (Outcome::Answer(answer), status)
        }
        fault => {
            let lag = if let Some(Kind::Stale(lag)) = fault { Some(lag) } else { None };
            let answer = limited(shared, &mut state, &request, caller, lag);
            match fault {
                Some(Kind::CommitThenDrop) => (Outcome::Nothing, 0),
                Some(Kind::Truncate) => (Outcome::Half(answer.clone()), answer.status),
                _ => (Outcome::Answer(answer.clone()), answer.status),
            }
        }
    };
    state.requests.push(&request, status, client_id.as_deref(), started.elapsed());
    outcome
}

/// The client that a request is from, where that can be told.
fn client_id(request: &Request, caller: &Result<Caller, Refusal>) -> Option<String> {
    if let Ok(caller) = caller {
        return Some(caller.client_id.clone());
    }
    let (fields, basic) = (request.fields(), request.basic());
    let named = fields.map(|fields| fields.text("client_id").to_owned()).filter(|id| !id.is_empty());
    named.or(basic.map(|(user, _)| user)).filter(|_| request.path == "/oauth/token")
}

/// The tenant's answer, unless there were too many requests.
fn limited(
    shared: &Shared,
    state: &mut State,
    request: &Request,
    caller: Result<Caller, Refusal>,
    lag: Option<Duration>,
) -> Answer {
    let standing = state.limits.take(request, Instant::now(), request.received);
    let Some(standing) = standing else { return routed(shared, state, request, caller, lag) };
    let answer = standing.refusal(request).unwrap_or_else(|| routed(shared, state, request, caller, lag));
    standing.headers(answer)
}

fn routed(
    shared: &Shared,
    state: &mut State,
    request: &Request,
    caller: Result<Caller, Refusal>,
    lag: Option<Duration>,
) -> Answer {
    let segments: Vec<_> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["oauth", "token"]) => oauth::answer(&mut state.tenant, request, &shared.keys),
        ("GET", [".well-known", "openid-configuration"]) => Answer::ok(discovery::configuration(&state.tenant)),
        ("GET", [".well-known", "jwks.json"]) => Answer::ok(shared.keys.jwks()),
        (method, ["api", "v2", ..]) => {
            let act = |tenant: &mut Tenant| management::answer(tenant, request, caller, &shared.keys, &shared.schemas);
            if method == "GET" {
                return match state.history.seen(Instant::now(), lag) {
                    Some(before) => act(&mut Tenant::clone(&before)),
                    None => act(&mut state.tenant),
                };
            }
            let longest = state.faults.longest_lag().max(lag);
            let before = longest.map(|longest| (state.tenant.clone(), longest));
            let answer = act(&mut state.tenant);
            if let Some((before, longest)) = before.filter(|_| answer.status < 400) {
                state.history.push(before, Instant::now(), lag, longest);
            }
            answer
        }
        _ => Refusal::not_found().into(),
    }
}
