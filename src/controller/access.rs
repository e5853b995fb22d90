//! Which namespaces may use a tenant, and which may reach beyond what they made. Pure.

use crate::crd::{Auth0TenantSpec, NamespaceAccess, NamespaceFrom};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::collections::BTreeMap;

/// A namespace that wants to use a tenant.
pub(super) struct Asking<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its labels; `None` when the namespace is not known.
    pub(super) labels: Option<&'a BTreeMap<String, String>>,
    /// The namespace of the Auth0Tenant.
    pub(super) tenants: &'a str,
}

/// Whether the namespace may use the tenant.
pub(super) fn is_allowed(tenant: &Auth0TenantSpec, asking: &Asking<'_>) -> bool {
    is_chosen(tenant.allowed_namespaces.as_ref(), asking)
}

/// Whether the namespace may use the tenant, and also reach beyond what it made itself.
pub(super) fn is_trusted(tenant: &Auth0TenantSpec, asking: &Asking<'_>) -> bool {
    is_allowed(tenant, asking) && is_chosen(tenant.trusted_namespaces.as_ref(), asking)
}

fn is_chosen(access: Option<&NamespaceAccess>, asking: &Asking<'_>) -> bool {
    if asking.name == asking.tenants {
        return true;
    }
    let Some(NamespaceAccess { from, selector }) = access else { return false };
    match (from, selector, asking.labels) {
        (NamespaceFrom::All, _, _) => true,
        (NamespaceFrom::Selector, Some(selector), Some(labels)) => matches(selector, labels),
        (NamespaceFrom::Same | NamespaceFrom::Selector, _, _) => false,
    }
}

fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector { match_labels, match_expressions } = selector;
    match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && match_expressions.iter().flatten().all(|requirement| meets(requirement, labels))
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelectorRequirement { key, operator, values } = requirement;
    let value = labels.get(key);
    let is_listed = value.is_some_and(|value| values.iter().flatten().any(|other| other == value));
    match operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // An operator that we do not know chooses nobody.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(allowed: &str, trusted: &str) -> Auth0TenantSpec {
        let yaml = format!(
            "domain: example.auth0.com\ncredentials: {{secretRef: {{name: x}}}}\nallowedNamespaces: {allowed}\ntrustedNamespaces: {trusted}\n"
        );
        serde_saphyr::from_str(&yaml).unwrap()
    }

    #[test]
    fn a_tenant_says_who_may_use_it_and_whom_it_trusts() {
        let same = "{from: Same}";
        let shops = "{from: Selector, selector: {matchLabels: {team: shop}}}";
        let not_test = "{from: Selector, selector: {matchExpressions: [{key: env, operator: NotIn, values: [test]}, {key: team, operator: Exists}]}}";
        let shop = [("team".to_owned(), "shop".to_owned())].into();
        let test = [("team".to_owned(), "shop".to_owned()), ("env".to_owned(), "test".to_owned())].into();
        for (case, allowed, trusted, name, labels, expected) in [
            ("its own", same, same, "auth0", None, (true, true)),
            ("another", same, same, "shop", Some(&shop), (false, false)),
            ("all", "{from: All}", same, "shop", None, (true, false)),
            ("trusted but not allowed", same, "{from: All}", "shop", None, (false, false)),
            ("by label", shops, "{from: All}", "shop", Some(&shop), (true, true)),
            ("labels not known", shops, same, "shop", None, (false, false)),
            ("by expression", not_test, same, "shop", Some(&shop), (true, false)),
            ("not by expression", not_test, same, "shop", Some(&test), (false, false)),
        ] {
            let (spec, asking) = (tenant(allowed, trusted), Asking { name, labels, tenants: "auth0" });
            assert_eq!((is_allowed(&spec, &asking), is_trusted(&spec, &asking)), expected, "{case}");
        }
    }
}
