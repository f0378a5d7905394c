//! Whom a subscription trusts and shows itself as: private authorities, client certificates, and
//! that what one has authenticated no other uses.
#![cfg(feature = "http")]

mod authority;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use authority::{AMPLE, Authority, Identity, NAME, named, transport};
use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    egress::DenyList,
    signature::Secret,
    subscription::{Access, Auth, ClientCertificate, HeaderValue, TlsSettings},
    transport::{
        Answer, Headers, Post, TransportError, WebhookTransport,
        http::{HttpTransport, TlsIdentity},
    },
};
use rustls::{RootCertStore, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// Asks for a client certificate of its authority, and answers with the number of the connection,
/// the certificate's length (0 for none), and the head that it got.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(authority: &Authority, clients: &Authority, demands: bool) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(clients.root()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = match demands {
            true => verifier,
            false => verifier.allow_unauthenticated(),
        };
        let identity = authority.certify(&named(NAME));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![identity.der()], identity.key())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(serve(listener, acceptor, connections.clone()));
        Self { port, connections }
    }

    fn url(&self) -> String {
        format!("https://{NAME}:{}/", self.port)
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, count: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, count) = (acceptor.clone(), count.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let number = count.fetch_add(1, Relaxed) + 1;
            let shown = stream.get_ref().1.peer_certificates();
            let length = shown.map_or(0, |chain| chain[0].len());
            let mut request = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut request).await {
                let head = String::from_utf8_lossy(&request[..read]);
                let body = format!("{number} {length} {head}");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                if stream.write_all((head + &body).as_bytes()).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn identity(authority: Option<&Authority>, client: Option<&Identity>) -> TlsIdentity {
    let settings = TlsSettings {
        ca_pem: authority.map(|authority| authority.certificate.pem()),
        client: client.map(|client| ClientCertificate {
            cert_pem: client.certificate.pem(),
            key_pem: Secret::trusted(client.pair.serialize_pem()),
        }),
    };
    TlsIdentity::new(&settings).unwrap()
}

async fn post(
    transport: &HttpTransport,
    url: &str,
    tls: Option<&TlsIdentity>,
    denied: &DenyList,
) -> Result<Answer, TransportError> {
    let (url, payload, headers) = (url.parse().unwrap(), Bytes::new(), Headers::new());
    let post = Post::new(&url, &payload, &headers, AMPLE);
    transport.post(post.secured(tls).without(denied)).await
}

/// The number of the connection that answered, and the length of the certificate that it saw.
async fn seen(transport: &HttpTransport, url: &str, tls: Option<&TlsIdentity>) -> (usize, usize) {
    seen_under(transport, url, tls, &DenyList::default()).await
}

async fn seen_under(
    transport: &HttpTransport,
    url: &str,
    tls: Option<&TlsIdentity>,
    denied: &DenyList,
) -> (usize, usize) {
    let answer = post(transport, url, tls, denied).await.unwrap();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let mut words = text.split(' ').map(|word| word.parse().unwrap());
    (words.next().unwrap(), words.next().unwrap())
}

#[track_caller]
fn refused(result: Result<Answer, TransportError>, class: FailureClass) {
    let error = result.expect_err("no connection");
    assert_eq!(error.class, class, "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_receiver_that_demands_one() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, &clients, true).await;
    let client = clients.certify(&named("sender"));
    let transport = transport(&[]);
    let own = identity(Some(&authority), Some(&client));
    let (_, length) = seen(&transport, &server.url(), Some(&own)).await;
    assert_eq!(length, client.der().len());
    let none = DenyList::default();
    let nobody = identity(Some(&authority), None);
    let stranger = Authority::new().certify(&named("sender"));
    let stranger = identity(Some(&authority), Some(&stranger));
    for refused_one in [nobody, stranger] {
        let sent = post(&transport, &server.url(), Some(&refused_one), &none).await;
        refused(sent, FailureClass::Tls);
    }
}

#[tokio::test]
async fn no_certificate_is_shown_but_the_subscriptions_own() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, &clients, false).await;
    let transport = transport(&[&authority]);
    let own = identity(None, Some(&clients.certify(&named("sender"))));
    assert_ne!(seen(&transport, &server.url(), Some(&own)).await.1, 0);
    assert_eq!(seen(&transport, &server.url(), None).await.1, 0);
}

#[tokio::test]
async fn a_private_authority_is_trusted_instead_of_all_others() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, &other, false).await;
    let transport = transport(&[&authority]);
    let wrong = identity(Some(&other), None);
    let none = DenyList::default();
    let sent = post(&transport, &server.url(), Some(&wrong), &none).await;
    refused(sent, FailureClass::Tls);
    let right = identity(Some(&authority), None);
    seen(&transport, &server.url(), Some(&right)).await;
}

#[tokio::test]
async fn what_one_has_authenticated_another_never_uses() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, &clients, false).await;
    let transport = transport(&[&authority]);
    let one = clients.certify(&named("one"));
    let again = identity(None, Some(&one));
    let (one, other) = (identity(None, Some(&one)), clients.certify(&named("other")));
    let other = identity(None, Some(&other));
    let trusting = identity(Some(&authority), None);
    let turns = [Some(&one), Some(&other), None, Some(&trusting)];
    for round in 0..3 {
        for (number, tls) in (1..).zip(turns) {
            assert_eq!(
                seen(&transport, &server.url(), tls).await.0,
                number,
                "{round}"
            );
        }
    }
    // The same settings, read again, are the same identity.
    assert_eq!(seen(&transport, &server.url(), Some(&again)).await.0, 1);
    assert_eq!(server.connections.load(Relaxed), 4);
}

#[tokio::test]
async fn a_connection_is_used_under_the_rules_that_it_was_vetted_by() {
    let authority = Authority::new();
    let server = Server::start(&authority, &authority, false).await;
    let transport = transport(&[&authority]);
    let (url, list) = (server.url(), |entry: &str| {
        DenyList::new(vec![entry.parse().unwrap()])
    });
    seen(&transport, &url, None).await;
    let elsewhere = list("10.0.0.0/8");
    assert_eq!(seen_under(&transport, &url, None, &elsewhere).await.0, 2);
    for denied in ["127.0.0.0/8", NAME, ".example.test"] {
        let sent = post(&transport, &url, None, &list(denied)).await;
        refused(sent, FailureClass::Blocked);
    }
    assert_eq!(server.connections.load(Relaxed), 2);
}

#[tokio::test]
async fn what_was_to_be_secured_is_not_sent_in_the_clear() {
    let authority = Authority::new();
    let own = identity(Some(&authority), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sent = post(&transport(&[]), &url, Some(&own), &DenyList::default()).await;
    refused(sent, FailureClass::Tls);
}

#[tokio::test]
async fn headers_of_its_own_and_credentials_arrive_as_they_are() {
    let authority = Authority::new();
    let server = Server::start(&authority, &authority, false).await;
    let transport = transport(&[&authority]);
    let access = Access {
        headers: [(
            "X-Api-Key".parse().unwrap(),
            HeaderValue::new("open sesame", true).unwrap(),
        )]
        .into(),
        auth: Auth::basic("Aladdin", "open sesame").ok(),
        tls: None,
    };
    let (url, payload, own) = (
        server.url().parse().unwrap(),
        Bytes::new(),
        access.own_headers(),
    );
    let headers: Headers = vec![("x-event-type".into(), "a.b".into())];
    let post = Post::new(&url, &payload, &headers, AMPLE).with_own(&own);
    let answer = transport.post(post).await.unwrap();
    let head = String::from_utf8(answer.body.to_vec()).unwrap();
    for line in [
        "x-event-type: a.b\r\n",
        "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
        "x-api-key: open sesame\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
}
