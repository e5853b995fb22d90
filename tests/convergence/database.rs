//! The typed options of a database.

use super::values::{flag, line, list, maybe, number, one_of, word};
use auth0_operator::crd::{
    Attributes, AuthenticationMethods, CharacterType, CharacterTypeRule, CustomScripts, DatabaseOptions,
    DefaultDictionary, EmailAttribute, EmailIdentifier, EmailMethod, Enablement, Identifier, MaxLengthExceeded, Mfa,
    PasskeyChallengeUi, PasskeyOptions, PasswordApiBehavior, PasswordComplexity, PasswordComplexityOptions,
    PasswordDictionary, PasswordDictionaryRule, PasswordHistory, PasswordHistoryRule, PasswordMethod,
    PasswordNoPersonalInfo, PasswordOptions, PasswordPolicy, PasswordProfileDataRule, PasswordSignupBehavior,
    PhoneAttribute, PhoneIdentifier, PhoneMethod, Precedence, RepeatedCharacters, Signup, SignupStatus,
    SignupVerification, UsernameAttribute, UsernameLength, UsernameSignup, UsernameTypes, UsernameValidation,
    Validation, VerificationMethod,
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

pub(crate) fn database() -> impl Strategy<Value = DatabaseOptions> {
    let passwords = (
        maybe(one_of([
            PasswordPolicy::None,
            PasswordPolicy::Low,
            PasswordPolicy::Fair,
            PasswordPolicy::Good,
            PasswordPolicy::Excellent,
        ])),
        maybe(maybe(number(1, 128)).prop_map(|min_length| PasswordComplexityOptions { min_length })),
        maybe((any::<bool>(), maybe(number(0, 24))).prop_map(|(enable, size)| PasswordHistory { enable, size })),
        maybe(
            (any::<bool>(), maybe(list(line(50))))
                .prop_map(|(enable, dictionary)| PasswordDictionary { enable, dictionary }),
        ),
        maybe(any::<bool>().prop_map(|enable| PasswordNoPersonalInfo { enable })),
        maybe(password_options()),
    );
    let names = prop_oneof![
        1 => (flag(), maybe(validation())).prop_map(|(requires_username, validation)| (requires_username, validation, None)),
        1 => attributes().prop_map(|attributes| (None, None, Some(attributes))),
    ];
    let rest = (
        maybe(Just(vec![Precedence::Email, Precedence::PhoneNumber, Precedence::Username]).prop_shuffle()),
        flag(),
        flag(),
        flag(),
        flag(),
        flag(),
        maybe(scripts()),
        maybe(authentication_methods()),
        maybe(passkey_options()),
        maybe((flag(), flag()).prop_map(|(active, return_enroll_settings)| Mfa { active, return_enroll_settings })),
        maybe(list(word(255))),
    );
    (passwords, names, rest).prop_map(|(passwords, names, rest)| {
        let (policy, complexity, history, dictionary, no_personal_info, password_options) = passwords;
        let (requires_username, validation, attributes) = names;
        let (
            precedence,
            no_signup,
            brute_force,
            no_change,
            import,
            customization,
            scripts,
            methods,
            passkey,
            mfa,
            attrs,
        ) = rest;
        DatabaseOptions {
            password_policy: policy,
            password_complexity_options: complexity,
            password_history: history,
            password_dictionary: dictionary,
            password_no_personal_info: no_personal_info,
            password_options,
            requires_username,
            validation,
            attributes,
            precedence,
            disable_signup: no_signup,
            brute_force_protection: brute_force,
            disable_self_service_change_password: no_change,
            import_mode: import,
            enabled_database_customization: customization,
            custom_scripts: scripts,
            authentication_methods: methods,
            passkey_options: passkey,
            mfa,
            non_persistent_attrs: attrs,
        }
    })
}

fn password_options() -> impl Strategy<Value = PasswordOptions> {
    let repeated = || maybe(one_of([RepeatedCharacters::Allow, RepeatedCharacters::Block]));
    let types =
        [CharacterType::Uppercase, CharacterType::Lowercase, CharacterType::Number, CharacterType::Special].to_vec();
    let complexity = (
        maybe(number(1, 72)),
        maybe(subsequence(types, 0..=4)),
        maybe(one_of([CharacterTypeRule::All, CharacterTypeRule::ThreeOfFour])),
        repeated(),
        repeated(),
        maybe(one_of([MaxLengthExceeded::Truncate, MaxLengthExceeded::Error])),
    )
        .prop_map(|(min_length, character_types, rule, identical, sequential, too_long)| PasswordComplexity {
            min_length,
            // Three of four needs all four to choose from.
            character_type_rule: rule.filter(|rule| {
                *rule == CharacterTypeRule::All || character_types.as_ref().is_some_and(|types| types.len() == 4)
            }),
            character_types,
            identical_characters: identical,
            sequential_characters: sequential,
            max_length_exceeded: too_long,
        });
    let dictionary =
        (flag(), maybe(one_of([DefaultDictionary::En10k, DefaultDictionary::En100k])), maybe(list(line(50))))
            .prop_map(|(active, default, custom)| PasswordDictionaryRule { active, default, custom });
    let history = (flag(), maybe(number(1, 24))).prop_map(|(active, size)| PasswordHistoryRule { active, size });
    let profile_data = (flag(), maybe(vec(line(100), 0..3)))
        .prop_map(|(active, blocked_fields)| PasswordProfileDataRule { active, blocked_fields });
    (maybe(complexity), maybe(dictionary), maybe(history), maybe(profile_data)).prop_map(
        |(complexity, dictionary, history, profile_data)| PasswordOptions {
            complexity,
            dictionary,
            history,
            profile_data,
        },
    )
}

fn validation() -> impl Strategy<Value = Validation> {
    let length = (number(1, 128), number(1, 128))
        .prop_map(|(one, other)| UsernameLength { min: one.min(other), max: one.max(other) });
    maybe(length).prop_map(|username| Validation { username })
}

/// One is an active identifier; who must have one must enter it on signup (recorded refusals otherwise).
fn attributes() -> impl Strategy<Value = Attributes> {
    let status = || maybe(one_of([SignupStatus::Required, SignupStatus::Optional, SignupStatus::Inactive]));
    let verification = || maybe(flag().prop_map(|active| SignupVerification { active }));
    let signup =
        move || maybe((status(), verification()).prop_map(|(status, verification)| Signup { status, verification }));
    let required = |status: Option<SignupStatus>, required: Option<bool>| {
        required.filter(|required| !required || matches!(status, None | Some(SignupStatus::Required)))
    };
    let email = (
        maybe(
            (flag(), maybe(one_of([EmailMethod::Password, EmailMethod::EmailOtp])))
                .prop_map(|(active, default_method)| EmailIdentifier { active, default_method }),
        ),
        flag(),
        flag(),
        maybe(one_of([VerificationMethod::Link, VerificationMethod::Otp])),
        signup(),
    )
        .prop_map(move |(identifier, unique, profile_required, verification_method, signup)| EmailAttribute {
            identifier,
            unique,
            profile_required: required(signup.as_ref().and_then(|signup| signup.status), profile_required),
            verification_method,
            signup,
        });
    let phone = (
        maybe(
            (flag(), maybe(one_of([PhoneMethod::Password, PhoneMethod::PhoneOtp])))
                .prop_map(|(active, default_method)| PhoneIdentifier { active, default_method }),
        ),
        flag(),
        signup(),
    )
        .prop_map(move |(identifier, profile_required, signup)| PhoneAttribute {
            identifier,
            profile_required: required(signup.as_ref().and_then(|signup| signup.status), profile_required),
            signup,
        });
    let username = (flag(), maybe(status().prop_map(|status| UsernameSignup { status })), maybe(username_validation()))
        .prop_map(move |(profile_required, signup, validation)| UsernameAttribute {
            identifier: Some(Identifier { active: Some(true) }),
            profile_required: required(signup.as_ref().and_then(|signup| signup.status), profile_required),
            signup,
            validation,
        });
    (maybe(email), maybe(phone), username).prop_map(|(email, phone_number, username)| Attributes {
        email,
        phone_number,
        username: Some(username),
    })
}

fn username_validation() -> impl Strategy<Value = UsernameValidation> {
    let types = (flag(), flag()).prop_map(|(email, phone_number)| UsernameTypes { email, phone_number });
    (maybe(number(1, 64)), maybe(number(64, 128)), maybe(types)).prop_map(|(min_length, max_length, allowed_types)| {
        UsernameValidation { min_length, max_length, allowed_types }
    })
}

fn scripts() -> impl Strategy<Value = CustomScripts> {
    let script = || maybe("function login\\(email, é\\) \\{\n\treturn '[a-z]';\n\\}\n{0,2}");
    let many = (script(), script(), script(), script(), script());
    (many, (script(), script(), script(), script())).prop_map(|(first, second)| {
        let (login, get_user, create, verify, change_password) = first;
        let (delete, change_username, change_email, change_phone_number) = second;
        CustomScripts {
            login,
            get_user,
            create,
            verify,
            change_password,
            delete,
            change_username,
            change_email,
            change_phone_number,
        }
    })
}

fn authentication_methods() -> impl Strategy<Value = AuthenticationMethods> {
    let enablement = || maybe(flag().prop_map(|enabled| Enablement { enabled }));
    let password = (
        flag(),
        maybe(one_of([PasswordApiBehavior::Required, PasswordApiBehavior::Optional])),
        maybe(one_of([PasswordSignupBehavior::Allow, PasswordSignupBehavior::Block])),
    )
        .prop_map(|(enabled, api_behavior, signup_behavior)| PasswordMethod {
            enabled,
            api_behavior,
            signup_behavior,
        });
    (maybe(password), enablement(), enablement(), enablement()).prop_map(|(password, passkey, email_otp, phone_otp)| {
        AuthenticationMethods { password, passkey, email_otp, phone_otp }
    })
}

fn passkey_options() -> impl Strategy<Value = PasskeyOptions> {
    let ui = maybe(one_of([PasskeyChallengeUi::Both, PasskeyChallengeUi::Autofill, PasskeyChallengeUi::Button]));
    (ui, flag(), flag()).prop_map(|(challenge_ui, progressive_enrollment_enabled, local_enrollment_enabled)| {
        PasskeyOptions { challenge_ui, progressive_enrollment_enabled, local_enrollment_enabled }
    })
}
