//! All resources in one go; and the operator anew, with everything in the tenant already.

use crate::{
    Result,
    calls::{Call, count},
    kubernetes,
    plan::least_time,
    report::{Report, seconds},
    stage::Stage,
    tenant::Population,
};
use auth0_emulator::Rate;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Applies everything; three calls make an API, two a connection, one a user.
pub(crate) async fn create(stage: &mut Stage, plan: Rate, report: &mut Report) -> Result<()> {
    report.headline("create: all are applied in one go");
    let since = stage.tenant.now().await?;
    let kubernetes_before = kubernetes::requests(&stage.kubernetes).await?;
    let cpu_before = stage.operator.cpu()?;
    let began = Instant::now();
    let sent = stage.apply_all().await?;
    let took = began.elapsed();
    let calls = stage.tenant.operator_calls(since).await?;

    let (apis, connections, users) = (stage.mix.apis, stage.mix.connections, stage.mix.users);
    let floor = [
        ("POST resource-servers", apis),
        ("POST clients", apis),
        ("POST client-grants", apis),
        ("POST connections", connections),
        ("PATCH connections/*/clients", connections),
        ("POST users", users),
    ];
    judge_calls(report, &calls, floor);
    let refused = calls.iter().filter(|call| call.status == 429).count();
    report.at_most("answers 429 (fewer than 1 %)", refused, calls.len() / 100);
    let troubles = stage.seen.troubles();
    report.exactly("statuses with another reason than those of good times", troubles.values().sum(), 0);
    for (reason, count) in troubles {
        report.line(&format!("  {reason}"), count);
    }
    report.line("all are Ready after", seconds(took));
    if let Some(least) = least_time(plan, &calls) {
        let ratio = took.as_secs_f64() / least.seconds;
        report.line("  wanted: at most 1.05 times", format!("{:.1} s = {}", least.seconds, least.reckoning));
        report.line("  ratio", format!("{ratio:.3}"));
    }
    let ready = sent.iter().filter_map(|(key, sent)| Some(stage.seen.get(key)?.ready?.duration_since(*sent)));
    report.times("from apply to Ready", &mut ready.collect::<Vec<_>>());
    report.line("the operator's CPU", seconds(stage.operator.cpu()? - cpu_before));
    report.line("the operator's peak memory", format!("{} MB", stage.operator.peak_memory()?));
    let requests = kubernetes::since(&kubernetes_before, kubernetes::requests(&stage.kubernetes).await?);
    report.line("requests to Kubernetes, the applies (APPLY without /status) too", requests.values().sum::<usize>());
    for (request, count) in requests {
        report.line(&format!("  {request}"), count);
    }
    Ok(())
}

/// Starts the operator anew. It looks at everything by lists, and reads what no list shows.
pub(crate) async fn cold(stage: &mut Stage, report: &mut Report) -> Result<()> {
    report.headline("cold: the operator starts anew, with everything in the tenant already");
    let population = stage.tenant.population().await?;
    let kubernetes_before = kubernetes::until_unwritten(&stage.kubernetes).await?;
    stage.operator.stop()?;
    let since = stage.tenant.now().await?;
    let began = Instant::now();
    stage.operator.start_anew()?;
    let quiet = Duration::from_secs(3);
    let calls = stage.calls_until_quiet(since, quiet).await?;
    report.line("all were looked at after", seconds(began.elapsed().saturating_sub(quiet)));
    let floor = cold_floor(&population, stage);
    let mut counts = BTreeMap::<String, usize>::new();
    for (kind, count) in count(calls.iter().filter(|call| !call.is_upkeep())) {
        // What a list would show alone is read alone.
        *counts.entry(kind.trim_end_matches("/*").to_owned()).or_default() += count;
    }
    for (kind, most) in &floor {
        report.at_most(kind, counts.get(*kind).copied().unwrap_or_default(), *most);
    }
    let others: usize =
        counts.iter().filter(|(kind, _)| !floor.contains_key(kind.as_str())).map(|(_, count)| count).sum();
    report.exactly("other calls", others, 0);
    report.exactly("writes to the tenant", calls.iter().filter(|call| call.is_write()).count(), 0);
    let requests = kubernetes::since(&kubernetes_before, kubernetes::requests(&stage.kubernetes).await?);
    report.exactly("writes to Kubernetes", kubernetes::writes(&requests), 0);
    for (request, count) in requests.iter().filter(|(request, _)| kubernetes::is_write(request)) {
        report.line(&format!("  {request}"), count);
    }
    report.line("reads of Kubernetes", requests.values().sum::<usize>() - kubernetes::writes(&requests));
    report.line("the operator's CPU", seconds(stage.operator.cpu()?));
    report.line("the operator's peak memory", format!("{} MB", stage.operator.peak_memory()?));
    Ok(())
}

/// The list pages, and one read for the clients of each connection.
fn cold_floor(population: &Population, stage: &Stage) -> BTreeMap<&'static str, usize> {
    let Population { apis, clients, grants, connections } = *population;
    let pages = |objects: usize| objects.div_ceil(100);
    // Numbered pages end at 1,000; beyond that, ten at a time by their identifiers.
    let numbered = if apis <= 1_000 { pages(apis) } else { 10 + (apis - 1_000).div_ceil(10) };
    BTreeMap::from([
        ("GET resource-servers", numbered),
        ("GET clients", pages(clients)),
        ("GET client-grants", pages(grants)),
        ("GET connections", pages(connections)),
        ("GET connections/*/clients", stage.mix.connections),
        ("GET users", stage.mix.users.div_ceil(50)),
    ])
}

/// Prints all calls by kind; those for objects have a floor, which has to be met exactly.
fn judge_calls<const N: usize>(report: &mut Report, calls: &[Call], floor: [(&str, usize); N]) {
    let mut counts = count(calls);
    for (kind, floor) in floor {
        report.exactly(kind, counts.remove(kind).unwrap_or_default(), floor);
    }
    for upkeep in ["GET logs", "POST /oauth/token"] {
        if let Some(count) = counts.remove(upkeep) {
            report.line(upkeep, format!("{count:>6}"));
        }
    }
    report.exactly("other calls", counts.values().sum(), 0);
    for (kind, count) in counts {
        report.line(&format!("  {kind}"), count);
    }
}
