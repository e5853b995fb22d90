//! `/tenants/settings`: reading what a new tenant has, and changing that.

use serde_json::Value;

use crate::answer::{Answer, Refusal};
use crate::management::Call;
use crate::paging::Fields;
use crate::tenant::Tenant;

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    Ok(Answer::ok(fields.select(tenant.settings.clone(), &[])))
}

/// Settings replace, `flags` merge. Lifetimes are kept in hours, and can be given in minutes (Auth0's documentation).
pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    for (key, value) in call.object(&call.schemas.tenant_settings)? {
        match (tenant.settings.get_mut(&key), value) {
            (Some(Value::Object(flags)), Value::Object(changed)) => flags.extend(changed),
            (_, value) => {
                let (key, value) = match key.strip_suffix("_in_minutes") {
                    Some(lifetime) => (lifetime.to_owned(), (value.as_f64().unwrap_or_default() / 60.0).into()),
                    None => (key, value),
                };
                tenant.settings.insert(key, value);
            }
        }
    }
    Ok(Answer::ok(tenant.settings.clone()))
}
