//! Which passwords a database takes: Auth0's older options, and `passwordOptions`, which newer tenants have instead.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How strong passwords must be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum PasswordPolicy {
    /// Not empty.
    None,
    /// Of the minimum length.
    Low,
    /// And with lower-case letters, upper-case letters and digits.
    Fair,
    /// Three of lower-case, upper-case, digits and special characters.
    Good,
    /// And no more than two like characters in a row.
    Excellent,
}

/// The minimum length of passwords.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordComplexityOptions {
    /// Auth0: `min_length`, fewest characters of a password: 1 to 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 128))]
    pub min_length: Option<i64>,
}

/// Whether passwords may be used again.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordHistory {
    /// Auth0: `enable`, whether former passwords are refused.
    pub enable: bool,
    /// Auth0: `size`, how many former passwords are kept: 0 to 24. Auth0's default: 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 24))]
    pub size: Option<i64>,
}

/// Which words are refused as passwords.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordDictionary {
    /// Auth0: `enable`, whether common passwords are refused.
    pub enable: bool,
    /// Auth0: `dictionary`, further words to refuse, at most 200 of 50 characters. The whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 50)))]
    pub dictionary: Option<Vec<String>>,
}

/// Whether passwords may hold the user's own data.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordNoPersonalInfo {
    /// Auth0: `enable`, whether passwords that hold parts of the user's name or e-mail address are refused.
    pub enable: bool,
}

/// Which passwords are taken, in the newer form.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordOptions {
    /// Auth0: `complexity`, length and characters of passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<PasswordComplexity>,
    /// Auth0: `dictionary`, words that are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dictionary: Option<PasswordDictionaryRule>,
    /// Auth0: `history`, former passwords that are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<PasswordHistoryRule>,
    /// Auth0: `profile_data`, data of the user that passwords must not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_data: Option<PasswordProfileDataRule>,
}

/// Length and characters of passwords.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(validation = Rule::new(
    "!has(self.characterTypeRule) || self.characterTypeRule != 'three_of_four' || (has(self.characterTypes) && self.characterTypes.size() == 4)")
    .message("characterTypeRule: three_of_four needs all four characterTypes: list uppercase, lowercase, number and special"))]
#[serde(rename_all = "camelCase")]
pub struct PasswordComplexity {
    /// Auth0: `min_length`, fewest characters of a password: 1 to 72. Newest tenants' default: 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 72))]
    pub min_length: Option<i64>,
    /// Auth0: `character_types`, which classes must occur: `uppercase`, `lowercase`, `number`, `special`; each once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub character_types: Option<Vec<CharacterType>>,
    /// Auth0: `character_type_rule`: `all` of characterTypes, or `three_of_four` of them (then all four are listed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub character_type_rule: Option<CharacterTypeRule>,
    /// Auth0: `identical_characters`, whether more than two like characters in a row are taken: `allow` or `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identical_characters: Option<RepeatedCharacters>,
    /// Auth0: `sequential_characters`, whether sequences such as `abc` or `123` are taken: `allow` or `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequential_characters: Option<RepeatedCharacters>,
    /// Auth0: `max_length_exceeded`, what becomes of a password over 72 bytes: `truncate` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length_exceeded: Option<MaxLengthExceeded>,
}

/// A class of characters.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum CharacterType {
    /// Upper-case letters.
    Uppercase,
    /// Lower-case letters.
    Lowercase,
    /// Digits.
    Number,
    /// Everything else.
    Special,
}

/// How many classes must occur.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum CharacterTypeRule {
    /// All that are listed.
    All,
    /// Three of the four.
    ThreeOfFour,
}

/// Whether a pattern of characters is taken.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum RepeatedCharacters {
    /// It is.
    Allow,
    /// It is not.
    Block,
}

/// What becomes of a password that is too long.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "")]
pub enum MaxLengthExceeded {
    /// It is cut.
    Truncate,
    /// It is refused.
    Error,
}

/// Words that are refused as passwords.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordDictionaryRule {
    /// Auth0: `active`, whether words are looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `default`, which list of common passwords: `en_10k` or `en_100k` words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultDictionary>,
    /// Auth0: `custom`, further words, at most 200 of 50 characters. The whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 50)))]
    pub custom: Option<Vec<String>>,
}

/// A list of common passwords.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[schemars(description = "")]
pub enum DefaultDictionary {
    /// 10,000 words.
    #[serde(rename = "en_10k")]
    En10k,
    /// 100,000 words.
    #[serde(rename = "en_100k")]
    En100k,
}

/// Former passwords that are refused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordHistoryRule {
    /// Auth0: `active`, whether former passwords are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `size`, how many former passwords are kept: 1 to 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 24))]
    pub size: Option<i64>,
}

/// Data of the user that passwords must not hold.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordProfileDataRule {
    /// Auth0: `active`, whether such passwords are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Auth0: `blocked_fields`, the fields of the profile, such as `name`, at most 12 of 100 characters. The whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 12), inner(length(min = 1, max = 100)))]
    pub blocked_fields: Option<Vec<String>>,
}
