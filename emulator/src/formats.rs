//! The string formats that Auth0's request schemas name.
//!
//! Auth0 does not publish what they accept; each check is the plainest reading of the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    AbsoluteHttpsUriWithPlaceholdersOrEmpty,
    AbsoluteUriOrEmpty,
    CallbackUrl,
    Cidr,
    ClientId,
    ConnectionProfileId,
    ConnectionRealm,
    CredentialId,
    DateTime,
    EcInitiateLoginUriTemplateUrl,
    Email,
    Ipv4,
    Ipv6,
    #[serde(rename = "ipv6_cidr")]
    Ipv6Cidr,
    OrganizationId,
    StrictUri,
    Url,
    UrlOrNull,
    UrlWithPlaceholders,
    UserAttributeProfileId,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AbsoluteHttpsUriWithPlaceholdersOrEmpty => "absolute-https-uri-with-placeholders-or-empty",
            Self::AbsoluteUriOrEmpty => "absolute-uri-or-empty",
            Self::CallbackUrl => "callback-url",
            Self::Cidr => "cidr",
            Self::ClientId => "client-id",
            Self::ConnectionProfileId => "connection-profile-id",
            Self::ConnectionRealm => "connection-realm",
            Self::CredentialId => "credential-id",
            Self::DateTime => "date-time",
            Self::EcInitiateLoginUriTemplateUrl => "ec-initiate-login-uri-template-url",
            Self::Email => "email",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Cidr => "ipv6_cidr",
            Self::OrganizationId => "organization-id",
            Self::StrictUri => "strict-uri",
            Self::Url => "url",
            Self::UrlOrNull => "url-or-null",
            Self::UrlWithPlaceholders => "url-with-placeholders",
            Self::UserAttributeProfileId => "user-attribute-profile-id",
        }
    }

    pub(crate) fn fits(self, text: &str) -> bool {
        match self {
            Self::AbsoluteHttpsUriWithPlaceholdersOrEmpty => text.is_empty() || is_url(text, &["https"]),
            Self::AbsoluteUriOrEmpty => text.is_empty() || is_uri(text),
            // A native application's callback and logout URLs have a scheme of its own (com.example.app://callback).
            Self::CallbackUrl | Self::UrlWithPlaceholders | Self::StrictUri => is_uri(text),
            Self::EcInitiateLoginUriTemplateUrl => is_url(text, &["https"]),
            Self::Url | Self::UrlOrNull => is_url(text, &["http", "https"]),
            Self::ClientId => !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"#<>\"".contains(c)),
            Self::ConnectionProfileId => is_id(text, "cop_"),
            Self::CredentialId => is_id(text, "cred_"),
            Self::OrganizationId => is_id(text, "org_"),
            Self::UserAttributeProfileId => is_id(text, "uap_"),
            Self::ConnectionRealm => !text.is_empty() && !text.contains(char::is_whitespace),
            Self::DateTime => text.parse::<jiff::Timestamp>().is_ok(),
            Self::Email => is_email(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Cidr => is_cidr(text, 32, IpAddr::is_ipv4),
            Self::Ipv6Cidr => is_cidr(text, 128, IpAddr::is_ipv6),
        }
    }
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    !rest.is_empty()
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
        && !text.contains(char::is_whitespace)
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    schemes.contains(&scheme) && !host.is_empty() && !text.contains(char::is_whitespace)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\\\"[]".contains(c))
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// Lengths of what Auth0 appends to a prefix vary from kind to kind; 16 is the shortest seen.
fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() >= 16 && rest.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn is_cidr(text: &str, bits: u8, family: impl Fn(&IpAddr) -> bool) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    address.parse::<IpAddr>().is_ok_and(|address| family(&address)) && prefix.parse::<u8>().is_ok_and(|n| n <= bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_good_from_bad() {
        for (format, good, bad) in [
            (Format::Email, "a.b+c@mail.example.com", "a@b"),
            (Format::Email, "o'hara@example.org", "a b@example.com"),
            (Format::CallbackUrl, "com.example.app://callback", "callback"),
            (Format::UrlWithPlaceholders, "https://*.example.com", "example.com/path"),
            (Format::AbsoluteHttpsUriWithPlaceholdersOrEmpty, "", "http://example.com"),
            (Format::ClientId, "vMlLcitIrYwysng0hqWjQSREGa2RSdTK", "#<Random:0x00>"),
            (Format::OrganizationId, "org_abcdefghijklmnop", "org_"),
            (Format::Cidr, "10.0.0.0/8", "10.0.0.0/33"),
            (Format::DateTime, "2027-01-01T00:00:00.000Z", "tomorrow"),
        ] {
            assert!(format.fits(good), "{} {good}", format.name());
            assert!(!format.fits(bad), "{} {bad}", format.name());
        }
    }
}
