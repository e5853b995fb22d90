//! Plans of users in all kinds of connection.

use super::*;

fn case(strategy: &str, spec: &str) -> Case<Auth0UserSpec> {
    let mut case = Case::<Auth0UserSpec>::new(&format!("{{connectionRef: {{name: db}}, {spec}}}"));
    case.references.connections.insert("db".into(), reference(strategy));
    case
}

fn create(case: &Case<Auth0UserSpec>) -> Result<Fields, String> {
    let plan = case.plan(&Tenant::default(), Depth::KnownIds).map_err(|refusal| refusal.message)?;
    let [Call::Create { body, .. }] = plan.calls.as_slice() else { panic!("{plan:?}") };
    Ok(body.fields.clone())
}

#[test]
fn a_user_is_made_as_the_connection_asks() {
    let passwordless =
        |strategy: &str, spec: &str| create(&case(strategy, spec)).map(|body| body.contains_key("user_id"));
    assert_eq!(passwordless("email", "email: ada@example.com"), Ok(false), "Auth0 chooses the id");
    assert_eq!(passwordless("sms", "phoneNumber: '+4930123456'"), Ok(false));
    let says = |strategy: &str, spec: &str, says: &str| {
        let message = passwordless(strategy, spec).unwrap_err();
        assert!(message.contains(says), "{strategy}: {message}");
    };
    says("email", "phoneNumber: '+4930123456'", "needs spec.email");
    says("sms", "email: ada@example.com", "needs spec.phoneNumber");
    says("sms", "phoneNumber: '+4930123456', username: ada", "spec.username is for users of databases");
    says(
        "email",
        "email: ada@example.com, password: {secretKeyRef: {name: ada, key: password}}",
        "spec.password is for",
    );
    says("oidc", "email: ada@example.com", "takes its users from its identity provider");
    says("auth0", "email: ada@example.com", "needs a password");

    let mut free = case("auth0", "username: ada, phoneNumber: '+4930123456', phoneVerified: true");
    free.references.connections.get_mut("db").unwrap().is_password_optional = true;
    let body = create(&free).unwrap();
    assert_eq!(
        (&body["user_id"], &body["username"], &body["phone_number"], &body["phone_verified"]),
        (&json!("4711"), &json!("ada"), &json!("+4930123456"), &json!(true))
    );
}

#[test]
fn a_connection_named_by_string_is_asked_for_only_when_its_strategy_matters() {
    let tenant =
        Tenant::default().with(ObjectKind::Connection, json!({"id": "con_1", "name": "mail", "strategy": "email"}));
    let user = Case::<Auth0UserSpec>::new("{connection: mail, email: ada@example.com}");
    let plan = user.plan(&tenant, Depth::KnownIds).unwrap();
    let [Call::Create { body, .. }] = plan.calls.as_slice() else { panic!("{plan:?}") };
    assert!(!body.fields.contains_key("user_id"));
    let asked =
        |user: &Case<Auth0UserSpec>, read: &Read| user.view(&tenant, Depth::KnownIds, |view| view.remote.has(read));
    let by_name = Read::ConnectionNamed("mail".into());
    assert!(asked(&user, &by_name) && !asked(&user, &Read::Get(ObjectKind::User, "auth0|4711".into())));
    let mut with_password = super::user();
    with_password.spec.connection = Some("mail".into());
    with_password.spec.connection_ref = None;
    assert!(!asked(&with_password, &by_name), "only databases have passwords");
    let elsewhere = Case::<Auth0UserSpec>::new("{connection: other, email: ada@example.com}");
    assert_eq!(elsewhere.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::ReferenceNotFound);
}

#[test]
fn a_user_without_an_id_of_ours_is_found_by_its_login_and_is_ours_by_its_stamp() {
    let ours = json!({"auth0_operator": "created:c1/shop/orders"});
    for (case_name, strategy, spec, login, stamp, expected) in [
        ("e-mail", "email", "email: Ada@example.com", ("email", "ada@example.com"), ours.clone(), Ok(())),
        ("number", "sms", "phoneNumber: '+4930123456'", ("phone_number", "+4930123456"), ours, Ok(())),
        (
            "somebody's",
            "sms",
            "phoneNumber: '+4930123456'",
            ("phone_number", "+4930123456"),
            json!({}),
            Err(Reason::AlreadyExists),
        ),
    ] {
        let id = format!("{strategy}|1");
        let user =
            json!({"user_id": id, login.0: login.1, "identities": [{"connection": "Orders"}], "app_metadata": stamp});
        let tenant = Tenant::default().with(ObjectKind::User, user);
        let mut case = case(strategy, spec);
        case.status.common.pending = Some(crate::crd::Pending::default());
        let found = case.plan(&tenant, Depth::NaturalKeys).map(|plan| plan.found);
        let expected = expected.map(|()| vec![Found { kind: ObjectKind::User, id, origin: Origin::Created }]);
        assert_eq!(found.map_err(|refusal| refusal.reason), expected, "{case_name}");
    }
}

#[test]
fn a_user_to_be_adopted_needs_no_password() {
    let user = json!({"user_id": "auth0|9", "username": "ada", "identities": [{"connection": "Orders"}]});
    let tenant = Tenant::default().with(ObjectKind::User, user);
    let case = case("auth0", "username: Ada, adoptionPolicy: Adopt");
    let found = case.plan(&tenant, Depth::KnownIds).unwrap().found;
    assert_eq!(found, [Found { kind: ObjectKind::User, id: "auth0|9".into(), origin: Origin::Adopted }]);
}

#[test]
fn a_new_number_is_sent_with_its_verification_and_one_that_a_person_verified_stays_so() {
    let mut case = case("sms", "phoneNumber: '+4930123456', phoneVerified: false");
    let have = json!({"user_id": "sms|1", "phone_number": "+49", "phone_verified": true, "identities": [{"connection": "Orders"}],
                      "app_metadata": {"auth0_operator": "created:c1/shop/orders"}});
    case.status.common.id = Some("sms|1".into());
    let tenant = Tenant::default().with(ObjectKind::User, have);
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    let calls: Vec<_> = plan.calls.iter().map(ToString::to_string).collect();
    assert_eq!(calls, ["update connection, phone_number of the user sms|1"]);
    assert_eq!(plan.drift.map(|drift| drift.reason), Some(Reason::BlockedInTenant));
}
