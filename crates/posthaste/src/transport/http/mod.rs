//! Real HTTP: one signed POST over a pooled connection to a vetted address.
//!
//! It never follows a redirect, keeps a cookie, inflates a body, answers a challenge, asks a proxy
//! or dials an address that [`crate::egress`] has not judged. A status that has arrived decides,
//! whatever happens to the body after it. One deadline bounds everything.

mod fault;
mod wire;
mod retry_after;
mod answer;
mod trust;
mod identity;
mod request;
mod link;
mod pool;
mod dial;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
pub use identity::{TlsFault, TlsIdentity, TlsMember};
pub use rustls::pki_types::CertificateDer;

pub use self::retry_after::retry_after;
use self::{answer::Heard, dial::Dialer, link::Link, pool::Pool, request::Outgoing};
use super::{Answer, Headers, Phase, Post, TransportError, WebhookTransport};
use crate::{
    clock::{Clock, SystemClock},
    delivery::FailureClass,
    egress::{EgressRules, Resolver, SystemResolver, TargetUrl, VetError},
};

/// What happens with the reason of every refusal to dial, which names addresses: the operator's
/// log, never the tenant's.
pub type Watch = Arc<dyn Fn(&TargetUrl, &VetError) + Send + Sync>;

/// How to reach receivers.
#[derive(Clone)]
pub struct HttpConfig {
    /// Which addresses may be dialled; the default is strict.
    pub rules: Arc<EgressRules>,
    /// Turns names into addresses; the default asks the system.
    pub resolver: Arc<dyn Resolver>,
    /// Reads the date in a `Retry-After`.
    pub clock: Arc<dyn Clock>,
    /// Certificate authorities that are trusted beside the built-in ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Bounds of connections.
    pub limits: Limits,
    /// Told why an address was not dialled; the default ignores it.
    pub watch: Watch,
}

/// Bounds of connections; those of an answer are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For resolving a name; default 3 s.
    pub dns: Duration,
    /// For connecting, over all of a name's addresses; default 5 s.
    pub connect: Duration,
    /// For the TLS handshake; default 5 s.
    pub tls: Duration,
    /// After which an idle connection is closed, give or take a third; default 60 s.
    pub idle: Duration,
    /// After which a connection is not used again, give or take a third of `idle`: its address was
    /// vetted when it was opened, and names move. Default 5 min.
    pub vetted: Duration,
    /// Idle connections to one scheme, host and port; default 256.
    pub idle_per_origin: usize,
    /// Idle connections in all; default 4,096.
    pub idle_in_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dns: Duration::from_secs(3),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            vetted: Duration::from_secs(300),
            idle_per_origin: 256,
            idle_in_all: 4096,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            rules: Arc::new(EgressRules::default()),
            resolver: Arc::new(SystemResolver::default()),
            clock: Arc::new(SystemClock::new()),
            extra_roots: Vec::new(),
            limits: Limits::default(),
            watch: Arc::new(|_, _| ()),
        }
    }
}

/// Why there is no transport: an extra certificate authority cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("an extra certificate authority is no usable certificate: {0}")]
pub struct BadRoot(#[from] rustls::Error);

/// Delivers over HTTP/1.1 and HTTP/2. One belongs to one runtime and is shared by its tasks.
pub struct HttpTransport {
    pool: Arc<Pool>,
    dialer: Dialer,
    clock: Arc<dyn Clock>,
}

impl HttpTransport {
    /// # Errors
    /// One of `extra_roots` is no certificate.
    pub fn new(config: HttpConfig) -> Result<Self, BadRoot> {
        let clock = config.clock.clone();
        Ok(Self {
            pool: Arc::new(Pool::new(config.limits)),
            dialer: Dialer::new(config)?,
            clock,
        })
    }

    async fn exchange<'a>(
        &'a self,
        outgoing: &Outgoing<'a>,
        heard: &mut Heard<'a>,
    ) -> Result<(), TransportError> {
        let (now, key, post) = (|| self.clock.wall(), outgoing.key(), &outgoing.0);
        while let Some(mut link) = self.pool.take(&key) {
            if !link.is_alive().await {
                continue;
            }
            heard.waiting = post.begin(Phase::FirstByte, &*self.clock);
            let sent = link.exchange(outgoing, heard, &now).await;
            if sent.as_ref().is_err_and(|fault| fault.unsent) {
                break; // it died before a byte was written: once more, on a fresh one
            }
            return self.end(&key, link, sent);
        }
        heard.waiting = None;
        post.stopwatch.inspect(|stopwatch| stopwatch.clear());
        let mut link = self.dialer.dial(post).await?;
        heard.waiting = post.begin(Phase::FirstByte, &*self.clock);
        let sent = link.exchange(outgoing, heard, &now).await;
        self.end(&key, link, sent)
    }

    /// A connection that is fit for another request goes back, any other is closed.
    fn end(
        &self,
        key: &str,
        link: Link,
        sent: Result<bool, fault::Fault>,
    ) -> Result<(), TransportError> {
        if sent.map_err(|fault| fault.error)? {
            self.pool.give(key, link);
        }
        Ok(())
    }
}

#[async_trait]
impl WebhookTransport for HttpTransport {
    async fn send(
        &self,
        url: &TargetUrl,
        payload: Bytes,
        headers: &Headers,
        timeout: Duration,
    ) -> Result<Answer, TransportError> {
        self.post(Post::new(url, &payload, headers, timeout)).await
    }

    async fn post(&self, post: Post<'_>) -> Result<Answer, TransportError> {
        let (timeout, outgoing) = (post.timeout, Outgoing(post));
        if post.tls.is_some() && !post.url.is_https() {
            let detail = "the subscription has TLS settings, and its URL is not https";
            return Err(fault::error(FailureClass::Tls, detail));
        }
        let mut heard = Heard::default();
        let exchange = self.exchange(&outgoing, &mut heard);
        let ended = tokio::time::timeout(timeout, exchange).await;
        match (heard.answer(), ended) {
            (Some(answer), _) => Ok(answer),
            (None, Ok(Err(error))) => {
                if error.class == FailureClass::Blocked {
                    // How far it came would tell what the name resolves to.
                    post.stopwatch.inspect(|stopwatch| stopwatch.clear());
                }
                Err(error)
            }
            (None, _) => {
                let detail = format!("no answer within {} ms", timeout.as_millis());
                Err(fault::error(FailureClass::Timeout, detail))
            }
        }
    }
}
