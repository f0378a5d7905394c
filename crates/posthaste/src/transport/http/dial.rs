//! From a URL to an open connection: vetted, dialled, looked at again, and secured.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{RootCertStore, pki_types::ServerName};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    BadRoot, HttpConfig, fault,
    link::Link,
    trust,
    wire::{Stream, Tally, Wire},
};
use crate::{
    delivery::FailureClass,
    egress::{DenyList, TargetHost, TargetUrl, VetError, vet_for},
    transport::{Phase, Post, TransportError},
};

pub(super) struct Dialer {
    config: HttpConfig,
    /// The public authorities and the operator's own.
    roots: Arc<RootCertStore>,
    /// For whoever has no TLS identity.
    tls: TlsConnector,
}

impl Dialer {
    pub fn new(config: HttpConfig) -> Result<Self, BadRoot> {
        let roots = roots(&config)?;
        let tls = trust::connector(trust::builder(roots.clone()).with_no_client_auth());
        Ok(Self { config, roots, tls })
    }

    pub async fn dial(&self, post: &Post<'_>) -> Result<Link, TransportError> {
        let (config, none) = (&self.config, DenyList::default());
        let denied = post.denied.unwrap_or(&none);
        let (rules, resolver, budget) = (&config.rules, &*config.resolver, config.limits.dns);
        let clock = &*config.clock;
        let resolving = is_looked_up(post.url).then(|| post.begin(Phase::Dns, clock));
        let vetted = vet_for(post.url, rules, denied, resolver, budget).await;
        drop(resolving);
        let sockets = vetted.map_err(|refusal| self.refused(post.url, &refusal))?;
        let connecting = post.begin(Phase::Connect, clock);
        let (stream, peer) = self.connect(&sockets).await?;
        drop(connecting);
        self.look_again(post.url, denied, peer)?;
        if !post.url.is_https() {
            return self.link(Stream::Plain(stream), false).await;
        }
        let securing = post.begin(Phase::Tls, clock);
        let stream = self.secure(post, stream).await?;
        drop(securing);
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.link(Stream::Tls(Box::new(stream)), http2).await
    }

    fn refused(&self, url: &TargetUrl, refusal: &VetError) -> TransportError {
        (self.config.watch)(url, refusal);
        fault::error(refusal.class(), refusal.detail())
    }

    /// Tries the addresses in turn, each with its share of the time that is left. The peer is who
    /// was dialled.
    async fn connect(
        &self,
        sockets: &[SocketAddr],
    ) -> Result<(TcpStream, SocketAddr), TransportError> {
        let share = |n: usize| self.config.limits.connect / u32::try_from(n).unwrap_or(u32::MAX);
        let mut failure = "no address answers".to_owned();
        for &socket in sockets {
            match timeout(share(sockets.len()), TcpStream::connect(socket)).await {
                Ok(Ok(stream)) => return peer_of(stream, socket),
                Ok(Err(cause)) => failure = cause.kind().to_string(),
                Err(_) => failure = "no connection in time".into(),
            }
        }
        Err(fault::error(FailureClass::Connect, failure))
    }

    /// The peer is still one that may be dialled.
    fn look_again(
        &self,
        url: &TargetUrl,
        denied: &DenyList,
        peer: SocketAddr,
    ) -> Result<(), TransportError> {
        let judged = self.config.rules.judge_socket(peer);
        let judged = judged.and_then(|()| denied.judge_address(peer.ip()));
        judged.map_err(|refusal| {
            let address = peer.ip();
            self.refused(url, &VetError::Address { address, refusal })
        })
    }

    async fn secure(
        &self,
        post: &Post<'_>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TransportError> {
        let own = post.tls.map(|identity| identity.connector(&self.roots));
        let connector = own.unwrap_or(&self.tls);
        let handshake = connector.connect(server_name(post.url)?, stream);
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

/// Whether anybody is asked what the URL's host is: not for an address, nor for `localhost`.
fn is_looked_up(url: &TargetUrl) -> bool {
    matches!(url.host(), TargetHost::Name(name) if name != "localhost")
}

fn server_name(url: &TargetUrl) -> Result<ServerName<'static>, TransportError> {
    match url.host() {
        TargetHost::Address(address) => Ok(ServerName::from(address)),
        TargetHost::Name(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| fault::error(FailureClass::Tls, "no certificate can be for this name")),
    }
}

fn peer_of(
    stream: TcpStream,
    dialled: SocketAddr,
) -> Result<(TcpStream, SocketAddr), TransportError> {
    let io = |cause: io::Error| fault::error(FailureClass::Connect, cause.kind().to_string());
    let peer = stream.peer_addr().map_err(io)?;
    if peer.ip() != dialled.ip() || peer.port() != dialled.port() {
        let detail = "the connection leads to another address than was dialled";
        return Err(fault::error(FailureClass::Blocked, detail));
    }
    stream.set_nodelay(true).map_err(io)?;
    Ok((stream, peer))
}

fn roots(config: &HttpConfig) -> Result<Arc<RootCertStore>, BadRoot> {
    let mut roots = trust::public_roots();
    for root in &config.extra_roots {
        Arc::make_mut(&mut roots).add(root.clone())?;
    }
    Ok(roots)
}
