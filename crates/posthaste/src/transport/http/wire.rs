//! The bytes of a connection, plain or in TLS, and two counts of them that no HTTP library keeps:
//! whether any byte of the request was written, and how much may still come: over HTTP/1.1 before
//! the final head, over HTTP/2 for all requests that are under way, so that frames that answer
//! nothing (interim answers, pings, settings) come to an end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// Bytes of an answer's head, with all interim (1xx) answers before it.
pub(super) const HEAD_MAX: usize = 16 * 1024;

const UNBOUNDED: usize = usize::MAX;

/// Bytes that a shared connection may read for each request under way: a head of 256 KiB, which is
/// read to be called too large, a body as far as it is read, and a window of it on its way.
const SHARE: usize = 512 * 1024;

/// And beside them: what is still on its way to requests that have ended, up to the connection's
/// window of 1 MiB, and the frames that keep a connection going.
const ASIDE: usize = 2 * 1024 * 1024;

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream under an HTTP connection; its [`Tally`] is shared with who waits for the answer.
pub(super) struct Wire {
    pub stream: Stream,
    pub tally: Arc<Tally>,
}

/// What a connection has read and written for the request that is under way.
#[derive(Debug)]
pub(super) struct Tally {
    written: AtomicBool,
    /// Bytes that may still be read: before the head is complete, or for what is under way.
    left: AtomicUsize,
    /// Requests under way over a shared connection.
    under_way: AtomicUsize,
}

/// A request over a shared connection; when it has ended, what it left unread is no longer allowed.
pub(super) struct UnderWay<'a>(&'a Tally);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let others = self.0.under_way.fetch_sub(1, Relaxed) - 1;
        self.0.left.fetch_min(others * SHARE + ASIDE, Relaxed);
    }
}

impl Tally {
    pub fn new() -> Self {
        Self {
            written: AtomicBool::new(false),
            left: AtomicUsize::new(UNBOUNDED),
            under_way: AtomicUsize::new(0),
        }
    }

    /// Many requests share what it counts, from before the first one on.
    pub fn share(&self) {
        self.left.store(ASIDE, Relaxed);
    }

    /// One of many requests begins.
    pub fn begin_shared(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Relaxed);
        self.left.fetch_add(SHARE, Relaxed);
        UnderWay(self)
    }

    /// A request begins: nothing is written yet, and its answer's head is bounded.
    pub fn begin(&self) {
        self.written.store(false, Relaxed);
        self.left.store(HEAD_MAX, Relaxed);
    }

    /// The final head is there: what follows is bounded by who reads it.
    pub fn head_done(&self) {
        self.left.store(UNBOUNDED, Relaxed);
    }

    pub fn nothing_written(&self) -> bool {
        !self.written.load(Relaxed)
    }

    pub fn is_spent(&self) -> bool {
        self.left.load(Relaxed) == 0
    }

    fn read(&self, bytes: usize) {
        let less = |left: usize| (left != UNBOUNDED).then(|| left.saturating_sub(bytes));
        self.left.fetch_update(Relaxed, Relaxed, less).ok(); // unbounded stays
    }

    fn wrote(&self, bytes: usize) {
        if bytes > 0 {
            self.written.store(true, Relaxed);
        }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! stream {
    ($wire:expr, $stream:ident => $call:expr) => {
        match &mut $wire.stream {
            Stream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.tally.is_spent() {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let before = buf.filled().len();
        ready!(stream!(self, stream => stream.poll_read(cx, buf)))?;
        self.tally.read(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(stream!(self, stream => stream.poll_write(cx, buf)))?;
        self.tally.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(stream!(self, stream => stream.poll_write_vectored(cx, bufs)))?;
        self.tally.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        stream!(self, stream => stream.poll_shutdown(cx))
    }
}
