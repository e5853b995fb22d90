//! Every reason that a condition can carry: one word each, published API. What follows from a reason (stalled or waiting, and
//! whether it may take away a Ready that was earned) is decided here and nowhere else.

use std::fmt;

/// Why the condition `Ready` is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is its own explanation")]
pub enum Reason {
    Available,
    Pending,
    Creating,
    Updating,
    Deleting,
    ReferenceNotFound,
    ReferenceNotReady,
    TenantNotReady,
    NamespaceNotAllowed,
    NamespaceNotTrusted,
    SecretNotFound,
    SecretKeyMissing,
    CredentialsInvalid,
    ScopeMissing,
    RateLimited,
    TenantUnavailable,
    Retrying,
    DeletionPaced,
    InvalidSpec,
    PasswordRefused,
    LimitReached,
    FeatureUnavailable,
    CustomDomainRequired,
    AlreadyExists,
    Conflict,
    LinkedToAnotherUser,
    TenantChanged,
    SecretNotOwned,
    SecretNotRecoverable,
    Suspended,
    Warned,
    NormalizedByTenant,
    Contested,
    BlockedInTenant,
}

/// What a reason says of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The tenant is as the spec says.
    Done,
    /// We are at it, or wait for something named; it goes on by itself. Takes Ready away.
    Waiting,
    /// The tenant or the way to it is troubled. Never takes away a Ready that this generation has earned.
    Troubled,
    /// Nothing goes on until somebody changes something.
    Stalled,
    /// Somebody asked us to stop.
    Suspended,
}

impl Reason {
    /// What follows from this reason.
    pub fn class(self) -> Class {
        match self {
            // All but the last on the condition Drifted only.
            Self::Warned | Self::NormalizedByTenant | Self::Contested | Self::BlockedInTenant | Self::Available => {
                Class::Done
            }
            Self::Pending
            | Self::Creating
            | Self::Updating
            | Self::Deleting
            | Self::ReferenceNotFound
            | Self::ReferenceNotReady
            | Self::NamespaceNotAllowed
            | Self::NamespaceNotTrusted
            | Self::SecretNotFound
            | Self::SecretKeyMissing => Class::Waiting,
            Self::TenantNotReady
            | Self::CredentialsInvalid
            | Self::ScopeMissing
            | Self::RateLimited
            | Self::TenantUnavailable
            | Self::Retrying
            | Self::DeletionPaced => Class::Troubled,
            Self::InvalidSpec
            | Self::PasswordRefused
            | Self::LimitReached
            | Self::FeatureUnavailable
            | Self::CustomDomainRequired
            | Self::AlreadyExists
            | Self::Conflict
            | Self::LinkedToAnotherUser
            | Self::TenantChanged
            | Self::SecretNotOwned
            | Self::SecretNotRecoverable => Class::Stalled,
            Self::Suspended => Class::Suspended,
        }
    }

    /// Whether a person should look: not while things go on by themselves.
    pub fn is_warning(self) -> bool {
        match self.class() {
            Class::Done | Class::Suspended => false,
            Class::Stalled => true,
            Class::Waiting => matches!(
                self,
                Self::NamespaceNotAllowed | Self::NamespaceNotTrusted | Self::SecretNotFound | Self::SecretKeyMissing
            ),
            Class::Troubled => self != Self::TenantNotReady,
        }
    }

    /// Waits for something else in the cluster, which is over at once where all is applied together.
    pub fn is_for_company(self) -> bool {
        matches!(self, Self::TenantNotReady | Self::ReferenceNotFound | Self::ReferenceNotReady | Self::SecretNotFound)
    }

    /// Steps of our own work, which nobody needs an event for.
    pub fn is_step(self) -> bool {
        matches!(self, Self::Pending | Self::Creating | Self::Updating | Self::Deleting)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why there is no plan, or why it was not carried out: the reason, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The word for the condition.
    pub reason: Reason,
    /// One stable sentence for the person who reads the condition. Never holds a secret.
    pub message: String,
}

impl Refusal {
    /// A refusal with its message.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// What the spec asks for cannot be, or not yet.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Reason::InvalidSpec, message)
    }

    /// A field that the schema knows and this version does not act on yet.
    pub fn not_yet(field: &str) -> Self {
        Self::invalid(format!("{field} is not yet supported by this version of the operator; remove it"))
    }
}
