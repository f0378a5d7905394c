//! An open connection, and one exchange over it.
//!
//! An HTTP/1.1 connection has no task of its own: whoever waits for its answer drives it, so that
//! a request costs no hand-over between tasks. It is looked at when it leaves the pool, which is
//! when it matters whether it has died. An HTTP/2 connection is shared and has a task.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use http::Response;
use http_body_util::BodyExt;
use hyper::{
    body::{Body as _, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{
    answer::Heard,
    fault::{self, Fault},
    request::{Body, Outgoing},
    wire::{HEAD_MAX, Tally, Wire},
};
use crate::clock::Timestamp;

/// The steady reader of the wall clock that an answer's dates are compared with.
pub(super) type Now<'a> = &'a (dyn Fn() -> Timestamp + Sync);

pub(super) enum Link {
    Single(Box<Single>),
    Shared(Shared),
}

impl Link {
    pub async fn http1(wire: Wire) -> hyper::Result<Self> {
        let tally = wire.tally.clone();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self::Single(Box::new(Single {
            sender,
            connection,
            tally,
            over: false,
            since: None,
        })))
    }

    pub async fn http2(wire: Wire) -> hyper::Result<Self> {
        let tally = wire.tally.clone();
        tally.share();
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(64 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .max_header_list_size(16 * HEAD_MAX as u32) // read, so that it can be called too large
            .handshake(TokioIo::new(wire))
            .await?;
        tokio::spawn(connection); // ends with its last sender
        Ok(Self::Shared(Shared {
            sender,
            tally,
            sound: Arc::new(AtomicBool::new(true)),
        }))
    }

    /// Whether the receiver has left it open while it was idle.
    pub async fn is_alive(&mut self) -> bool {
        match self {
            Self::Single(single) => single.is_alive().await,
            Self::Shared(shared) => shared.is_sound(),
        }
    }

    /// Sends a request and hears its answer. Says whether the connection may be used again.
    pub async fn exchange(
        &mut self,
        outgoing: &Outgoing<'_>,
        heard: &mut Heard<'_>,
        now: Now<'_>,
    ) -> Result<bool, Fault> {
        match self {
            Self::Single(single) => single.exchange(outgoing, heard, now).await,
            Self::Shared(shared) => shared.exchange(outgoing, heard, now).await,
        }
    }
}

/// An HTTP/1.1 connection: one exchange at a time.
pub(super) struct Single {
    sender: http1::SendRequest<Body>,
    connection: http1::Connection<TokioIo<Wire>, Body>,
    tally: Arc<Tally>,
    /// Whether the connection has ended and may not be polled again.
    over: bool,
    /// The pool's: when it first came there.
    pub since: Option<u32>,
}

impl Single {
    async fn exchange(
        &mut self,
        outgoing: &Outgoing<'_>,
        heard: &mut Heard<'_>,
        now: Now<'_>,
    ) -> Result<bool, Fault> {
        self.tally.begin();
        let sending = self.sender.send_request(outgoing.http1()?);
        let response = match self.drive(sending).await {
            Ok(response) => response,
            Err(cause) => return Err(self.fault(&cause)),
        };
        self.tally.head_done();
        let (parts, body) = response.into_parts();
        heard.head(&parts, now)?;
        let whole = self.drive(hear_body(body, heard)).await;
        Ok(whole && self.is_alive().await && self.sender.is_ready())
    }

    fn fault(&self, cause: &hyper::Error) -> Fault {
        Fault {
            error: fault::no_answer(cause, &self.tally),
            unsent: self.tally.nothing_written(),
        }
    }

    async fn is_alive(&mut self) -> bool {
        poll_fn(|cx| {
            self.turn(cx);
            Poll::Ready(!self.over)
        })
        .await
    }

    fn turn(&mut self, cx: &mut Context<'_>) {
        if !self.over {
            self.over = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Waits for `work` while it keeps the connection going.
    async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            self.turn(cx);
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// An HTTP/2 connection: many exchanges at a time.
#[derive(Clone)]
pub(super) struct Shared {
    sender: http2::SendRequest<Body>,
    tally: Arc<Tally>,
    /// Whether no exchange over it has failed: a stuck connection is given up by all.
    sound: Arc<AtomicBool>,
}

impl Shared {
    pub fn is_sound(&self) -> bool {
        self.sound.load(Relaxed) && !self.sender.is_closed()
    }

    /// Nobody is to begin anything more over it; what is under way ends as it would.
    pub fn retire(&self) {
        self.sound.store(false, Relaxed);
    }

    async fn exchange(
        &mut self,
        outgoing: &Outgoing<'_>,
        heard: &mut Heard<'_>,
        now: Now<'_>,
    ) -> Result<bool, Fault> {
        let doubt = Doubt(&self.sound);
        let _under_way = self.tally.begin_shared();
        let response = self.sender.try_send_request(outgoing.http2()?).await;
        let response: Response<Incoming> = response.map_err(|failed| Fault {
            error: fault::no_answer(failed.error(), &self.tally),
            unsent: failed.message().is_some(),
        })?;
        let (parts, body) = response.into_parts();
        heard.head(&parts, now)?;
        hear_body(body, heard).await;
        doubt.settle();
        Ok(true)
    }
}

/// Makes a connection unsound unless the exchange comes to its end: a deadline drops it half-way.
struct Doubt<'a>(&'a AtomicBool);

impl Doubt<'_> {
    fn settle(self) {
        std::mem::forget(self);
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Says whether the body came to its end within bounds.
async fn hear_body(mut body: Incoming, heard: &mut Heard<'_>) -> bool {
    while !body.is_end_stream() {
        let data = match body.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return false,
            None => return true,
        };
        if !heard.data(&data) {
            return false;
        }
    }
    true
}
