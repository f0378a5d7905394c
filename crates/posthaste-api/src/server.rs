//! The listener: hyper's HTTP/1.1 with a deadline for each head, a bound on its size, and a bound on
//! connections.
//!
//! What is no HTTP is answered by hyper itself and closed. A drain stops accepting, lets requests
//! under way finish, ends those that have no end, and returns.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use crate::sse::Draining;

/// How long a request's head may take.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// The largest head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Connections at once; more wait in the listener's backlog.
const CONNECTIONS_MAX: u32 = 10_000;
/// The pause after accepting failed, as when descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of a request's connection: a client, or a proxy in front of it. Whoever
/// serves the router by other means than [`serve`] adds it to each request as an extension; without
/// it nobody knows where requests come from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves until `shutdown` is done and the requests under way have been answered.
///
/// # Errors
/// None after it has begun: what fails is one connection, or passes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (drain, draining) = watch::channel(false);
    let router = router.layer(Extension(Draining(Some(draining.clone()))));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let connection = connection(stream, Peer(peer), router.clone(), draining.clone());
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

async fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    mut draining: watch::Receiver<bool>,
) {
    // A connection that cannot be tuned still serves.
    stream.set_nodelay(true).ok();
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = async { drop(draining.wait_for(|draining| *draining).await) } => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, peer = %peer.0, "connection.ended");
    }
}
