//! One request from its arrival to its answer: faults, rate limits, the tenant, the request log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::access::{Caller, Callers};
use crate::answer::{Answer, Refusal};
use crate::authentication::Authentication;
use crate::config::Config;
use crate::faults::{Faults, Kind};
use crate::keys::Keys;
use crate::log::{Before, Journal, TenantLog};
use crate::login::Logins;
use crate::rate::Limits;
use crate::request::{ObjectExt as _, Request};
use crate::request_log::RequestLog;
use crate::schema::Schemas;
use crate::stale::History;
use crate::tenant::Tenant;
use crate::{control, management};

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
    pub(crate) log: TenantLog,
    pub(crate) logins: Logins,
    pub(crate) callers: Callers,
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
            log: TenantLog::default(),
            logins: Logins::default(),
            callers: Callers::default(),
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
    // Even a sleep of no time takes a millisecond.
    if !shared.config.latency.is_zero() {
        tokio::time::sleep(shared.config.latency).await;
    }
    let fault = shared.state().faults.hit(&request);
    if let Some(Kind::Delay(delay)) = fault {
        tokio::time::sleep(delay).await;
    }
    let mut guard = shared.state();
    let state = &mut *guard;
    let caller = state.callers.caller(&request, &state.tenant, &shared.keys);
    let client_id = client_id(&request, &caller);
    let (outcome, status) = match fault {
        Some(Kind::Drop) => (Outcome::Nothing, 0),
        Some(Kind::Status { answer, echo }) => {
            let answer = Kind::answer(&answer, echo, &request);
            let status = answer.status;
            (Outcome::Answer(answer), status)
        }
        fault => {
            let mut visit = Visit { shared, state, request: &request, caller: &caller, journal: Journal::default() };
            let answer = visit.limited(if let Some(Kind::Stale(lag)) = fault { Some(lag) } else { None });
            let journal = visit.journal;
            let delay = if let Some(Kind::LogDelay(delay)) = fault { Some(delay) } else { None };
            if !matches!(fault, Some(Kind::LogDrop)) {
                state.log.record(&request, &state.tenant.domain, journal, delay);
            }
            let status = answer.status;
            match fault {
                Some(Kind::CommitThenDrop) => (Outcome::Nothing, 0),
                Some(Kind::Truncate) => (Outcome::Half(answer), status),
                _ => (Outcome::Answer(answer), status),
            }
        }
    };
    state.requests.push(&request, status, client_id.as_deref(), started.elapsed());
    outcome
}

/// The client that a request is from, where that can be told.
fn client_id(request: &Request, caller: &Result<Arc<Caller>, Refusal>) -> Option<String> {
    if let Ok(caller) = caller {
        return Some(caller.client_id.clone());
    }
    if request.segments.first().is_some_and(|first| first == "api") {
        return None;
    }
    if let Some((client_id, _)) = request.basic() {
        return Some(client_id);
    }
    let named = request.fields().map(|fields| fields.text("client_id").to_owned()).filter(|id| !id.is_empty());
    named.or_else(|| request.parameter("client_id").map(str::to_owned))
}

/// A request before the tenant.
struct Visit<'a> {
    shared: &'a Shared,
    state: &'a mut State,
    request: &'a Request,
    caller: &'a Result<Arc<Caller>, Refusal>,
    journal: Journal,
}

impl Visit<'_> {
    /// The tenant's answer, unless there were too many requests. `lag` is for how long a write is not to be seen, or how far a read
    /// lags behind.
    fn limited(&mut self, lag: Option<Duration>) -> Answer {
        let standing = self.state.limits.take(self.request, Instant::now(), self.request.received);
        let Some(standing) = standing else { return self.routed(lag) };
        let answer = standing.refusal(self.request).unwrap_or_else(|| self.routed(lag));
        standing.headers(answer)
    }

    fn routed(&mut self, lag: Option<Duration>) -> Answer {
        if let ["api", "v2", ..] = self.request.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            return self.managed(lag);
        }
        let call = Authentication {
            tenant: &mut self.state.tenant,
            logins: &mut self.state.logins,
            request: self.request,
            keys: &self.shared.keys,
            journal: &mut self.journal,
            is_secure: self.shared.config.tls.is_some(),
        };
        call.answer().unwrap_or_else(|| Refusal::not_found().into())
    }

    /// A call of the Management API.
    fn managed(&mut self, lag: Option<Duration>) -> Answer {
        let (state, request) = (&mut *self.state, self.request);
        let is_read = request.method == "GET";
        let seen = if is_read { state.history.seen(Instant::now(), lag) } else { None };
        let longest = if is_read { None } else { state.faults.longest_lag().max(lag) };
        let unchanged = longest.map(|longest| (state.tenant.clone(), longest));
        let before = Before::of(request, &state.tenant);
        state.log.settle(SystemTime::now());
        let caller = self.caller.as_deref().map_err(Clone::clone);
        let act = |tenant: &mut Tenant| {
            management::answer(tenant, &state.log, request, caller, &self.shared.keys, &self.shared.schemas)
        };
        let answer = match seen {
            Some(past) => act(&mut Tenant::clone(&past)),
            None => act(&mut state.tenant),
        };
        if let Some((unchanged, longest)) = unchanged.filter(|_| answer.status < 400) {
            state.history.push(unchanged, Instant::now(), lag, longest);
        }
        if let Ok(caller) = self.caller {
            self.journal.management(request, caller, &before, &answer, &state.tenant);
        }
        answer
    }
}
