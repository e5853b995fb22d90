//! All that plays a part: cluster, tenant, operator, and the resources that were applied.

use crate::{
    Result,
    calls::Call,
    kubernetes,
    manifests::{DOMAIN, Mix, TENANT, before},
    processes::{Operator, TenantProcess},
    seen::Seen,
    tenant::Tenant,
};
use auth0_emulator::Rate;
use controlplane::ControlPlane;
use kube::Client;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long nothing may happen while something is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Asks for a pass over a resource; for a look at everything, on an Auth0Tenant.
const FORCE: &str = "reconcile.auth0-operator.dev/requestedAt";

pub(crate) struct Stage {
    pub(crate) mix: Mix,
    pub(crate) tenant: Tenant,
    pub(crate) seen: Seen,
    pub(crate) kubernetes: Client,
    // In the order in which they have to end.
    pub(crate) operator: Operator,
    _tenant_process: TenantProcess,
    _control_plane: ControlPlane,
    /// Number of the next resource that somebody may change: none is changed twice.
    pub(crate) unchanged: usize,
    forced: usize,
}

impl Stage {
    /// Starts everything and waits until the tenant is Ready, without any resources.
    pub(crate) async fn set_up(objects: usize, plan: Rate, latency: Duration) -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        let kubernetes = control_plane.client();
        kubernetes::prepare(&kubernetes).await?;
        let tenant_process = TenantProcess::start(DOMAIN, plan, latency)?;
        let tenant = Tenant::new(&tenant_process.url);
        let seen = Seen::start(&kubernetes)?;
        // With no more rights than it has when it is installed.
        let operator =
            Operator::start(&control_plane.kubeconfig_for_service_account("auth0-operator", "auth0-operator").await?)?;
        kubernetes::apply_all(&kubernetes, &before(&tenant.url)).await?;
        let ready = seen.until(TENANT, 1, PATIENCE).await;
        ready.map_err(|error| operator.explain(&error.to_string()))?;
        Ok(Self {
            mix: Mix::of(objects),
            tenant,
            seen,
            kubernetes,
            operator,
            _tenant_process: tenant_process,
            _control_plane: control_plane,
            unchanged: 0,
            forced: 0,
        })
    }

    /// Applies all resources and waits until they are Ready. Gives when each was sent.
    pub(crate) async fn apply_all(&mut self) -> Result<HashMap<String, Instant>> {
        let sent = kubernetes::apply_all(&self.kubernetes, &self.mix.manifests()).await?;
        if self.seen.until_ready(self.mix.all(), PATIENCE).await {
            return Ok(sent);
        }
        let (ready, all) = (self.seen.ready(), self.mix.all());
        let troubles = self.seen.troubles();
        Err(self.operator.explain(&format!("{ready} of {all} are Ready, and nothing happens; troubles: {troubles:?}")))
    }

    /// Asks for a look at everything in the tenant.
    pub(crate) async fn ask_for_sweep(&mut self) -> Result<()> {
        self.forced += 1;
        kubernetes::annotate(&self.kubernetes, TENANT, FORCE, &self.forced.to_string()).await
    }

    /// Waits until the operator has made no calls for so long but for the log's, and gives its calls since a number. It is given
    /// up when there were none at all for [`PATIENCE`].
    pub(crate) async fn calls_until_quiet(&mut self, since: u64, quiet: Duration) -> Result<Vec<Call>> {
        let (mut before, mut changed) = (0, Instant::now());
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.operator.must_run()?;
            let calls = self.tenant.operator_calls(since).await?;
            let count = calls.iter().filter(|call| !call.is_upkeep()).count();
            if count != before {
                (before, changed) = (count, Instant::now());
            }
            let patience = if count == 0 { PATIENCE } else { quiet };
            if changed.elapsed() >= patience {
                return Ok(calls);
            }
        }
    }

    /// Waits until all that the tenant's log tells of our own writes has been read: two readings in a row of one page each.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        eprintln!("  … waiting until the log of what was done so far has been read");
        loop {
            let since = self.tenant.now().await?;
            // Two intervals of the log, and a little.
            tokio::time::sleep(Duration::from_secs(32)).await;
            self.operator.must_run()?;
            let calls = self.tenant.operator_calls(since).await?;
            if calls.len() <= 3 && calls.iter().all(Call::is_upkeep) {
                return Ok(());
            }
        }
    }
}
