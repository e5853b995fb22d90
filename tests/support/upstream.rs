//! The tenant behind something that stands between it and the operator.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header, request::Parts},
    response::Response,
};
use reqwest::{Client, redirect::Policy};

pub(crate) struct Upstream {
    url: String,
    http: Client,
}

impl Upstream {
    /// The tenant at a base URL.
    pub(crate) fn at(url: &str) -> Self {
        Self { url: url.to_owned(), http: Client::builder().redirect(Policy::none()).build().unwrap() }
    }

    /// Passes a request on.
    pub(crate) async fn ask(&self, parts: Parts, body: Bytes) -> Response {
        let url = format!("{}{}", self.url, parts.uri);
        let sent = self.http.request(parts.method, url).headers(end_to_end(parts.headers)).body(body).send().await;
        // A tenant that closed the connection: the operator gets no answer that means anything.
        let Ok(answer) = sent else { return Response::builder().status(502).body(Body::empty()).unwrap() };
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}
