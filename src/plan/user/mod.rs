//! Auth0User: a user in a database or in a passwordless connection; one of another connection can be adopted.
//!
//! In databases `user_id` is always sent, so that a repeated create cannot make a second user; passwordless connections choose
//! it themselves, and refuse a second user with the same e-mail or number. A PATCH may not mix (a) password, (b) username,
//! (c) e-mail with its verification, (d) the rest (Auth0's OpenAPI description), so a change is split; each part names the
//! connection.

mod password;
mod place;
mod profile;

use super::{
    Body, Call, Depth, Fields, Found, Held, Managed, Need, ObjectKind, Output, Owner, Plan, Read, Refusal, Situation,
    TenantFacts, fingerprint, fingerprint::Relation, ownership, text, unset,
};
use crate::crd::{Auth0UserSpec, Auth0UserStatus, CommonStatus, LocalRef, Origin, Policies, TenantRef};
use place::Place;
use profile::{INCIDENT, profile, withhold};
use serde_json::Value;

type View<'a> = Situation<'a, Auth0UserStatus>;

impl Managed for Auth0UserSpec {
    type Status = Auth0UserStatus;
    const OBJECT: ObjectKind = ObjectKind::User;

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

    fn natural_key(&self, owner: &Owner, connection: &dyn Fn(&str) -> Option<String>) -> String {
        let connection = match (&self.connection_ref, &self.connection) {
            (Some(LocalRef { name }), _) => connection(name).unwrap_or_else(|| format!("{}/{name}", owner.namespace)),
            (None, name) => name.clone().unwrap_or_default(),
        };
        format!("{} in {connection}", self.login())
    }

    /// The connection can be named in two ways.
    fn rough_key(&self, _owner: &Owner) -> String {
        self.login()
    }

    fn needs_trust(&self) -> Option<&'static str> {
        self.connection.is_some().then_some("spec.connection (connectionRef is for everyone)")
    }

    fn check(&self, _tenant: &TenantFacts) -> Result<(), Refusal> {
        if self.by_login().is_empty() && self.user_id.is_none() {
            return Err(Refusal::invalid(
                "a user needs spec.email, spec.username or spec.phoneNumber; add the one that the connection asks for",
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
        // The connection first: no password is made for a user that cannot be.
        connection.into_iter().chain(self.needs_password()).collect()
    }

    /// Who has a password is in a database, where the id tells.
    fn finders(&self, owner: &Owner) -> Vec<Read> {
        let database = Place::database(self.connection.clone().unwrap_or_default());
        let by_id = self.by_our_id(&database, owner);
        let by_login = if self.password.is_some() { vec![] } else { self.by_login() };
        by_id.into_iter().chain(by_login).collect()
    }

    fn held(&self, status: &Auth0UserStatus) -> Vec<Held> {
        status.common.id.clone().map(|id| Read::Get(ObjectKind::User, id).into()).into_iter().collect()
    }

    fn sought(&self, _status: &Auth0UserStatus, owner: &Owner) -> Vec<Read> {
        let connection = self.connection.clone().map(Read::ConnectionNamed);
        self.finders(owner).into_iter().chain(self.by_login()).chain(connection).collect()
    }

    fn named_connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    fn reads(&self, view: &View<'_>) -> Vec<Read> {
        // What to look for depends on the connection.
        if let Some(connection) = self.asks_for_connection(view).filter(|read| !view.remote.has(read)) {
            return vec![connection];
        }
        let mut reads = vec![];
        if let Some(id) = &view.status.common.id {
            reads.push(Read::Get(ObjectKind::User, id.clone()));
        }
        let missing = |reads: Vec<Read>| reads.into_iter().filter(|read| !view.remote.has(read)).collect::<Vec<_>>();
        let Ok(place) = self.place(view) else { return missing(reads) };
        let looks = view.depth == Depth::NaturalKeys || !self.can_be_made(&place);
        if looks && self.find_by_id(&place, view).is_none() {
            let by_id = self.by_our_id(&place, view.owner);
            let is_id_vain = by_id.as_ref().is_none_or(|read| view.remote.has(read));
            // The id of an announced create is the one that we chose.
            if is_id_vain && (!view.announced || by_id.is_none()) {
                reads.extend(self.by_login());
            }
            reads.extend(by_id);
        }
        missing(reads)
    }

    fn plan(&self, view: &View<'_>) -> Result<Plan, Refusal> {
        let place = self.place(view)?;
        let mut plan = Plan::default();
        let found = self.find_by_id(&place, view).map(Ok).or_else(|| self.find_by_login(&place, view));
        let Some(have) = found.transpose()? else {
            plan.calls.push(self.create(&place, view)?);
            return Ok(plan);
        };
        let id = text(have, "user_id").unwrap_or_default().to_owned();
        let mut origin = view.status.common.origin.unwrap_or(Origin::Created);
        if view.status.common.id.as_deref() != Some(&id) {
            origin = ownership::judge(ObjectKind::User, have, view.owner, self.policies.adoption_policy, false)?;
            plan.found.push(Found { kind: ObjectKind::User, id: id.clone(), origin });
        } else {
            ownership::check_stamp(ObjectKind::User, have, view.owner)?;
        }
        let mut changes = self.change(have, origin, view)?;
        plan.drift = withhold(&mut changes, have, view);
        for body in self.split(changes) {
            plan.calls.push(update(&id, &place.connection, body));
        }
        if self.relation(view) == Relation::ForeignKey {
            plan.notices.push(
                "the fingerprint of the password was made with another key, so whether the Secret has changed is not known; from now on changes are seen again".to_owned(),
            );
        }
        if let Some(body) = self.new_password(origin, view) {
            plan.calls.push(update(&id, &place.connection, body));
        }
        Ok(plan)
    }

    fn announce(&self, status: &mut Auth0UserStatus, plan: &Plan, view: &View<'_>) {
        let Some(fingerprint) = self.fingerprint(view) else { return };
        if plan.calls.iter().any(password::is_in) {
            status.password_fingerprint = Some(fingerprint::intended(&fingerprint));
        } else if self.relation(view) == Relation::ForeignKey {
            status.password_fingerprint = Some(fingerprint);
        }
    }

    /// The intended fingerprint is written before the PATCH, so that a password which Auth0 knows from history after a crash or a
    /// lost answer is known for the one we set.
    fn is_done_already(&self, call: &Call, refusal: &str, view: &View<'_>) -> bool {
        password::is_in(call)
            && refusal.starts_with("PasswordHistoryError")
            && self.relation(view) == Relation::Intended
    }

    fn record(&self, status: &mut Auth0UserStatus, call: &Call, answer: &Fields, view: &View<'_>) {
        if let Call::Create { .. } = call {
            status.common.id = text(answer, "user_id").map(str::to_owned);
            status.common.origin = Some(Origin::Created);
        }
        if password::is_in(call) {
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
}

impl Auth0UserSpec {
    fn login(&self) -> String {
        let email = self.email.as_ref().map(|email| email.to_lowercase());
        let login = email.or_else(|| self.username.clone()).or_else(|| self.phone_number.clone());
        login.or_else(|| self.user_id.clone()).unwrap_or_default()
    }

    /// Whether a create can succeed at all, as far as passwords go.
    fn can_be_made(&self, place: &Place) -> bool {
        place.takes_new_users() && (!place.is_database() || place.is_password_optional || self.password.is_some())
    }

    fn create(&self, place: &Place, view: &View<'_>) -> Result<Call, Refusal> {
        let Place { connection, strategy, .. } = place;
        if !place.takes_new_users() {
            return Err(Refusal::invalid(format!(
                "the connection {connection} (strategy {strategy}) takes its users from its identity provider; name one who has logged in, with spec.adoptionPolicy: Adopt, or choose a database, email or sms connection"
            )));
        }
        let missing = match strategy.as_str() {
            "email" if self.email.is_none() => Some("spec.email"),
            "sms" if self.phone_number.is_none() => Some("spec.phoneNumber"),
            _ => None,
        };
        if let Some(field) = missing {
            return Err(Refusal::invalid(format!(
                "a user in a connection of strategy {strategy} needs {field}; add it"
            )));
        }
        let surplus = [("spec.password", self.password.is_some()), ("spec.username", self.username.is_some())];
        if let Some((field, _)) = surplus.into_iter().find(|(_, is_set)| *is_set && !place.is_database()) {
            return Err(Refusal::invalid(format!(
                "{field} is for users of databases, and {connection} has strategy {strategy}; remove it"
            )));
        }
        if !self.can_be_made(place) {
            return Err(Refusal::invalid(
                "a new user in a database needs a password; add spec.password.secretKeyRef or spec.password.generate (only an adopted user goes without)",
            ));
        }
        let mut body = Body::from(profile(self, view.owner, Origin::Created)?);
        body.fields.insert("connection".to_owned(), connection.clone().into());
        if let Some(id) = self.local_id(place, view.owner) {
            body.fields.insert("user_id".to_owned(), id.into());
        }
        // Without it Auth0 sends a mail to whoever is not verified (wire: default true on create).
        body.fields.insert("verify_email".to_owned(), self.verify_email.unwrap_or(false).into());
        if let Some(secret) = self.password_in(view) {
            body.secrets.insert(password::PLACE.to_owned(), secret.clone());
        }
        Ok(Call::Create { kind: ObjectKind::User, body })
    }
}

fn update(id: &str, connection: &str, mut body: Body) -> Call {
    body.fields.insert("connection".to_owned(), connection.into());
    Call::Update { kind: ObjectKind::User, id: id.to_owned(), body }
}
