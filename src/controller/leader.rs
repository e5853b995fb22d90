//! Leader election: of several replicas only the one that holds the Lease works; the others stand by.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::{sync::watch, task::JoinHandle};

/// The Lease's name, in the operator's own namespace.
const LEASE: &str = "auth0-operator";

/// Seconds after which another replica takes over from one that no longer renews.
const DURATION: u64 = 15;

/// Seconds before the end at which the holder renews; also the clock skew between nodes that does no harm.
const GRACE: u64 = 5;

/// A replica's standing for the leadership.
pub struct Candidacy {
    is_leader: watch::Receiver<bool>,
    renewal: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

impl Candidacy {
    /// Stands for the leadership as `identity`, which no other replica has.
    ///
    /// # Errors
    /// When the Lease can be neither read nor made.
    pub async fn stand(client: Client, namespace: &str, identity: &str) -> Result<Self, LeaseManagerError> {
        let manager = LeaseManagerBuilder::new(client, LEASE)
            .with_namespace(namespace)
            .with_identity(identity)
            .with_duration(DURATION)
            .with_grace(GRACE)
            .build()
            .await?;
        let (is_leader, renewal) = manager.watch().await;
        Ok(Self { is_leader, renewal })
    }

    /// Ends when this replica is the leader; gives a signal that ends when it no longer is.
    pub async fn elected(&mut self) -> impl Future<Output = ()> + Send + 'static {
        // The error means that renewal has ended, which is the loss of what we never had.
        let _ = self.is_leader.wait_for(|is_leader| *is_leader).await;
        let mut is_leader = self.is_leader.clone();
        async move {
            let _ = is_leader.wait_for(|is_leader| !*is_leader).await;
        }
    }

    /// Gives the Lease up: a standby takes it at its next look, without waiting for its end.
    pub async fn release(self) {
        drop(self.is_leader);
        match self.renewal.await {
            Ok(Ok(_)) => tracing::info!("released the lease"),
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "the lease was not released"),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the lease was not released"),
        }
    }
}
