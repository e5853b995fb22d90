//! The pages that people see: plain HTML without scripts.

use crate::answer::{Answer, Body};

/// Makes text safe to stand in HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A page with a title and a body, both HTML.
pub(crate) fn page(status: u16, title: &str, body: &str) -> Answer {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    );
    Answer { status, headers: Vec::new(), body: Body::Text(html) }
        .with_header("content-type", "text/html; charset=utf-8")
        .with_header("cache-control", "no-store")
        .with_header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        .with_header("referrer-policy", "no-referrer")
}

/// Where a browser cannot be sent back to the application with an error.
pub(crate) fn error(status: u16, error: &str, description: &str) -> Answer {
    let body = format!(
        "<h1>Oops!, something went wrong</h1>\n<p>{}</p>\n<p><code>{}</code></p>",
        escaped(description),
        escaped(error)
    );
    page(status, "Error", &body)
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh}\
main{width:min(22rem,90vw)}\
label{display:block;margin:1rem 0 .25rem}\
input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem}\
button{margin-top:1.5rem}\
[role=alert]{color:#d03c38}";
