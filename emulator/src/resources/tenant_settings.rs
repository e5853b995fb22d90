//! `/tenants/settings`: reading all that a new tenant has, and changing the few settings that this tenant acts upon.

use serde_json::Value;

use crate::answer::{Answer, Refusal};
use crate::management::Call;
use crate::paging::Fields;
use crate::tenant::Tenant;

pub(crate) fn get(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    let fields = Fields::of(call.request)?;
    Ok(Answer::ok(fields.select(tenant.settings.clone(), &[])))
}

/// Settings replace, `flags` merge.
pub(crate) fn update(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    for (key, value) in call.object(&call.schemas.tenant_settings)? {
        match (tenant.settings.get_mut(&key), value) {
            (Some(Value::Object(flags)), Value::Object(changed)) => flags.extend(changed),
            (_, value) => {
                tenant.settings.insert(key, value);
            }
        }
    }
    Ok(Answer::ok(tenant.settings.clone()))
}
