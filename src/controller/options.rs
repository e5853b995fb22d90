//! What the operator is told at start.

use clap::Args;
use k8s_openapi::jiff::SignedDuration;
use std::{net::SocketAddr, time::Duration};

/// Flags of `auth0-operator run`; each is also an environment variable.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Auth0Tenant for resources without a tenantRef, as NAMESPACE/NAME
    #[arg(long, env = "AUTH0_OPERATOR_DEFAULT_TENANT", value_name = "NS/NAME", value_parser = namespaced_name)]
    pub default_tenant: Option<(String, String)>,
    /// Work only while holding a Lease, so that of several replicas one works and the others stand by
    #[arg(long, env = "AUTH0_OPERATOR_LEADER_ELECTION")]
    pub leader_election: bool,
    /// Address of /metrics, /healthz and /readyz
    #[arg(long, env = "AUTH0_OPERATOR_HTTP_ADDRESS", default_value = "0.0.0.0:8080")]
    pub http_address: SocketAddr,
    /// How often Secrets that are not watched are looked at, and tenants and resources that wait for something; resources that
    /// are Ready, each sixth time
    #[arg(long, env = "AUTH0_OPERATOR_RESYNC", default_value = "10m", value_name = "DURATION", value_parser = duration)]
    pub resync: Duration,
    /// Watch Secrets, so that a change of one is seen at once (needs list and watch on Secrets)
    #[arg(long, env = "AUTH0_OPERATOR_WATCH_SECRETS")]
    pub watch_secrets: bool,
    /// Domains that an Auth0Tenant may name; `*.` at the front stands for any number of labels
    #[arg(
        long,
        env = "AUTH0_OPERATOR_TENANT_DOMAINS",
        value_name = "GLOB,…",
        value_delimiter = ',',
        default_value = "*.auth0.com"
    )]
    pub tenant_domains: Vec<String>,
    /// Origins that an Auth0Tenant may name as its endpoint; port `*` allows any. Such tenants are free of --tenant-domains
    #[arg(long, env = "AUTH0_OPERATOR_ALLOW_ENDPOINT", value_name = "ORIGIN,…", value_delimiter = ',')]
    pub allow_endpoint: Vec<String>,
    /// Name of this cluster in the stamps on tenant objects; default: a random one, kept in the Secret auth0-operator-identity
    #[arg(long, env = "AUTH0_OPERATOR_CLUSTER_ID", value_name = "ID")]
    pub cluster_id: Option<String>,
    /// Try nothing again without a change that asks for it: for tests, to show that every change wakes whom it concerns
    #[arg(long, hide = true, env = "AUTH0_OPERATOR_NO_REQUEUES")]
    pub no_requeues: bool,
    /// How long until a new client secret is in force everywhere in Auth0, which says 30 s: for tests
    #[arg(long, hide = true, env = "AUTH0_OPERATOR_SECRET_SETTLES_IN", default_value = "30s", value_parser = duration)]
    pub secret_settles_in: Duration,
}

impl Options {
    /// Why a tenant of this domain and endpoint is not to be talked to; `None` when it is.
    pub fn objection(&self, domain: &str, endpoint: Option<&str>) -> Option<String> {
        if let Some(endpoint) = endpoint {
            let is_allowed = self.allow_endpoint.iter().any(|allowed| is_origin(endpoint, allowed));
            return (!is_allowed).then(|| {
                format!("spec.endpoint {endpoint} is not among the operator's --allow-endpoint; add it there, or create an Auth0Tenant without endpoint")
            });
        }
        let is_allowed = self.tenant_domains.iter().any(|glob| is_domain(domain, glob));
        (!is_allowed).then(|| {
            format!(
                "spec.domain {domain} matches none of the operator's --tenant-domains ({}); use the tenant's canonical domain, or extend the flag",
                self.tenant_domains.join(", ")
            )
        })
    }
}

fn is_domain(domain: &str, glob: &str) -> bool {
    match glob.strip_prefix('*') {
        Some(suffix) => domain.len() > suffix.len() && domain.ends_with(suffix),
        None => domain == glob,
    }
}

fn is_origin(endpoint: &str, allowed: &str) -> bool {
    let (endpoint, allowed) = (endpoint.trim_end_matches('/'), allowed.trim_end_matches('/'));
    match allowed.strip_suffix(":*") {
        Some(host) => endpoint.strip_prefix(host).is_some_and(|rest| {
            let port = rest.strip_prefix(':');
            rest.is_empty() || port.is_some_and(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
        }),
        None => endpoint == allowed,
    }
}

fn namespaced_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text.parse().map_err(|_| "write a duration such as 90s, 10m or 1h".to_owned())?;
    Duration::try_from(parsed)
        .ok()
        .filter(|duration| *duration >= Duration::from_secs(1))
        .ok_or("write a duration of at least 1s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Cli::parse_from(["x"].iter().chain(arguments)).options
    }

    #[test]
    fn only_tenants_that_the_operator_was_told_of_are_talked_to() {
        let default = options(&[]);
        let local = options(&["--allow-endpoint", "http://127.0.0.1:*,https://auth0.test"]);
        for (case, options, domain, endpoint, is_allowed) in [
            ("Auth0's", &default, "example.eu.auth0.com", None, true),
            ("not Auth0's", &default, "auth0.com.evil.example", None, false),
            ("the suffix alone", &default, ".auth0.com", None, false),
            ("an endpoint by default", &default, "example.auth0.com", Some("http://127.0.0.1:1"), false),
            ("any port", &local, "localhost:8080", Some("http://127.0.0.1:4711"), true),
            ("another host", &local, "localhost", Some("http://127.0.0.1.evil.example:1"), false),
            ("a user before the host", &local, "localhost", Some("http://127.0.0.1:80@evil.example"), false),
            ("exact", &local, "localhost", Some("https://auth0.test"), true),
            ("exact, other port", &local, "localhost", Some("https://auth0.test:1"), false),
        ] {
            assert_eq!(options.objection(domain, endpoint).is_none(), is_allowed, "{case}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert!(duration("0s").is_err());
        assert!(duration("ten").is_err());
    }
}
