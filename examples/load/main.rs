//! How much the operator bears, and what it asks of a tenant for it: `cargo run --release --example load -- --help`.
//!
//! A real Kubernetes control plane, an emulated Auth0 tenant and the operator, each as a process of its own, so that memory and
//! CPU are the operator's alone. Counts of calls are held against their floors, and the program fails where one is missed; times
//! are printed beside what is wanted, since they also tell of the machine. `docs/performance.md` explains the output.

mod calls;
mod kubernetes;
mod manifests;
mod plan;
mod processes;
mod report;
mod scenarios;
mod seen;
mod stage;
mod tenant;

use auth0_emulator::Rate;
use clap::{Parser, ValueEnum};
use report::Report;
use stage::Stage;
use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Whatever goes wrong ends the program, in words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the operator against a real Kubernetes control plane and an emulated Auth0 tenant.
#[derive(Parser)]
struct Args {
    /// How many resources: 30 % APIs, 5 % connections, 65 % users
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    objects: u32,
    /// Whose rate limits the tenant has: unlimited, enterprise, self-service or free
    #[arg(long, default_value = "unlimited")]
    plan: Rate,
    /// How long the tenant holds back every answer, in milliseconds
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// What is done, always in the order of the list; without `create` the resources are made before, without limits
    #[arg(long, value_enum, value_delimiter = ',', default_value = "create,cold")]
    scenario: Vec<Scenario>,
    /// How many changes of others, edits and lone resources are measured
    #[arg(long, default_value_t = 50)]
    samples: usize,
    /// For how long the operator is watched at rest, in seconds
    #[arg(long, default_value_t = 120)]
    rest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Scenario {
    /// All resources are applied in one go
    Create,
    /// Single resources are applied, one after the other
    Lone,
    /// The operator starts anew, with everything in the tenant already
    Cold,
    /// Nothing happens
    Rest,
    /// A resource is edited while everything in the tenant is looked at
    Edit,
    /// Somebody else changes the tenant
    Drift,
    /// The same, and the tenant's log lags by five seconds
    Delay,
    /// The same, and the tenant's log tells nothing of it
    Drop,
    /// The same, and a hundred logins a second fill the tenant's log
    Search,
}

fn main() -> ExitCode {
    // The program starts itself once more as the operator, and as the tenant.
    match env::args().nth(1).as_deref() {
        Some("run") => return processes::be_operator(),
        Some("emulator") => return processes::be_emulator(),
        _ => {}
    }
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().map_err(Into::into);
    match runtime.and_then(|runtime| runtime.block_on(measure(args))) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(misses) => {
            eprintln!("\n✗ {misses} counts are not as they should be");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\n✗ the measurement failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Gives how many counts are not as they should be.
async fn measure(args: Args) -> Result<usize> {
    let Args { objects, plan, latency, mut scenario, samples, rest } = args;
    scenario.sort_unstable();
    scenario.dedup();
    let mut report = Report::default();
    let creates = scenario.first() == Some(&Scenario::Create);
    let first_plan = if creates { plan } else { Rate::Unlimited };
    let mut stage = Stage::set_up(objects as usize, first_plan, Duration::from_millis(latency)).await?;
    report.headline(&format!("{}, plan {plan:?}, {latency} ms of latency", stage.mix));
    if creates {
        scenarios::create::create(&mut stage, plan, &mut report).await?;
        scenario.remove(0);
    } else {
        let began = Instant::now();
        stage.apply_all().await?;
        report.line("made beforehand, without limits", format!("{:.1} s", began.elapsed().as_secs_f64()));
        stage.tenant.limit(plan).await?;
    }
    for scenario in scenario {
        match scenario {
            Scenario::Create => {}
            Scenario::Lone => scenarios::single::lone(&mut stage, samples, &mut report).await?,
            Scenario::Cold => scenarios::create::cold(&mut stage, &mut report).await?,
            Scenario::Rest => scenarios::rest::rest(&mut stage, Duration::from_secs(rest), &mut report).await?,
            Scenario::Edit => scenarios::single::edit(&mut stage, samples, plan, &mut report).await?,
            Scenario::Drift => scenarios::drift::drift(&mut stage, samples, &mut report).await?,
            Scenario::Delay => scenarios::drift::delay(&mut stage, samples, &mut report).await?,
            Scenario::Drop => scenarios::drift::drop(&mut stage, samples, &mut report).await?,
            Scenario::Search => scenarios::drift::search(&mut stage, samples, &mut report).await?,
        }
        stage.operator.must_run()?;
    }
    report.headline("The operator's process");
    report.line("peak memory (wanted: below 120 MB at 10,000)", format!("{} MB", stage.operator.peak_memory()?));
    report.line("CPU since its start", format!("{:.1} s", stage.operator.cpu()?.as_secs_f64()));
    stage.operator.stop()?;
    Ok(report.misses())
}
