//! TLS in front of a sink: a receiver that demands a client certificate of its own authority.

use std::{
    io,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{io::copy_bidirectional, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer,
        server::WebPkiClientVerifier,
    },
};

use crate::sink::{RUNTIME, Sink};

/// A certificate authority.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as text.
pub struct Identity {
    certificate: Certificate,
    pair: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        Self {
            certificate,
            issuer,
        }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn certify(&self, name: &str) -> Identity {
        self.certify_until(name, 2100)
    }

    pub fn certify_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let pair = KeyPair::generate().expect("a key");
        let certificate = params
            .signed_by(&pair, &self.issuer)
            .expect("a certificate");
        Identity { certificate, pair }
    }
}

impl Identity {
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn key_pem(&self) -> String {
        self.pair.serialize_pem()
    }
}

/// A port that speaks TLS and hands on what it hears to a sink.
pub struct TlsFront {
    port: u16,
    /// The client certificate of each connection.
    shown: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl TlsFront {
    /// With a certificate for localhost out of `authority`; demands one out of `clients`.
    pub fn start(sink: &Sink, authority: &Authority, clients: &Authority) -> Self {
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let acceptor = TlsAcceptor::from(Arc::new(configuration(authority, clients)));
        let (behind, shown) = (sink.address(), Arc::default());
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::clone(&shown);
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let shown = chain.first().map_or(Vec::new(), |first| first.to_vec());
                    seen.lock().expect("nothing panics here").push(shown);
                    let mut sink = TcpStream::connect(behind).await?;
                    copy_bidirectional(&mut stream, &mut sink).await?;
                    io::Result::Ok(())
                });
            }
        });
        Self { port, shown }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.port)
    }

    /// How many connections showed this certificate.
    pub fn connections_of(&self, identity: &Identity) -> usize {
        let shown = self.shown.lock().expect("nothing panics here");
        let own = shown
            .iter()
            .filter(|shown| **shown == **identity.certificate.der());
        own.count()
    }
}

fn configuration(authority: &Authority, clients: &Authority) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(clients.certificate.der().clone())
        .expect("an authority");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let own = authority.certify("localhost");
    let key = PrivateKeyDer::Pkcs8(own.pair.serialize_der().into());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider's versions")
        .with_client_cert_verifier(verifier.build().expect("an authority"))
        .with_single_cert(vec![own.certificate.der().clone()], key)
        .expect("a certificate and its key")
}
