//! An answer without an end, and the feed of messages over it that comes back by itself.

use std::{collections::VecDeque, time::Duration};

use anyhow::anyhow;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};

use super::{
    ANSWER_WITHIN, Call, CallError, Client, Problem,
    sse::{Message, Parser},
};
use crate::paint::{Ink, Paint};

/// Silence after which a connection is given up: three times what a server is silent at most.
const SILENCE: Duration = Duration::from_secs(45);
/// The wait before the first try to come back, doubled up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The body of an answer, as it comes.
struct Stream(Incoming);

impl Stream {
    /// None at the end.
    async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            let frame = tokio::time::timeout(SILENCE, self.0.frame()).await;
            let Some(frame) = frame.map_err(|_| anyhow!("nothing came for 45 s"))? else {
                return Ok(None);
            };
            let frame = frame.map_err(|_| anyhow!("the connection broke"))?;
            // Trailers are none of our business.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

impl Client {
    /// Over a connection of its own.
    async fn open(&self, call: Call) -> Result<Stream, CallError> {
        let request = self.request(call);
        let broken = |error: hyper::Error| CallError::Broken(error.into());
        let opened = async {
            let mut connection = self.connect().await?;
            let answer = connection.send_request(request).await.map_err(broken)?;
            let (head, body) = answer.into_parts();
            if head.status == StatusCode::OK {
                return Ok(Stream(body));
            }
            let body = body.collect().await.map_err(broken)?.to_bytes();
            let problem = Problem::read(head.status, &head.headers, &body);
            Err(CallError::Refused(problem))
        };
        let late = |_| CallError::Broken(anyhow!("no answer within 60 s"));
        tokio::time::timeout(ANSWER_WITHIN, opened)
            .await
            .map_err(late)?
    }

    /// The messages at a path, with this query.
    ///
    /// # Errors
    /// The first connection is refused; later ones are tried again.
    pub async fn follow(
        &self,
        path: impl Into<String>,
        query: Vec<(&'static str, String)>,
        lost: Lost,
    ) -> Result<Feed<'_>, CallError> {
        let mut feed = Feed {
            client: self,
            path: path.into(),
            query,
            lost,
            stream: None,
            parser: Parser::default(),
            messages: VecDeque::new(),
        };
        feed.connect().await?;
        Ok(feed)
    }
}

/// What becomes of what happens while there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The server gives it when it is told `after` which message to go on.
    Nothing,
    /// It is not shown.
    Everything,
}

/// Messages without an end: a connection that breaks is made again, which is told on stderr.
pub struct Feed<'a> {
    client: &'a Client,
    path: String,
    query: Vec<(&'static str, String)>,
    lost: Lost,
    stream: Option<Stream>,
    parser: Parser,
    messages: VecDeque<Message>,
}

impl Feed<'_> {
    /// # Errors
    /// The server refuses us for good.
    pub async fn next(&mut self) -> Result<Message, CallError> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            let came = match &mut self.stream {
                Some(stream) => stream.next().await,
                None => Ok(None),
            };
            match came {
                Ok(Some(bytes)) => self.messages.extend(self.parser.push(&bytes)),
                Ok(None) => self.come_back("the server ended the stream").await?,
                Err(error) => self.come_back(&format!("{error:#}")).await?,
            }
        }
    }

    async fn come_back(&mut self, why: &str) -> Result<(), CallError> {
        self.stream = None;
        note(format_args!("disconnected ({why}), trying to come back …"));
        let mut wait = WAIT_MIN;
        loop {
            tokio::time::sleep(wait).await;
            match self.connect().await {
                Ok(()) => break,
                Err(error) if !error.is_passing() => return Err(error),
                Err(_) => wait = (wait * 2).min(WAIT_MAX),
            }
        }
        note(match self.lost {
            Lost::Nothing => "connected again, nothing was missed",
            Lost::Everything => "connected again; what happened meanwhile is not shown",
        });
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), CallError> {
        if self.lost == Lost::Nothing
            && let Some(last) = self.parser.last_id()
        {
            self.query.retain(|(name, _)| *name != "after");
            self.query.push(("after", last.to_owned()));
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(&self.query).finish();
        let call = Call::get(format!("{}?{query}", self.path));
        self.stream = Some(self.client.open(call).await?);
        self.parser.begin_again();
        Ok(())
    }
}

/// Something about the connection, for whoever watches.
fn note(what: impl std::fmt::Display) {
    let note = Paint::for_stderr().ink(Ink::Yellow, &format!("{what}"));
    eprintln!("{note}");
}
