//! What every TLS connection has in common: the one provider, the public authorities, the protocols.

use std::sync::{Arc, LazyLock};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert, crypto::CryptoProvider,
};
use tokio_rustls::TlsConnector;

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

static PUBLIC_ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let public = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    Arc::new(RootCertStore::from_iter(public))
});

pub(super) fn provider() -> Arc<CryptoProvider> {
    PROVIDER.clone()
}

/// The authorities that browsers trust, compiled in.
pub(super) fn public_roots() -> Arc<RootCertStore> {
    PUBLIC_ROOTS.clone()
}

/// A configuration that trusts these.
pub(super) fn builder(roots: Arc<RootCertStore>) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has what TLS 1.2 and 1.3 take")
        .with_root_certificates(roots)
}

/// Offers both versions of HTTP.
pub(super) fn connector(mut config: ClientConfig) -> TlsConnector {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}
