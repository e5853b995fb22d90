//! The command `auth0-emulator`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use auth0_emulator::{Config, Emulator, Rate, Tls};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Behaves as one Auth0 tenant, in memory: for tests and local development.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "AUTH0_EMULATOR_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The tenant's name in issuer, audience and system API
    #[arg(long, env = "AUTH0_EMULATOR_DOMAIN", default_value = "localhost:8080")]
    domain: String,
    /// The client that holds every scope of the Management API
    #[arg(long, env = "AUTH0_EMULATOR_CLIENT_ID", default_value = "management")]
    client_id: String,
    /// Its secret
    #[arg(long, env = "AUTH0_EMULATOR_CLIENT_SECRET", default_value = "management-secret", hide_env_values = true)]
    client_secret: String,
    /// The plan whose rate limits apply: unlimited, free, self-service or enterprise
    #[arg(long, env = "AUTH0_EMULATOR_RATE", default_value = "unlimited")]
    rate: Rate,
    /// A PEM file with the certificate chain, to serve https
    #[arg(long, env = "AUTH0_EMULATOR_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, env = "AUTH0_EMULATOR_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How long every answer is held back, in milliseconds
    #[arg(long, env = "AUTH0_EMULATOR_LATENCY_MS", default_value_t = 0)]
    latency_ms: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("auth0-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> std::io::Result<()> {
    let Args { listen, domain, client_id, client_secret, rate, tls_cert, tls_key, latency_ms } = args;
    let tls = tls_cert.zip(tls_key).map(|(cert, key)| Tls { cert, key });
    let latency = Duration::from_millis(latency_ms);
    let mut terminate = signal(SignalKind::terminate())?;
    let emulator = Emulator::start(Config { listen, domain, client_id, client_secret, rate, tls, latency }).await?;
    println!("ready {}", emulator.url());
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    emulator.stop().await;
    Ok(())
}
