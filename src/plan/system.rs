//! Which APIs belong to Auth0 itself. No client, no grant and no change is ever made for those.

/// Whether an API identifier names one of Auth0's own APIs: it lies under `https://<domain>/` of one of `domains`, or starts
/// with `urn:auth0:`, in whatever spelling (case, slashes, percent-encoding, port, a user before the host).
pub fn is_system_identifier<'a>(identifier: &str, domains: impl IntoIterator<Item = &'a str>) -> bool {
    let plain = plain(identifier);
    if plain.starts_with("urn:auth0:") {
        return true;
    }
    let named = host(&plain);
    domains.into_iter().any(|domain| named == host(&domain.to_lowercase()))
}

/// Lower case, without white space, percent-decoded until nothing changes.
fn plain(identifier: &str) -> String {
    let mut text: String = identifier.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    // Every round that changes something makes the text shorter, so this ends.
    loop {
        let decoded = percent_decoded(&text);
        if decoded == text {
            return text.to_lowercase().replace('\\', "/");
        }
        text = decoded;
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match decoded {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn host(plain: &str) -> String {
    let rest = plain.strip_prefix("https:").or_else(|| plain.strip_prefix("http:")).unwrap_or(plain);
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = host_and_port.split(':').next().unwrap_or_default();
    host.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_management_api_is_a_system_api() {
        for identifier in [
            "https://example.eu.auth0.com/api/v2/",
            "https://example.eu.auth0.com/api/v2",
            "HTTPS://Example.EU.auth0.com/API/v2/",
            "https://example.eu.auth0.com:443/api/v2/",
            "https://example.eu.auth0.com./api/v2/",
            "https://x@example.eu.auth0.com/api/v2/",
            "https%3A%2F%2Fexample.eu.auth0.com%2Fapi%2Fv2%2F",
            "https%253A%252F%252Fexample.eu.auth0.com/api/v2/",
            "https:\\\\example.eu.auth0.com\\api\\v2",
            " https://example.eu.auth0.com/api/v2/ ",
            "http://example.eu.auth0.com/me/",
            "//example.eu.auth0.com/api/v2/",
            "https://login.example.com/api/v2/",
            "urn:auth0:express-configure",
            "URN:Auth0:anything",
        ] {
            assert!(is_system_identifier(identifier, ["example.eu.auth0.com", "login.example.com"]), "{identifier}");
        }
    }

    #[test]
    fn a_domain_may_have_a_port() {
        assert!(is_system_identifier("https://localhost:8080/api/v2/", ["localhost:8080"]));
    }

    #[test]
    fn other_apis_are_not() {
        for identifier in [
            "https://basic-calculator.example.com/",
            "https://example.eu.auth0.com.evil.example/",
            "https://api.example.com/?next=https://example.eu.auth0.com/",
            "urn:example",
            "calculator",
            "100%",
            "%zz",
        ] {
            assert!(!is_system_identifier(identifier, ["example.eu.auth0.com"]), "{identifier}");
        }
    }
}
