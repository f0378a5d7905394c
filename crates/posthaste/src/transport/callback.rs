//! Requests that never leave the process: for tests, and for programs that deliver to themselves.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Answer, Headers, TransportError, WebhookTransport};
use crate::egress::TargetUrl;

type Callback =
    dyn Fn(&TargetUrl, &Bytes, &Headers) -> Result<Answer, TransportError> + Send + Sync;

/// Hands each request to a function, whose word is the receiver's answer. It ignores timeouts.
///
/// ```
/// use posthaste::CallbackTransport;
///
/// let transport = CallbackTransport::new(|_url, payload, _headers| {
///     if payload.starts_with(b"{") { (200, "thanks") } else { (400, "an object, please") }
/// });
/// ```
#[derive(Clone)]
pub struct CallbackTransport(Arc<Callback>);

/// The name that it has elsewhere.
#[allow(clippy::upper_case_acronyms)] // spelt as its users know it from other languages
pub type HTTPWebhookTransport = CallbackTransport;

impl CallbackTransport {
    /// With a function that always answers: a status, a status and a body, or an [`Answer`].
    pub fn new<F, A>(answer: F) -> Self
    where
        F: Fn(&TargetUrl, &Bytes, &Headers) -> A + Send + Sync + 'static,
        A: Into<Answer>,
    {
        Self::fallible(move |url, payload, headers| Ok(answer(url, payload, headers).into()))
    }

    /// With a function that may also fail as a network does.
    pub fn fallible<F>(answer: F) -> Self
    where
        F: Fn(&TargetUrl, &Bytes, &Headers) -> Result<Answer, TransportError>
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(answer))
    }

    /// Sends nothing and answers 200: what a dispatcher does without a transport.
    #[must_use]
    pub fn no_op() -> Self {
        Self::new(|_, _, _| 200)
    }
}

impl fmt::Debug for CallbackTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackTransport")
    }
}

#[async_trait]
impl WebhookTransport for CallbackTransport {
    async fn send(
        &self,
        url: &TargetUrl,
        payload: Bytes,
        headers: &Headers,
        _timeout: Duration,
    ) -> Result<Answer, TransportError> {
        (self.0)(url, &payload, headers)
    }
}

impl From<u16> for Answer {
    fn from(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

impl<B: Into<Bytes>> From<(u16, B)> for Answer {
    fn from((status, body): (u16, B)) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }
}
