//! Somebody else changes the tenant, with a client of their own, and the operator takes it back.

use crate::{
    Result,
    calls::Call,
    report::Report,
    stage::{PATIENCE, Stage},
    tenant::{Somebody, Tenant},
};
use auth0_operator::tenant::jitter;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// One change comes every so often, on average.
const EVERY: Duration = Duration::from_secs(3);
/// How long the log lags in the scenario where it does.
const LAG: Duration = Duration::from_secs(5);
/// Logins in a second where they fill the log.
const LOGINS: u32 = 100;

/// What is changed: one managed field of each kind of object.
const KINDS: [&str; 6] = ["API", "client", "grant", "connection", "clients of a connection", "user"];

/// A change: where, and what.
struct Change {
    kind: &'static str,
    path: String,
    body: Value,
}

/// With the log as it is.
pub(crate) async fn drift(stage: &mut Stage, samples: usize, report: &mut Report) -> Result<()> {
    report.headline("drift: somebody changes the tenant (wanted: repaired in 10 s on average, 20 s at most)");
    stage.settle().await?;
    changes(stage, samples, false, report).await
}

/// With a log that lags.
pub(crate) async fn delay(stage: &mut Stage, samples: usize, report: &mut Report) -> Result<()> {
    report.headline("delay: the same, and the tenant's log lags by 5 s (wanted: 25 s at most)");
    stage.settle().await?;
    stage.tenant.faults(json!([{ "kind": "log_delay", "ms": LAG.as_millis() as u64 }])).await?;
    changes(stage, samples, false, report).await?;
    stage.tenant.faults(json!([])).await
}

/// With a log that tells nothing, and a sweep in the end.
pub(crate) async fn drop(stage: &mut Stage, samples: usize, report: &mut Report) -> Result<()> {
    report.headline("drop: the same, and the tenant's log tells nothing of it; times are from the sweep on");
    stage.settle().await?;
    stage.tenant.faults(json!([{ "kind": "log_drop" }])).await?;
    changes(stage, samples, true, report).await?;
    stage.tenant.faults(json!([])).await
}

/// With a log full of logins, which has to be searched.
pub(crate) async fn search(stage: &mut Stage, samples: usize, report: &mut Report) -> Result<()> {
    report.headline(&format!("search: the same, and {LOGINS} logins a second fill the tenant's log"));
    let somebody = Arc::new(Somebody::enter(&stage.tenant).await?);
    let mut logins = JoinSet::new();
    logins.spawn(async move {
        let mut pulse = tokio::time::interval(Duration::from_secs(1) / LOGINS);
        loop {
            pulse.tick().await;
            let somebody = somebody.clone();
            tokio::spawn(async move { somebody.fail_to_log_in().await });
        }
    });
    let (since, began) = (stage.tenant.now().await?, Instant::now());
    let is_search = |call: &Call| call.is_operator && call.path == "/api/v2/logs" && call.query.contains("q=");
    while !stage.tenant.requests(since).await?.0.iter().any(is_search) {
        if began.elapsed() > PATIENCE {
            return Err("the operator does not search the log".into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    report.line("the log is searched after", format!("{:.0} s", began.elapsed().as_secs_f64()));
    changes(stage, samples, false, report).await
}

/// Changes objects at random times, none twice, and waits until the operator has taken back all of it.
async fn changes(stage: &mut Stage, samples: usize, sweeps: bool, report: &mut Report) -> Result<()> {
    let somebody = Arc::new(Somebody::enter(&stage.tenant).await?);
    let state = stage.tenant.state().await?;
    let changes = choose(stage, samples)?;
    let since = stage.tenant.now().await?;
    let mut tasks = JoinSet::new();
    let during = EVERY * changes.len() as u32;
    let sought: Vec<(&'static str, String)> = changes.iter().map(|change| (change.kind, change.path.clone())).collect();
    for change in changes {
        let (somebody, wait) = (somebody.clone(), during.mul_f64(jitter()));
        tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            make(&somebody, change).await
        });
    }
    while let Some(made) = tasks.join_next().await {
        made??;
    }
    let swept = sweeps.then(k8s_openapi::jiff::Timestamp::now);
    if sweeps {
        let early = stage.tenant.operator_calls(since).await?;
        report.exactly("repairs before the sweep", early.iter().filter(|call| call.is_write()).count(), 0);
        stage.ask_for_sweep().await?;
    }
    let began = Instant::now();
    let mut repairs = repairs(&stage.tenant, since, &sought).await?;
    while repairs.len() < sought.len() && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage.operator.must_run()?;
        repairs = self::repairs(&stage.tenant, since, &sought).await?;
    }
    // The last answer may be under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    report.exactly("changes that were taken back", repairs.len(), sought.len());
    report.exactly("differences of the tenant from before", differences(&state, &stage.tenant.state().await?), 0);
    let calls = stage.tenant.operator_calls(since).await?;
    report.exactly("writes of the operator", calls.iter().filter(|call| call.is_write()).count(), sought.len());
    report.line("its reads of objects", calls.iter().filter(|call| !call.is_write() && !call.is_upkeep()).count());
    let time = |repair: &Repair| {
        let from = swept.map_or(repair.changed, |swept| swept.max(repair.changed));
        Duration::try_from(repair.repaired.duration_since(from)).unwrap_or_default()
    };
    for kind in KINDS {
        let of_kind = repairs.iter().filter(|repair| repair.kind == kind);
        report.times(&format!("until it is repaired: {kind}"), &mut of_kind.map(time).collect::<Vec<_>>());
    }
    report.times("until it is repaired: all", &mut repairs.iter().map(time).collect::<Vec<_>>());
    Ok(())
}

/// Objects that nobody has changed yet, one field of each.
fn choose(stage: &mut Stage, samples: usize) -> Result<Vec<Change>> {
    let mut changes = vec![];
    // Client, grant and API of one resource count as three, and so do a connection and its clients as two.
    let turns = samples.div_ceil(KINDS.len());
    for turn in stage.unchanged..stage.unchanged + turns {
        for (at, kind) in KINDS.into_iter().enumerate() {
            let (resource, number) = match kind {
                "API" | "client" | "grant" => ("Auth0Api", (3 * turn + at) % stage.mix.apis),
                "user" => ("Auth0User", turn % stage.mix.users),
                _ => ("Auth0Connection", (2 * turn + at - 3) % stage.mix.connections),
            };
            let seen = stage.seen.get(&format!("{resource}/{number:05}")).ok_or("a resource that nobody has seen")?;
            let ids = seen.status;
            let (path, body) = match kind {
                "API" => (format!("resource-servers/{}", ids.id), json!({ "token_lifetime": 4000 + turn })),
                "client" => (format!("clients/{}", ids.client), json!({ "name": format!("Somebody's {turn}") })),
                "grant" => (format!("client-grants/{}", ids.grant), json!({ "scope": [] })),
                "connection" => (format!("connections/{}", ids.id), Value::Null),
                "user" => (format!("users/{}", ids.id), json!({ "app_metadata": { "team": format!("{turn}") } })),
                _ => (format!("connections/{}/clients", ids.id), Value::Null),
            };
            changes.push(Change { kind, path, body });
        }
    }
    stage.unchanged += turns;
    changes.truncate(samples);
    Ok(changes)
}

async fn make(somebody: &Somebody, Change { kind, path, body }: Change) -> Result<()> {
    let body = match kind {
        "connection" => {
            // A change of options replaces all of them.
            let mut options = somebody.send(Method::GET, &path, &Value::Null).await?["options"].take();
            options["disable_signup"] = false.into();
            json!({ "options": options })
        }
        "clients of a connection" => {
            let clients = somebody.send(Method::GET, &path, &Value::Null).await?;
            let client = &clients["clients"][0]["client_id"];
            json!([{ "client_id": client, "status": false }])
        }
        _ => body,
    };
    somebody.send(Method::PATCH, &path, &body).await?;
    Ok(())
}

struct Repair {
    kind: &'static str,
    changed: k8s_openapi::jiff::Timestamp,
    repaired: k8s_openapi::jiff::Timestamp,
}

/// The operator's writes to what somebody wrote to before.
async fn repairs(tenant: &Tenant, since: u64, sought: &[(&'static str, String)]) -> Result<Vec<Repair>> {
    let (calls, _) = tenant.requests(since).await?;
    let writes: Vec<&Call> = calls.iter().filter(|call| call.is_write() && call.status < 300).collect();
    let find = |(kind, path): &(&'static str, String)| {
        let path = format!("/api/v2/{path}");
        let changed = writes.iter().position(|call| !call.is_operator && call.path == path)?;
        let repaired = writes[changed..].iter().find(|call| call.is_operator && call.path == path)?;
        Some(Repair { kind, changed: writes[changed].at, repaired: repaired.at })
    };
    Ok(sought.iter().filter_map(find).collect())
}

/// How many objects are not as they were.
fn differences(before: &Value, after: &Value) -> usize {
    let lists = before.as_object().into_iter().flatten().map(|(kind, list)| (list, &after[kind]));
    lists
        .map(|(before, after)| {
            let (before, after) = (before.as_array(), after.as_array());
            let pairs = before.into_iter().flatten().zip(after.into_iter().flatten());
            let unequal = pairs.filter(|(before, after)| before != after).count();
            unequal + before.map_or(0, Vec::len).abs_diff(after.map_or(0, Vec::len))
        })
        .sum()
}
