//! Whom one subscription trusts, and whom it shows itself as: its TLS settings, read and checked.
//!
//! It is made when the subscription changes, never for an attempt. What cannot be read is refused
//! and nothing stands in for it: a request that was to be secured so is not sent otherwise.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use rustls::{
    CertificateError, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use super::trust;
use crate::{
    clock::Timestamp,
    subscription::{ClientCertificate, TlsSettings},
};

/// By how much the clock of whoever made a certificate may run ahead of this one.
const CLOCK_AHEAD: Duration = Duration::from_secs(300);

/// A subscription's own trust and certificate. Its Debug shows neither.
pub struct TlsIdentity {
    /// Authorities in the place of the public ones.
    roots: Option<Arc<RootCertStore>>,
    client: Option<Arc<CertifiedKey>>,
    /// Of all that it was made of: who has the same is the same.
    digest: String,
    /// Made once, by the transport that first connects with it.
    connector: OnceLock<TlsConnector>,
}

/// Why TLS settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// No certificate in a text that should have one.
    #[error("expected one certificate or more in PEM, -----BEGIN CERTIFICATE-----")]
    NoCertificate(TlsMember),
    /// It would be shown to whoever reads the subscription.
    #[error("a private key has no place here: it belongs in client_key_pem, which is never shown")]
    HoldsKey(TlsMember),
    /// A certificate that is none.
    #[error("a certificate cannot be read: {1}")]
    Certificate(TlsMember, String),
    /// No private key, or an encrypted one.
    #[error("expected one private key in PEM (PKCS #8, PKCS #1 or SEC 1), not encrypted")]
    NoKey,
    /// A private key of a kind that is not supported.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The key of another certificate.
    #[error("the private key is not that of the certificate")]
    Mismatch,
    /// The client certificate's time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The client certificate's time is still to come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
}

/// A member of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMember {
    /// `ca_pem`.
    Ca,
    /// `client_cert_pem`.
    ClientCertificate,
    /// `client_key_pem`.
    ClientKey,
}

impl TlsMember {
    /// As it is written in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca_pem",
            Self::ClientCertificate => "client_cert_pem",
            Self::ClientKey => "client_key_pem",
        }
    }
}

impl TlsFault {
    /// Where the fault lies.
    #[must_use]
    pub const fn member(&self) -> TlsMember {
        match self {
            Self::NoCertificate(member) | Self::HoldsKey(member) | Self::Certificate(member, _) => {
                *member
            }
            Self::NoKey | Self::Key(_) | Self::Mismatch => TlsMember::ClientKey,
            Self::Expired | Self::NotYetValid => TlsMember::ClientCertificate,
        }
    }

    /// A stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate(_) | Self::Certificate(..) => "invalid_certificate",
            Self::HoldsKey(_) => "private_key_in_certificate",
            Self::NoKey | Self::Key(_) => "invalid_private_key",
            Self::Mismatch => "key_mismatch",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
        }
    }
}

impl TlsIdentity {
    /// Reads the settings.
    ///
    /// # Errors
    /// What cannot be read, or does not belong together. Dates are not looked at.
    pub fn new(settings: &TlsSettings) -> Result<Self, TlsFault> {
        let roots = settings.ca_pem.as_deref().map(roots).transpose()?;
        let client = settings.client.as_ref().map(certified).transpose()?;
        Ok(Self {
            roots: roots.map(Arc::new),
            client: client.map(Arc::new),
            digest: digest(settings),
            connector: OnceLock::new(),
        })
    }

    /// Whether the client certificate's time is now.
    ///
    /// # Errors
    /// [`TlsFault::Expired`], [`TlsFault::NotYetValid`].
    pub fn check_dates(&self, now: Timestamp) -> Result<(), TlsFault> {
        let since_1970 = now.since(Timestamp::from_millis(0));
        if self.judged_at(since_1970).as_ref().is_some_and(is_over) {
            return Err(TlsFault::Expired);
        }
        let soon = self.judged_at(since_1970 + CLOCK_AHEAD);
        match soon.as_ref().is_some_and(is_to_come) {
            true => Err(TlsFault::NotYetValid),
            false => Ok(()),
        }
    }

    /// What a server would first find wrong with the client certificate. Dates come before trust,
    /// which only the receiver can judge.
    fn judged_at(&self, since_1970: Duration) -> Option<CertificateError> {
        let (certificate, rest) = self.client.as_ref()?.cert.split_first()?;
        let (public, provider) = (trust::public_roots(), trust::provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(public, provider);
        let verifier = verifier.build().expect("there are public roots");
        let now = UnixTime::since_unix_epoch(since_1970);
        match verifier.verify_client_cert(certificate, rest, now) {
            Err(rustls::Error::InvalidCertificate(error)) => Some(error),
            _ => None,
        }
    }

    /// What tells it from others, in hex.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Connects with it; trusts `usual` where it has no authorities of its own.
    pub(super) fn connector(&self, usual: &Arc<RootCertStore>) -> &TlsConnector {
        self.connector.get_or_init(|| {
            let roots = self.roots.as_ref().unwrap_or(usual).clone();
            let builder = trust::builder(roots);
            let config = match &self.client {
                None => builder.with_no_client_auth(),
                Some(client) => {
                    let client = SingleCertAndKey::from(client.clone());
                    builder.with_client_cert_resolver(Arc::new(client))
                }
            };
            trust::connector(config)
        })
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(***)")
    }
}

fn is_over(error: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext};
    matches!(error, Expired | ExpiredContext { .. })
}

fn is_to_come(error: &CertificateError) -> bool {
    use CertificateError::{NotValidYet, NotValidYetContext};
    matches!(error, NotValidYet | NotValidYetContext { .. })
}

fn roots(pem: &str) -> Result<RootCertStore, TlsFault> {
    let member = TlsMember::Ca;
    let mut roots = RootCertStore::empty();
    for certificate in certificates(member, pem)? {
        let unusable = |error: rustls::Error| TlsFault::Certificate(member, error.to_string());
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}

fn certified(client: &ClientCertificate) -> Result<CertifiedKey, TlsFault> {
    let member = TlsMember::ClientCertificate;
    let chain = certificates(member, &client.cert_pem)?;
    let pem = client.key_pem.expose().as_bytes();
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsFault::NoKey)?;
    CertifiedKey::from_der(chain, key, &trust::provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsFault::Mismatch,
        rustls::Error::InvalidCertificate(error) => {
            TlsFault::Certificate(member, error.to_string())
        }
        other => TlsFault::Key(other.to_string()),
    })
}

/// All certificates of a text, at least one, and nothing that is to stay secret.
fn certificates(member: TlsMember, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    if pem.contains("PRIVATE KEY") {
        return Err(TlsFault::HoldsKey(member));
    }
    let all = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(TlsFault::NoCertificate(member)),
    }
}

fn digest(settings: &TlsSettings) -> String {
    let client = settings.client.as_ref();
    let parts = [
        settings.ca_pem.as_deref(),
        client.map(|client| client.cert_pem.as_str()),
        client.map(|client| client.key_pem.expose()),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.unwrap_or_default();
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    HEXLOWER.encode(&hash.finalize())
}

#[cfg(test)]
mod tests;
