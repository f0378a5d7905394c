//! Receivers that flood over HTTP/2: frames without end that answer nothing. Each comes to its own
//! end, long before the deadline.
#![cfg(feature = "http")]

mod authority;

use std::sync::Arc;

use authority::{AMPLE, Authority, NAME, named, transport};
use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    transport::{Answer, Headers, TransportError, WebhookTransport},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Kinds of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:status` in the plainest form of HPACK.
fn status(code: &str) -> Vec<u8> {
    [&[0x08, 3], code.as_bytes()].concat()
}

/// What comes after the request: some frames once, then some without end.
#[derive(Clone)]
struct Flood {
    first: Vec<u8>,
    then: Vec<u8>,
}

impl Flood {
    fn of(then: Vec<u8>) -> Self {
        let first = Vec::new();
        Self { first, then }
    }
}

async fn serve(flood: Flood, authority: &Authority) -> String {
    let identity = authority.certify(&named(NAME));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.der()], identity.key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{NAME}:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(meet(stream, flood.clone()));
            }
        }
    });
    url
}

/// Waits for the request's end of headers and floods until nobody listens.
async fn meet(stream: TlsStream<TcpStream>, flood: Flood) -> std::io::Result<()> {
    let (mut read, mut write) = tokio::io::split(stream);
    write.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    read.read_exact(&mut [0; 24]).await?; // the preface
    loop {
        let mut head = [0; 9];
        read.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        read.read_exact(&mut vec![0; length as usize]).await?;
        if head[3] == HEADERS {
            break;
        }
    }
    tokio::spawn(async move { while let Ok(1..) = read.read(&mut [0; 4096]).await {} });
    write.write_all(&flood.first).await?;
    let many = flood.then.repeat(1 + 4096 / flood.then.len().max(1));
    loop {
        write.write_all(&many).await?;
        write.flush().await?;
        if many.is_empty() {
            std::future::pending::<()>().await;
        }
    }
}

async fn met(flood: Flood) -> Result<Answer, TransportError> {
    let authority = Authority::new();
    let url = serve(flood, &authority).await.parse().unwrap();
    let (transport, headers) = (transport(&[&authority]), Headers::new());
    let body = Bytes::from_static(b"{}");
    transport.send(&url, body, &headers, AMPLE).await
}

async fn check(flood: Flood, class: FailureClass) {
    let error = met(flood).await.expect_err("a failure");
    assert_eq!(error.class, class, "{error}");
}

#[tokio::test]
async fn interim_answers_without_end_are_too_much() {
    let interim = frame(HEADERS, END_HEADERS, 1, &status("103"));
    check(Flood::of(interim), FailureClass::ResponseTooLarge).await;
}

#[tokio::test]
async fn pings_and_settings_without_end_are_too_much() {
    for kind in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])] {
        check(Flood::of(kind), FailureClass::ResponseTooLarge).await;
    }
}

#[tokio::test]
async fn headers_that_never_end_are_a_protocol_failure() {
    let flood = Flood {
        first: frame(HEADERS, 0, 1, &status("200")),
        then: frame(CONTINUATION, 0, 1, &[]),
    };
    check(flood, FailureClass::Protocol).await;
}

#[tokio::test]
async fn a_request_that_is_reset_at_once_is_a_protocol_failure() {
    let reset = |code: u32| Flood {
        first: frame(RST_STREAM, 0, 1, &code.to_be_bytes()),
        then: Vec::new(),
    };
    for code in [1, 2, 7, 8, 11] {
        check(reset(code), FailureClass::Protocol).await;
    }
}

#[tokio::test]
async fn a_receiver_that_always_says_good_bye_is_a_protocol_failure() {
    let good_bye = |last: u32, code: u32| Flood {
        first: frame(
            GOAWAY,
            0,
            0,
            &[last.to_be_bytes(), code.to_be_bytes()].concat(),
        ),
        then: Vec::new(),
    };
    for (last, code) in [(0, 0), (0, 2), (0, 11)] {
        check(good_bye(last, code), FailureClass::Protocol).await;
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_and_its_status_decides() {
    let flood = Flood {
        first: frame(HEADERS, END_HEADERS, 1, &status("200")),
        then: frame(DATA, 0, 1, &[b'x'; 1000]),
    };
    let answer = met(flood).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 16 * 1024));
}
