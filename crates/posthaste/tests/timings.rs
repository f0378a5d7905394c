//! Where the time of an attempt goes, on real sockets: which phases there are, and which are not.
#![cfg(feature = "http")]

mod authority;

use std::{sync::Arc, time::Duration};

use authority::{AMPLE, Authority, Here, Identity, NAME, named, transport};
use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    egress::EgressRules,
    transport::{
        Headers, Post, Stopwatch, Timings, WebhookTransport,
        http::{HttpConfig, HttpTransport},
    },
};
use posthaste_receiver::{Behaviour, Receiver, Reply, Script};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// The phases that were measured, in their order.
fn phases(timings: Option<Timings>) -> String {
    let Some(timings) = timings else {
        return "nothing".to_owned();
    };
    let phases = [
        ("dns", timings.dns_us),
        ("connect", timings.connect_us),
        ("tls", timings.tls_us),
        ("first byte", timings.first_byte_us),
    ];
    let there = phases.iter().filter(|(_, took)| took.is_some());
    there.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

async fn timed(
    transport: &HttpTransport,
    url: &str,
    timeout: Duration,
) -> (Option<FailureClass>, Option<Timings>) {
    let (url, payload, headers) = (url.parse().unwrap(), Bytes::new(), Headers::new());
    let stopwatch = Stopwatch::new();
    let post = Post::new(&url, &payload, &headers, timeout).timed(&stopwatch);
    let answer = transport.post(post).await;
    (answer.err().map(|error| error.class), stopwatch.timings())
}

/// Answers every request of every connection with 204, over TLS.
async fn secured(identity: &Identity) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.der()], identity.key())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut request = [0; 4096];
                while stream.read(&mut request).await? > 0 {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    port
}

fn plain() -> HttpTransport {
    HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules::dev()),
        resolver: Arc::new(Here),
        ..HttpConfig::default()
    })
    .unwrap()
}

async fn receiver(script: Script) -> Receiver {
    let any = "127.0.0.1:0".parse().unwrap();
    Receiver::start(any, script).await.unwrap()
}

#[tokio::test]
async fn a_new_connection_has_every_phase_and_one_that_was_open_only_waits() {
    let authority = Authority::new();
    let port = secured(&authority.certify(&named(NAME))).await;
    let (transport, url) = (transport(&[&authority]), format!("https://{NAME}:{port}/"));
    let (failed, timings) = timed(&transport, &url, AMPLE).await;
    assert_eq!(failed, None);
    assert_eq!(phases(timings), "dns, connect, tls, first byte");
    let (_, timings) = timed(&transport, &url, AMPLE).await;
    assert_eq!(phases(timings), "first byte");
}

#[tokio::test]
async fn an_address_is_not_looked_up_and_plain_http_has_no_handshake() {
    let receiver = receiver(Script::always(Reply::status(200))).await;
    let (_, timings) = timed(&plain(), &receiver.url("/"), AMPLE).await;
    assert_eq!(phases(timings), "connect, first byte");
    let port = receiver.address().port();
    for (host, expected) in [
        ("localhost", "connect, first byte"),
        (NAME, "dns, connect, first byte"),
    ] {
        let url = format!("http://{host}:{port}/");
        let (_, timings) = timed(&plain(), &url, AMPLE).await;
        assert_eq!(phases(timings), expected, "{host}");
    }
}

#[tokio::test]
async fn the_wait_for_the_answer_is_the_receivers() {
    let delay = Duration::from_millis(60);
    let receiver = receiver(Script::always(Reply::status(200).after(delay))).await;
    let (_, timings) = timed(&plain(), &receiver.url("/"), AMPLE).await;
    let waited = Duration::from_micros(timings.unwrap().first_byte_us.unwrap().into());
    assert!(waited >= delay, "{waited:?}");
}

#[tokio::test]
async fn a_phase_that_did_not_end_is_as_long_as_it_lasted() {
    let receiver = receiver(Script::always(Behaviour::Hang)).await;
    let short = Duration::from_millis(80);
    let (failed, timings) = timed(&plain(), &receiver.url("/"), short).await;
    assert_eq!(failed, Some(FailureClass::Timeout));
    assert_eq!(phases(timings), "connect, first byte");
    let waited = Duration::from_micros(timings.unwrap().first_byte_us.unwrap().into());
    assert!(waited >= short / 2, "{waited:?}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let (_, timings) = timed(&plain(), &url, short).await;
    assert_eq!(phases(timings), "connect, tls");
}

#[tokio::test]
async fn a_dead_connection_of_the_pool_leaves_nothing_behind() {
    let transport = plain();
    let first = receiver(Script::always(Reply::status(200))).await;
    let url = first.url("/");
    timed(&transport, &url, AMPLE).await;
    first.shutdown().await;
    let (failed, timings) = timed(&transport, &url, AMPLE).await;
    assert_eq!(failed, Some(FailureClass::Connect));
    assert_eq!(phases(timings), "connect");
}

#[tokio::test]
async fn a_refusal_does_not_tell_how_far_it_came() {
    let strict = HttpTransport::new(HttpConfig {
        resolver: Arc::new(Here),
        ..HttpConfig::default()
    });
    let url = format!("https://{NAME}/");
    let (failed, timings) = timed(&strict.unwrap(), &url, AMPLE).await;
    assert_eq!(failed, Some(FailureClass::Blocked));
    assert_eq!(phases(timings), "nothing");
}
