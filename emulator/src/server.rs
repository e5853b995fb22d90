//! Sockets: listens, speaks HTTP/1.1 (over TLS if asked to), and closes connections where a fault wants that.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::answer::{Answer, Body as Content, Refusal};
use crate::config::{Config, Tls};
use crate::exchange::{Outcome, Shared, exchange};
use crate::request::Request;

/// The largest body of a request, in bytes. Auth0's documentation names 1 MB for users' metadata.
const MAX_BODY: usize = 1 << 20;

/// A running emulator. It stops when this value is dropped.
pub struct Emulator {
    url: String,
    task: JoinHandle<()>,
}

impl Emulator {
    /// Generates the tenant's keys, listens, and serves in the background. Fails when the address cannot be had or the
    /// certificate cannot be read.
    pub async fn start(config: Config) -> io::Result<Self> {
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = reachable(listener.local_addr()?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = tokio::task::spawn_blocking(|| Shared::new(config)).await?.map_err(io::Error::other)?;
        let task = tokio::spawn(accept(listener, tls, Arc::new(shared)));
        Ok(Self { url: format!("{scheme}://{address}"), task })
    }

    /// Where it listens: `http://127.0.0.1:PORT`, or `https://…`. (Not the tenant's domain.)
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops listening and closes all connections.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was cancelled: that is all there is to know.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address that can be connected to, for one that means "all".
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (std::net::Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (std::net::Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

fn acceptor(tls: &Tls) -> io::Result<TlsAcceptor> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(&tls.cert, &error))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unreadable(&tls.key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unreadable(file: &std::path::Path, error: &impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", file.display()))
}

/// Connections end with this future: they live in its set.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // A client that is gone already, or too many open files: neither is a reason to stop, the latter takes a while.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            // Small answers wait for nothing.
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, peer.ip(), shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, peer.ip(), shared).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr, shared: Arc<Shared>) {
    let service = service_fn(move |request| answer(request, peer, Arc::clone(&shared)));
    // Errors are clients that hang up and connections that a fault closed.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error closes the connection without an answer.
async fn answer(
    request: hyper::Request<Incoming>,
    peer: IpAddr,
    shared: Arc<Shared>,
) -> io::Result<hyper::Response<Body>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return response(&Refusal::new(413, None, "Payload content length greater than maximum allowed").into());
    };
    let request = Request::new(&parts, body.to_bytes().to_vec(), peer);
    // A task of its own, since a client that hangs up does not undo its request.
    let outcome = tokio::spawn(async move { exchange(&shared, request).await }).await?;
    match outcome {
        Outcome::Answer(answer) => response(&answer),
        Outcome::Half(answer) => half(&answer),
        Outcome::Nothing => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

type Body = BoxBody<Bytes, io::Error>;

fn response(answer: &Answer) -> io::Result<hyper::Response<Body>> {
    let body = Full::new(text(answer)).map_err(|never| match never {}).boxed();
    head(answer).body(body).map_err(io::Error::other)
}

/// Promises the whole body, sends half of it, then fails.
fn half(answer: &Answer) -> io::Result<hyper::Response<Body>> {
    let mut text = text(answer);
    let length = text.len();
    text.truncate(length / 2);
    let frames = futures::stream::unfold(Some(text), |text| async move {
        let Some(text) = text else {
            // Lets what was sent so far reach the client before the connection goes.
            tokio::task::yield_now().await;
            return Some((Err(io::ErrorKind::ConnectionAborted.into()), None));
        };
        Some((Ok(Frame::data(text)), None))
    });
    let body = StreamBody::new(Box::pin(frames)).boxed();
    head(answer).header(CONTENT_LENGTH, length).body(body).map_err(io::Error::other)
}

fn head(answer: &Answer) -> hyper::http::response::Builder {
    let mut head = hyper::Response::builder().status(answer.status);
    // A fault's header of the same name comes instead.
    if !answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())) {
        head = head.header(CONTENT_TYPE, "application/json; charset=utf-8");
    }
    answer.headers.iter().fold(head, |head, (name, value)| head.header(name, value))
}

fn text(answer: &Answer) -> Bytes {
    match &answer.body {
        Content::Empty => Bytes::new(),
        Content::Json(value) => serde_json::to_vec(value).unwrap_or_default().into(),
        Content::Text(text) => text.clone().into(),
    }
}
