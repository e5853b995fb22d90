//! `docs/reasons.md`: every reason, what it means, and what to do.

use crate::markdown::{cell, table};
use auth0_operator::plan::{Class, Guide, Reason};

const HEAD: &str = "\
<!-- Made from src/plan/guide.rs by tests/docs.rs: UPDATE_DOCS=1 cargo test -p auth0-operator --test docs -->
# Reasons

Each condition has a reason: one word, which stays as it is in later versions. The message beside it says in a sentence what
is meant in this case. `kubectl get` shows the reason of `Ready` in the column `Status`.

    kubectl get auth0 -o wide

Whatever a resource waits for, this makes the operator look at once (\"force\"):

    kubectl annotate --overwrite auth0api/basic-calculator reconcile.auth0-operator.dev/requestedAt=\"$(date)\"

";

pub(crate) fn page() -> String {
    let of = |class: Class| move |reason: &Reason| reason.class() == class && !reason.is_drift();
    [
        HEAD.to_owned(),
        section("Ready", "`Ready` is True; nothing stands beside it.", of(Class::Done)),
        section(
            "Waiting",
            "`Ready` is False and `Reconciling` True: the operator is at work, or waits for something that it will notice by itself.",
            of(Class::Waiting),
        ),
        section(
            "Trouble with the tenant",
            "A resource that was Ready for its newest spec stays so, without a word. One that was not has `Ready` False and `Reconciling` True.",
            of(Class::Troubled),
        ),
        section(
            "Stalled",
            "`Ready` is False and `Stalled` True: nothing goes on until somebody changes something.",
            of(Class::Stalled),
        ),
        section("Suspended", "`Ready` stays as it was; nothing stands beside it.", of(Class::Suspended)),
        section(
            "Drifted",
            "These stand in the condition `Drifted`, beside `Ready`, which they do not change: the tenant differs from the spec, and the operator leaves it so. They name paths, never values.",
            |reason| reason.is_drift(),
        ),
    ]
    .concat()
    .trim_end()
    .to_owned()
        + "\n"
}

fn section(title: &str, what: &str, is: impl Fn(&Reason) -> bool) -> String {
    let rows: Vec<_> = Reason::ALL
        .into_iter()
        .filter(is)
        .map(|reason| {
            let Guide { means, remedy, wakes } = reason.guide();
            [format!("`{reason}`"), cell(means), cell(remedy), cell(wakes)]
        })
        .collect();
    format!("## {title}\n\n{what}\n\n{}", table(["reason", "means", "what to do", "looked at again"], &rows))
}
