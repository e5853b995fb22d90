//! Plans of connections: options, the secrets in them, and enabled clients.

use super::*;
use crate::crd::Auth0ConnectionStatus;

const OIDC: &str = "{strategy: oidc, name: Orders, enableManagementClient: false, \
    options: {client_id: a, upstream_params: {x: {value: '1'}, y: {value: '2'}}}, \
    optionsFrom: [{path: /client_secret, secretKeyRef: {name: idp, key: secret}}, \
                  {path: /configuration/KEY, secretKeyRef: {name: idp, key: key}}]}";

fn oidc() -> Case<Auth0ConnectionSpec> {
    let mut case = Case::<Auth0ConnectionSpec>::new(OIDC);
    for key in ["secret", "key"] {
        case.references.secrets.insert(("idp".into(), key.into()), SecretString::from(format!("canary {key}")));
    }
    case
}

/// What a tenant shows of the connection, before anything is concealed.
fn shown(options: &Value) -> Value {
    json!({"id": "con_1", "name": "Orders", "strategy": "oidc", "metadata": {"auth0_operator": "created:c1/shop/orders"},
           "options": options})
}

/// The update of the options that follows from what the tenant shows; with the secrets joined, as it is sent.
fn sent(case: &Case<Auth0ConnectionSpec>, options: &Value) -> Result<Option<(Value, bool)>, Refusal> {
    let mut object = fields(shown(options));
    let Some(Value::Object(options)) = object.get_mut("options") else { panic!() };
    let secrets = concealed::conceal(options, concealed::SECRET_OPTIONS);
    let mut tenant = Tenant::default().with(ObjectKind::Connection, Value::Object(object));
    tenant.option_secrets = secrets;
    let plan = case.plan(&tenant, Depth::KnownIds)?;
    assert!(!format!("{plan:?}").contains("canary"), "{plan:?}");
    let Some(call) = plan.calls.first() else { return Ok(None) };
    let Call::Update { body, .. } = call else { panic!("{call}") };
    assert_eq!(call.to_string(), "update options of the connection con_1");
    let mut whole = body.fields.clone();
    for (place, secret) in &body.secrets {
        pointer::put(&mut whole, place, secret.expose_secret().into());
    }
    assert!(!concealed::has_digests(&whole), "{whole:?}");
    Ok(Some((whole["options"].clone(), body.follows_secret)))
}

/// As it is once it was written.
fn settled() -> Case<Auth0ConnectionSpec> {
    let mut case = oidc();
    case.status.common.id = Some("con_1".into());
    case.status.common.managed = case.spec.managed(&owner());
    case.status.options_fingerprint = case.view(&Tenant::default(), Depth::KnownIds, |view| {
        let mut status = Auth0ConnectionStatus::default();
        case.spec.announce(&mut status, &Plan::default(), view);
        status.options_fingerprint
    });
    case
}

fn tenants() -> Value {
    json!({"client_id": "a", "client_secret": "canary secret", "configuration": {"KEY": "2.0$cipher"}, "type": "front_channel",
           "connection_settings": {"pkce": "auto"},
           "upstream_params": {"x": {"value": "1"}, "y": {"value": "2"}, "theirs": {"value": "3"}}})
}

fn with(change: &[(&str, Value)]) -> Value {
    let mut options = fields(tenants());
    for (place, value) in change {
        pointer::put(&mut options, place, value.clone());
    }
    Value::Object(options)
}

#[test]
fn a_connection_is_created_with_its_secrets_which_no_plan_shows() {
    let plan = oidc().plan(&Tenant::default(), Depth::KnownIds).unwrap();
    assert!(!format!("{plan:?}").contains("canary"));
    let [Call::Create { body, .. }] = plan.calls.as_slice() else { panic!("{plan:?}") };
    let places: Vec<_> = body.secrets.keys().map(String::as_str).collect();
    assert_eq!(places, ["/options/client_secret", "/options/configuration/KEY"]);
}

#[test]
fn options_are_written_when_they_or_a_secret_differ_and_then_whole() {
    let written = |change: &[(&str, Value)]| {
        let change: Vec<_> = change.iter().cloned().chain([("/configuration/KEY", json!("canary key"))]).collect();
        with(&change)
    };
    for (case, options, expected) in [
        ("as it was written", tenants(), None),
        ("an option changed there", with(&[("/client_id", json!("b"))]), Some(written(&[]))),
        ("a secret changed there", with(&[("/client_secret", json!("canary other"))]), Some(written(&[]))),
        ("a secret gone there", with(&[("/client_secret", Value::Null)]), Some(written(&[]))),
        ("ciphertext changed there", with(&[("/configuration/KEY", json!("2.0$other"))]), None),
        (
            "others' secrets are sent back",
            with(&[("/client_id", json!("b")), ("/signing_key", json!({"key": "canary theirs", "cert": "c"}))]),
            Some(written(&[("/signing_key", json!({"key": "canary theirs", "cert": "c"}))])),
        ),
    ] {
        let sent = sent(&settled(), &options).unwrap();
        // What is drift does not follow from a Secret.
        assert_eq!(sent, expected.map(|options| (options, false)), "{case}");
    }
}

#[test]
fn a_secret_that_changed_in_the_cluster_is_written_and_one_that_left_the_spec_is_taken_out() {
    let mut case = settled();
    case.references.secrets.insert(("idp".into(), "key".into()), SecretString::from("canary new"));
    let expected = with(&[("/configuration/KEY", json!("canary new"))]);
    assert_eq!(sent(&case, &tenants()).unwrap(), Some((expected, true)));

    let mut case = settled();
    case.spec.options_from.as_mut().unwrap().truncate(1);
    let mut expected = fields(tenants());
    expected.remove("configuration");
    let (options, _) = sent(&case, &tenants()).unwrap().unwrap();
    assert_eq!(options, Value::Object(expected));
}

#[test]
fn a_member_of_an_option_that_leaves_the_spec_is_taken_out_and_others_members_stay() {
    let mut case = settled();
    pointer::put(case.spec.options.as_mut().unwrap(), "/upstream_params", json!({"x": {"value": "1"}}));
    let (options, _) = sent(&case, &tenants()).unwrap().unwrap();
    assert_eq!(options["upstream_params"], json!({"x": {"value": "1"}, "theirs": {"value": "3"}}));
}

#[test]
fn an_option_that_leaves_the_spec_takes_with_it_what_auth0_made_of_it_and_leaves_its_default() {
    for (strategy, option, shown, expected) in [
        (
            "samlp",
            "signingCert",
            json!({"signingCert": "pem", "cert": "pem", "expires": "x", "subject": {}, "thumbprints": ["x"], "debug": true}),
            json!({"debug": true}),
        ),
        (
            "oidc",
            "connection_settings",
            json!({"connection_settings": {"pkce": "disabled"}, "scope": "openid"}),
            json!({"connection_settings": {"pkce": "auto"}, "scope": "openid"}),
        ),
        (
            "email",
            "brute_force_protection",
            json!({"brute_force_protection": false, "name": "it"}),
            json!({"brute_force_protection": true, "name": "it"}),
        ),
    ] {
        let mut connection =
            Case::<Auth0ConnectionSpec>::new("{strategy: oidc, name: Orders, enableManagementClient: false}");
        connection.spec.strategy = strategy.to_owned();
        connection.status.common.id = Some("con_1".into());
        connection.spec.options = Some(fields(json!({ option: shown[option] })));
        connection.status.common.managed = connection.spec.managed(&owner());
        connection.spec.options = None;
        let mut object = self::shown(&shown);
        object["strategy"] = strategy.into();
        let tenant = Tenant::default().with(ObjectKind::Connection, object);
        let plan = connection.plan(&tenant, Depth::KnownIds).unwrap();
        let [Call::Update { body, .. }] = plan.calls.as_slice() else { panic!("{strategy}: {plan:?}") };
        assert_eq!(body.fields["options"], expected, "{strategy}");
    }
}

#[test]
fn a_login_method_that_leaves_the_spec_is_as_in_a_new_database_again() {
    let methods =
        |password: Value| json!({"authentication_methods": {"password": password, "passkey": {"enabled": true}}});
    let mut connection = Case::<Auth0ConnectionSpec>::new(
        "{strategy: auth0, name: Orders, enableManagementClient: false, \
         database: {disableSignup: true, authenticationMethods: {password: {enabled: false}}}}",
    );
    connection.status.common.id = Some("con_1".into());
    connection.status.common.managed = connection.spec.managed(&owner());
    connection.spec.database.as_mut().unwrap().authentication_methods = None;
    for (case, shown, expected) in [
        ("beside others", methods(json!({"enabled": false})), methods(json!({"enabled": true}))),
        ("alone, Auth0 fills in all", json!({"authentication_methods": {"password": {"enabled": false}}}), json!({})),
    ] {
        let mut object = self::shown(&shown);
        object["strategy"] = "auth0".into();
        let tenant = Tenant::default().with(ObjectKind::Connection, object);
        let plan = connection.plan(&tenant, Depth::KnownIds).unwrap();
        let [Call::Update { body, .. }] = plan.calls.as_slice() else { panic!("{case}: {plan:?}") };
        let mut expected = fields(expected);
        expected.insert("disable_signup".to_owned(), true.into());
        assert_eq!(body.fields["options"], Value::Object(expected), "{case}");
    }
}

#[test]
fn an_email_attribute_that_leaves_the_spec_goes_with_what_auth0_added_to_it() {
    let username = json!({"identifier": {"active": true}});
    let added = json!({"unique": true, "verification_method": "link"});
    let both = json!({"email": {"unique": true, "verification_method": "link", "identifier": {"active": true}}, "username": username});
    let theirs = json!({"email": {"unique": true, "signup": {"status": "optional"}}});
    for (case, spec, shown, expected) in [
        ("all attributes leave", "requiresUsername: true", both.clone(), Value::Null),
        (
            "one of two leaves",
            "attributes: {username: {identifier: {active: true}}}",
            both.clone(),
            json!({ "username": username }),
        ),
        ("others wrote into it", "disableSignup: true", theirs.clone(), theirs),
        (
            "it is still wanted",
            "attributes: {email: {}, username: {identifier: {active: true}}}",
            both,
            json!({"email": added, "username": username}),
        ),
    ] {
        let database = "attributes: {email: {identifier: {active: true}}, username: {identifier: {active: true}}}";
        let of = |database: &str| {
            format!(
                "{{strategy: auth0, name: Orders, enableManagementClient: false, database: {{mfa: {{active: true}}, {database}}}}}"
            )
        };
        let mut connection = Case::<Auth0ConnectionSpec>::new(&of(database));
        connection.status.common.id = Some("con_1".into());
        connection.status.common.managed = connection.spec.managed(&owner());
        connection.spec = serde_saphyr::from_str(&of(spec)).unwrap();
        let object = json!({
            "id": "con_1", "name": "Orders", "strategy": "auth0",
            "metadata": {"auth0_operator": "created:c1/shop/orders"}, "options": {"attributes": shown},
        });
        let tenant = Tenant::default().with(ObjectKind::Connection, object);
        let plan = connection.plan(&tenant, Depth::KnownIds).unwrap();
        let [Call::Update { body, .. }] = plan.calls.as_slice() else { panic!("{case}: {plan:?}") };
        assert_eq!(body.fields["options"].get("attributes").unwrap_or(&Value::Null), &expected, "{case}");
    }
}

#[test]
fn a_secret_that_cannot_be_sent_back_stops_a_change() {
    let options = with(&[("/client_id", json!("b")), ("/configuration/THEIRS", json!("2.0$cipher"))]);
    let refusal = sent(&settled(), &options).unwrap_err();
    assert_eq!(refusal.reason, Reason::InvalidSpec);
    assert!(refusal.message.contains("options.configuration.THEIRS"), "{}", refusal.message);
}

#[test]
fn what_auth0_derives_is_no_difference() {
    for (strategy, options, have) in [
        (
            "google-oauth2",
            json!({"scope": ["email"], "email": true}),
            json!({"scope": ["email", "profile"], "email": true}),
        ),
        (
            "okta",
            json!({"domain": "x.okta.com", "issuer": "mine"}),
            json!({"domain": "x.okta.com", "issuer": "theirs"}),
        ),
        (
            "samlp",
            json!({"signingCert": "pem", "subject": {}}),
            json!({"signingCert": "pem", "cert": "pem", "subject": {"CN": "x"}}),
        ),
        ("pingfederate", json!({"signingCert": "pem"}), json!({"cert": "pem"})),
        ("waad", json!({"app_domain": "mine"}), json!({"app_domain": "theirs"})),
        ("oidc", json!({"token_endpoint": null}), json!({"token_endpoint": "https://discovered"})),
    ] {
        let mut case =
            Case::<Auth0ConnectionSpec>::new("{strategy: oidc, name: Orders, enableManagementClient: false}");
        case.spec.strategy = strategy.to_owned();
        case.spec.options = Some(fields(options));
        case.status.common.id = Some("con_1".into());
        let mut object = shown(&have);
        object["strategy"] = strategy.into();
        let tenant = Tenant::default().with(ObjectKind::Connection, object);
        assert_eq!(case.planned(&tenant), Vec::<String>::new(), "{strategy}");
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (case, spec, paths, says) in [
        ("a secret in clear", "options: {client_secret: x}", vec![], "spec.options/client_secret would hold a secret"),
        (
            "a nested one",
            "options: {gateway_authentication: {secret: x}}",
            vec![],
            "path /gateway_authentication/secret",
        ),
        (
            "twice",
            "database: {disableSignup: true}, options: {disable_signup: true}",
            vec![],
            "options.disable_signup is",
        ),
        ("in Secret and options", "options: {a: {b: x}}", vec!["/a/b"], "options/a/b is set in"),
        ("below what is set", "options: {a: x}", vec!["/a/b"], "options/a is set in"),
        ("in Secret and database", "database: {disableSignup: true}", vec!["/disable_signup"], "is set in"),
        ("one in the other", "name: x", vec!["/a", "/a/b"], "exclude each other"),
        ("beside each other", "options: {a: {c: x}}", vec!["/a/b", "/ab"], ""),
    ] {
        let mut spec: Auth0ConnectionSpec = serde_saphyr::from_str(&format!("{{strategy: auth0, {spec}}}")).unwrap();
        let from = |path: &str| serde_saphyr::from_str(&format!("{{path: {path}, secretKeyRef: {{name: s, key: k}}}}"));
        spec.options_from = Some(paths.into_iter().map(|path| from(path).unwrap()).collect());
        let message = spec.check(&facts()).err().map(|refusal| refusal.message).unwrap_or_default();
        assert!(message.contains(says) && (message.is_empty() == says.is_empty()), "{case}: {message}");
    }
}

#[test]
fn a_connection_is_made_and_enabled_and_its_options_are_merged() {
    let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
    assert_eq!(
        case.converge(&mut tenant, Depth::KnownIds),
        ["create the connection", "change 2 enabled clients of the connection"]
    );
    assert_eq!(case.status.enabled_clients, ["abc", "operator"]);
    assert_eq!(case.planned(&tenant), Vec::<String>::new());

    let connection = tenant.objects.get_mut(&(ObjectKind::Connection, "connection-1".into())).unwrap();
    connection["options"]["mfa"] = json!({"active": true});
    connection.insert("display_name".into(), "Theirs".into());
    case.spec =
        serde_saphyr::from_str("{strategy: auth0, name: Orders, database: {disableSignup: false}, enabledClients: []}")
            .unwrap();
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    let [Call::Update { body, .. }, Call::EnableClients { changes, .. }] = plan.calls.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        body.fields,
        fields(json!({"display_name": "Theirs", "options": {"disable_signup": false, "mfa": {"active": true}}}))
    );
    assert_eq!(*changes, [("abc".to_owned(), false)]);
}

#[test]
fn clients_that_others_enabled_are_left_alone_unless_the_list_is_exclusive() {
    for (policy, expected) in [("Additive", vec![]), ("Exclusive", vec![("theirs".to_owned(), false)])] {
        let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
        case.converge(&mut tenant, Depth::KnownIds);
        tenant.enabled.get_mut("connection-1").unwrap().push("theirs".into());
        case.spec.enabled_clients_policy = Some(serde_saphyr::from_str(policy).unwrap());
        let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
        let changes: Vec<_> = plan
            .calls
            .iter()
            .flat_map(|call| match call {
                Call::EnableClients { changes, .. } => changes.clone(),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(changes, expected, "{policy}");
    }
}

#[test]
fn a_connection_stays_in_the_tenant_unless_delete_is_written() {
    let (mut case, mut tenant) = (Case::<Auth0ConnectionSpec>::new(CONNECTION), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    let removal = |case: &Case<Auth0ConnectionSpec>| {
        case.view(&tenant, Depth::KnownIds, |view| case.spec.plan_removal(view)).calls.len()
    };
    assert_eq!(removal(&case), 0);
    case.spec.policies.deletion_policy = Some(DeletionPolicy::Delete);
    assert_eq!(removal(&case), 1);
}
