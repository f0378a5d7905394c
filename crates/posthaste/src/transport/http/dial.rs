//! From a URL to an open connection: vetted, dialled, looked at again, and secured.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    BadRoot, HttpConfig, fault,
    link::Link,
    wire::{Stream, Tally, Wire},
};
use crate::{
    delivery::FailureClass,
    egress::{TargetHost, TargetUrl, VetError, vet},
    transport::TransportError,
};

pub(super) struct Dialer {
    config: HttpConfig,
    tls: TlsConnector,
}

impl Dialer {
    pub fn new(config: HttpConfig) -> Result<Self, BadRoot> {
        let tls = TlsConnector::from(Arc::new(client_config(&config)?));
        Ok(Self { config, tls })
    }

    pub async fn dial(&self, url: &TargetUrl) -> Result<Link, TransportError> {
        let config = &self.config;
        let vetted = vet(url, &config.rules, &*config.resolver, config.limits.dns).await;
        let sockets = vetted.map_err(|refusal| self.refused(url, &refusal))?;
        let stream = self.connect(url, &sockets).await?;
        if !url.is_https() {
            return self.link(Stream::Plain(stream), false).await;
        }
        let stream = self.secure(url, stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.link(Stream::Tls(Box::new(stream)), http2).await
    }

    fn refused(&self, url: &TargetUrl, refusal: &VetError) -> TransportError {
        (self.config.watch)(url, refusal);
        fault::error(refusal.class(), refusal.detail())
    }

    /// Tries the addresses in turn, each with its share of the time that is left.
    async fn connect(
        &self,
        url: &TargetUrl,
        sockets: &[SocketAddr],
    ) -> Result<TcpStream, TransportError> {
        let share = |n: usize| self.config.limits.connect / u32::try_from(n).unwrap_or(u32::MAX);
        let mut failure = "no address answers".to_owned();
        for &socket in sockets {
            match timeout(share(sockets.len()), TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return self.look_again(url, stream, socket),
                Ok(Err(cause)) => failure = cause.kind().to_string(),
                Err(_) => failure = "no connection in time".into(),
            }
        }
        Err(fault::error(FailureClass::Connect, failure))
    }

    /// The peer is who was dialled, and is still allowed.
    fn look_again(
        &self,
        url: &TargetUrl,
        stream: TcpStream,
        dialled: SocketAddr,
    ) -> Result<TcpStream, TransportError> {
        let io = |cause: io::Error| fault::error(FailureClass::Connect, cause.kind().to_string());
        let peer = stream.peer_addr().map_err(io)?;
        if peer.ip() != dialled.ip() || peer.port() != dialled.port() {
            let detail = "the connection leads to another address than was dialled";
            return Err(fault::error(FailureClass::Blocked, detail));
        }
        self.config.rules.judge_socket(peer).map_err(|refusal| {
            let address = peer.ip();
            self.refused(url, &VetError::Address { address, refusal })
        })?;
        stream.set_nodelay(true).map_err(io)?;
        Ok(stream)
    }

    async fn secure(
        &self,
        url: &TargetUrl,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TransportError> {
        let handshake = self.tls.connect(server_name(url)?, stream);
        match timeout(self.config.limits.tls, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(cause)) => {
                let tls = fault::tls_cause(&cause).map(ToString::to_string);
                let detail = tls.unwrap_or_else(|| cause.kind().to_string());
                Err(fault::error(FailureClass::Tls, detail))
            }
            Err(_) => {
                let detail = "the TLS handshake took too long";
                Err(fault::error(FailureClass::Tls, detail))
            }
        }
    }

    async fn link(&self, stream: Stream, http2: bool) -> Result<Link, TransportError> {
        let tally = Arc::new(Tally::new());
        let wire = Wire {
            stream,
            tally: tally.clone(),
        };
        let link = match http2 {
            true => Link::http2(wire).await,
            false => Link::http1(wire).await,
        };
        link.map_err(|cause| fault::no_answer(&cause, &tally))
    }
}

fn server_name(url: &TargetUrl) -> Result<ServerName<'static>, TransportError> {
    match url.host() {
        TargetHost::Address(address) => Ok(ServerName::from(address)),
        TargetHost::Name(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| fault::error(FailureClass::Tls, "no certificate can be for this name")),
    }
}

fn client_config(config: &HttpConfig) -> Result<ClientConfig, BadRoot> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in &config.extra_roots {
        roots.add(root.clone())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
