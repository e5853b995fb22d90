//! How changes in a tenant are looked for.

use crate::crd::{Auth0TenantSpec, DriftMode};
use jiff::SignedDuration;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(15);
const SWEEP_INTERVAL: Duration = Duration::from_secs(3_600);

/// How changes are looked for, as the Auth0Tenant says. One that is suspended is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detection {
    pub(super) is_suspended: bool,
    pub(super) mode: DriftMode,
    pub(super) interval: Duration,
    pub(super) sweep_interval: Duration,
}

impl Detection {
    pub(super) fn of(tenant: &Auth0TenantSpec) -> Self {
        let said = tenant.drift_detection.clone().unwrap_or_default();
        let duration = |text: Option<String>, default: Duration| {
            // The schema lets only durations through.
            let written = text.and_then(|text| text.parse::<SignedDuration>().ok());
            written.and_then(|written| Duration::try_from(written).ok()).unwrap_or(default)
        };
        let is_suspended = tenant.suspend == Some(true);
        Self {
            is_suspended,
            mode: if is_suspended { DriftMode::Off } else { said.mode.unwrap_or_default() },
            interval: duration(said.interval, INTERVAL),
            sweep_interval: duration(said.sweep_interval, SWEEP_INTERVAL),
        }
    }
}
