//! Rate limits: token buckets per plan (Auth0's documentation, 2026-08), and their headers (recorded).

use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::answer::{Answer, OauthError, Refusal};
use crate::config::Rate;
use crate::request::Request;

/// The buckets of the plan in force.
pub(crate) struct Limits {
    plan: Rate,
    buckets: HashMap<Group, Bucket>,
}

/// Requests that share a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Group {
    ReadUsers,
    WriteUsers,
    DeleteUsers,
    ReadClients,
    ReadConnections,
    ReadLogs,
    /// All else of the Management API; all of it on plans without groups.
    Management,
    Token,
    Jwks,
    /// All else of the Authentication API.
    Authentication,
}

/// How a request stands with its bucket.
#[derive(Debug, PartialEq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    /// UNIX seconds at which the bucket will be full again. (Not: at which one request is free.)
    reset: u64,
    is_allowed: bool,
    is_global: bool,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Limits {
    pub(crate) fn new(plan: Rate) -> Self {
        Self { plan, buckets: HashMap::new() }
    }

    /// Takes a token for a request, if there is one. `None` when nothing is limited.
    pub(crate) fn take(&mut self, request: &Request, now: Instant, clock: SystemTime) -> Option<Standing> {
        let group = Group::of(request, self.plan);
        let (limit, per_second) = size(self.plan, group)?;
        let bucket = self.buckets.entry(group).or_insert(Bucket { tokens: limit.into(), filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = f64::from(limit).min(bucket.tokens + passed * per_second);
        bucket.filled = now;
        let is_allowed = bucket.tokens >= 1.0;
        if is_allowed {
            bucket.tokens -= 1.0;
        }
        let until_full = (f64::from(limit) - bucket.tokens) / per_second;
        let clock = clock.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Some(Standing {
            limit,
            remaining: bucket.tokens as u32,
            reset: (clock + until_full).ceil() as u64,
            is_allowed,
            is_global: matches!(group, Group::Management | Group::Token | Group::Jwks | Group::Authentication),
        })
    }
}

impl Standing {
    /// The answer to a request that has to wait. Auth0 sends no `retry-after` (recorded).
    pub(crate) fn refusal(&self, request: &Request) -> Option<Answer> {
        let which = if self.is_global { "Global" } else { "Endpoint" };
        if self.is_allowed {
            None
        } else if is_management(request) {
            Some(Refusal::too_many_requests(which).into())
        } else {
            Some(OauthError::new(429, "too_many_requests", format!("{which} limit has been reached")).into())
        }
    }

    pub(crate) fn headers(&self, answer: Answer) -> Answer {
        answer
            .with_header("x-ratelimit-limit", self.limit)
            .with_header("x-ratelimit-remaining", self.remaining)
            .with_header("x-ratelimit-reset", self.reset)
    }
}

impl Group {
    fn of(request: &Request, plan: Rate) -> Self {
        let segments: Vec<_> = request.segments.iter().map(String::as_str).collect();
        if !is_management(request) {
            return match segments.as_slice() {
                ["oauth", "token"] if plan == Rate::Free => Self::Token,
                [".well-known", "jwks.json"] if plan == Rate::Free => Self::Jwks,
                _ => Self::Authentication,
            };
        }
        if plan != Rate::SelfService {
            return Self::Management;
        }
        match (segments.get(2).copied(), request.method.as_str()) {
            (Some("users" | "users-by-email"), "GET") => Self::ReadUsers,
            (Some("users"), "POST" | "PATCH") => Self::WriteUsers,
            (Some("users"), "DELETE") => Self::DeleteUsers,
            (Some("clients"), "GET") => Self::ReadClients,
            (Some("connections"), "GET") => Self::ReadConnections,
            (Some("logs"), "GET") => Self::ReadLogs,
            _ => Self::Management,
        }
    }
}

fn is_management(request: &Request) -> bool {
    request.segments.first().is_some_and(|first| first == "api")
}

/// A bucket's size, and how much flows in per second.
fn size(plan: Rate, group: Group) -> Option<(u32, f64)> {
    let per_minute = |limit, minute: f64| Some((limit, minute / 60.0));
    match (plan, group) {
        (Rate::Unlimited, _) => None,
        (Rate::Free, Group::Token) => Some((30, 30.0)),
        (Rate::Free, Group::Jwks) => Some((20, 20.0)),
        (Rate::Free, Group::Authentication) => per_minute(300, 300.0),
        (Rate::Free, _) => Some((2, 2.0)),
        (Rate::SelfService, Group::ReadUsers) => per_minute(40, 500.0),
        (Rate::SelfService, Group::WriteUsers | Group::DeleteUsers) => per_minute(20, 200.0),
        (Rate::SelfService, Group::ReadClients) => per_minute(5, 100.0),
        (Rate::SelfService, Group::ReadConnections) => per_minute(5, 50.0),
        (Rate::SelfService, Group::ReadLogs) => per_minute(10, 100.0),
        (Rate::SelfService, Group::Management) => per_minute(10, 150.0),
        (Rate::SelfService, _) => Some((25, 25.0)),
        (Rate::Enterprise, Group::Token | Group::Jwks | Group::Authentication) => Some((100, 100.0)),
        (Rate::Enterprise, _) => Some((50, 16.0)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(method: &str, path: &str) -> Request {
        let (parts, ()) = hyper::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        Request::new(&parts, vec![], std::net::Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn a_bucket_empties_and_fills_and_says_when_it_is_full() {
        let mut limits = Limits::new(Rate::Free);
        let (now, clock) = (Instant::now(), UNIX_EPOCH + Duration::from_millis(1_000_200));
        let request = request("GET", "/api/v2/clients");
        let mut take = |after: u64| {
            let after = Duration::from_millis(after);
            let standing = limits.take(&request, now + after, clock + after).unwrap();
            (standing.is_allowed, standing.remaining, standing.reset)
        };
        assert_eq!(take(0), (true, 1, 1001));
        assert_eq!(take(0), (true, 0, 1002));
        assert_eq!(take(0), (false, 0, 1002));
        assert_eq!(take(600), (true, 0, 1002));
        assert_eq!(take(10_000), (true, 1, 1011));
    }

    #[test]
    fn groups_of_endpoints_have_their_own_buckets_on_self_service_only() {
        let users = request("GET", "/api/v2/users");
        let connections = request("GET", "/api/v2/connections/con_1");
        let logs = request("GET", "/api/v2/logs");
        for (plan, expected) in [(Rate::SelfService, (40, 5, 10)), (Rate::Enterprise, (50, 50, 50))] {
            let mut limits = Limits::new(plan);
            let mut limit = |request| limits.take(request, Instant::now(), SystemTime::now()).unwrap().limit;
            assert_eq!((limit(&users), limit(&connections), limit(&logs)), expected);
        }
        assert_eq!(Limits::new(Rate::Unlimited).take(&users, Instant::now(), SystemTime::now()), None);
    }
}
