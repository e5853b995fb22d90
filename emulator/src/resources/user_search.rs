//! Searching users by `q`. Every term has to name its field.

use serde_json::Value;

use crate::answer::Refusal;
use crate::lucene::{self, Test};
use crate::request::Object;

pub(crate) struct Query(lucene::Query);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        lucene::Query::parse(text).filter(lucene::Query::has_fields).map(Self).ok_or_else(|| {
            Refusal::invalid_query(
                "Query is not of the kind that is emulated: field:value terms with AND, OR, NOT",
                "q",
            )
        })
    }

    pub(crate) fn matches(&self, profile: &Object) -> bool {
        self.0.holds(&|field, test| field.is_some_and(|field| fits(profile, field, test)))
    }
}

/// Any of the values at a path of members will do; arrays are looked through.
fn fits(profile: &Object, field: &str, test: &Test) -> bool {
    // These fields are compared without regard to case (Auth0's documentation).
    let ignores_case = ["email", "name", "given_name", "family_name", "nickname"].contains(&field);
    let (first, rest) = field.split_once('.').map_or((field, ""), |(first, rest)| (first, rest));
    profile.get(first).is_some_and(|value| {
        any(value, rest, &|text| if ignores_case { test.fits_ignoring_case(text) } else { test.fits(text) })
    })
}

fn any(value: &Value, path: &str, fits: &impl Fn(&str) -> bool) -> bool {
    match (value, path) {
        (Value::Array(items), _) => items.iter().any(|item| any(item, path, fits)),
        (Value::Object(members), path) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            members.get(first).is_some_and(|value| any(value, rest, fits))
        }
        (Value::String(text), "") => fits(text),
        (Value::Bool(_) | Value::Number(_), "") => fits(&value.to_string()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn terms_find_users_as_auth0_does() {
        let user = json!({
            "email": "ada@example.com", "blocked": true, "identities": [{"connection": "db one"}], "user_metadata": {"t": "X"},
            "user_id": "auth0|1", "logins_count": 3,
        });
        let user = user.as_object().unwrap();
        for (query, expected) in [
            ("email:\"Ada@example.com\"", true),
            ("identities.connection:\"db one\" AND blocked:true", true),
            ("user_metadata.t:x", false),
            ("email:bob* OR email:ada*", true),
            ("NOT email:ada*", false),
            ("-blocked:false", true),
            ("user_id:(\"auth0|2\" OR \"auth0|1\")", true),
            ("logins_count:[1 TO 5]", true),
        ] {
            assert_eq!(Query::parse(query).unwrap().matches(user), expected, "{query}");
        }
        for unsupported in ["", "ada", "a:b OR"] {
            assert!(Query::parse(unsupported).is_err(), "{unsupported}");
        }
    }
}
