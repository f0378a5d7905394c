//! The bytes of a connection, plain or in TLS, and two counts of them that no HTTP library keeps:
//! whether any byte of the request was written, and how much came before the final head.

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
    /// Bytes that may still be read before the head is complete.
    head_left: AtomicUsize,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            written: AtomicBool::new(false),
            head_left: AtomicUsize::new(UNBOUNDED),
        }
    }

    /// A request begins: nothing is written yet, and its answer's head is bounded.
    pub fn begin(&self) {
        self.written.store(false, Relaxed);
        self.head_left.store(HEAD_MAX, Relaxed);
    }

    /// The final head is there: what follows is bounded by who reads it.
    pub fn head_done(&self) {
        self.head_left.store(UNBOUNDED, Relaxed);
    }

    pub fn nothing_written(&self) -> bool {
        !self.written.load(Relaxed)
    }

    pub fn head_is_spent(&self) -> bool {
        self.head_left.load(Relaxed) == 0
    }

    fn read(&self, bytes: usize) {
        let left = self.head_left.load(Relaxed);
        if left != UNBOUNDED {
            self.head_left.store(left.saturating_sub(bytes), Relaxed);
        }
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
        if self.tally.head_is_spent() {
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
