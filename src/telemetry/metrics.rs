//! Counters and gauges, in Prometheus's words.

use super::tenants::Tenants;
use crate::{
    plan::Reason,
    tenant::{Cause, Observe, Observer, Vitals},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{sync::Arc, time::Duration};

/// All metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    waits: Family<ByCause, Histogram>,
    tenants: Arc<Tenants>,
    passes: Family<Pass, Counter>,
    retries: Family<Kind, Counter>,
    ready: Family<Kind, Histogram>,
    drift_found: Family<Kind, Counter>,
    drift_corrected: Family<Kind, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    tenant: String,
    method: &'static str,
    endpoint: String,
    status: u16,
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCause {
    tenant: String,
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Pass {
    kind: String,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Kind {
    kind: String,
}

/// 10 ms to 10 min and more.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.5, 14))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("auth0_operator");
        let calls = Family::default();
        registry.register("tenant_calls", "Calls to tenants; status 0 means no answer", Family::clone(&calls));
        let waits = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "Time that calls to tenants waited for leave";
        registry.register_with_unit("tenant_call_wait", help, Unit::Seconds, Family::clone(&waits));
        let tenants = Arc::<Tenants>::default();
        registry.register_collector(Box::new(tenants.clone()));
        let passes = Family::default();
        registry.register("passes", "Passes over resources, by the reason they ended with", Family::clone(&passes));
        let retries = Family::default();
        registry.register("retries", "Passes that repeat one that failed", Family::clone(&retries));
        let ready = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "Time from the creation of a resource until it was Ready first";
        registry.register_with_unit("time_to_ready", help, Unit::Seconds, Family::clone(&ready));
        let drift_found = Family::default();
        registry.register("drift_found", "Passes that found what others changed", Family::clone(&drift_found));
        let drift_corrected = Family::default();
        let help = "Writes that took back what others changed";
        registry.register("drift_corrected", help, Family::clone(&drift_corrected));
        Self { registry, calls, waits, tenants, passes, retries, ready, drift_found, drift_corrected }
    }
}

impl Metrics {
    /// Where a tenant's client tells of its calls; `tenant` is namespace and name of the Auth0Tenant.
    pub fn of_tenant(self: Arc<Self>, tenant: String) -> Observer {
        Arc::new(TenantMetrics { metrics: self, tenant })
    }

    /// Shows how the work with a tenant stands, for as long as there is work.
    pub fn follow(&self, tenant: String, vitals: &Arc<Vitals>) {
        self.tenants.follow(tenant, vitals);
    }

    /// A pass over a resource ended.
    pub fn pass_ended(&self, kind: &str, reason: Reason) {
        self.passes.get_or_create(&Pass { kind: kind.to_owned(), reason: reason.to_string() }).inc();
    }

    /// A pass repeats one that failed.
    pub fn retried(&self, kind: &str) {
        self.retries.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// A resource is Ready for the first time, so long after it was created.
    pub fn ready_after(&self, kind: &str, time: Duration) {
        self.ready.get_or_create(&Kind { kind: kind.to_owned() }).observe(time.as_secs_f64());
    }

    /// A pass found what others changed.
    pub fn drift_found(&self, kind: &str) {
        self.drift_found.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// A write took back what others changed.
    pub fn drift_corrected(&self, kind: &str) {
        self.drift_corrected.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// The metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

struct TenantMetrics {
    metrics: Arc<Metrics>,
    tenant: String,
}

impl Observe for TenantMetrics {
    fn called(&self, method: &'static str, endpoint: &str, status: u16, cause: Cause) {
        let call =
            Call { tenant: self.tenant.clone(), method, endpoint: endpoint.to_owned(), status, cause: cause.word() };
        self.metrics.calls.get_or_create(&call).inc();
    }

    fn waited(&self, cause: Cause, wait: Duration) {
        let by = ByCause { tenant: self.tenant.clone(), cause: cause.word() };
        self.metrics.waits.get_or_create(&by).observe(wait.as_secs_f64());
    }
}
