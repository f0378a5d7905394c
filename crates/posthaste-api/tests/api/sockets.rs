//! What is about sockets: heads, sizes, connections and the drain.

use std::{sync::Arc, time::Duration};

use posthaste_api::Tls;
use rcgen::{CertifiedKey, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use tokio_rustls::{TlsConnector, client::TlsStream};

use super::world::{PLATFORM_KEY, World};

struct Served {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<std::io::Result<()>>,
}

async fn served() -> Served {
    served_with(None).await
}

async fn served_with(tls: Option<Tls>) -> Served {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let done = tokio::spawn(posthaste_api::serve(listener, world.router, tls, shutdown));
    Served {
        address,
        stop,
        done,
    }
}

/// What comes back until the server closes.
async fn talk(served: &Served, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The server may answer and close before all of it is sent.
    stream.write_all(sent).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(headers: &str) -> String {
    format!(
        "POST /api/v1/webhooks/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {PLATFORM_KEY}\r\n\
         content-type: application/json\r\n{headers}\r\n"
    )
}

#[track_caller]
fn check(answer: &str, status: &str) {
    let line = answer.lines().next().unwrap_or("");
    assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
}

#[tokio::test]
async fn a_body_that_stalls_is_a_408() {
    let served = served().await;
    let answer = talk(
        &served,
        format!("{}{{", post("content-length: 20\r\n")).as_bytes(),
    )
    .await;
    check(&answer, "408");
}

#[tokio::test]
async fn a_drain_lets_the_request_under_way_finish() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let body = r#"{"type":"a","data":1}"#;
    let head = post(&format!("content-length: {}\r\n", body.len()));
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..5]).await.unwrap();
    let idle = TcpStream::connect(served.address).await.unwrap();
    served.stop.send(()).unwrap();
    stream.write_all(&body.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    check(&answer, "202");
    drop(idle);
    let done = tokio::time::timeout(Duration::from_secs(5), served.done).await;
    done.expect("it ends").unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_what_would_go_on_for_ever() {
    let served = served().await;
    let mut streams = Vec::new();
    for path in ["events/stream", "deliveries/stream"] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head = format!(
            "GET /api/v1/webhooks/{path} HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer {PLATFORM_KEY}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begin = [0; 15];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        streams.push(stream);
    }
    served.stop.send(()).unwrap();
    for mut stream in streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "whole: {rest}");
    }
    let done = tokio::time::timeout(Duration::from_secs(5), served.done).await;
    done.expect("it ends").unwrap().unwrap();
}

/// A connection that speaks this version of TLS and, where it may, HTTP/2.
async fn secured(
    served: &Served,
    identity: &CertifiedKey<KeyPair>,
    version: &'static SupportedProtocolVersion,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn tls_is_spoken_in_both_versions_and_http_1_in_it() {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
    let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
    let served = served_with(Some(tls)).await;
    for version in [&TLS12, &TLS13] {
        let mut stream = secured(&served, &identity, version).await;
        let spoken = stream.get_ref().1;
        assert_eq!(spoken.protocol_version(), Some(version.version));
        assert_eq!(spoken.alpn_protocol(), Some(&b"http/1.1"[..]));
        let ask = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        check(&answer, "200");
        let hsts = "strict-transport-security: max-age=31536000\r\n";
        assert!(answer.contains(hsts), "{answer}");
    }
    let plain = talk(&served, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.contains("HTTP"), "{plain}");
    // One that never shakes hands holds up nothing.
    let _mute = TcpStream::connect(served.address).await.unwrap();
    served.stop.send(()).unwrap();
    let done = tokio::time::timeout(Duration::from_secs(5), served.done).await;
    done.expect("it ends").unwrap().unwrap();
}
