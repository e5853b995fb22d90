//! The part of Auth0's user search that is emulated: `field:value` terms joined by `AND` or `OR` (without parentheses, `AND` binds
//! tighter), quotes, `NOT` or `-` before a term, and `*` at the ends of a value. Everything else is refused, not guessed.

use serde_json::Value;

use crate::answer::Refusal;
use crate::request::Object;

/// Any of these groups of terms has to hold, each as a whole.
pub(crate) struct Query(Vec<Vec<Term>>);

struct Term {
    path: Vec<String>,
    value: String,
    is_negated: bool,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut groups = vec![vec![]];
        let mut is_negated = false;
        for word in words(text) {
            match word.as_str() {
                "AND" => {}
                "OR" => groups.push(vec![]),
                "NOT" => is_negated = true,
                term => {
                    let term = Term::parse(term, std::mem::take(&mut is_negated)).ok_or_else(unsupported)?;
                    groups.last_mut().ok_or_else(unsupported)?.push(term);
                }
            }
        }
        if groups.iter().any(Vec::is_empty) {
            return Err(unsupported());
        }
        Ok(Self(groups))
    }

    pub(crate) fn matches(&self, profile: &Object) -> bool {
        let profile = Value::Object(profile.clone());
        self.0.iter().any(|group| group.iter().all(|term| term.matches(&profile)))
    }
}

fn unsupported() -> Refusal {
    Refusal::invalid_query("Query is not of the kind that is emulated: field:value terms with AND, OR, NOT", "q")
}

/// Words between blanks; blanks within quotes do not count.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match (c, words.last_mut()) {
            (' ', Some(last)) if !is_quoted => {
                if !last.is_empty() {
                    words.push(String::new());
                }
            }
            (_, Some(last)) => {
                is_quoted ^= c == '"';
                last.push(c);
            }
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

impl Term {
    fn parse(text: &str, is_negated: bool) -> Option<Self> {
        let (text, minus) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
        let (field, value) = text.split_once(':')?;
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let is_plain =
            !field.is_empty() && !value.is_empty() && !text.contains(['(', ')', '[', ']', '{', '}', '~', '^']);
        is_plain.then(|| Self {
            path: field.split('.').map(str::to_owned).collect(),
            value: value.to_owned(),
            is_negated: is_negated != minus,
        })
    }

    fn matches(&self, profile: &Value) -> bool {
        // These fields are compared without regard to case (Auth0's documentation).
        let ignores_case =
            ["email", "name", "given_name", "family_name", "nickname"].contains(&self.path.join(".").as_str());
        let fold = |text: &str| if ignores_case { text.to_lowercase() } else { text.to_owned() };
        let wanted = fold(&self.value);
        values(profile, &self.path).iter().any(|value| glob(&wanted, &fold(value))) != self.is_negated
    }
}

/// All values at a path; arrays are looked through.
fn values(value: &Value, path: &[String]) -> Vec<String> {
    match (value, path) {
        (Value::Array(items), _) => items.iter().flat_map(|item| values(item, path)).collect(),
        (Value::Object(members), [first, rest @ ..]) => {
            members.get(first).map(|value| values(value, rest)).unwrap_or_default()
        }
        (Value::String(text), []) => vec![text.clone()],
        (Value::Bool(_) | Value::Number(_), []) => vec![value.to_string()],
        _ => vec![],
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(rest), Some(_)) => text.contains(rest.trim_end_matches('*')),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => text == pattern,
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
        });
        let user = user.as_object().unwrap();
        for (query, expected) in [
            ("email:\"Ada@example.com\"", true),
            ("identities.connection:\"db one\" AND blocked:true", true),
            ("user_metadata.t:x", false),
            ("email:bob* OR email:ada*", true),
            ("NOT email:ada*", false),
            ("-blocked:false", true),
        ] {
            assert_eq!(Query::parse(query).unwrap().matches(user), expected, "{query}");
        }
        for unsupported in ["", "ada", "logins_count:[1 TO 5]", "(a:b)", "a:b OR"] {
            assert!(Query::parse(unsupported).is_err(), "{unsupported}");
        }
    }
}
