//! TLS 1.2 and 1.3 for the API's own listener: a certificate that is exchanged while the server
//! runs, and HTTP/1.1 as the one protocol that is offered on it.
//!
//! It reads no files: who has the certificate says when there is a new one. What cannot be used is
//! refused before anything changes, so a server never goes on without a certificate.

use std::{
    fmt, io,
    sync::{Arc, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Why a certificate cannot be used: which of the two files is at fault, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}")]
    Certificate(String),
    #[error("{0}")]
    Key(String),
}

/// The certificate that new connections are secured with; a clone is the same one.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Of a chain of certificates, the server's own first, and its private key, both in PEM.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub fn new(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let config = config(certificate, key)?;
        Ok(Self(Arc::new(RwLock::new(config))))
    }

    /// Takes another certificate for the connections to come.
    ///
    /// # Errors
    /// As [`Self::new`]; the one before stays.
    pub fn replace(&self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let config = config(certificate, key)?;
        *self.0.write().expect("nothing panics while it holds this") = config;
        Ok(())
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.now());
        timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await?
    }

    fn now(&self) -> Arc<ServerConfig> {
        let config = self.0.read().expect("nothing panics while it holds this");
        config.clone()
    }
}

fn config(certificate: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |error: &dyn fmt::Display| TlsError::Certificate(format!("is no PEM: {error}"));
    let chain = CertificateDer::pem_slice_iter(certificate);
    let chain: Vec<_> = chain
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    if chain.is_empty() {
        let detail = "has no certificate in PEM (-----BEGIN CERTIFICATE-----)";
        return Err(TlsError::Certificate(detail.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        // Nothing is repeated of what may be a key.
        TlsError::Key("has no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned())
    })?;
    let versions = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions();
    let builder = versions.expect("the provider has TLS 1.2 and 1.3");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn unfit(error: rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::Key("does not belong to the certificate".to_owned())
        }
        rustls::Error::InvalidCertificate(error) => {
            TlsError::Certificate(format!("cannot be used: {error:?}"))
        }
        _ => TlsError::Key("is of a kind that is not supported".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(certificate: &str, key: &str, expected: &str) {
        let error = Tls::new(certificate.as_bytes(), key.as_bytes()).expect_err("it is refused");
        let side = match error {
            TlsError::Certificate(_) => "certificate",
            TlsError::Key(_) => "key",
        };
        let said = format!("{side} {error}");
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_the_one_before_stays() {
        let made = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let tls = Tls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
        refused("", &key, "certificate has no certificate");
        refused("hello", &key, "certificate has no certificate");
        refused(&key, &key, "certificate has no certificate");
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        refused(broken, &key, "certificate is no PEM");
        let nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        refused(nothing, &key, "certificate cannot be used");
        refused(&certificate, "", "key has no private key");
        refused(&certificate, &certificate, "key has no private key");
        let others = other.signing_key.serialize_pem();
        refused(&certificate, &others, "key does not belong");
        let before = tls.now();
        let kept = tls.replace(certificate.as_bytes(), others.as_bytes());
        assert!(kept.is_err() && Arc::ptr_eq(&tls.now(), &before));
        tls.replace(other.cert.pem().as_bytes(), others.as_bytes())
            .unwrap();
        assert!(!Arc::ptr_eq(&tls.now(), &before));
    }
}
