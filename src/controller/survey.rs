//! The first look at everything in a tenant, and when the next comes.

use super::detection::Detection;
use crate::tenant::jitter;
use std::{future::Future, time::Duration};
use tokio::sync::{Notify, watch};

/// After a sweep that could not look at everything, the next comes after so long, then after twice and three times so long.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// So many sweeps in a row may fail at start before resources are looked at one by one all the same.
const SURVEYS: u32 = 3;

/// What came of a look at everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swept {
    All,
    /// The tenant did not answer for all of it.
    Part,
    /// The Auth0Tenant was suspended.
    BrokenOff,
}

/// Sweeps until all was looked at once, or so much failed that nobody is to wait for it any longer: whoever is looked at before costs
/// reads of its own. Gives how many sweeps failed since the last that did not.
pub(super) async fn survey<F: Future<Output = Swept>>(
    mut detection: watch::Receiver<Detection>,
    sweep_asked: &Notify,
    sweep: impl Fn() -> F,
) -> u32 {
    for failures in 1..=SURVEYS {
        let swept = loop {
            // Without a sender there is no client either, and this task ends.
            let _ = detection.wait_for(|detection| !detection.is_suspended).await;
            match sweep().await {
                Swept::BrokenOff => {}
                swept => break swept,
            }
        };
        if swept == Swept::All {
            return 0;
        }
        if failures < SURVEYS {
            tokio::select! {
                () = sweep_asked.notified() => {}
                () = tokio::time::sleep(about(AFTER_FAILURE.saturating_mul(failures))) => {}
            }
        }
    }
    SURVEYS
}

/// Sweeps of many operators and tenants do not come all at once.
pub(super) fn about(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * jitter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::Auth0TenantSpec;
    use std::{collections::VecDeque, sync::Mutex};
    use tokio::time::Instant;

    fn detection(is_suspended: bool) -> Detection {
        Detection { is_suspended, ..Detection::of(&tenant()) }
    }

    fn tenant() -> Auth0TenantSpec {
        serde_saphyr::from_str("{domain: a.auth0.com, credentials: {secretRef: {name: a}}}").unwrap()
    }

    /// How many sweeps failed, how many are left, and after how long, when sweeps end so.
    async fn surveyed(ends: &[Swept], detection: watch::Receiver<Detection>) -> (u32, usize, Duration) {
        let (ends, before) = (Mutex::new(ends.iter().copied().collect::<VecDeque<_>>()), Instant::now());
        let failures =
            survey(detection, &Notify::new(), || std::future::ready(ends.lock().unwrap().pop_front().unwrap())).await;
        let left = ends.lock().unwrap().len();
        (failures, left, before.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn resources_wait_at_start_for_a_sweep_that_saw_all_or_for_three_that_failed() {
        use Swept::{All, BrokenOff, Part};
        for (ends, failures, waits) in [
            (vec![All], 0, 0),
            (vec![Part, All], 0, 1),
            (vec![Part, Part, All], 0, 3),
            (vec![Part, Part, Part], 3, 3),
            (vec![BrokenOff, BrokenOff, BrokenOff, Part, All], 0, 1),
        ] {
            let (_sender, detection) = watch::channel(detection(false));
            let (failed, left, waited) = surveyed(&ends, detection).await;
            assert_eq!((failed, left), (failures, 0), "{ends:?}");
            assert_eq!((waited.as_secs_f64() / AFTER_FAILURE.as_secs_f64()).round() as u32, waits, "{ends:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspended_tenant_is_looked_at_when_it_goes_on() {
        let (sender, receiver) = watch::channel(detection(true));
        let survey = surveyed(&[Swept::All], receiver);
        tokio::pin!(survey);
        let early = tokio::time::timeout(Duration::from_secs(86_400), &mut survey).await;
        assert!(early.is_err(), "{early:?}");
        sender.send_replace(detection(false));
        assert_eq!(survey.await.0, 0);
    }
}
