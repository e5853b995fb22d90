//! The commands of the program.

use crate::{
    controller::{self, Candidacy, Options},
    crd,
    telemetry::{self, LogFormat, Metrics},
};
use clap::{Parser, Subcommand};
use std::{ffi::OsString, process::ExitCode, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Keeps an Auth0 tenant as the custom resources of a Kubernetes cluster say.
#[derive(Parser)]
#[command(name = "auth0-operator", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator, with KUBECONFIG or in the cluster
    Run(Box<Run>),
    /// Print the CustomResourceDefinitions as YAML
    Crd,
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    options: Options,
    /// How log lines look; levels by RUST_LOG
    #[arg(long, env = "AUTH0_OPERATOR_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no cluster to talk to: set KUBECONFIG, or run in a cluster")]
    NoCluster(#[source] kube::config::InferConfigError),
    #[error("no client for the Kubernetes API server")]
    Client(#[source] kube::Error),
    #[error("signals cannot be listened for")]
    Signals(#[source] std::io::Error),
    #[error("the address of --http-address cannot be listened on")]
    Http(#[source] std::io::Error),
    #[error("the Lease cannot be had; allow leases in the operator's Role")]
    Lease(#[source] kube_lease_manager::LeaseManagerError),
    #[error("another replica leads now")]
    LeadershipLost,
    #[error(transparent)]
    Operator(#[from] controller::Error),
}

/// Runs the command in `arguments`, the program's name first. Exit codes: 0 done, 1 failed, 2 not understood.
pub fn run_from(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Where even this cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match cli.command {
        Command::Crd => {
            print!("{}", crd::yaml());
            Ok(())
        }
        Command::Run(run) => operate(*run),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(error = &failure as &dyn std::error::Error, "the operator failed");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn operate(Run { options, log_format }: Run) -> Result<(), Failure> {
    telemetry::init_logging(log_format);
    let config = kube::Config::infer().await.map_err(Failure::NoCluster)?;
    let namespace = std::env::var("POD_NAMESPACE").unwrap_or_else(|_| config.default_namespace.clone());
    let client = kube::Client::try_from(config).map_err(Failure::Client)?;
    let shutdown = CancellationToken::new();
    end_on_signal(shutdown.clone()).map_err(Failure::Signals)?;
    let metrics = Arc::new(Metrics::default());
    let http = telemetry::serve(options.http_address, metrics.clone(), shutdown.clone());
    let work = async {
        if options.leader_election {
            lead(client, &namespace, options, metrics, shutdown.clone()).await
        } else {
            Ok(controller::run(client, &namespace, options, metrics, shutdown.clone()).await?)
        }
    };
    tokio::pin!(http, work);
    tokio::select! {
        served = &mut http => {
            served.map_err(Failure::Http)?;
            work.await
        }
        ended = &mut work => ended,
    }
}

/// Works while this replica is the leader. One that loses the leadership ends, and its Pod starts anew as a standby.
async fn lead(
    client: kube::Client,
    namespace: &str,
    options: Options,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let name = std::env::var("POD_NAME").unwrap_or_else(|_| "auth0-operator".to_owned());
    // Never the same for two replicas, whatever they are called: each would take the Lease for its own.
    let identity = format!("{name}-{}", controller::random_hex(4).map_err(controller::Error::from)?);
    let mut candidacy = Candidacy::stand(client.clone(), namespace, &identity).await.map_err(Failure::Lease)?;
    tracing::info!(identity, "standing by");
    let lost = tokio::select! {
        lost = candidacy.elected() => lost,
        () = shutdown.cancelled() => {
            candidacy.release().await;
            return Ok(());
        }
    };
    tracing::info!(identity, "leading");
    let ended = tokio::select! {
        ended = controller::run(client, namespace, options, metrics, shutdown) => ended,
        () = lost => return Err(Failure::LeadershipLost),
    };
    candidacy.release().await;
    Ok(ended?)
}

/// Cancels the token at SIGTERM or SIGINT.
fn end_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to end; running passes are finished first");
        shutdown.cancel();
    });
    Ok(())
}
