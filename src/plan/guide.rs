//! What each reason means and what to do about it, for those who meet it in a condition. The page on reasons is made from this.

use super::Reason;

/// What a reason tells the person who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guide {
    /// What is so.
    pub means: &'static str,
    /// What the reader can do.
    pub remedy: &'static str,
    /// What makes the operator look again, without anybody asking for it.
    pub wakes: &'static str,
}

/// There is nothing to do for the reader.
const NOTHING: &str = "Nothing";

impl Reason {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::Available,
        Self::Pending,
        Self::Creating,
        Self::Updating,
        Self::Deleting,
        Self::ReferenceNotFound,
        Self::ReferenceNotReady,
        Self::TenantNotReady,
        Self::NamespaceNotAllowed,
        Self::NamespaceNotTrusted,
        Self::SecretNotFound,
        Self::SecretKeyMissing,
        Self::CredentialsInvalid,
        Self::ScopeMissing,
        Self::RateLimited,
        Self::TenantUnavailable,
        Self::Retrying,
        Self::DeletionPaced,
        Self::InvalidSpec,
        Self::PasswordRefused,
        Self::LimitReached,
        Self::FeatureUnavailable,
        Self::CustomDomainRequired,
        Self::AlreadyExists,
        Self::Conflict,
        Self::LinkedToAnotherUser,
        Self::TenantChanged,
        Self::SecretNotOwned,
        Self::SecretNotRecoverable,
        Self::Suspended,
        Self::Warned,
        Self::NormalizedByTenant,
        Self::Contested,
        Self::BlockedInTenant,
    ];

    /// What it means and what to do.
    pub fn guide(self) -> Guide {
        let (means, remedy, wakes) = match self {
            Self::Available => (
                "The tenant is as the spec says. On an Auth0Tenant: a token was had with its credentials.",
                NOTHING,
                "A change of the resource or of what it refers to; a change in the tenant that its log or a sweep shows",
            ),
            Self::Pending => (
                "Many resources want something of the tenant at the same time, so this one waits for its turn; the tenant's rate limit sets the pace.",
                NOTHING,
                "The operator itself",
            ),
            Self::Creating => (
                "The operator is about to create the object in the tenant. Written down first, so that a crash in between makes no second one.",
                NOTHING,
                "The operator itself",
            ),
            Self::Updating => (
                "The operator is about to change the object in the tenant. Reserved: no version of the operator writes it so far.",
                NOTHING,
                "The operator itself",
            ),
            Self::Deleting => (
                "The Auth0Tenant is being deleted, and resources that use it still have something in the tenant.",
                "Delete those resources, or set `spec.deletionPolicy: Abandon` on the Auth0Tenant",
                "The end of the last of them",
            ),
            Self::ReferenceNotFound => (
                "An object that the spec names does not exist: an Auth0Tenant, Auth0Api or Auth0Connection.",
                "Create it, or correct the name; references other than `tenantRef` stay in the namespace",
                "The object's creation",
            ),
            Self::ReferenceNotReady => (
                "An object that the spec names has nothing in the tenant yet that could be referred to; or the connection of a user lacks the operator's own client.",
                "See that object's condition `Ready`; enable the client that the message names for the connection",
                "A change of the object; a connection that is only named, not a resource here: the tenant's log, the next sweep, or force",
            ),
            Self::TenantNotReady => (
                "The Auth0Tenant cannot be used: its credentials are missing or do not work, its spec is not valid, or it is being deleted. Resources that were Ready stay so.",
                "See the condition `Ready` of the Auth0Tenant",
                "A change of the Auth0Tenant",
            ),
            Self::NamespaceNotAllowed => (
                "The Auth0Tenant does not admit the resource's namespace.",
                "Add the namespace to `spec.allowedNamespaces` of the Auth0Tenant",
                "A change of the Auth0Tenant or of the namespace's labels",
            ),
            Self::NamespaceNotTrusted => (
                "The spec reaches beyond what the resource made itself, and the Auth0Tenant does not trust the namespace with that.",
                "Add the namespace to `spec.trustedNamespaces` of the Auth0Tenant, or remove the field that the message names",
                "A change of the Auth0Tenant or of the namespace's labels",
            ),
            Self::SecretNotFound => (
                "A Secret that the spec names does not exist.",
                "Create it in the resource's namespace, or correct the name",
                "The Secret with `--watch-secrets`; else within 30 seconds",
            ),
            Self::SecretKeyMissing => (
                "A Secret that the spec names lacks a key, or the value under it is not usable.",
                "Add the key that the message names",
                "The Secret with `--watch-secrets`; else within 30 seconds",
            ),
            Self::CredentialsInvalid => (
                "The tenant gives no token for the credentials of the Auth0Tenant, or takes the token no more. Resources that were Ready stay so.",
                "Correct the Secret with the credentials; authorize its application for the Management API",
                "The Secret or the Auth0Tenant; else after 1 to 10 minutes",
            ),
            Self::ScopeMissing => (
                "The operator's application lacks a permission of the Management API that this resource needs.",
                "Grant it the scope that the message names; `status.missingScopes` of the Auth0Tenant lists all",
                "The grant, which is looked for every 1 to 10 minutes; force on the Auth0Tenant looks at once",
            ),
            Self::RateLimited => (
                "The tenant's rate limit is reached.",
                "Nothing; if it stays, see who else uses the tenant's Management API",
                "The time that the tenant named",
            ),
            Self::TenantUnavailable => (
                "The tenant cannot be reached, or answers with an error of its own.",
                "Nothing; if it stays, see Auth0's status page, and whether the cluster reaches the tenant",
                "Itself, after 1 second, growing to 5 minutes",
            ),
            Self::Retrying => (
                "Something was in the way that should pass, such as an object that the tenant is still deleting.",
                NOTHING,
                "Itself, after 1 second, growing to 5 minutes",
            ),
            Self::DeletionPaced => (
                "Many resources are being deleted at once, and this one waits for its turn.",
                "If it is a mistake: `spec.deletionPolicy: Orphan` keeps the object in the tenant; if it is meant: raise `spec.deletions` of the Auth0Tenant",
                "Its turn",
            ),
            Self::InvalidSpec => (
                "The spec asks for what cannot be: Auth0 refuses it, it contradicts itself, or it means one of Auth0's own objects.",
                "Change the field that the message names",
                "A change of the spec; daily",
            ),
            Self::PasswordRefused => (
                "The connection's password policy refuses the password.",
                "Put another password into the Secret, or change the policy of the connection",
                "A change of the Secret or of the spec; daily",
            ),
            Self::LimitReached => (
                "The tenant holds as many objects of this kind as its plan allows.",
                "Delete others, or change the plan",
                "A change of the spec; daily",
            ),
            Self::FeatureUnavailable => (
                "The tenant's plan lacks a feature that the spec uses.",
                "Remove the field, or change the plan",
                "A change of the spec; daily",
            ),
            Self::CustomDomainRequired => (
                "The tenant has several custom domains, and it is not clear which one is meant.",
                "Write `spec.customDomain` of the Auth0Tenant",
                "A change of the spec; daily",
            ),
            Self::AlreadyExists => (
                "The object is in the tenant already, and this resource did not make it.",
                "Write `spec.adoptionPolicy: Adopt` (in a trusted namespace), choose another name, or delete the object in the tenant",
                "A change of the spec; daily",
            ),
            Self::Conflict => (
                "Another resource, here or in another cluster, stands for the same object in the tenant.",
                "Delete one of the two, or change this one's spec; for another cluster's object: `spec.adoptionPolicy: Adopt`",
                "The other resource's end or change; a change of the spec; daily",
            ),
            Self::LinkedToAnotherUser => (
                "The account in this connection is linked to another user, whose profile it now shows.",
                "Unlink it in the tenant, or choose another e-mail",
                "A change of the spec; daily",
            ),
            Self::TenantChanged => (
                "`tenantRef` has come to mean another tenant than the one that holds the object.",
                "Point it back, or delete the resource and create another",
                "A change of the spec or of the Auth0Tenant; daily",
            ),
            Self::SecretNotOwned => (
                "There is a Secret under the name of the one that the operator is to write, and it does not belong to the resource.",
                "Delete that Secret, or name another",
                "A change of the spec or of the Secret; daily",
            ),
            Self::SecretNotRecoverable => (
                "Somebody deleted the output Secret, and the tenant does not show the client's secret.",
                "Grant the operator's application `read:client_keys`, or have a new secret made with the annotation `auth0-operator.dev/rotateClientSecret`",
                "A change of the spec or of the Secret; daily",
            ),
            Self::Suspended => (
                "`spec.suspend` is true, here or on the Auth0Tenant. The rest of the status is as it was.",
                "Set it to false to go on",
                "A change of the spec, here or there",
            ),
            Self::Warned => (
                "Somebody changed the tenant, or deleted the object there, and `driftPolicy` is `Warn`: nothing is corrected.",
                "Take it over into the spec, undo it in the tenant, or set `driftPolicy: Correct`",
                "What the tenant's log or the next sweep shows; a change of the spec",
            ),
            Self::NormalizedByTenant => (
                "The tenant stored something else than the operator wrote, twice. The fields that the message names are not written again; others are.",
                "Write the value as the tenant shows it, or leave the field out",
                "A change of the spec; force",
            ),
            Self::Contested => (
                "Somebody else changes the same fields again and again. After the third correction within an hour the operator pauses, from 5 minutes up to an hour, before it corrects them again; other fields as ever.",
                "Find out who else manages the tenant, and let one of the two go; or leave the field out",
                "The end of the pause; it is over when the value was right for an hour, with a change of the spec, or by force",
            ),
            Self::BlockedInTenant => (
                "Somebody else blocked the user, or an address counts as verified. The operator never takes that back on its own, since somebody may be responding to an incident.",
                "Take it back in the tenant; or write true here, and then false",
                "What the tenant's log or the next sweep shows; a change of the spec",
            ),
        };
        Guide { means, remedy, wakes }
    }

    /// Whether it stands in the condition `Drifted`, never in `Ready`.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Warned | Self::NormalizedByTenant | Self::Contested | Self::BlockedInTenant)
    }
}
