//! Passwords of database users: how they are kept, and the policy of their connection.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::request::{Object, ObjectExt as _};

/// A salted digest: the tenant can check a password, but not tell it. (One round of SHA-256; the store lives in memory only.)
#[derive(Clone, PartialEq)]
pub(crate) struct Digest {
    salt: [u8; 16],
    hash: Vec<u8>,
}

impl Digest {
    /// How many passwords of a user are remembered: the most that a history may ask for (24), and the current one.
    pub(crate) const KEPT: usize = 25;

    pub(crate) fn of(password: &str) -> Self {
        Self::salted(rand::random(), password)
    }

    pub(crate) fn matches(&self, password: &str) -> bool {
        *self == Self::salted(self.salt, password)
    }

    fn salted(salt: [u8; 16], password: &str) -> Self {
        let hash = digest(&SHA256, &[&salt[..], password.as_bytes()].concat()).as_ref().to_vec();
        Self { salt, hash }
    }
}

/// Checks a new password against a connection's options, the user's profile and earlier passwords.
///
/// The error is the whole of what the Management API says; it gives no detail. A connection has either `passwordPolicy` with
/// its neighbours or, on the newest tenants, `password_options`; the latter wins.
pub(crate) fn check(
    password: &str,
    options: &Object,
    profile: &Object,
    earlier: &[Digest],
) -> Result<(), &'static str> {
    let policy = Policy::of(options);
    if !policy.strength.allows(password) {
        return Err("PasswordStrengthError: Password is too weak");
    }
    if policy.dictionary.is_some_and(|own| is_common(password, &own)) {
        return Err("PasswordDictionaryError: Password is too common");
    }
    if policy.no_user_info && has_user_info(password, profile) {
        return Err("PasswordNoUserInfoError: Password contains user information");
    }
    if earlier.iter().take(policy.history).any(|digest| digest.matches(password)) {
        return Err("PasswordHistoryError: Password has previously been used");
    }
    Ok(())
}

struct Policy {
    strength: Strength,
    /// The connection's own words, when the dictionary is on.
    dictionary: Option<Vec<String>>,
    no_user_info: bool,
    /// How many earlier passwords are refused.
    history: usize,
}

struct Strength {
    min_length: usize,
    /// In bytes; bcrypt looks at no more than 72.
    max_bytes: Option<usize>,
    kinds: Kinds,
    /// No more than two identical characters in a row.
    no_runs: bool,
    /// No `abc` or `321`.
    no_sequences: bool,
}

enum Kinds {
    All(Vec<Kind>),
    ThreeOfFour,
}

#[derive(Clone, Copy)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Special,
}

impl Policy {
    fn of(options: &Object) -> Self {
        match options.object(&["password_options"]) {
            Some(new) => Self::of_password_options(new),
            None => Self::of_password_policy(options),
        }
    }

    fn of_password_options(options: &Object) -> Self {
        let empty = Object::new();
        let part = |name| options.object(&[name]).unwrap_or(&empty);
        let complexity = part("complexity");
        let kinds = complexity.texts("character_types").filter_map(Kind::named).collect();
        Self {
            strength: Strength {
                min_length: number(complexity, "min_length").unwrap_or(15),
                max_bytes: (complexity.text("max_length_exceeded") == "error").then_some(72),
                kinds: match complexity.text("character_type_rule") {
                    "three_of_four" => Kinds::ThreeOfFour,
                    _ => Kinds::All(kinds),
                },
                no_runs: complexity.text("identical_characters") == "block",
                no_sequences: complexity.text("sequential_characters") == "block",
            },
            dictionary: part("dictionary")
                .is_true("active")
                .then(|| part("dictionary").texts("custom").map(str::to_lowercase).collect()),
            no_user_info: part("profile_data").is_true("active"),
            history: if part("history").is_true("active") { number(part("history"), "size").unwrap_or(3) } else { 0 },
        }
    }

    /// Auth0's documentation has the levels, but not their lengths; those are the widely quoted 1, 6, 8, 8, 10.
    fn of_password_policy(options: &Object) -> Self {
        let empty = Object::new();
        let part = |name| options.object(&[name]).unwrap_or(&empty);
        let level = options.text("passwordPolicy");
        let (length, kinds) = match level {
            "low" => (6, Kinds::All(vec![])),
            "fair" => (8, Kinds::All(vec![Kind::Lower, Kind::Upper, Kind::Digit])),
            "good" => (8, Kinds::ThreeOfFour),
            "excellent" => (10, Kinds::ThreeOfFour),
            _ => (1, Kinds::All(vec![])),
        };
        Self {
            strength: Strength {
                min_length: number(part("password_complexity_options"), "min_length").unwrap_or(length),
                max_bytes: None,
                kinds,
                no_runs: level == "excellent",
                no_sequences: false,
            },
            dictionary: part("password_dictionary")
                .is_true("enable")
                .then(|| part("password_dictionary").texts("dictionary").map(str::to_lowercase).collect()),
            no_user_info: part("password_no_personal_info").is_true("enable"),
            history: if part("password_history").is_true("enable") {
                number(part("password_history"), "size").unwrap_or(5)
            } else {
                0
            },
        }
    }
}

impl Strength {
    fn allows(&self, password: &str) -> bool {
        let has = |kind: &Kind| password.chars().any(|c| kind.is(c));
        let kinds = match &self.kinds {
            Kinds::All(kinds) => kinds.iter().all(has),
            Kinds::ThreeOfFour => {
                [Kind::Lower, Kind::Upper, Kind::Digit, Kind::Special].iter().filter(|kind| has(kind)).count() >= 3
            }
        };
        password.chars().count() >= self.min_length
            && self.max_bytes.is_none_or(|most| password.len() <= most)
            && kinds
            && !(self.no_runs && triples(password).any(|[a, b, c]| a == b && b == c))
            && !(self.no_sequences && triples(password).any(is_sequence))
    }
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        match name {
            "lowercase" => Some(Self::Lower),
            "uppercase" => Some(Self::Upper),
            "number" => Some(Self::Digit),
            "special" => Some(Self::Special),
            _ => None,
        }
    }

    fn is(self, c: char) -> bool {
        match self {
            Self::Lower => c.is_lowercase(),
            Self::Upper => c.is_uppercase(),
            Self::Digit => c.is_ascii_digit(),
            Self::Special => !c.is_alphanumeric(),
        }
    }
}

fn triples(text: &str) -> impl Iterator<Item = [char; 3]> {
    let chars: Vec<_> = text.chars().collect();
    (2..chars.len()).map(move |last| [chars[last - 2], chars[last - 1], chars[last]])
}

fn is_sequence([a, b, c]: [char; 3]) -> bool {
    let step = |from: char, to: char| i64::from(u32::from(to)) - i64::from(u32::from(from));
    [a, b, c].iter().all(char::is_ascii_alphanumeric) && step(a, b) == step(b, c) && step(a, b).abs() == 1
}

/// A sample of the list of common passwords; Auth0's has 10,000 or 100,000.
const COMMON: [&str; 24] = [
    "password",
    "password1",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword1",
    "12345678",
    "123456789",
    "1234567890",
    "qwerty123",
    "qwertyuiop",
    "1q2w3e4r",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "welcome1",
    "letmein1",
    "admin123",
    "abc12345",
    "changeme1",
];

fn is_common(password: &str, own: &[String]) -> bool {
    let password = password.to_lowercase();
    COMMON.contains(&password.as_str()) || own.contains(&password)
}

/// Auth0's documentation: name, username, nickname, e-mail's local part, and first or last name in `user_metadata`.
fn has_user_info(password: &str, profile: &Object) -> bool {
    let password = password.to_lowercase();
    let metadata = profile.object(&["user_metadata"]);
    let email = profile.text("email").split('@').next().unwrap_or_default();
    ["name", "username", "nickname", "given_name", "family_name"]
        .map(|key| profile.text(key))
        .into_iter()
        .chain([email, profile.text("email")])
        .chain(["name", "first", "last"].map(|key| metadata.map_or("", |metadata| metadata.text(key))))
        .map(str::to_lowercase)
        // A shorter name is found in almost any password.
        .any(|word| word.chars().count() >= 3 && password.contains(&word))
}

fn number(object: &Object, key: &str) -> Option<usize> {
    object.get(key).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(password: &str, options: &Value) -> String {
        let profile = json!({"email": "ada.lovelace@example.com", "user_metadata": {"last": "Byron"}});
        let earlier = [Digest::of("Newest-Passw0rd"), Digest::of("Oldest-Passw0rd")];
        let verdict = check(password, options.as_object().unwrap(), profile.as_object().unwrap(), &earlier);
        verdict.err().and_then(|error| error.split(':').next()).unwrap_or("fine").to_owned()
    }

    #[test]
    fn a_connections_policy_decides_which_passwords_are_refused() {
        let history = |size| json!({"passwordPolicy": "good", "password_history": {"enable": true, "size": size}});
        for (password, options, expected) in [
            ("x", json!({}), "fine"),
            ("short", json!({"passwordPolicy": "low"}), "PasswordStrengthError"),
            ("onlylower", json!({"passwordPolicy": "fair"}), "PasswordStrengthError"),
            ("MyPass123$", json!({"passwordPolicy": "good"}), "fine"),
            ("passpass$12$12", json!({"passwordPolicy": "good"}), "fine"),
            ("Aaaaaa-123", json!({"passwordPolicy": "excellent"}), "PasswordStrengthError"),
            (
                "MyPass123$",
                json!({"passwordPolicy": "good", "password_complexity_options": {"min_length": 11}}),
                "PasswordStrengthError",
            ),
            (
                "Passw0rd",
                json!({"passwordPolicy": "good", "password_dictionary": {"enable": true}}),
                "PasswordDictionaryError",
            ),
            (
                "Acme-2026",
                json!({"passwordPolicy": "good", "password_dictionary": {"enable": true, "dictionary": ["ACME-2026"]}}),
                "PasswordDictionaryError",
            ),
            (
                "My-Byron-1815",
                json!({"passwordPolicy": "good", "password_no_personal_info": {"enable": true}}),
                "PasswordNoUserInfoError",
            ),
            ("Oldest-Passw0rd", history(2), "PasswordHistoryError"),
            ("Oldest-Passw0rd", history(1), "fine"),
            ("Fourteen-chars", json!({"password_options": {"complexity": {}}}), "PasswordStrengthError"),
            (
                "abcdef-hijk-mno",
                json!({"password_options": {"complexity": {"sequential_characters": "block"}}}),
                "PasswordStrengthError",
            ),
            (
                "lower-and-dashes",
                json!({"password_options": {"complexity": {"character_types": ["lowercase", "special"]}}}),
                "fine",
            ),
        ] {
            assert_eq!(verdict(password, &options), expected, "{password} {options}");
        }
    }

    #[test]
    fn a_digest_matches_only_its_password() {
        let digest = Digest::of("one");
        assert!(digest.matches("one") && !digest.matches("One"));
    }
}
