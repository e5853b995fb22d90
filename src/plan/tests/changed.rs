//! From one spec to another: what leaves the spec, and what generated specs (tests/convergence.rs) have shown to go wrong, by name.

use super::*;

/// What the change is written with; after it nothing is left to do.
fn changes<Spec: Managed + serde::de::DeserializeOwned>(before: &str, after: &str) -> Vec<Value> {
    let (mut case, mut tenant) = (Case::<Spec>::new(before), Tenant::default());
    case.references = user().references;
    case.converge(&mut tenant, Depth::KnownIds);
    Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
    assert_eq!(case.planned(&tenant), Vec::<String>::new(), "after the create");
    case.spec = serde_saphyr::from_str(after).unwrap();
    let calls = case.plan(&tenant, Depth::KnownIds).unwrap().calls;
    case.converge(&mut tenant, Depth::KnownIds);
    Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
    assert_eq!(case.planned(&tenant), Vec::<String>::new(), "after the change");
    let body = |call| match call {
        Call::Update { body, .. } => Value::Object(body.fields),
        other => panic!("{other}"),
    };
    calls.into_iter().map(body).collect()
}

fn api(fields: &str) -> String {
    format!("{{identifier: 'https://orders.example.com/', client: {{policy: None}}, {fields}}}")
}

fn connection(fields: &str) -> String {
    format!("{{strategy: auth0, name: Orders, enableManagementClient: false, {fields}}}")
}

#[test]
fn what_left_an_object_that_stays_leaves_the_tenant_too() {
    let both = "{client: {policy: deny_all}, user: {policy: deny_all}}";
    assert_eq!(
        changes::<Auth0ApiSpec>(
            &api(&format!("subjectTypeAuthorization: {both}")),
            &api("subjectTypeAuthorization: {user: {policy: deny_all}}")
        ),
        [
            json!({"subject_type_authorization": {"client": {"policy": "require_client_grant"}, "user": {"policy": "deny_all"}}})
        ]
    );
    assert_eq!(
        changes::<Auth0ApiSpec>(
            &api("proofOfPossession: {mechanism: dpop, required: true, requiredFor: all_clients}"),
            &api("proofOfPossession: {mechanism: dpop, required: true}")
        ),
        [json!({"proof_of_possession": {"mechanism": "dpop", "required": true}})]
    );
    assert_eq!(
        changes::<Auth0ConnectionSpec>(
            &connection("options: {a: {b: 1, c: 2}}, database: {mfa: {active: true, returnEnrollSettings: true}}"),
            &connection("options: {a: {c: 2}}, database: {mfa: {active: true}}")
        ),
        [json!({"options": {"a": {"c": 2}, "mfa": {"active": true}}})]
    );
    let metadata = |value: &str| USER.replacen('{', &format!("{{appMetadata: {value}, "), 1);
    assert_eq!(
        changes::<Auth0UserSpec>(&metadata("{a: {b: 1, c: 2}}"), &metadata("{a: {c: 2}}"),),
        [json!({"connection": "Orders", "app_metadata": {"a": {"c": 2}}})]
    );
}

#[test]
fn a_key_that_tokens_are_encrypted_to_is_written_once_and_again_when_it_changes() {
    let encryption = |key: &str| {
        let key = format!("{{alg: RSA-OAEP-256, pem: '-----BEGIN PUBLIC KEY-----{key}'}}");
        format!(
            "{{identifier: 'https://orders.example.com/', client: {{policy: None}}, tokenEncryption: {{format: compact-nested-jwe, encryptionKey: {key}}}}}"
        )
    };
    let mut case = Case::<Auth0ApiSpec>::new(&encryption("1"));
    let mut tenant = Tenant::default();
    case.converge(&mut tenant, Depth::KnownIds);
    // Auth0 shows its thumbprint only.
    for server in tenant.objects.values_mut() {
        server["token_encryption"]["encryption_key"] = json!({"alg": "RSA-OAEP-256", "thumbprint_sha256": "x"});
    }
    assert_eq!(case.planned(&tenant), Vec::<String>::new());
    case.spec = serde_saphyr::from_str(&encryption("2")).unwrap();
    assert_eq!(case.planned(&tenant), ["update token_encryption of the API API-1"]);
}

#[test]
fn realms_go_back_to_the_connections_name() {
    assert_eq!(
        changes::<Auth0ConnectionSpec>(&connection("realms: [a, b]"), &connection("displayName: Orders")),
        [json!({"display_name": "Orders", "realms": ["Orders"]})]
    );
}

#[test]
fn a_display_name_goes_back_to_the_connections_name() {
    assert_eq!(
        changes::<Auth0ConnectionSpec>(&connection("displayName: Our orders"), &connection("")),
        [json!({"display_name": "Orders"})]
    );
}

#[test]
fn a_grant_follows_scopes_that_leave_the_spec_at_once() {
    let (mut case, mut tenant) = (
        Case::<Auth0ApiSpec>::new("{identifier: 'https://orders.example.com/', scopes: [{value: read}]}"),
        Tenant::default(),
    );
    case.converge(&mut tenant, Depth::KnownIds);
    case.status.common.managed = case.spec.managed(&owner());
    let existing = ExistingOutput {
        owned: true,
        inherited: false,
        resource_version: None,
        created: None,
        data: [("clientSecret".to_owned(), SecretString::from("x"))].into(),
    };
    case.references.outputs.insert("orders-client".to_owned(), existing);
    case.spec.scopes = None;
    assert_eq!(case.planned(&tenant), ["update scopes of the API API-1", "update scope of the client grant cgr_1"]);
}

#[test]
fn metadata_that_changes_all_over_is_written_in_two_parts() {
    let metadata = |prefix: &str| {
        let members: Vec<_> = (0..9).map(|number| format!("{prefix}{number}: x")).collect();
        connection(&format!("metadata: {{{}}}", members.join(", ")))
    };
    let sizes: Vec<_> = changes::<Auth0ConnectionSpec>(&metadata("a"), &metadata("b"))
        .iter()
        .map(|change| change["metadata"].as_object().unwrap().len())
        .collect();
    assert_eq!(sizes, [10, 10]);
}

#[test]
fn a_field_that_leaves_the_spec_goes_back_to_the_tenants_default_once() {
    fn unset<Spec: Managed + serde::de::DeserializeOwned>(
        mut case: Case<Spec>,
        tenant: &mut Tenant,
        spec: &str,
    ) -> Vec<Value> {
        case.converge(tenant, Depth::KnownIds);
        Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
        case.spec = serde_saphyr::from_str(spec).unwrap();
        let calls = case.plan(tenant, Depth::KnownIds).unwrap().calls;
        case.converge(tenant, Depth::KnownIds);
        Spec::common_mut(&mut case.status).managed = case.spec.managed(&owner());
        assert_eq!(case.planned(tenant), Vec::<String>::new(), "once");
        calls
            .into_iter()
            .map(|call| match call {
                Call::Update { body, .. } => Value::Object(body.fields),
                other => panic!("{other}"),
            })
            .collect()
    }
    let mut api = Case::<Auth0ApiSpec>::new(
        "{identifier: 'https://orders.example.com/', tokenLifetime: 60, client: {policy: None, description: x}}",
    );
    api.status.client = None;
    let changes =
        unset(api, &mut Tenant::default(), "{identifier: 'https://orders.example.com/', client: {policy: None}}");
    assert_eq!(changes, [json!({"token_lifetime": 86_400})]);

    let mut connection = Case::<Auth0ConnectionSpec>::new(
        "{strategy: auth0, name: Orders, metadata: {team: shop}, database: {disableSignup: true, mfa: {active: true}}, enableManagementClient: false}",
    );
    connection.status.enabled_clients.clear();
    let changes = unset(
        connection,
        &mut Tenant::default(),
        "{strategy: auth0, name: Orders, database: {disableSignup: true}, enableManagementClient: false}",
    );
    assert_eq!(
        changes,
        [
            json!({"metadata": {"auth0_operator": "created:c1/shop/orders", "team": null}, "options": {"disable_signup": true}})
        ]
    );

    let mut metadata = user();
    metadata.spec.user_metadata = Some(fields(json!({"colour": "red", "size": 1})));
    let changes = unset(metadata, &mut Tenant::default(), USER);
    assert_eq!(changes, [json!({"connection": "Orders", "user_metadata": {"colour": null, "size": null}})]);
}
