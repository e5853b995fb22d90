//! Nothing happens; and what a look at everything costs, which comes every hour.

use crate::{
    Result,
    calls::count,
    kubernetes,
    report::{Report, seconds},
    stage::Stage,
};
use std::time::Duration;

const HOUR: f64 = 3600.0;
/// Users and clients of connections are looked at in every sixth hourly sweep.
const FULL_EVERY: f64 = 6.0;

/// Watches for a while, then forces a sweep and counts its calls.
pub(crate) async fn rest(stage: &mut Stage, window: Duration, report: &mut Report) -> Result<()> {
    report.headline(&format!("rest: nothing happens for {}", seconds(window)));
    stage.settle().await?;
    let since = stage.tenant.now().await?;
    let kubernetes_before = kubernetes::requests(&stage.kubernetes).await?;
    let cpu_before = stage.operator.cpu()?;
    tokio::time::sleep(window).await;
    let cpu = stage.operator.cpu()? - cpu_before;
    let calls = stage.tenant.operator_calls(since).await?;
    let requests = kubernetes::since(&kubernetes_before, kubernetes::requests(&stage.kubernetes).await?);

    let tail = calls.iter().filter(|call| call.kind() == "GET logs").count();
    report.exactly("calls but for the log's", calls.iter().filter(|call| !call.is_upkeep()).count(), 0);
    report.at_most("reads of the log", tail, window.as_secs_f64().div_euclid(15.0) as usize + 1);
    report.exactly("writes to Kubernetes", kubernetes::writes(&requests), 0);
    for (request, count) in requests.iter().filter(|(request, _)| kubernetes::is_write(request)) {
        report.line(&format!("  {request}"), count);
    }
    report.line("reads of Kubernetes", requests.values().sum::<usize>() - kubernetes::writes(&requests));
    let core = cpu.as_secs_f64() / window.as_secs_f64() * 100.0;
    report.line("the operator's CPU (wanted: below 1 % of a core)", format!("{core:.2} %"));

    let since = stage.tenant.now().await?;
    stage.ask_for_sweep().await?;
    let calls = stage.calls_until_quiet(since, Duration::from_secs(5)).await?;
    let counts = count(calls.iter().filter(|call| !call.is_upkeep()));
    let (mut lists, mut costly) = (0, 0);
    for (kind, count) in &counts {
        report.line(&format!("a full sweep: {kind}"), format!("{count:>6}"));
        if ["GET users", "GET connections/*/clients"].contains(&kind.as_str()) {
            costly += count;
        } else {
            lists += count;
        }
    }
    report.exactly("writes to the tenant by it", calls.iter().filter(|call| call.is_write()).count(), 0);
    let (log, sweeps) = (HOUR / 15.0, lists as f64 + costly as f64 / FULL_EVERY);
    report.line(
        "calls per hour at rest",
        format!("{:.0} = {log:.0} for the log + {lists} for lists + {costly} / {FULL_EVERY:.0}", log + sweeps),
    );
    Ok(())
}
