//! One POST as a transport is handed it, when there is more to it than headers and a body.

use std::time::Duration;

use bytes::Bytes;

#[cfg(feature = "http")]
use super::http::TlsIdentity;
use super::{Headers, Lap, Phase, Stopwatch};
use crate::{
    clock::Clock,
    egress::{DenyList, TargetUrl},
    subscription::OwnHeader,
};

/// What is sent, where to, and as whom.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a TargetUrl,
    /// The signed body.
    pub payload: &'a Bytes,
    /// The sender's headers; nothing in them is secret.
    pub headers: &'a Headers,
    /// The subscription's own, which may be secret.
    pub own: &'a [OwnHeader],
    /// One deadline for all, the answer's body included.
    pub timeout: Duration,
    /// Where the tenant does not want to send, beside what the operator refuses.
    pub denied: Option<&'a DenyList>,
    /// Where to write down how long each phase took.
    pub stopwatch: Option<&'a Stopwatch>,
    /// Whom the sender trusts and shows itself as; none is the public authorities, and nobody.
    #[cfg(feature = "http")]
    pub tls: Option<&'a TlsIdentity>,
}

impl<'a> Post<'a> {
    /// One without anything special.
    #[must_use]
    pub fn new(
        url: &'a TargetUrl,
        payload: &'a Bytes,
        headers: &'a Headers,
        timeout: Duration,
    ) -> Self {
        Self {
            url,
            payload,
            headers,
            own: &[],
            timeout,
            denied: None,
            stopwatch: None,
            #[cfg(feature = "http")]
            tls: None,
        }
    }

    /// With headers of the subscription's own.
    #[must_use]
    pub fn with_own(self, own: &'a [OwnHeader]) -> Self {
        Self { own, ..self }
    }

    /// Where the tenant does not want to send.
    #[must_use]
    pub fn without(self, denied: &'a DenyList) -> Self {
        let denied = Some(denied);
        Self { denied, ..self }
    }

    /// With each phase measured.
    #[must_use]
    pub fn timed(self, stopwatch: &'a Stopwatch) -> Self {
        let stopwatch = Some(stopwatch);
        Self { stopwatch, ..self }
    }

    /// A phase begins: for a transport of one's own. It lasts until what this answers is dropped;
    /// none where nobody asked.
    #[must_use]
    pub fn begin(&self, phase: Phase, clock: &'a dyn Clock) -> Option<Lap<'a>> {
        let stopwatch = self.stopwatch?;
        Some(stopwatch.begin(phase, clock))
    }

    /// Over connections that are secured so.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn secured(self, tls: Option<&'a TlsIdentity>) -> Self {
        Self { tls, ..self }
    }

    /// All headers in one list, secrets too.
    #[must_use]
    pub fn all_headers(&self) -> Headers {
        let own = self.own.iter();
        let sent = |own: &OwnHeader| {
            let (name, value) = (own.name.as_str().to_owned(), own.value.expose().to_owned());
            (name.into(), value)
        };
        self.headers.iter().cloned().chain(own.map(sent)).collect()
    }
}
