//! A small HTTP/1.1 client for the commands: one connection, kept open, and answers with their
//! problems made readable; and streams, each over a connection of its own. It follows no redirects
//! and keeps nothing.

mod problem;
mod server;
mod socket;
mod sse;
mod stream;

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

pub use problem::Problem;
pub use server::{ServerArguments, Target};
pub use sse::Message;
pub use stream::{Feed, Lost};

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const BASE: &str = "/api/v1/webhooks";

/// What is asked of the server.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    body: Bytes,
    content_type: &'static str,
    idempotency_key: Option<String>,
}

impl Call {
    /// `path` below the API's base, with its query.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: Bytes::new(),
            content_type: "application/json",
            idempotency_key: None,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub fn json(self, body: &serde_json::Value) -> Self {
        self.bytes("application/json", body.to_string().into())
    }

    pub fn bytes(mut self, content_type: &'static str, body: Bytes) -> Self {
        (self.content_type, self.body) = (content_type, body);
        self
    }

    pub fn idempotency_key(mut self, key: Option<String>) -> Self {
        self.idempotency_key = key;
        self
    }
}

/// A good answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    pub fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).context("the server's answer was not understood")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum CallError {
    Unreachable {
        server: String,
        cause: anyhow::Error,
    },
    /// The connection broke or the time was up: the server may have done it or not.
    Broken(anyhow::Error),
    Refused(Problem),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable { server, cause } if is_refused(cause) => write!(
                f,
                "no server at {server} ({cause}); start one with `posthaste serve`"
            ),
            Self::Unreachable { server, cause } => write!(f, "cannot reach {server}: {cause:#}"),
            Self::Broken(cause) => write!(f, "the server did not answer: {cause:#}"),
            Self::Refused(problem) => problem.fmt(f),
        }
    }
}

impl CallError {
    /// Whether the same call may be made again later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken(_) => true,
            Self::Refused(problem) => problem.is_passing(),
        }
    }
}

impl std::error::Error for CallError {}

/// Nobody listens there.
fn is_refused(cause: &anyhow::Error) -> bool {
    let cause = cause.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// A server, and who asks.
pub struct Client {
    target: Target,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Client {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connection: Mutex::new(None),
        }
    }

    /// Where the server is.
    pub fn server(&self) -> String {
        self.target.server.origin().ascii_serialization()
    }

    /// # Errors
    /// [`CallError`]; a refusal carries the server's problem.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let request = self.request(call);
        let (status, headers, body) = tokio::time::timeout(ANSWER_WITHIN, self.send(request))
            .await
            .map_err(|_| CallError::Broken(anyhow::anyhow!("no answer within 60 s")))??;
        if status.is_success() {
            return Ok(Answer { status, body });
        }
        Err(CallError::Refused(Problem::read(status, &headers, &body)))
    }

    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
        let mut slot = self.connection.lock().await;
        let mut connection = match alive(slot.take()).await {
            Some(open) => open,
            None => self.connect().await?,
        };
        let broken = |error: hyper::Error| CallError::Broken(error.into());
        let answer = connection.send_request(request).await.map_err(broken)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(broken)?.to_bytes();
        *slot = Some(connection);
        Ok((head.status, head.headers, body))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let connected = socket::connect(&self.target.server, self.target.trust.as_ref()).await;
        connected.map_err(|cause| CallError::Unreachable {
            server: self.server(),
            cause,
        })
    }

    fn request(&self, call: Call) -> Request<Full<Bytes>> {
        let server = &self.target.server;
        let prefix = server.path().trim_end_matches('/');
        let mut request = Request::builder()
            .method(call.method)
            .uri(format!("{prefix}{BASE}{}", call.path))
            .header(header::HOST, server.authority())
            .header(
                header::USER_AGENT,
                concat!("posthaste-cli/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONTENT_TYPE, call.content_type);
        if let Some(key) = &self.target.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(tenant) = &self.target.tenant {
            request = request.header("posthaste-tenant", tenant);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let body = Full::new(call.body);
        request
            .body(body)
            .expect("the parts were checked as arguments")
    }
}

/// A connection that the server has not closed meanwhile.
async fn alive(connection: Option<SendRequest<Full<Bytes>>>) -> Option<SendRequest<Full<Bytes>>> {
    let mut connection = connection?;
    connection.ready().await.ok()?;
    Some(connection)
}
