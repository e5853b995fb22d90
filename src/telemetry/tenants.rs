//! How the work with each tenant stands, looked up whenever metrics are read; one that is gone is not shown.

use crate::tenant::Vitals;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Unit,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// By namespace and name of the Auth0Tenant.
#[derive(Debug, Default)]
pub(super) struct Tenants(Mutex<BTreeMap<String, Weak<Vitals>>>);

impl Tenants {
    pub(super) fn follow(&self, tenant: String, vitals: &Arc<Vitals>) {
        self.all().insert(tenant, Arc::downgrade(vitals));
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Vitals>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn living(&self) -> Vec<(String, Arc<Vitals>)> {
        let mut all = self.all();
        all.retain(|_, vitals| vitals.strong_count() > 0);
        all.iter().filter_map(|(tenant, vitals)| Some((tenant.clone(), vitals.upgrade()?))).collect()
    }
}

impl Collector for Tenants {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let tenants = self.living();
        if tenants.is_empty() {
            return Ok(());
        }
        let mut queued =
            encoder.encode_descriptor("tenant_calls_queued", "Calls that wait for leave", None, MetricType::Gauge)?;
        for (tenant, vitals) in &tenants {
            let calls = i64::try_from(vitals.queued()).unwrap_or(i64::MAX);
            ConstGauge::new(calls).encode(queued.encode_family(&[("tenant", tenant)])?)?;
        }
        let help = "Calls that could be made at once, by bucket of the tenant's rate limit";
        let mut levels = encoder.encode_descriptor("tenant_bucket_level", help, None, MetricType::Gauge)?;
        for (tenant, vitals) in &tenants {
            for (bucket, level) in vitals.levels() {
                let labels = [("tenant", tenant.as_str()), ("bucket", bucket)];
                ConstGauge::new(level).encode(levels.encode_family(&labels)?)?;
            }
        }
        let help = "How old what the tenant's log told is: since it was read last, and how far behind its end that was";
        let mut lags = encoder.encode_descriptor("tenant_log_lag", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (tenant, vitals) in &tenants {
            if let Some(lag) = vitals.lag() {
                ConstGauge::new(lag.as_secs_f64()).encode(lags.encode_family(&[("tenant", tenant)])?)?;
            }
        }
        Ok(())
    }
}
