//! Which URLs browsers may be sent to: Auth0's rules for callbacks and logout URLs, with their wildcards.

/// Whether a `redirect_uri` or `post_logout_redirect_uri` is in a list: as a whole and to the letter, or by a wildcard.
pub(crate) fn is_listed<'a>(mut list: impl Iterator<Item = &'a str>, url: &str) -> bool {
    !url.contains('#') && list.any(|allowed| allowed == url || fits_wildcard(allowed, url))
}

/// Whether a `returnTo` is in a list; its query and hash do not count, nor does the case of its host (Auth0's documentation).
pub(crate) fn is_listed_return<'a>(mut list: impl Iterator<Item = &'a str>, url: &str) -> bool {
    let url = folded(url.split(['?', '#']).next().unwrap_or_default());
    list.any(|allowed| {
        let allowed = folded(allowed.split(['?', '#']).next().unwrap_or_default());
        allowed == url || fits_wildcard(&allowed, &url)
    })
}

/// Scheme, host and port of an http URL.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let Parts { scheme, host, rest } = Parts::of(url)?;
    let port = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(&url[..scheme.len() + "://".len() + host.len() + port])
}

/// One `*` in the first label of the host of an http URL, which stands for part of one label: `https://*.example.com`, but neither
/// `https://*.com` nor `https://sub.*.example.com`.
fn fits_wildcard(pattern: &str, url: &str) -> bool {
    let (Some(pattern), Some(url)) = (Parts::of(pattern), Parts::of(url)) else { return false };
    let (Some((first, domain)), Some((label, of))) = (pattern.host.split_once('.'), url.host.split_once('.')) else {
        return false;
    };
    let Some((start, end)) = first.split_once('*') else { return false };
    let is_valid = domain.contains('.') && ![end, domain, pattern.rest].iter().any(|part| part.contains('*'));
    let middle = label.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    is_valid
        && (pattern.scheme, domain, pattern.rest) == (url.scheme, of, url.rest)
        && middle
            .is_some_and(|middle| !middle.is_empty() && middle.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

/// The parts of an http URL.
struct Parts<'a> {
    scheme: &'a str,
    /// Without the port.
    host: &'a str,
    /// From the port on.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, after) = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))?;
        let (host, rest) = after.split_at(after.find([':', '/', '?', '#']).unwrap_or(after.len()));
        // What stands before an @ is not the host.
        (!after.contains('@')).then_some(Self { scheme, host, rest })
    }
}

/// With scheme and host in lower case.
fn folded(url: &str) -> String {
    match Parts::of(url) {
        Some(Parts { scheme, host, rest }) => format!("{scheme}://{}{rest}", host.to_lowercase()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_listed_to_the_letter_or_by_a_wildcard() {
        for (allowed, url, expected) in [
            ("https://a.example.com/cb", "https://a.example.com/cb", true),
            ("https://a.example.com/cb", "https://a.example.com/cb/", false),
            ("https://a.example.com/cb", "https://a.example.com/cb?x=1", false),
            ("https://a.example.com/cb", "http://a.example.com/cb", false),
            ("com.example.app://cb", "com.example.app://cb", true),
            ("https://*.example.com/cb", "https://a.example.com/cb", true),
            ("https://*.example.com:1/cb", "https://a.example.com:2/cb", false),
            ("https://pre-*-post.example.com", "https://pre-x-post.example.com", true),
            ("https://pre-*.example.com", "https://pre-.example.com", false),
            ("https://*.example.com", "https://a.b.example.com", false),
            ("https://*.example.com", "https://evil.com/.example.com", false),
            ("https://*.example.com", "https://x@a.example.com", false),
            ("https://*.com", "https://example.com", false),
            ("https://sub.*.example.com", "https://sub.a.example.com", false),
            ("https://*.*.example.com", "https://a.b.example.com", false),
            ("https://*.example.com/*", "https://a.example.com/x", false),
            ("com.example://*.example.com", "com.example://a.example.com", false),
            ("*", "https://example.com", false),
        ] {
            assert_eq!(is_listed([allowed].into_iter(), url), expected, "{allowed} {url}");
        }
    }

    #[test]
    fn a_return_is_listed_without_its_query_and_in_any_case_of_its_host() {
        let allowed = || ["https://www.example.com/Bye", "https://*.example.org"].into_iter();
        for (url, expected) in [
            ("https://WWW.example.com/Bye?a=b#c", true),
            ("https://www.example.com/bye", false),
            ("https://A.example.org?x", true),
            ("https://example.org", false),
        ] {
            assert_eq!(is_listed_return(allowed(), url), expected, "{url}");
        }
    }
}
