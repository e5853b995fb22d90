//! The client's secret: where it stands, and what is to be done about it next.
//!
//! ```text
//! Keep ── due ──▶ Begin ──▶ Set ──▶ Settle ──▶ Promote ──▶ Keep
//!              next kept     in the tenant   30 s     next takes the old one's place
//! ```
//!
//! Auth0 takes up to 30 s until a new secret is in force, and meanwhile accepts either (its documentation), so the Secret holds
//! both until then. The Secret is also what survives a crash: a next one that nobody remembers to have set is set again.

use super::{View, remote::find_client};
use crate::{
    crd::{Auth0ApiSpec, TokenEndpointAuthMethod},
    plan::{ExistingOutput, Managed, fingerprint::Purpose, text},
};
use k8s_openapi::jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// The key of the client secret in the output Secret.
pub(super) const SECRET: &str = "clientSecret";
/// The key of the one that is about to take its place.
pub(super) const NEXT: &str = "clientSecretNext";

/// What is to be done about the client's secret.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    /// Nothing.
    Keep,
    /// Set a new one, which counts at once: nobody has another.
    Replace,
    /// Keep a new one beside the one in use, then set it.
    Begin,
    /// Set the one that is kept beside it.
    Set(&'a SecretString),
    /// Wait until it is in force.
    Settle(Duration),
    /// Let it take the place of the old one.
    Promote(&'a SecretString),
    /// It was written, and somebody deleted the Secret.
    Lost,
}

/// The step that is next, as far as this pass knows.
pub(super) fn step<'a>(spec: &Auth0ApiSpec, view: &View<'a>) -> Step<'a> {
    let kept = kept(spec, view).map(|(_, kept)| kept);
    let value = |key: &str| kept.and_then(|kept| kept.data.get(key));
    match (value(SECRET), value(NEXT)) {
        (current, Some(next)) => match &view.rotation.sent {
            Some(sent) if sent.fingerprint == fingerprint(view, next) => {
                if sent.settles_in.is_zero() || current.is_none() {
                    Step::Promote(next)
                } else {
                    Step::Settle(sent.settles_in)
                }
            }
            _ => Step::Set(next),
        },
        (Some(_), None) if due_in(spec, view) == Some(Duration::ZERO) => Step::Begin,
        (Some(_), None) => Step::Keep,
        (None, None) if view.client_secret.is_some() => Step::Keep,
        (None, None) if !was_written(spec, view) || asked(view).is_some() => Step::Replace,
        (None, None) => Step::Lost,
    }
}

/// The Secret that holds the client's secret, and its name: the one that the spec names, else the one that it named before.
/// Values that belong to another client, such as one that somebody deleted in the tenant, count for nothing.
pub(super) fn kept<'a>(spec: &Auth0ApiSpec, view: &View<'a>) -> Option<(String, &'a ExistingOutput)> {
    names(spec, view)
        .filter_map(|name| view.references.outputs.get(&name).map(|output| (name, output)))
        .find(|(_, output)| has_secret(output) && !is_of_another_client(output, view))
}

/// How long until a new secret is due: none when it was just asked for, else what is left of the interval.
pub(super) fn due_in(spec: &Auth0ApiSpec, view: &View<'_>) -> Option<Duration> {
    if has_nothing_to_rotate(spec) {
        return None;
    }
    if asked(view).is_some() {
        return Some(Duration::ZERO);
    }
    let every = interval(spec.client.as_ref()?.rotate_secret_every.as_ref()?);
    let rotated = view.status.client.as_ref().and_then(|client| client.secret_rotated_at.as_ref()?.parse().ok());
    let since: Timestamp = rotated.or_else(|| kept(spec, view)?.1.created)?;
    let age = Duration::try_from(view.rotation.now.duration_since(since)).unwrap_or_default();
    Some(every.saturating_sub(age))
}

/// The annotation's value that has not been answered.
pub(super) fn asked<'a>(view: &View<'a>) -> Option<&'a str> {
    let asked = view.rotation.asked.as_deref()?;
    (view.status.last_handled_rotate_at.as_deref() != Some(asked)).then_some(asked)
}

/// A public client proves nothing by its secret; and where the spec wants no client, none is looked after.
pub(super) fn has_nothing_to_rotate(spec: &Auth0ApiSpec) -> bool {
    let method = spec.client.as_ref().and_then(|client| client.token_endpoint_auth_method);
    !spec.wants_client() || method == Some(TokenEndpointAuthMethod::None)
}

/// When the secret was replaced, as the status shows it: RFC 3339 in UTC, whole seconds.
pub(super) fn rotated_at(view: &View<'_>) -> String {
    Timestamp::from_second(view.rotation.now.as_second()).unwrap_or_default().to_string()
}

fn fingerprint(view: &View<'_>, secret: &SecretString) -> String {
    view.key.fingerprint(Purpose::ClientSecret, &view.owner.uid, &view.tenant.domain, secret)
}

/// Whether an application may have got the secret of this client. What the Secret says of another client is no sign of that.
fn was_written(spec: &Auth0ApiSpec, view: &View<'_>) -> bool {
    let is_recorded = view.status.client.as_ref().is_some_and(|client| client.secret_name.is_some());
    let is_anothers =
        |name| view.references.outputs.get(&name).is_some_and(|output| is_of_another_client(output, view));
    is_recorded && !names(spec, view).any(is_anothers)
}

fn names(spec: &Auth0ApiSpec, view: &View<'_>) -> impl Iterator<Item = String> {
    [Some(spec.secret_name(view.owner)), spec.former_output(view.owner, view.status)].into_iter().flatten()
}

fn has_secret(output: &ExistingOutput) -> bool {
    output.owned && (output.data.contains_key(SECRET) || output.data.contains_key(NEXT))
}

fn is_of_another_client(output: &ExistingOutput, view: &View<'_>) -> bool {
    let recorded = || view.status.client.as_ref().and_then(|client| client.id.as_deref());
    let client = find_client(view).and_then(|client| text(client, "client_id")).or_else(recorded);
    let named = output.data.get("clientId");
    named.is_some_and(|named| client.is_some_and(|client| client != named.expose_secret()))
}

/// A duration of whole hours, minutes and seconds, as the CRD lets it in. Longer than time itself is for ever.
fn interval(text: &str) -> Duration {
    let seconds = text.split_inclusive(['h', 'm', 's']).fold(0_u64, |sum, part| {
        let (number, unit) = part.split_at(part.len().saturating_sub(1));
        let unit = match unit {
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        sum.saturating_add(number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit))
    });
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_the_sum_of_its_parts() {
        for (text, seconds) in [("720h", 2_592_000), ("1h30m", 5400), ("600s", 600), ("30m1h", 5400)] {
            assert_eq!(interval(text).as_secs(), seconds, "{text}");
        }
        assert_eq!(interval("99999999999999999999h").as_secs(), u64::MAX);
    }
}
