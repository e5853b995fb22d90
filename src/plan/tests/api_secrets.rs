//! The two secrets of an API: the one that signs its tokens, and its client's.

use super::*;
use crate::crd::DriftPolicy;
use proptest::prelude::*;

const OUTPUT: &str = "orders-client";
const SETTLES_IN: Duration = Duration::from_secs(30);

fn signed() -> Case<Auth0ApiSpec> {
    let mut case = Case::<Auth0ApiSpec>::new(
        "{identifier: 'https://orders.example.com/', signingAlg: HS256, signingSecretRef: {name: orders, key: key}, client: {policy: None}}",
    );
    set_key(&mut case, "a canary of 23 characters");
    case
}

fn set_key(case: &mut Case<Auth0ApiSpec>, secret: &str) {
    case.references.secrets.insert(("orders".into(), "key".into()), SecretString::from(secret));
}

#[test]
fn a_signing_secret_is_sent_when_it_is_new_or_changed_and_no_plan_shows_it() {
    let (mut case, mut tenant) = (signed(), Tenant::default());
    let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
    assert!(plan.calls[0].paths().contains(&"signing_secret".to_owned()));
    assert!(!format!("{plan:?}").contains("canary"));
    case.converge(&mut tenant, Depth::KnownIds);
    assert!(case.status.signing_secret_fingerprint.is_some());
    assert_eq!(case.planned(&tenant), Vec::<String>::new());

    set_key(&mut case, "another canary, longer");
    assert_eq!(case.planned(&tenant), ["update signing_secret of the API API-1"]);
    case.converge(&mut tenant, Depth::KnownIds);
    assert_eq!(case.planned(&tenant), Vec::<String>::new());

    set_key(&mut case, "short");
    assert_eq!(case.plan(&tenant, Depth::KnownIds).unwrap_err().reason, Reason::SecretKeyMissing);
}

#[test]
fn a_signing_secret_that_somebody_changed_in_the_tenant_is_set_again_unless_warn() {
    let (mut case, mut tenant) = (signed(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    case.spec_changed = false;
    let shown = |secret: &str| concealed::digest_of("/signing_secret", &SecretString::from(secret)).into();
    let server = (ObjectKind::ResourceServer, "API-1".to_owned());
    for (what, secret, policy, calls, drifts, notices) in [
        ("as set", "a canary of 23 characters", DriftPolicy::Correct, 0, false, 0),
        ("changed", "somebody's own secret", DriftPolicy::Correct, 1, false, 1),
        ("changed, and only to be reported", "somebody's own secret", DriftPolicy::Warn, 0, true, 0),
    ] {
        tenant.objects.get_mut(&server).unwrap().insert("signing_secret".into(), shown(secret));
        case.spec.policies.drift_policy = Some(policy);
        let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
        let found = (plan.calls.len(), plan.drift.is_some(), plan.notices.len());
        assert_eq!(found, (calls, drifts, notices), "{what}");
    }
}

#[test]
fn a_signing_fingerprint_of_another_operator_is_replaced_and_one_that_is_not_needed_goes() {
    let (mut case, mut tenant) = (signed(), Tenant::default());
    case.converge(&mut tenant, Depth::KnownIds);
    let ours = case.status.signing_secret_fingerprint.clone();
    case.status.signing_secret_fingerprint = Some("foreign:key".into());
    let announced = |case: &Case<Auth0ApiSpec>| {
        let plan = case.plan(&tenant, Depth::KnownIds).unwrap();
        let mut status = case.status.clone();
        case.view(&tenant, Depth::KnownIds, |view| case.spec.announce(&mut status, &plan, view));
        (plan.calls.len(), plan.notices.len(), status.signing_secret_fingerprint)
    };
    assert_eq!(announced(&case), (0, 1, ours));
    case.spec.signing_secret_ref = None;
    assert_eq!(announced(&case), (0, 0, None));
}

/// An API with its client and Secret in the tenant, whose client secret is kept with it.
struct Rotating {
    case: Case<Auth0ApiSpec>,
    tenant: Tenant,
    /// The secret that the tenant takes.
    in_force: String,
    fresh: u32,
}

/// Where the operator may be killed in a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    AfterSecretAhead,
    AfterCall,
    AfterOutput,
    Nowhere,
}

impl Rotating {
    fn new() -> Self {
        let (mut case, mut tenant) = (api(), Tenant::default());
        case.converge(&mut tenant, Depth::KnownIds);
        case.spec_changed = false;
        let mut this = Self { case, tenant, in_force: String::new(), fresh: 0 };
        this.pass(Crash::Nowhere);
        this
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.case.references.outputs.get(&self.name())?.data.get(key).map(ExposeSecret::expose_secret)
    }

    fn name(&self) -> String {
        self.case.spec.secret_name(&owner())
    }

    fn write(&mut self, output: Output) {
        let existing = self.case.references.outputs.entry(output.name).or_default();
        existing.owned = true;
        existing.created.get_or_insert(self.case.rotation.now);
        existing.data.extend(output.data);
        output.without.map(|key| existing.data.remove(key));
        if let Some(former) = output.replaces {
            self.case.references.outputs.remove(&former);
        }
    }

    fn view<T>(
        &self,
        client_secret: Option<&str>,
        then: impl FnOnce(&Situation<'_, crate::crd::Auth0ApiStatus>) -> T,
    ) -> T {
        let (fresh, client_secret) =
            (SecretString::from(format!("fresh-{}", self.fresh)), client_secret.map(SecretString::from));
        self.case.view(&self.tenant, Depth::KnownIds, |view| {
            then(&Situation { fresh_secret: &fresh, client_secret: client_secret.as_ref(), ..*view })
        })
    }

    /// A pass as the controller makes it; gives the calls. A crash loses the status and what was remembered.
    fn pass(&mut self, crash: Crash) -> Vec<String> {
        self.fresh += 1;
        let before = self.case.status.clone();
        let plan = self.view(None, |view| self.case.spec.plan(view)).unwrap();
        let mut status = self.case.status.clone();
        self.view(None, |view| self.case.spec.announce(&mut status, &plan, view));
        if let Some(ahead) = self.view(None, |view| self.case.spec.output_ahead(&plan, view)) {
            self.write(ahead);
        }
        if crash == Crash::AfterSecretAhead {
            self.case.rotation.sent = None;
            return vec![];
        }
        let mut shown = None;
        for call in &plan.calls {
            let Call::Update { body, .. } = call else { panic!("{call}") };
            self.view(None, |view| self.case.spec.record(&mut status, call, &Fields::new(), view));
            let secret = &body.secrets["/client_secret"];
            self.in_force = secret.expose_secret().to_owned();
            shown = Some(self.in_force.clone());
            let fingerprint = self.view(None, |view| {
                view.key.fingerprint(fingerprint::Purpose::ClientSecret, "4711", "example.eu.auth0.com", secret)
            });
            let asked = self.case.rotation.asked.clone();
            self.case.rotation.sent = Some(SentSecret { fingerprint, asked, settles_in: SETTLES_IN });
        }
        if crash == Crash::AfterCall {
            self.case.rotation.sent = None;
            return vec![];
        }
        self.case.status = status;
        let output = self.view(shown.as_deref(), |view| self.case.spec.output(view));
        if let Some(output) = output {
            let mut status = self.case.status.clone();
            self.view(shown.as_deref(), |view| self.case.spec.record_output(&mut status, &output, view));
            self.write(output);
            self.case.status = status;
        }
        if crash == Crash::AfterOutput {
            (self.case.status, self.case.rotation.sent) = (before, None);
        }
        plan.calls.iter().map(ToString::to_string).collect()
    }

    fn wait(&mut self, time: Duration) {
        self.case.rotation.now += time;
        if let Some(sent) = &mut self.case.rotation.sent {
            sent.settles_in = sent.settles_in.saturating_sub(time);
        }
    }

    fn due_in(&self) -> Option<Duration> {
        self.view(None, |view| self.case.spec.due_in(view))
    }

    fn ask(&mut self, token: &str) {
        self.case.rotation.asked = Some(token.into());
    }
}

#[test]
fn a_client_secret_that_is_asked_for_is_kept_set_and_promoted_when_it_is_in_force() {
    let mut this = Rotating::new();
    assert_eq!((this.value("clientSecret"), this.due_in()), (Some("fresh-1"), None));
    this.ask("now");
    assert_eq!(this.pass(Crash::Nowhere), ["update client_secret of the client client-1"]);
    assert_eq!((this.value("clientSecret"), this.value("clientSecretNext")), (Some("fresh-1"), Some("fresh-2")));
    assert_eq!((this.due_in(), this.case.status.last_handled_rotate_at.clone()), (Some(SETTLES_IN), None));

    this.wait(Duration::from_secs(29));
    assert_eq!(this.pass(Crash::Nowhere), Vec::<String>::new());
    assert_eq!(this.due_in(), Some(Duration::from_secs(1)));

    this.wait(Duration::from_secs(1));
    assert_eq!(this.pass(Crash::Nowhere), Vec::<String>::new());
    assert_eq!((this.value("clientSecret"), this.value("clientSecretNext")), (Some("fresh-2"), None));
    let client = this.case.status.client.clone().unwrap();
    assert_eq!(client.secret_rotated_at.as_deref(), Some("1970-01-01T00:00:30Z"));
    assert_eq!((this.case.status.last_handled_rotate_at.as_deref(), this.due_in()), (Some("now"), None));
    assert_eq!(this.pass(Crash::Nowhere), Vec::<String>::new());
}

#[test]
fn who_asks_while_a_secret_settles_gets_one_that_was_made_later() {
    let mut this = Rotating::new();
    this.ask("one");
    this.pass(Crash::Nowhere);
    this.ask("two");
    this.wait(SETTLES_IN);
    this.pass(Crash::Nowhere);
    assert_eq!(
        (this.case.status.last_handled_rotate_at.as_deref(), this.due_in()),
        (Some("one"), Some(Duration::ZERO))
    );
    assert_eq!(this.pass(Crash::Nowhere), ["update client_secret of the client client-1"]);
}

#[test]
fn an_interval_counts_from_the_last_rotation_else_from_the_first_writing() {
    let mut this = Rotating::new();
    let hour = Duration::from_secs(3600);
    this.case.spec.client = Some(serde_saphyr::from_str("{rotateSecretEvery: 1h}").unwrap());
    assert_eq!(this.due_in(), Some(hour));
    this.wait(hour);
    assert_eq!(this.due_in(), Some(Duration::ZERO));
    assert_eq!(this.pass(Crash::Nowhere), ["update client_secret of the client client-1"]);
    this.wait(SETTLES_IN);
    this.pass(Crash::Nowhere);
    assert_eq!(this.due_in(), Some(hour));
    assert_eq!(this.case.status.last_handled_rotate_at, None);
}

#[test]
fn a_lost_secret_is_replaced_at_once_when_that_is_asked_for() {
    let mut this = Rotating::new();
    this.case.references.outputs.clear();
    let refused = this.view(None, |view| this.case.spec.plan(view)).unwrap_err();
    assert_eq!(refused.reason, Reason::SecretNotRecoverable);
    assert!(refused.message.contains("auth0-operator.dev/rotateClientSecret"), "{}", refused.message);
    this.ask("lost");
    assert_eq!(this.pass(Crash::Nowhere), ["update client_secret of the client client-1"]);
    assert_eq!((this.value("clientSecret"), this.value("clientSecretNext")), (Some("fresh-2"), None));
    assert_eq!(this.case.status.last_handled_rotate_at.as_deref(), Some("lost"));
    assert!(this.case.status.client.clone().unwrap().secret_rotated_at.is_some());
}

#[test]
fn where_there_is_no_secret_to_replace_whoever_asks_is_told() {
    for client in ["{tokenEndpointAuthMethod: none, rotateSecretEvery: 1h}", "{policy: None}"] {
        let mut this = Rotating::new();
        let client = serde_saphyr::from_str(client).unwrap();
        this.case.spec.client = Some(client);
        this.wait(Duration::from_secs(7200));
        assert_eq!(this.due_in(), None);
        this.ask("now");
        let plan = this.view(None, |view| this.case.spec.plan(view)).unwrap();
        assert_eq!(plan.notices.len(), 1);
        assert!(!plan.calls.iter().any(|call| call.paths().contains(&"client_secret".to_owned())));
        let mut status = this.case.status.clone();
        this.view(None, |view| this.case.spec.announce(&mut status, &plan, view));
        assert_eq!(status.last_handled_rotate_at.as_deref(), Some("now"));
    }
}

#[test]
fn the_values_of_a_secret_move_to_the_one_of_its_new_name_also_in_the_middle_of_a_rotation() {
    let mut this = Rotating::new();
    this.ask("now");
    this.pass(Crash::Nowhere);
    this.case.spec.client = Some(serde_saphyr::from_str("{secretName: moved}").unwrap());
    this.case.spec_changed = true;
    assert_eq!(this.pass(Crash::Nowhere), Vec::<String>::new());
    assert!(!this.case.references.outputs.contains_key(OUTPUT));
    assert_eq!((this.value("clientSecret"), this.value("clientSecretNext")), (Some("fresh-1"), Some("fresh-2")));
    assert_eq!(this.case.status.client.clone().unwrap().secret_name.as_deref(), Some("moved"));
    this.wait(SETTLES_IN);
    this.pass(Crash::Nowhere);
    assert_eq!((this.value("clientSecret"), this.value("clientSecretNext")), (Some("fresh-2"), None));
}

#[test]
fn the_secret_of_a_client_that_is_gone_counts_for_nothing() {
    let mut this = Rotating::new();
    this.ask("now");
    this.pass(Crash::Nowhere);
    // Made anew, and the answer was lost.
    let client = this.tenant.objects.remove(&(ObjectKind::Client, "client-1".into())).unwrap();
    this.tenant = std::mem::take(&mut this.tenant).with(
        ObjectKind::Client,
        Value::Object(client.into_iter().chain(fields(json!({"client_id": "client-2"}))).collect()),
    );
    this.case.status.client.as_mut().unwrap().id = Some("client-2".into());
    assert!(this.pass(Crash::Nowhere).contains(&"update client_secret of the client client-2".to_owned()));
    assert_eq!((this.value("clientId"), this.value("clientSecretNext")), (Some("client-2"), None));
    assert_eq!(this.value("clientSecret"), Some(&*this.in_force));
}

fn crash() -> impl Strategy<Value = Crash> {
    prop_oneof![
        Just(Crash::AfterSecretAhead),
        Just(Crash::AfterCall),
        Just(Crash::AfterOutput),
        Just(Crash::Nowhere),
        Just(Crash::Nowhere),
    ]
}

proptest! {
    #[test]
    fn whenever_it_is_killed_the_secret_holds_the_one_that_is_in_force(
        passes in prop::collection::vec((crash(), 0..40_u64, any::<bool>()), 1..20),
    ) {
        let mut this = Rotating::new();
        this.ask("now");
        for (crash, seconds, asks) in passes {
            if asks {
                this.ask(&format!("at {seconds}"));
            }
            this.pass(crash);
            let held = [this.value("clientSecret"), this.value("clientSecretNext")];
            prop_assert!(held.contains(&Some(&*this.in_force)), "{held:?} without {}", this.in_force);
            this.wait(Duration::from_secs(seconds));
        }
        for _ in 0..4 {
            this.pass(Crash::Nowhere);
            this.wait(SETTLES_IN);
        }
        prop_assert_eq!(this.value("clientSecret"), Some(&*this.in_force));
        prop_assert_eq!(this.value("clientSecretNext"), None);
        prop_assert_eq!(&this.case.status.last_handled_rotate_at, &this.case.rotation.asked);
        prop_assert_eq!(this.pass(Crash::Nowhere), Vec::<String>::new());
    }
}
