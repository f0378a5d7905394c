//! The listener: hyper's HTTP/1.1 behind a [`Guard`], over TLS where there is a certificate, and a
//! bound on connections, handshakes included.
//!
//! A drain stops accepting, lets requests under way finish, ends those that have no end, and returns.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::{Layer, util::MapResponseLayer};

use crate::{browser, guard::Guard, refusal, request_id::RequestIds, tls::Tls};
use posthaste_callers::Peer;
use posthaste_engine::live::Draining;

/// What hyper may hold of a connection: more than the largest head that a [`Guard`] hands on.
const BUFFER_BYTES: usize = 32 * 1024;
/// Connections at once; more wait in the listener's backlog.
const CONNECTIONS_MAX: u32 = 10_000;
/// The pause after accepting failed, as when descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is done and the requests under way have been answered; over TLS where
/// there is a certificate, and then over nothing else.
///
/// # Errors
/// None after it has begun: what fails is one connection, or passes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (drain, draining) = watch::channel(false);
    let router = match tls {
        Some(_) => router.layer(MapResponseLayer::new(browser::over_tls)),
        None => router,
    };
    let ids = RequestIds::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let connection = Connection {
                    peer: Peer(peer),
                    router: router.clone(),
                    ends: Draining::new(draining.clone()),
                    ids: ids.clone(),
                    draining: draining.clone(),
                };
                let connection = connection.open(stream, tls.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection.accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain.send_replace(true);
    let all = slots.acquire_many(CONNECTIONS_MAX).await;
    all.map(drop).map_err(io::Error::other)
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

/// What one connection needs.
struct Connection {
    peer: Peer,
    router: Router,
    /// For answers that have no end of their own.
    ends: Draining,
    ids: RequestIds,
    draining: watch::Receiver<bool>,
}

impl Connection {
    async fn open(mut self, stream: TcpStream, tls: Option<Tls>) {
        // A connection that cannot be tuned still serves.
        stream.set_nodelay(true).ok();
        let Some(tls) = tls else {
            return self.serve(stream).await;
        };
        let secured = tokio::select! {
            secured = tls.accept(stream) => secured,
            () = drain(&mut self.draining) => return,
        };
        match secured {
            Ok(stream) => self.serve(stream).await,
            Err(error) => tracing::debug!(%error, peer = %self.peer.0, "connection.handshake"),
        }
    }

    async fn serve(mut self, stream: impl AsyncRead + AsyncWrite + Send + Unpin) {
        let ids = self.ids;
        let refuse = Box::new(move |fault| refusal::written(fault, &ids));
        let stream = TokioIo::new(Guard::new(stream, refuse));
        let router = (Extension(self.ends), Extension(self.peer)).layer(self.router);
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            // The guard has the deadline of heads.
            .header_read_timeout(None)
            .max_buf_size(BUFFER_BYTES)
            .half_close(true)
            .serve_connection(stream, TowerToHyperService::new(router));
        let mut served = pin!(served);
        let ended = tokio::select! {
            ended = &mut served => ended,
            () = drain(&mut self.draining) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, peer = %self.peer.0, "connection.ended");
        }
    }
}

async fn drain(draining: &mut watch::Receiver<bool>) {
    // A server that is gone drains too.
    draining.wait_for(|draining| *draining).await.ok();
}
