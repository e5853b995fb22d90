//! One resource at a time: alone, and while everything in the tenant is looked at.

use crate::{
    Result, kubernetes,
    manifests::api,
    report::Report,
    stage::{PATIENCE, Stage},
};
use auth0_emulator::Rate;
use serde_json::json;
use std::time::{Duration, Instant};

/// Applies resources, each when the one before is Ready.
pub(crate) async fn lone(stage: &mut Stage, samples: usize, report: &mut Report) -> Result<()> {
    report.headline(&format!("lone: {samples} of each kind, one after the other"));
    let (connections, users) = (stage.mix.connections, stage.mix.users);
    let mut all = vec![];
    for (kind, manifest) in [
        ("Auth0Api", &(|number| api(&format!("lone-{number}"))) as &dyn Fn(usize) -> serde_json::Value),
        ("Auth0Connection", &|number| stage.mix.connection(connections + number)),
        ("Auth0User", &|number| stage.mix.user(users + number)),
    ] {
        let mut times = vec![];
        for number in 0..samples {
            let sent = Instant::now();
            let (key, generation) = kubernetes::apply(&stage.kubernetes, &manifest(number)).await?;
            times.push(stage.seen.until(&key, generation, PATIENCE).await?.duration_since(sent));
        }
        report.times(&format!("{kind}, from apply to Ready"), &mut times);
        all.append(&mut times);
    }
    report.times("all (wanted: p50 below 100 ms)", &mut all);
    stage.mix.apis += samples;
    stage.mix.connections += samples;
    stage.mix.users += samples;
    Ok(())
}

/// Edits a user while a sweep runs. Calls that leave between the edit and its own call are those that it waits for.
pub(crate) async fn edit(stage: &mut Stage, samples: usize, plan: Rate, report: &mut Report) -> Result<()> {
    report.headline("edit: users are edited while a sweep runs");
    let (mut times, mut most_ahead, mut during) = (vec![], 0, 0);
    for number in 0..samples {
        while !is_sweeping(stage).await? {
            stage.ask_for_sweep().await?;
        }
        let mut manifest = stage.mix.user(number % stage.mix.users);
        manifest["spec"]["appMetadata"] = json!({ "team": format!("team {number}") });
        let since = stage.tenant.now().await?;
        let began = Instant::now();
        let (key, generation) = kubernetes::apply(&stage.kubernetes, &manifest).await?;
        times.push(stage.seen.until(&key, generation, PATIENCE).await?.duration_since(began));
        let calls = stage.tenant.operator_calls(since).await?;
        let patched = calls.iter().position(|call| call.method == "PATCH").ok_or("an edit without a call")?;
        most_ahead = most_ahead.max(patched);
        // The next one has to meet a sweep, too, and another moment of it.
        during += calls.len() - 1;
        tokio::time::sleep(Duration::from_millis(100 + 37 * (number as u64 % 17))).await;
    }
    if plan == Rate::Unlimited {
        report.line("calls that left before an edit's, at most (none waits)", most_ahead);
    } else {
        report.at_most("calls that an edit had to wait for, at most", most_ahead, 1);
    }
    report.line("calls of the sweep while the edits were under way", during);
    report.times("from edit to Ready", &mut times);
    Ok(())
}

/// Waits for a call of a sweep. Gives false when none comes for so long that there is no sweep.
async fn is_sweeping(stage: &Stage) -> Result<bool> {
    let (since, began) = (stage.tenant.now().await?, Instant::now());
    while began.elapsed() < Duration::from_secs(5) {
        if stage.tenant.operator_calls(since).await?.iter().any(|call| !call.is_upkeep()) {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}
