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

#[test]
fn a_user_is_made_in_one_call_and_no_plan_shows_the_password() {
    let (mut case, mut tenant) = (user(), Tenant::default());
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    assert!(!format!("{plan:?}").contains("canary"));
    assert_eq!(case.converge(&mut tenant, Depth::KnownIds), ["create the user"]);
    let made = &tenant.objects[&(ObjectKind::User, "auth0|4711".into())];
    assert_eq!(
        (text(made, "email"), text(made, "connection"), &made["verify_email"]),
        (Some("ada@example.com"), Some("Orders"), &json!(false))
    );
    assert_eq!(case.planned(&tenant), Vec::<String>::new());
    case.references.secrets.insert(("ada".into(), "password".into()), SecretString::from("another"));
    assert_eq!(case.planned(&tenant), ["update connection, password of the user auth0|4711"]);
}

#[test]
fn changes_of_a_user_are_split_as_auth0_takes_them() {
    let (mut case, mut tenant) = (user(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    case.spec = serde_saphyr::from_str(
        "{connectionRef: {name: db}, email: eve@example.com, emailVerified: true, username: eve, name: Eve, appMetadata: {plan: gold}, password: {secretKeyRef: {name: ada, key: password}}}",
    )
    .unwrap();
    assert_eq!(
        case.planned(&tenant),
        [
            "update connection, username of the user auth0|4711",
            "update connection, email, email_verified of the user auth0|4711",
            "update app_metadata, connection, name of the user auth0|4711",
        ]
    );
    case.spec_changed = false;
    assert!(!case.planned(&tenant).join(" ").contains(", name of"), "what people change themselves is not corrected");
}

#[test]
fn a_block_that_somebody_set_is_not_taken_back_but_our_own_is() {
    for (case, blocked_before, expected) in
        [("somebody's", false, vec![]), ("our own", true, vec!["update blocked, connection of the user auth0|4711"])]
    {
        let (mut user, mut tenant) = (user(), Tenant::default());
        user.spec.blocked = Some(blocked_before);
        user.converge(&mut tenant, Depth::KnownIds);
        user.status.common.managed = user.spec.managed(&owner());
        tenant.objects.get_mut(&(ObjectKind::User, "auth0|4711".into())).unwrap().insert("blocked".into(), true.into());
        user.spec.blocked = Some(false);
        assert_eq!(user.planned(&tenant), expected, "{case}");
        let drift = user.plan(&tenant, Depth::KnownIds).unwrap().drift.map(|drift| drift.reason);
        assert_eq!(drift, (!blocked_before).then_some(Reason::BlockedInTenant), "{case}");
    }
}

#[test]
fn a_user_with_our_e_mail_is_ours_only_in_our_connection_and_by_itself() {
    let identity = |connections: &[&str]| {
        let identities: Vec<_> = connections.iter().map(|connection| json!({"connection": connection})).collect();
        Tenant::default()
            .with(ObjectKind::User, json!({"user_id": "auth0|9", "email": "ada@example.com", "identities": identities}))
    };
    for (case, tenant, expected) in [
        ("in our connection", identity(&["Orders"]), Err(Reason::AlreadyExists)),
        ("linked to another's", identity(&["Other", "Orders"]), Err(Reason::LinkedToAnotherUser)),
        ("in another connection", identity(&["Other"]), Ok(1)),
    ] {
        let planned =
            user().plan(&tenant, Depth::NaturalKeys).map(|plan| plan.calls.len()).map_err(|refusal| refusal.reason);
        assert_eq!(planned, expected, "{case}");
    }
}
