//! Counters, in Prometheus's words.

use crate::plan::Reason;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// All metrics of the operator.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Call, Counter>,
    passes: Family<Pass, Counter>,
    drift: Family<Kind, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Call {
    method: &'static str,
    endpoint: String,
    status: u16,
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

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("auth0_operator");
        let (calls, passes, drift) = (Family::default(), Family::default(), Family::default());
        registry.register("tenant_calls", "Calls to tenants; status 0 means no answer", Family::clone(&calls));
        registry.register("passes", "Passes over resources, by the reason they ended with", Family::clone(&passes));
        registry.register("drift_corrected", "Writes that took back what others changed", Family::clone(&drift));
        Self { registry, calls, passes, drift }
    }
}

impl Metrics {
    /// A call to a tenant was answered, or not (status 0). `endpoint` is a collection's name, never an id.
    pub fn called(&self, method: &'static str, endpoint: &str, status: u16) {
        self.calls.get_or_create(&Call { method, endpoint: endpoint.to_owned(), status }).inc();
    }

    /// A pass over a resource ended.
    pub fn pass_ended(&self, kind: &str, reason: Reason) {
        self.passes.get_or_create(&Pass { kind: kind.to_owned(), reason: reason.to_string() }).inc();
    }

    /// A write took back what others changed.
    pub fn drift_corrected(&self, kind: &str) {
        self.drift.get_or_create(&Kind { kind: kind.to_owned() }).inc();
    }

    /// The metrics in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
