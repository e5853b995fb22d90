//! What a plan allows: the least time that calls take.

use crate::calls::Call;
use auth0_emulator::Rate;
use std::collections::BTreeMap;

/// The operator's part of the rate, `Auth0Tenant.spec.rateLimit.share` by default.
pub(crate) const SHARE: f64 = 0.8;

/// What limits some calls.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    name: &'static str,
    burst: u32,
    per_minute: u32,
}

/// A plan's name, as the emulator takes it.
pub(crate) fn name_of(plan: Rate) -> &'static str {
    match plan {
        Rate::Unlimited => "unlimited",
        Rate::Free => "free",
        Rate::SelfService => "self-service",
        Rate::Enterprise => "enterprise",
    }
}

/// How long calls take at least: (calls − burst) / (share × rate), for the bucket where that is the most.
pub(crate) struct Least {
    pub(crate) seconds: f64,
    pub(crate) reckoning: String,
}

/// `None` where nothing limits.
pub(crate) fn least_time(plan: Rate, calls: &[Call]) -> Option<Least> {
    let mut counts = BTreeMap::<&str, (Bucket, u32)>::new();
    for call in calls {
        if let Some(bucket) = bucket(plan, call) {
            counts.entry(bucket.name).or_insert((bucket, 0)).1 += 1;
        }
    }
    let least = counts.into_values().map(|(Bucket { name, burst, per_minute }, count)| {
        let per_second = f64::from(per_minute) / 60.0;
        Least {
            seconds: f64::from(count.saturating_sub(burst)) / (SHARE * per_second),
            reckoning: format!("{name}: ({count} − {burst}) / ({SHARE} × {per_second:.2}/s)"),
        }
    });
    least.max_by(|one, other| one.seconds.total_cmp(&other.seconds))
}

/// Auth0's documentation of the plans, 2026-08.
fn bucket(plan: Rate, call: &Call) -> Option<Bucket> {
    let collection = call.path.strip_prefix("/api/v2/")?.split('/').next()?;
    let (name, burst, per_minute) = match (plan, collection, call.method.as_str()) {
        (Rate::Unlimited, ..) => return None,
        (Rate::Free, ..) => ("all", 2, 120),
        (Rate::Enterprise, ..) => ("all", 50, 960),
        (Rate::SelfService, "users" | "users-by-email", "GET") => ("read users", 40, 500),
        (Rate::SelfService, "users", "DELETE") => ("delete users", 20, 200),
        (Rate::SelfService, "users", _) => ("write users", 20, 200),
        (Rate::SelfService, "clients", "GET") => ("read clients", 5, 100),
        (Rate::SelfService, "connections", "GET") => ("read connections", 5, 50),
        (Rate::SelfService, "logs", "GET") => ("read logs", 10, 100),
        (Rate::SelfService, ..) => ("other", 10, 150),
    };
    Some(Bucket { name, burst, per_minute })
}
