//! The server: a task that accepts, and one for each connection.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::BytesMut;
use posthaste::clock::{Clock, SystemClock};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use crate::{
    answer::{self, Then},
    behaviour::Behaviour,
    record::{Record, Recorded},
    request::{self, Head},
    script::Script,
};

/// How a receiver is to be.
pub struct Options {
    pub script: Script,
    /// Requests that are kept, the latest ones; default 10,000. With 0 they are only counted.
    pub keep: usize,
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            script: Script::default(),
            keep: 10_000,
            clock: Arc::new(SystemClock::new()),
        }
    }
}

/// A running receiver. Dropping it closes everything at once.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

struct Shared {
    script: Mutex<Arc<Script>>,
    record: Record,
    clock: Arc<dyn Clock>,
}

impl Receiver {
    /// Listens, and meets requests by the script.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(listen: SocketAddr, script: Script) -> io::Result<Self> {
        let options = Options {
            script,
            ..Options::default()
        };
        Self::start_with(listen, options).await
    }

    /// # Errors
    /// The address cannot be listened on.
    pub async fn start_with(listen: SocketAddr, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(options.script)),
            record: Record::new(options.keep),
            clock: options.clock,
        });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, shared.clone(), stopped));
        Ok(Self {
            address,
            shared,
            accepting,
            stop,
        })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://address` and the path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on requests are met by another script.
    pub fn set_script(&self, script: Script) {
        *self
            .shared
            .script
            .lock()
            .expect("nothing panics while it holds the script") = Arc::new(script);
    }

    /// The latest requests, the oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<Recorded>> {
        self.shared.record.seen().latest.iter().cloned().collect()
    }

    /// How many requests came whole, since it started.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.shared.record.seen().requests
    }

    /// How many connections came, since it started.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.record.seen().connections
    }

    /// Waits until `n` requests came whole, counted from the start.
    pub async fn wait_for(&self, n: u64) -> Vec<Arc<Recorded>> {
        self.shared.record.until(|seen| seen.requests >= n).await;
        self.requests()
    }

    /// Waits until a kept request is one that is looked for.
    pub async fn wait_for_one(&self, is_it: impl Fn(&Recorded) -> bool) -> Arc<Recorded> {
        let mut found = None;
        self.shared
            .record
            .until(|seen| {
                found = seen.latest.iter().find(|recorded| is_it(recorded)).cloned();
                found.is_some()
            })
            .await;
        found.expect("it was waited for")
    }

    /// Waits until `n` connections came, counted from the start.
    pub async fn wait_for_connections(&self, n: u64) {
        self.shared.record.until(|seen| seen.connections >= n).await;
    }

    /// Closes the listener and every connection, and returns when they are closed.
    pub async fn shutdown(self) {
        drop(self.stop);
        let _ = self.accepting.await; // a panic in there was printed already
    }
}

/// Accepts until nobody holds the other end of `stopped`.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, shared.clone()));
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// One connection, until it ends; how it ends is the other side's matter.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.record.connection();
    let mut buf = BytesMut::with_capacity(8 * 1024);
    if stream.set_nodelay(true).is_err() {
        return;
    }
    while let Ok(Then::Next) = shared.turn(&mut stream, &mut buf, number).await {}
}

impl Shared {
    async fn turn(
        &self,
        stream: &mut TcpStream,
        buf: &mut BytesMut,
        connection: u64,
    ) -> io::Result<Then> {
        if self.script().acts_before_read() {
            stream.peek(&mut [0]).await?;
            let before = self.script().before_read(); // whatever the script is by now
            if let Some(behaviour) = before {
                answer::before_read(stream, &behaviour).await?;
                return Ok(Then::Close);
            }
        }
        let head = match request::head(stream, buf).await {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(Then::Close),
            Err(cause) => return refuse(stream, &cause).await,
        };
        let behaviour = self.script().meet(head.path());
        self.meet(stream, buf, head, behaviour, connection).await
    }

    async fn meet(
        &self,
        stream: &mut TcpStream,
        buf: &mut BytesMut,
        head: Head,
        behaviour: Behaviour,
        connection: u64,
    ) -> io::Result<Then> {
        if behaviour.is_before_read() {
            answer::before_read(stream, &behaviour).await?;
            return Ok(Then::Close);
        }
        if head.expects_continue {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if behaviour == Behaviour::ResetDuringBody {
            request::body(stream, buf, head.content_length / 2).await?;
            return answer::answer(stream, behaviour).await;
        }
        let body = request::body(stream, buf, head.content_length).await?;
        let (closes, at) = (head.closes, self.clock.wall());
        let head = head.raw;
        let behaviour = self.script().meet_text(&body).unwrap_or(behaviour);
        let unanswered = self.record.request(|at_once| Recorded {
            head,
            body,
            at,
            connection,
            at_once,
        });
        answer::delay(&behaviour).await;
        if matches!(behaviour, Behaviour::Answer(_)) {
            drop(unanswered); // before the other side can have the answer and send the next
        }
        let then = answer::answer(stream, behaviour).await?;
        Ok(if closes { Then::Close } else { then })
    }

    fn script(&self) -> Arc<Script> {
        self.script
            .lock()
            .expect("nothing panics while it holds the script")
            .clone()
    }
}

async fn refuse(stream: &mut TcpStream, cause: &io::Error) -> io::Result<Then> {
    let why = format!("{cause}\n");
    let reply = crate::Reply::status(400)
        .body(why)
        .header("connection", "close");
    answer::answer(stream, reply.into()).await?;
    Ok(Then::Close)
}
