//! Sending a signed body: the trait, real HTTP, and in-process callbacks for tests.

#[cfg(feature = "http")]
pub mod http;

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{delivery::FailureClass, egress::TargetUrl};

mod timings;
mod post;
pub mod callback;
mod outcome;

pub use post::Post;
pub use timings::{Lap, Phase, Stopwatch, Timings};

/// Request headers in the order sent; names in lower case.
pub type Headers = Vec<(Cow<'static, str>, String)>;

/// A receiver's final answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code of the final answer.
    pub status: u16,
    /// `name: value` lines as received, escaped to visible text, cut at 16 KiB.
    pub headers: String,
    /// Cut at 16 KiB.
    pub body: Bytes,
    /// What 429 and 503 asked for in `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {detail}")]
pub struct TransportError {
    /// The kind of failure.
    pub class: FailureClass,
    /// For the tenant: names no address that a name resolved to.
    pub detail: String,
}

/// One POST to a receiver, and its final answer.
#[async_trait]
pub trait WebhookTransport: Send + Sync + 'static {
    /// `timeout` is one deadline for all, the answer's body included.
    async fn send(
        &self,
        url: &TargetUrl,
        payload: Bytes,
        headers: &Headers,
        timeout: Duration,
    ) -> Result<Answer, TransportError>;

    /// The same for a subscription that asks for more than a signature.
    ///
    /// As provided, it sends the subscription's own headers with the others. A transport that opens
    /// connections has to override it: nothing here knows addresses or TLS.
    async fn post(&self, post: Post<'_>) -> Result<Answer, TransportError> {
        let (headers, payload) = (post.all_headers(), post.payload.clone());
        self.send(post.url, payload, &headers, post.timeout).await
    }
}
