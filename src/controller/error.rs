//! From what went wrong to the reason, the message and the time of the next try.

use crate::{
    plan::{Class, Reason, Refusal},
    tenant::{self, jitter},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Why a pass ended before its work was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// A reason that goes into the status.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The gate of the tenant is closed for so long.
    #[error("the tenant's rate limit is reached; the operator goes on by itself")]
    Throttled(Duration),
    /// The brake on deletions holds for so long.
    #[error(
        "many resources are being deleted, so this one waits for its turn; if that is not meant, set spec.deletionPolicy to Orphan, else raise spec.deletions of the Auth0Tenant"
    )]
    Paced(Duration),
    /// The Kubernetes API server did not do what we asked; nothing is written into a status then.
    #[error("the Kubernetes API server refused or did not answer")]
    Kubernetes(#[source] Arc<kube::Error>),
    /// It is not the resource's turn: it has waited since then, and will be called.
    #[error("the resource waits for its turn")]
    Waiting(Instant),
    /// What we read of the resource is out of date; the newest version is on its way.
    #[error("the resource changed meanwhile")]
    Stale,
}

impl Stop {
    /// Whether Kubernetes says that the object changed meanwhile, or is gone.
    pub(super) fn is_out_of_date(&self) -> bool {
        let Self::Kubernetes(error) = self else { return false };
        matches!(&**error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
    }

    /// What the status says, and how long to wait when that is known; `None` when Kubernetes itself failed.
    pub(super) fn outcome(self) -> Result<(Refusal, Option<Duration>), Self> {
        let message = self.to_string();
        match self {
            Self::Refused(refusal) => Ok((refusal, None)),
            Self::Throttled(wait) => Ok((Refusal::new(Reason::RateLimited, message), Some(wait))),
            Self::Paced(wait) => Ok((Refusal::new(Reason::DeletionPaced, message), Some(wait))),
            Self::Kubernetes(_) | Self::Waiting(_) | Self::Stale => Err(self),
        }
    }
}

impl From<kube::Error> for Stop {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Arc::new(error))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<tenant::Error> for Stop {
    fn from(error: tenant::Error) -> Self {
        if let tenant::Error::Throttled(wait) = error {
            return Self::Throttled(wait);
        }
        let reason = reason_of(&error);
        Self::Refused(Refusal::new(reason, error.to_string()))
    }
}

/// The reason that an error of the tenant means.
fn reason_of(error: &tenant::Error) -> Reason {
    use tenant::Error;
    match error {
        Error::Throttled(_) => Reason::RateLimited,
        Error::Unreachable(_) | Error::Unavailable(_) => Reason::TenantUnavailable,
        Error::CredentialsRefused(_) => Reason::CredentialsInvalid,
        Error::ScopeMissing(_) => Reason::ScopeMissing,
        Error::AlreadyExists(_) => Reason::AlreadyExists,
        Error::BeingDeleted | Error::Gone(_) => Reason::Retrying,
        Error::Refused { message, .. } if tenant::is_password_error(message) => Reason::PasswordRefused,
        Error::Refused { message, .. }
            if message.starts_with(tenant::MANAGEMENT_CLIENT_DISABLED) || message == tenant::CONNECTION_DISABLED =>
        {
            Reason::ReferenceNotReady
        }
        Error::Refused { status: 403, message, .. } if message.contains("limit of entities") => Reason::LimitReached,
        Error::Refused { status: 403, .. } => Reason::FeatureUnavailable,
        Error::Refused { status: 409, .. } => Reason::CustomDomainRequired,
        Error::Guarded(_) | Error::Refused { .. } => Reason::InvalidSpec,
    }
}

/// How long until the next try without a change, after `failures` such ends in a row. Long waits differ by up to a fifth, so
/// that objects do not come back all at once.
pub(super) fn retry_after(reason: Reason, failures: u32, resync: Duration, watches_secrets: bool) -> Duration {
    let growing = |first: u64, longest: u64| {
        Duration::from_secs(first.saturating_mul(1 << failures.min(16)).min(longest)).mul_f64(1.0 + 0.2 * jitter())
    };
    match (reason.class(), reason) {
        (_, Reason::SecretNotFound | Reason::SecretKeyMissing | Reason::PasswordRefused) if !watches_secrets => {
            growing(1, 30)
        }
        (_, Reason::CredentialsInvalid | Reason::ScopeMissing) => growing(60, 600),
        (_, Reason::TenantUnavailable | Reason::Retrying | Reason::RateLimited) => growing(1, 300),
        (Class::Stalled, _) => Duration::from_secs(24 * 3600).mul_f64(1.0 - 0.2 * jitter()),
        _ => resync.mul_f64(1.0 - 0.2 * jitter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenant::Error;

    fn refused(status: u16, message: &str) -> Error {
        Error::Refused { call: "x".into(), status, code: String::new(), message: message.into() }
    }

    #[test]
    fn an_error_of_the_tenant_has_one_reason() {
        for (error, reason) in [
            (refused(400, "invalid_body"), Reason::InvalidSpec),
            (refused(400, "PasswordHistoryError: the password was used before"), Reason::PasswordRefused),
            (refused(403, "You reached the limit of entities of this type for this tenant."), Reason::LimitReached),
            (refused(403, "Rate Limit Policies feature is not enabled for this tenant."), Reason::FeatureUnavailable),
            (refused(409, "The tenant has multiple verified custom domains."), Reason::CustomDomainRequired),
            (Error::BeingDeleted, Reason::Retrying),
            (Error::Unreachable("no connection".into()), Reason::TenantUnavailable),
        ] {
            assert_eq!(reason_of(&error), reason, "{error:?}");
        }
    }

    #[test]
    fn waits_grow_to_what_the_design_says() {
        let resync = Duration::from_secs(600);
        let within = |wait: Duration, least: u64, most: u64| {
            assert!(wait >= Duration::from_secs(least) && wait <= Duration::from_secs(most).mul_f64(1.21), "{wait:?}");
        };
        within(retry_after(Reason::SecretNotFound, 0, resync, false), 1, 1);
        within(retry_after(Reason::SecretNotFound, 40, resync, false), 30, 30);
        within(retry_after(Reason::CredentialsInvalid, 0, resync, true), 60, 60);
        within(retry_after(Reason::TenantUnavailable, 40, resync, true), 300, 300);
        within(retry_after(Reason::AlreadyExists, 0, resync, true), 69_000, 86_400);
        within(retry_after(Reason::Available, 0, resync, true), 480, 600);
    }
}
