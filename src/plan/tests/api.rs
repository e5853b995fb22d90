//! Plans of APIs, with their clients and grants.

use super::*;

#[test]
fn an_api_is_made_with_its_client_and_grant_and_then_left_alone() {
    let (mut case, mut tenant) = (api(), Tenant::default());
    assert_eq!(
        case.converge(&mut tenant, Depth::KnownIds),
        ["create the API", "create the client", "create the client grant"]
    );
    let client = case.status.client.clone().unwrap();
    assert_eq!((client.id.as_deref(), client.grant_id.as_deref()), (Some("client-1"), Some("cgr_1")));
    let output = case.view(&tenant, Depth::KnownIds, |view| {
        let secret = SecretString::from("s");
        case.spec.output(&Situation { client_secret: Some(&secret), ..*view })
    });
    let output = output.unwrap();
    assert_eq!(
        output.data.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "audience",
            "authorizationUrl",
            "clientId",
            "clientSecret",
            "domain",
            "issuer",
            "jwksUri",
            "scope",
            "tokenUrl"
        ]
    );
    case.references
        .outputs
        .insert(output.name.clone(), ExistingOutput { owned: true, data: output.data, ..Default::default() });
    assert_eq!(case.planned(&tenant), Vec::<String>::new());
}

#[test]
fn a_change_of_an_api_is_one_call_for_each_object_touched() {
    for (case, change, calls) in [
        (
            "the API",
            "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 60, scopes: [{value: 'read:orders'}]}",
            vec!["update token_lifetime of the API API-1"],
        ),
        (
            "its scopes",
            "{identifier: 'https://orders.example.com/', name: Orders, tokenLifetime: 3600, scopes: [{value: 'read:all'}]}",
            vec!["update scopes of the API API-1", "update scope of the client grant cgr_1"],
        ),
        (
            "the client",
            "{identifier: 'https://orders.example.com/', name: Orders, client: {name: New}}",
            vec!["update name of the client client-1"],
        ),
        ("fields left out are left alone", "{identifier: 'https://orders.example.com/'}", vec![]),
    ] {
        let (mut api, mut tenant) = (api(), Tenant::default());
        api.converge(&mut tenant, Depth::KnownIds);
        let data = [("clientSecret".to_owned(), SecretString::from("s"))].into();
        api.references
            .outputs
            .insert("orders-client".into(), ExistingOutput { owned: true, data, ..Default::default() });
        api.spec = serde_saphyr::from_str(change).unwrap();
        assert_eq!(api.planned(&tenant), calls, "{case}");
    }
}

#[test]
fn an_api_of_somebody_else_is_taken_over_only_when_asked() {
    let theirs = || {
        Tenant::default().with(
            ObjectKind::ResourceServer,
            json!({"id": "rs9", "identifier": "https://orders.example.com/", "name": "X"}),
        )
    };
    let refusal = api().plan(&theirs(), Depth::NaturalKeys).unwrap_err();
    assert_eq!(refusal.reason, Reason::AlreadyExists);
    assert!(refusal.message.contains("adoptionPolicy: Adopt"), "{}", refusal.message);
    let mut adopting = api();
    adopting.spec.policies.adoption_policy = Some(crate::crd::AdoptionPolicy::Adopt);
    let calls = adopting.converge(&mut theirs(), Depth::NaturalKeys);
    assert_eq!(
        calls,
        ["update name, scopes, token_lifetime of the API rs9", "create the client", "create the client grant"]
    );
    assert_eq!(adopting.status.common.origin, Some(Origin::Adopted));
    assert_eq!(adopting.spec.deletion_policy(Some(Origin::Adopted)), DeletionPolicy::Orphan);
}

#[test]
fn an_api_that_an_announced_create_made_is_ours_unless_somebody_made_another() {
    let mut case = api();
    let create = case.plan(&Tenant::default(), Depth::KnownIds).unwrap().calls.remove(0);
    let Call::Create { body, .. } = &create else { panic!("{create}") };
    case.status.common.pending =
        Some(crate::crd::Pending { key: "https://orders.example.com/".into(), digest: digest(&body.fields) });
    case.status.common.managed = case.spec.managed(&owner());
    let mut object = body.fields.clone();
    object.extend(fields(json!({"id": "rs1", "signing_alg": "RS256", "allow_offline_access": false})));
    let ours = Tenant::default().with(ObjectKind::ResourceServer, Value::Object(object.clone()));
    let plan = case.plan(&ours, Depth::NaturalKeys).unwrap();
    assert_eq!(plan.found, [Found { kind: ObjectKind::ResourceServer, id: "rs1".into(), origin: Origin::Created }]);
    object.insert("token_lifetime".into(), 1.into());
    let other = Tenant::default().with(ObjectKind::ResourceServer, Value::Object(object));
    assert_eq!(case.plan(&other, Depth::NaturalKeys).unwrap_err().reason, Reason::AlreadyExists);
}

#[test]
fn a_client_secret_that_was_never_written_down_is_set_anew_and_one_that_was_deleted_is_not() {
    let (mut case, mut tenant) = (api(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    assert_eq!(case.planned(&tenant), ["update client_secret of the client client-1"]);
    case.status.client.as_mut().unwrap().secret_name = Some("orders-client".into());
    assert_eq!(case.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::SecretNotRecoverable);
    case.references.outputs.insert("orders-client".into(), ExistingOutput::default());
    assert_eq!(case.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::SecretNotOwned);
}
