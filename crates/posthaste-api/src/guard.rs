//! A connection as hyper sees it: whole good heads, and the bodies that they announce.
//!
//! It keeps the deadlines that are about bytes. A head that does not come in time, or that
//! [`Framing`] refuses, never reaches hyper, which sees the connection end; what has to be said of
//! it is written once the answers before it are out. A connection that is closed while its client
//! still sends is read to its end for a moment, so that the answer is not lost to a reset.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::framing::{Fault, Framing};

/// How long a request's head may take; also how long a connection may be idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take nothing of its answer.
const STALL_DEADLINE: Duration = Duration::from_secs(60);
/// How long a client may go on sending after it was refused.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes taken from the stream at once; what waits for more of them holds no memory.
const READ_BYTES: usize = 8 * 1024;

/// What is written of a fault.
pub(crate) type Refuse = Box<dyn Fn(Fault) -> Bytes + Send + Sync>;

/// A timer that runs while something is awaited.
type Timer = Option<Pin<Box<Sleep>>>;

pub(crate) struct Guard<S> {
    stream: S,
    framing: Framing,
    /// What came and was not handed on.
    came: BytesMut,
    /// So much of it may be.
    passes: usize,
    head: Timer,
    stall: Timer,
    linger: Timer,
    ended: bool,
    refuse: Refuse,
    /// What is still to be written of a refusal.
    refusal: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    pub(crate) fn new(stream: S, refuse: Refuse) -> Self {
        Self {
            stream,
            framing: Framing::new(),
            came: BytesMut::new(),
            passes: 0,
            head: None,
            stall: None,
            linger: None,
            ended: false,
            refuse,
            refusal: Bytes::new(),
        }
    }

    /// Hands on what may be; false where more has to come first.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        if self.passes == 0 && !self.came.is_empty() {
            match self.framing.passes(&self.came) {
                Ok(passes) => self.passes = passes,
                Err(fault) if self.framing.is_at_head() => {
                    self.refuse(fault);
                    return Ok(true);
                }
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        let some = self.passes.min(buffer.remaining());
        if some == 0 {
            return Ok(false);
        }
        buffer.put_slice(&self.came[..some]);
        self.came.advance(some);
        self.passes -= some;
        self.head = None;
        if self.came.is_empty() {
            self.came = BytesMut::new();
        }
        Ok(true)
    }

    fn refuse(&mut self, fault: Fault) {
        self.refusal = (self.refuse)(fault);
        self.ended = true;
    }

    /// Ends the connection where a head takes too long; one that never began, without a word.
    fn poll_head_deadline(&mut self, context: &mut Context<'_>) {
        if self.framing.is_at_head() && expired(&mut self.head, HEAD_DEADLINE, context) {
            match self.came.is_empty() {
                true => self.ended = true,
                false => self.refuse(Fault::TooLate),
            }
        }
    }

    /// More of what comes; zero at the end.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0; READ_BYTES];
        let mut space = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        self.came.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    /// A writer that makes no headway for too long ends with an error.
    fn unless_stalled<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        match expired(&mut self.stall, STALL_DEADLINE, context) {
            true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            false => Poll::Pending,
        }
    }

    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let written = stream.poll_write(context, &self.refusal);
            let written = ready!(self.unless_stalled(written, context))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.refusal.advance(written);
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.unless_stalled(flushed, context)
    }

    /// Reads what a client still sends, and throws it away.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !expired(&mut self.linger, LINGER, context) {
            self.came.clear();
            match ready!(self.poll_more(context)) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Poll::Ready(())
    }
}

/// Whether a time is over that began when this was first asked.
fn expired(timer: &mut Timer, after: Duration, context: &mut Context<'_>) -> bool {
    let timer = timer.get_or_insert_with(|| Box::pin(sleep(after)));
    timer.as_mut().poll(context).is_ready()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.ended || this.hand_on(buffer)? {
                return Poll::Ready(Ok(()));
            }
            if let Poll::Ready(more) = this.poll_more(context) {
                this.ended = more? == 0;
                continue;
            }
            this.poll_head_deadline(context);
            if !this.ended {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.unless_stalled(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.unless_stalled(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.unless_stalled(flushed, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(this.poll_refusal(context))?;
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let is_idle = this.framing.is_at_head() && this.came.is_empty();
        if !is_idle || this.linger.is_some() {
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const HEAD: &str = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n";

    /// The client's end of a connection, and the server's.
    fn connected(buffer: usize) -> (DuplexStream, Guard<DuplexStream>) {
        let (client, server) = duplex(buffer);
        let refuse = |fault: Fault| Bytes::from(format!("{fault:?}"));
        (client, Guard::new(server, Box::new(refuse)))
    }

    /// What a server reads of this, up to the end, and what its client is told when it closes.
    async fn talk(sent: &str) -> (String, String) {
        let (mut client, mut guard) = connected(64 * 1024);
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut read = String::new();
        let ended = guard.read_to_string(&mut read).await;
        if let Err(error) = ended {
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let mut told = String::new();
        let (shut, heard) = tokio::join!(guard.shutdown(), client.read_to_string(&mut told));
        shut.unwrap();
        heard.unwrap();
        (read, told)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_is_told_so_and_an_idle_connection_nothing() {
        let of = |sent: &'static str, read: &str, told: &str| {
            let expected = (read.to_owned(), told.to_owned());
            async move { assert_eq!(talk(sent).await, expected, "{sent:?}") }
        };
        of("", "", "").await;
        of("GET / HT", "", "TooLate").await;
        of("GET / HTTP/1.1\r\nhost: x\r\n\r", "", "TooLate").await;
        let whole = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        of(whole, whole, "").await;
        of("GET / HTTP/1.1\r\nhost: x\r\n\r\nGET", whole, "TooLate").await;
        of("GET\n", "", "Malformed").await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_byte_by_byte_has_ten_seconds_in_all() {
        let (mut client, mut guard) = connected(1024);
        let trickle = async {
            for byte in HEAD.bytes() {
                client.write_all(&[byte]).await.unwrap();
                sleep(Duration::from_secs(3)).await;
            }
        };
        let mut read = Vec::new();
        let ended = tokio::select! {
            ended = guard.read_to_end(&mut read) => ended,
            () = trickle => panic!("it went on"),
        };
        assert_eq!((ended.unwrap(), &*guard.refusal), (0, &b"TooLate"[..]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_no_deadline_here_and_ends_where_its_head_says() {
        let (mut client, mut guard) = connected(1024);
        client.write_all(HEAD.as_bytes()).await.unwrap();
        let mut head = vec![0; HEAD.len()];
        guard.read_exact(&mut head).await.unwrap();
        let mut body = [0; 4];
        let (late, ()) = tokio::join!(guard.read_exact(&mut body), async {
            sleep(Duration::from_secs(3600)).await;
            client.write_all(b"bodyGET").await.unwrap();
        });
        late.unwrap();
        assert_eq!(&body, b"body");
        let mut rest = Vec::new();
        assert_eq!(guard.read_to_end(&mut rest).await.unwrap(), 0);
        assert_eq!(&*guard.refusal, b"TooLate");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_hung_up_on() {
        let (_client, mut guard) = connected(16);
        let stalled = guard.write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_on_sending_is_listened_to_for_a_moment() {
        let (mut client, mut guard) = connected(1024);
        client.write_all(b"nonsense\n").await.unwrap();
        let mut nothing = Vec::new();
        guard.read_to_end(&mut nothing).await.unwrap();
        let endless = async {
            while client.write_all(&[0; 512]).await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            shut = guard.shutdown() => shut.unwrap(),
            () = endless => panic!("it was cut off before its moment was over"),
        }
    }
}
