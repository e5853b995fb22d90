//! Auth0User: a user in a database connection.
//!
//! `user_id` is always sent, so that a repeated create cannot make a second user. A PATCH may not mix (a) password, (b) username,
//! (c) e-mail with its verification, (d) the rest (Auth0's OpenAPI description), so a change is split; each part names the
//! connection.

use super::{
    Body, Call, Depth, Fields, Found, Managed, Need, ObjectKind, Output, Owner, PASSWORD_KEY, Plan, Read, Reason,
    Refusal, Situation, TenantFacts, diff, fingerprint,
    fingerprint::{Purpose, Relation},
    ownership, put, text, unset,
};
use crate::crd::{
    Auth0UserSpec, Auth0UserStatus, CommonStatus, DeletionPolicy, GeneratePassword, LocalRef, Origin, Password,
    Policies, STAMP_KEY, SecretKeyRef, TenantRef,
};
use secrecy::SecretString;
use serde_json::Value;

type View<'a> = Situation<'a, Auth0UserStatus>;

/// Characters of a generated password, when the spec names no length.
const GENERATED_LENGTH: usize = 24;

/// Somebody may be responding to an incident: that one of these became true in the tenant is never taken back, unless it was
/// this resource that had made it true. So `status.managed` names them only when the spec says true.
const INCIDENT: [&str; 2] = ["blocked", "email_verified"];

/// What people change themselves: written when the spec changes, never corrected.
const PEOPLES_OWN: [&str; 6] = ["user_metadata", "name", "nickname", "picture", "given_name", "family_name"];

impl Managed for Auth0UserSpec {
    type Status = Auth0UserStatus;

    fn policies(&self) -> &Policies {
        &self.policies
    }

    fn tenant_ref(&self) -> Option<&TenantRef> {
        self.tenant_ref.as_ref()
    }

    fn common(status: &Auth0UserStatus) -> &CommonStatus {
        &status.common
    }

    fn common_mut(status: &mut Auth0UserStatus) -> &mut CommonStatus {
        &mut status.common
    }

    fn natural_key(&self, owner: &Owner) -> String {
        let connection = match (&self.connection_ref, &self.connection) {
            (Some(reference), _) => format!("{}/{}", owner.namespace, reference.name),
            (None, name) => name.clone().unwrap_or_default(),
        };
        let login = self.email.as_ref().map(|email| email.to_lowercase());
        let login = login.or_else(|| self.username.clone()).or_else(|| self.phone_number.clone());
        format!("{login} in {connection}", login = login.unwrap_or_else(|| self.suffix(owner)))
    }

    fn needs_trust(&self) -> Option<&'static str> {
        self.connection.is_some().then_some("spec.connection (connectionRef is for everyone)")
    }

    fn check(&self, _tenant: &TenantFacts) -> Result<(), Refusal> {
        if self.phone_number.is_some() || self.phone_verified.is_some() {
            return Err(Refusal::not_yet("spec.phoneNumber"));
        }
        if self.email.is_none() && self.username.is_none() {
            return Err(Refusal::invalid(
                "a user needs spec.email or spec.username; add the one that the connection asks for",
            ));
        }
        Ok(())
    }

    fn managed(&self, owner: &Owner) -> Vec<String> {
        let want = profile(self, owner, Origin::Created).unwrap_or_default();
        let password = self.password.as_ref().map(|_| "password".to_owned());
        let is_set = |path: &String| !INCIDENT.contains(&path.as_str()) || want.get(path) == Some(&Value::Bool(true));
        unset::paths(&want, unset::USER).into_iter().filter(is_set).chain(password).collect()
    }

    fn needs(&self, _owner: &Owner) -> Vec<Need> {
        let connection = self.connection_ref.as_ref().map(|LocalRef { name }| Need::Connection(name.clone()));
        let password = self.password.as_ref().and_then(|Password { secret_key_ref, generate, take_over: _ }| {
            match (secret_key_ref, generate) {
                (Some(SecretKeyRef { name, key }), _) => Some(Need::Secret { name: name.clone(), key: key.clone() }),
                (None, Some(GeneratePassword { secret_name, length })) => {
                    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(GENERATED_LENGTH);
                    Some(Need::GeneratedPassword { name: secret_name.clone(), length })
                }
                (None, None) => None,
            }
        });
        // The connection first: no password is made for a user that cannot be.
        connection.into_iter().chain(password).collect()
    }

    fn reads(&self, view: &View<'_>) -> Vec<Read> {
        let mut reads = vec![];
        if let Some(id) = &view.status.common.id {
            reads.push(Read::Get(ObjectKind::User, id.clone()));
        }
        if view.depth == Depth::NaturalKeys && self.find_by_id(view).is_none() {
            let by_id = self.by_our_id(view.owner);
            if view.remote.has(&by_id) && !view.announced {
                reads.extend(self.by_email());
            }
            reads.push(by_id);
        }
        reads.into_iter().filter(|read| !view.remote.has(read)).collect()
    }

    fn plan(&self, view: &View<'_>) -> Result<Plan, Refusal> {
        let connection = self.connection_name(view)?;
        let mut plan = Plan::default();
        let Some(have) = self.find_by_id(view).map(Ok).or_else(|| self.find_by_email(&connection, view)).transpose()?
        else {
            plan.calls.push(self.create(&connection, view)?);
            return Ok(plan);
        };
        let id = text(have, "user_id").unwrap_or_default().to_owned();
        let mut origin = view.status.common.origin.unwrap_or(Origin::Created);
        if view.status.common.id.as_deref() != Some(&id) {
            origin = ownership::judge(ObjectKind::User, have, view.owner, self.policies.adoption_policy, false)?;
            plan.found.push(Found { kind: ObjectKind::User, id: id.clone(), origin });
        } else {
            ownership::check_stamp(ObjectKind::User, have, view.owner, self.policies.adoption_policy)?;
        }
        let mut changes = self.change(have, origin, view)?;
        plan.drift = withhold(&mut changes, have, view);
        for body in self.split(changes) {
            plan.calls.push(update(&id, &connection, body));
        }
        if self.relation(view) == Relation::ForeignKey {
            plan.notices.push(
                "the fingerprint of the password was made with another key, so whether the Secret has changed is not known; from now on changes are seen again".to_owned(),
            );
        }
        if let Some(password) = self.password(view).filter(|_| self.password_to_write(origin, view)) {
            let mut body = Body::default();
            body.secrets.insert("password", password.clone());
            plan.calls.push(update(&id, &connection, body));
        }
        Ok(plan)
    }

    fn announce(&self, status: &mut Auth0UserStatus, plan: &Plan, view: &View<'_>) {
        let Some(fingerprint) = self.fingerprint(view) else { return };
        if plan.calls.iter().any(writes_password) {
            status.password_fingerprint = Some(fingerprint::intended(&fingerprint));
        } else if self.relation(view) == Relation::ForeignKey {
            status.password_fingerprint = Some(fingerprint);
        }
    }

    /// The intended fingerprint is written before the PATCH, so that a password which Auth0 knows from history after a crash or a
    /// lost answer is known for the one we set.
    fn is_done_already(&self, call: &Call, refusal: &str, view: &View<'_>) -> bool {
        writes_password(call)
            && refusal.starts_with("PasswordHistoryError")
            && self.relation(view) == Relation::Intended
    }

    fn record(&self, status: &mut Auth0UserStatus, call: &Call, answer: &Fields, view: &View<'_>) {
        if let Call::Create { .. } = call {
            status.common.id = text(answer, "user_id").map(str::to_owned);
            status.common.origin = Some(Origin::Created);
        }
        if writes_password(call) {
            status.password_fingerprint = self.fingerprint(view);
        }
    }

    fn record_found(&self, status: &mut Auth0UserStatus, found: &Found, view: &View<'_>) {
        status.common.id = Some(found.id.clone());
        status.common.origin = Some(found.origin);
        // The create that was announced with this password is the one that made the user we found.
        if self.relation(view) == Relation::Intended && found.origin == Origin::Created {
            status.password_fingerprint = self.fingerprint(view);
        }
    }

    fn output(&self, _view: &View<'_>) -> Option<Output> {
        None
    }

    fn removal_reads(&self, view: &View<'_>) -> Vec<Read> {
        let by_id = self.by_our_id(view.owner);
        if view.announced && view.status.common.id.is_none() && !view.remote.has(&by_id) { vec![by_id] } else { vec![] }
    }

    fn plan_removal(&self, view: &View<'_>) -> Plan {
        let mut plan = Plan::default();
        if self.deletion_policy(view.status.common.origin) == DeletionPolicy::Orphan {
            return plan;
        }
        let left = || {
            let found = view.remote.one(&self.by_our_id(view.owner))?;
            let judged = ownership::judge(ObjectKind::User, found, view.owner, None, false);
            judged.is_ok().then(|| text(found, "user_id").map(str::to_owned)).flatten()
        };
        if let Some(id) = view.status.common.id.clone().or_else(left) {
            plan.calls.push(Call::Delete { kind: ObjectKind::User, id });
        }
        plan
    }
}

impl Auth0UserSpec {
    fn suffix(&self, owner: &Owner) -> String {
        self.user_id.clone().unwrap_or_else(|| owner.uid.clone())
    }

    fn by_our_id(&self, owner: &Owner) -> Read {
        Read::Get(ObjectKind::User, format!("auth0|{}", self.suffix(owner)))
    }

    fn by_email(&self) -> Option<Read> {
        self.email.as_ref().map(|email| Read::UsersWithEmail(email.to_lowercase()))
    }

    fn find_by_id<'a>(&self, view: &'a View<'_>) -> Option<&'a Fields> {
        let by_id = view.status.common.id.clone().map(|id| Read::Get(ObjectKind::User, id));
        // An id counts only with its natural key: a status can be restored or edited.
        let connection = self.connection_name(view).ok();
        let is_meant =
            |user: &&Fields| first_connection(user) == connection.as_deref() || first_connection(user).is_none();
        by_id
            .and_then(|read| view.remote.one(&read))
            .filter(is_meant)
            .or_else(|| view.remote.one(&self.by_our_id(view.owner)))
    }

    /// The user with our e-mail in our connection. A linked account has no profile of its own: its e-mail shows the primary,
    /// another person's record perhaps.
    fn find_by_email<'a>(&self, connection: &str, view: &'a View<'_>) -> Option<Result<&'a Fields, Refusal>> {
        let users = view.remote.all(&self.by_email()?);
        let connections = |user: &Fields| -> Vec<String> {
            let identities = user.get("identities").and_then(Value::as_array).into_iter().flatten();
            identities.filter_map(|identity| identity["connection"].as_str().map(str::to_owned)).collect()
        };
        if let Some(user) = users.iter().find(|user| connections(user).first().is_some_and(|first| first == connection))
        {
            return Some(Ok(user));
        }
        let linked = users.iter().find(|user| connections(user).iter().any(|other| other == connection))?;
        Some(Err(Refusal::new(
            Reason::LinkedToAnotherUser,
            format!(
                "the account with this e-mail in connection {connection} is linked to the user {}; unlink it in the tenant, or choose another e-mail",
                text(linked, "user_id").unwrap_or_default()
            ),
        )))
    }

    fn connection_name(&self, view: &View<'_>) -> Result<String, Refusal> {
        let Some(reference) = &self.connection_ref else {
            return Ok(self.connection.clone().unwrap_or_default());
        };
        let connection = view.references.connections.get(&reference.name);
        match connection {
            Some(connection) if connection.strategy != "auth0" => {
                Err(Refusal::not_yet(&format!("a user in a connection of strategy {}", connection.strategy)))
            }
            Some(connection) => Ok(connection.name.clone()),
            None => Err(Refusal::new(
                Reason::ReferenceNotFound,
                format!("the Auth0Connection {} does not exist; create it", reference.name),
            )),
        }
    }

    fn create(&self, connection: &str, view: &View<'_>) -> Result<Call, Refusal> {
        let mut body = Body::from(profile(self, view.owner, Origin::Created)?);
        body.fields.insert("connection".to_owned(), connection.into());
        body.fields.insert("user_id".to_owned(), self.suffix(view.owner).into());
        // Without it Auth0 sends a mail to whoever is not verified (wire: default true on create).
        body.fields.insert("verify_email".to_owned(), self.verify_email.unwrap_or(false).into());
        let Some(password) = self.password(view) else {
            return Err(Refusal::invalid(
                "a new user in a database needs a password; add spec.password.secretKeyRef or spec.password.generate (only an adopted user goes without)",
            ));
        };
        body.secrets.insert("password", password.clone());
        Ok(Call::Create { kind: ObjectKind::User, body })
    }

    /// What differs from the spec and is ours to write.
    fn change(&self, have: &Fields, origin: Origin, view: &View<'_>) -> Result<Fields, Refusal> {
        let mut want = profile(self, view.owner, origin)?;
        let managed = view.status.common.managed.iter().map(String::as_str);
        unset::add_unset(&mut want, managed, unset::USER);
        let mut change = diff(&want, have);
        let same_email = |key: &str| {
            text(&want, key).is_some_and(|email| text(have, key).is_some_and(|other| other.to_lowercase() == email))
        };
        if same_email("email") {
            change.remove("email");
        }
        // Absent until somebody sets it (recordings), which means the same as false.
        if change.get("blocked") == Some(&Value::Bool(false)) && !have.contains_key("blocked") {
            change.remove("blocked");
        }
        if !view.spec_changed {
            change.retain(|key, _| !PEOPLES_OWN.contains(&key.as_str()));
        }
        // A new e-mail counts as unverified, unless the same call says otherwise.
        if change.contains_key("email")
            && let Some(verified) = want.get("email_verified")
        {
            change.insert("email_verified".to_owned(), verified.clone());
        }
        // Metadata merges at the first level, so only the keys that differ are sent.
        for key in ["user_metadata", "app_metadata"] {
            if let (Some(Value::Object(wanted)), Some(Value::Object(current))) = (change.get(key), have.get(key)) {
                let differing = diff(wanted, current);
                change.insert(key.to_owned(), Value::Object(differing));
            }
        }
        Ok(change)
    }

    /// The parts of a change that Auth0 takes together.
    fn split(&self, mut change: Fields) -> Vec<Body> {
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

    /// Name and key of the Secret that holds the password.
    pub fn password_secret(&self) -> Option<(String, String)> {
        let Password { secret_key_ref, generate, take_over: _ } = self.password.as_ref()?;
        let written = secret_key_ref.as_ref().map(|secret| (secret.name.clone(), secret.key.clone()));
        written.or_else(|| generate.as_ref().map(|made| (made.secret_name.clone(), PASSWORD_KEY.to_owned())))
    }

    fn password<'a>(&self, view: &View<'a>) -> Option<&'a SecretString> {
        view.references.secrets.get(&self.password_secret()?)
    }

    fn fingerprint(&self, view: &View<'_>) -> Option<String> {
        Some(view.key.fingerprint(Purpose::Password, &view.owner.uid, &view.tenant.domain, self.password(view)?))
    }

    fn relation(&self, view: &View<'_>) -> Relation {
        let recorded = view.status.password_fingerprint.as_deref();
        self.fingerprint(view).map_or(Relation::Same, |fingerprint| view.key.relation(recorded, &fingerprint))
    }

    /// Whether the password of a user that exists is to be written. An adopted one only with `takeOver`.
    fn password_to_write(&self, origin: Origin, view: &View<'_>) -> bool {
        let may =
            origin == Origin::Created || self.password.as_ref().and_then(|password| password.take_over) == Some(true);
        let just_found = view.status.common.id.is_none();
        may && match self.relation(view) {
            Relation::Changed => true,
            Relation::Intended => !just_found,
            Relation::Unknown => origin == Origin::Adopted,
            Relation::Same | Relation::ForeignKey => false,
        }
    }
}

/// The connection that a user's own profile is from.
fn first_connection(user: &Fields) -> Option<&str> {
    user.get("identities")?.as_array()?.first()?["connection"].as_str()
}

fn writes_password(call: &Call) -> bool {
    match call {
        Call::Create { body, .. } | Call::Update { body, .. } => body.secrets.contains_key("password"),
        Call::CreateGrant { .. } | Call::Delete { .. } | Call::EnableClients { .. } => false,
    }
}

fn update(id: &str, connection: &str, mut body: Body) -> Call {
    body.fields.insert("connection".to_owned(), connection.into());
    Call::Update { kind: ObjectKind::User, id: id.to_owned(), body }
}

/// Takes out of a change what would undo the work of somebody who responds to an incident, and says so.
fn withhold(change: &mut Fields, have: &Fields, view: &View<'_>) -> Option<Refusal> {
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
fn profile(spec: &Auth0UserSpec, owner: &Owner, origin: Origin) -> Result<Fields, Refusal> {
    let Auth0UserSpec {
        tenant_ref: _,
        connection_ref: _,
        connection: _,
        email,
        username,
        phone_number: _,
        password: _,
        user_id: _,
        email_verified,
        phone_verified: _,
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
    put(&mut want, "email_verified", *email_verified)?;
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
