//! How an emulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The settings of one emulated tenant.
#[derive(Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes a free port.
    pub listen: SocketAddr,
    /// The tenant's name in issuer, audience and system API; it does not have to be the address listened on.
    pub domain: String,
    /// The client that holds every scope of the Management API.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The plan whose rate limits apply.
    pub rate: Rate,
    /// Serves https with this certificate when given, http otherwise.
    pub tls: Option<Tls>,
    /// How long every answer of the tenant is held back, as a network would.
    pub latency: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            domain: "localhost:8080".to_owned(),
            client_id: "management".to_owned(),
            client_secret: "management-secret".to_owned(),
            rate: Rate::Unlimited,
            tls: None,
            latency: Duration::ZERO,
        }
    }
}

/// Leaves the secret out.
impl std::fmt::Debug for Config {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listen, domain, client_id, client_secret: _, rate, tls, latency } = self;
        formatter
            .debug_struct("Config")
            .field("listen", listen)
            .field("domain", domain)
            .field("client_id", client_id)
            .field("rate", rate)
            .field("tls", tls)
            .field("latency", latency)
            .finish_non_exhaustive()
    }
}

/// PEM files of the server's certificate chain and its private key.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Whose rate limits apply (Auth0's documentation, 2026-08).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rate {
    /// No limits, and no rate limit headers.
    #[default]
    Unlimited,
    /// The Free plan: 2 requests per second to the Management API.
    Free,
    /// Essentials and Professional: a bucket per group of endpoints.
    SelfService,
    /// Enterprise, production: bursts of 50, 16 per second.
    Enterprise,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "unlimited" => Ok(Self::Unlimited),
            "free" => Ok(Self::Free),
            "self-service" => Ok(Self::SelfService),
            "enterprise" => Ok(Self::Enterprise),
            other => Err(format!("unknown rate {other:?}: expected unlimited, free, self-service or enterprise")),
        }
    }
}
