//! `controlplane`: starts a control plane and keeps it until ctrl-c. `controlplane build`: only builds its binaries.

use std::{error::Error, process::ExitCode};

use controlplane::{Config, ControlPlane};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        None => serve().await,
        Some("build") => build().await,
        Some(_) => Err("usage: controlplane [build]".into()),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let mut error: Option<&dyn Error> = Some(error.as_ref());
    while let Some(cause) = error {
        eprintln!("controlplane: {cause}");
        error = cause.source();
    }
    ExitCode::FAILURE
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let control_plane = ControlPlane::start().await?;
    println!("export KUBECONFIG={}", control_plane.kubeconfig().display());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

async fn build() -> Result<(), Box<dyn Error>> {
    println!("{}", controlplane::build(Config::from_env()).await?.display());
    Ok(())
}
