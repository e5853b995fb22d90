//! What a user is like: the wish in Auth0's names, what differs from it, and the parts in which Auth0 takes changes.

use super::super::{Body, Fields, Owner, Reason, Refusal, diff, diff_of_wholes, put, text, unset};
use super::View;
use crate::crd::{Auth0UserSpec, Origin, STAMP_KEY};
use serde_json::Value;

/// Somebody may be responding to an incident: that one of these became true in the tenant is never taken back, unless it was
/// this resource that had made it true. So `status.managed` names them only when the spec says true.
pub(super) const INCIDENT: [&str; 3] = ["blocked", "email_verified", "phone_verified"];

/// What people change themselves: written when the spec changes, never corrected.
const PEOPLES_OWN: [&str; 6] = ["user_metadata", "name", "nickname", "picture", "given_name", "family_name"];

/// What merges with what is there.
const METADATA: [&str; 2] = ["user_metadata", "app_metadata"];

impl Auth0UserSpec {
    /// What differs from the spec and is ours to write.
    pub(super) fn change(&self, have: &Fields, origin: Origin, view: &View<'_>) -> Result<Fields, Refusal> {
        let mut want = profile(self, view.owner, origin)?;
        let managed = view.status.common.managed.iter().map(String::as_str);
        unset::add_unset(&mut want, managed, unset::USER);
        let mut change = diff(&want, have);
        // Metadata merges at the first level, so only the keys that differ are sent, each as a whole.
        for key in METADATA {
            let nothing = Fields::new();
            let current = have.get(key).and_then(Value::as_object).unwrap_or(&nothing);
            let differing = want.get(key).and_then(Value::as_object).map(|wanted| diff_of_wholes(wanted, current));
            change.remove(key);
            change.extend(
                differing.filter(|members| !members.is_empty()).map(|members| (key.to_owned(), members.into())),
            );
        }
        let same_email = |key: &str| {
            text(&want, key).is_some_and(|email| text(have, key).is_some_and(|other| other.to_lowercase() == email))
        };
        if same_email("email") {
            change.remove("email");
        }
        // Absent until somebody sets it (recorded for `blocked`), which means the same as false.
        for key in INCIDENT {
            if change.get(key) == Some(&Value::Bool(false)) && !have.contains_key(key) {
                change.remove(key);
            }
        }
        if !view.spec_changed {
            change.retain(|key, _| !PEOPLES_OWN.contains(&key.as_str()));
        }
        // A new e-mail or number counts as unverified, unless the same call says otherwise.
        for (login, verified) in [("email", "email_verified"), ("phone_number", "phone_verified")] {
            if change.contains_key(login)
                && let Some(is_verified) = want.get(verified)
            {
                change.insert(verified.to_owned(), is_verified.clone());
            }
        }
        Ok(change)
    }

    /// The parts of a change that Auth0 takes together.
    pub(super) fn split(&self, mut change: Fields) -> Vec<Body> {
        let mut email = Fields::new();
        for key in ["email", "email_verified"] {
            email.extend(change.remove_entry(key));
        }
        if let Some(verify) = self.verify_email.filter(|_| email.contains_key("email")) {
            email.insert("verify_email".to_owned(), verify.into());
        }
        let username: Fields = change.remove_entry("username").into_iter().collect();
        [username, email, change].into_iter().filter(|part| !part.is_empty()).map(Body::from).collect()
    }
}

/// Takes out of a change what would undo the work of somebody who responds to an incident, and says so.
pub(super) fn withhold(change: &mut Fields, have: &Fields, view: &View<'_>) -> Option<Refusal> {
    let managed = &view.status.common.managed;
    let is_theirs = |key: &str| have.get(key) == Some(&Value::Bool(true)) && !managed.iter().any(|path| path == key);
    let withheld: Vec<&str> = INCIDENT.into_iter().filter(|key| change.contains_key(*key) && is_theirs(key)).collect();
    for key in &withheld {
        change.remove(*key);
    }
    (!withheld.is_empty()).then(|| {
        Refusal::new(
            Reason::BlockedInTenant,
            format!(
                "{} is true in the tenant and was not set by this resource, so it is left alone; take it back in the tenant, or set it to true here and then to false",
                withheld.join(" and ")
            ),
        )
    })
}

/// The user as wanted, in Auth0's names; without connection, id and password.
pub(super) fn profile(spec: &Auth0UserSpec, owner: &Owner, origin: Origin) -> Result<Fields, Refusal> {
    let Auth0UserSpec {
        tenant_ref: _,
        connection_ref: _,
        connection: _,
        email,
        username,
        phone_number,
        password: _,
        user_id: _,
        email_verified,
        phone_verified,
        verify_email: _,
        blocked,
        given_name,
        family_name,
        name,
        nickname,
        picture,
        user_metadata,
        app_metadata,
        policies: _,
    } = spec;
    let mut want = Fields::new();
    // Auth0's own user store keeps e-mails in lower case (OpenAPI description).
    put(&mut want, "email", email.as_ref().map(|email| email.to_lowercase()))?;
    put(&mut want, "username", username.as_ref().map(|username| username.to_lowercase()))?;
    put(&mut want, "phone_number", phone_number.as_ref())?;
    put(&mut want, "email_verified", *email_verified)?;
    put(&mut want, "phone_verified", *phone_verified)?;
    put(&mut want, "blocked", *blocked)?;
    put(&mut want, "given_name", given_name.as_ref())?;
    put(&mut want, "family_name", family_name.as_ref())?;
    put(&mut want, "name", name.as_ref())?;
    put(&mut want, "nickname", nickname.as_ref())?;
    put(&mut want, "picture", picture.as_ref())?;
    put(&mut want, "user_metadata", user_metadata.as_ref())?;
    let mut stamped = app_metadata.clone().unwrap_or_default();
    stamped.insert(STAMP_KEY.to_owned(), owner.stamp(origin).into());
    want.insert("app_metadata".to_owned(), Value::Object(stamped));
    Ok(want)
}
