//! A connection to the server: plain, or TLS with the public authorities and one of the caller's.

use std::{fmt, path::Path, sync::Arc};

use anyhow::Context;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use url::Url;

/// Whom a server has to be certified by.
#[derive(Clone)]
pub struct Trust(TlsConnector);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// The public authorities, and those in this file.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate.
    pub fn new(ca: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(file) = ca {
            let added = authorities(&mut roots, file);
            added.with_context(|| format!("cannot use --ca {}", file.display()))?;
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

fn authorities(roots: &mut RootCertStore, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(file)?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        roots.add(certificate?)?;
    }
    anyhow::ensure!(roots.len() > before, "there is no certificate in PEM in it");
    Ok(())
}

/// Connects, and keeps the connection going in a task of its own.
pub async fn connect(
    server: &Url,
    trust: Option<&Trust>,
) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let host = server.host_str().context("the URL names no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = server.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let Some(Trust(tls)) = trust else {
        return start(TokioIo::new(stream)).await;
    };
    let name = ServerName::try_from(host.to_owned())?;
    let secured = tls.connect(name, stream).await;
    let stream = secured.context("no TLS with it (--ca FILE names an authority of your own)")?;
    start(TokioIo::new(stream)).await
}

async fn start<S>(stream: S) -> anyhow::Result<SendRequest<Full<Bytes>>>
where
    S: Read + Write + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender)
}
