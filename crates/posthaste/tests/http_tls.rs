//! TLS and HTTP/2 of the transport: whom it trusts, and that one connection carries many requests.
#![cfg(feature = "http")]

mod authority;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use authority::{AMPLE, Authority, Here, Identity, NAME, named, transport};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use posthaste::{
    delivery::FailureClass,
    egress::EgressRules,
    transport::{
        Answer, Headers, TransportError, WebhookTransport,
        http::{CertificateDer, HttpConfig, HttpTransport, Limits},
    },
};
use rcgen::{CertificateParams, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SHORT: Duration = Duration::from_millis(100);

/// Answers with the version of HTTP and the request's body; `/hang` never, `/huge` with a head of
/// 64 KiB.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(identity: Identity, alpn: &[&str]) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.der()], identity.key())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(serve(listener, Arc::new(config), connections.clone()));
        Self { port, connections }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.port)
    }

    fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

async fn serve(listener: TcpListener, config: Arc<rustls::ServerConfig>, count: Arc<AtomicUsize>) {
    let acceptor = TlsAcceptor::from(config);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, count) = (acceptor.clone(), count.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            count.fetch_add(1, Relaxed);
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let (io, service) = (TokioIo::new(stream), service_fn(respond));
            let _ = match http2 {
                true => {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    server.serve_connection(io, service).await
                }
                false => {
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await
                }
            };
        });
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/hang" {
        std::future::pending::<()>().await;
    }
    if request.uri().path() == "/huge" {
        let huge = Response::builder().header("x-huge", "x".repeat(64 * 1024));
        return Ok(huge.body(Full::default()).unwrap());
    }
    let host = request.uri().authority().map(ToString::to_string);
    let (version, length) = (
        request.version(),
        request.headers().get("content-length").cloned(),
    );
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = format!(
        "{version:?} {host:?} {length:?} {}",
        String::from_utf8_lossy(&body)
    );
    Ok(Response::new(Full::new(text.into())))
}

async fn post(
    transport: &HttpTransport,
    url: &str,
    timeout: Duration,
) -> Result<Answer, TransportError> {
    let url = url.parse().unwrap();
    transport
        .send(&url, Bytes::from_static(b"hello"), &Headers::new(), timeout)
        .await
}

#[tokio::test]
async fn an_extra_authority_is_trusted_and_its_connections_are_shared_in_time() {
    let authority = Authority::new();
    let server = Server::start(authority.certify(&named(NAME)), &["http/1.1"]).await;
    let transport = transport(&[&authority]);
    for _ in 0..5 {
        let answer = post(&transport, &server.url("/"), AMPLE).await.unwrap();
        assert_eq!(answer.body, "HTTP/1.1 None Some(\"5\") hello");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn http2_carries_many_requests_at_once_over_one_connection() {
    let authority = Authority::new();
    let server = Server::start(authority.certify(&named(NAME)), &["h2", "http/1.1"]).await;
    let transport = transport(&[&authority]);
    post(&transport, &server.url("/"), AMPLE).await.unwrap();
    let url = server.url("/");
    let many = (0..50).map(|_| post(&transport, &url, AMPLE));
    for answer in futures_util::future::join_all(many).await {
        let expected = format!(
            "HTTP/2.0 Some(\"{NAME}:{}\") Some(\"5\") hello",
            server.port
        );
        assert_eq!(answer.unwrap().body, expected);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_shared_connection_that_kept_someone_waiting_is_given_up() {
    let authority = Authority::new();
    let server = Server::start(authority.certify(&named(NAME)), &["h2"]).await;
    let transport = transport(&[&authority]);
    post(&transport, &server.url("/"), AMPLE).await.unwrap();
    let error = post(&transport, &server.url("/hang"), SHORT)
        .await
        .unwrap_err();
    assert_eq!(error.class, FailureClass::Timeout);
    post(&transport, &server.url("/"), AMPLE).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_head_over_16_kib_is_too_large_in_http2_too() {
    let authority = Authority::new();
    let server = Server::start(authority.certify(&named(NAME)), &["h2"]).await;
    let sent = post(&transport(&[&authority]), &server.url("/huge"), AMPLE).await;
    assert_eq!(sent.unwrap_err().class, FailureClass::ResponseTooLarge);
}

#[track_caller]
fn refused(result: Result<Answer, TransportError>, says: &str) {
    let error = result.expect_err("no trust");
    assert_eq!(error.class, FailureClass::Tls, "{error}");
    assert!(error.detail.contains(says), "{error}");
}

async fn check(params: &CertificateParams, trusted: bool, says: &str) {
    let authority = Authority::new();
    let server = Server::start(authority.certify(params), &["http/1.1"]).await;
    let roots: &[&Authority] = if trusted { &[&authority] } else { &[] };
    refused(post(&transport(roots), &server.url("/"), AMPLE).await, says);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_a_tls_failure() {
    let mut expired = named(NAME);
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    check(&expired, true, "expired").await;
    check(&named("other.example.test"), true, "not valid for name").await;
    check(&named(NAME), false, "UnknownIssuer").await;
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_a_tls_failure() {
    let pair = KeyPair::generate().unwrap();
    let certificate = named(NAME).self_signed(&pair).unwrap();
    let server = Server::start(Identity { certificate, pair }, &[]).await;
    refused(
        post(&transport(&[]), &server.url("/"), AMPLE).await,
        "invalid peer certificate",
    );
}

#[tokio::test]
async fn a_handshake_that_stalls_or_is_none_is_a_tls_failure() {
    use posthaste_receiver::{Behaviour, Receiver, Script};
    let listen = "127.0.0.1:0".parse().unwrap();
    let plain = Receiver::start(listen, Script::default()).await.unwrap();
    let silent = Receiver::start(listen, Script::always(Behaviour::HangBeforeRead))
        .await
        .unwrap();
    let transport = HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules::dev()),
        resolver: Arc::new(Here),
        limits: Limits {
            tls: SHORT,
            ..Limits::default()
        },
        ..HttpConfig::default()
    })
    .unwrap();
    let url = |receiver: &Receiver| format!("https://{NAME}:{}/", receiver.address().port());
    refused(
        post(&transport, &url(&silent), AMPLE).await,
        "took too long",
    );
    refused(post(&transport, &url(&plain), AMPLE).await, "");
}

#[test]
fn an_extra_authority_that_is_no_certificate_is_refused_at_start() {
    let config = HttpConfig {
        extra_roots: vec![CertificateDer::from(vec![1, 2, 3])],
        ..HttpConfig::default()
    };
    assert!(HttpTransport::new(config).is_err());
}
