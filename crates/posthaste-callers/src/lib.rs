//! Who sends a request, and how guessing is slowed: one for all that a server answers, so that who
//! guesses at one door has guessed at every door.

mod client;
mod failures;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderValue, request::Parts};
use posthaste::network::Network;

use crate::failures::Failures;

/// Wrong keys that an address may show in a minute, where nothing is said.
const FAILURES_PER_MIN: u32 = 60;

/// What is known of callers; clones are the same.
#[derive(Clone)]
pub struct Callers(Arc<Known>);

struct Known {
    trusted_proxies: Vec<Network>,
    failures: Failures,
}

/// Who is at the other end of a request's connection: a client, or a proxy in front of it. Whoever
/// serves a router adds it to each request as an extension; without it nobody knows where requests
/// come from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A request's own name, as an extension of it.
#[derive(Clone, Debug)]
pub struct RequestId(pub HeaderValue);

impl RequestId {
    fn text(&self) -> String {
        self.0.to_str().unwrap_or_default().to_owned()
    }
}

/// Who sent a request, as far as it can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// None where nobody said who is at the other end, or trusted headers contradict each other.
    pub address: Option<IpAddr>,
    /// The other end of the connection.
    pub peer: Option<IpAddr>,
    /// The request's own name.
    pub request_id: Option<String>,
}

impl Default for Callers {
    fn default() -> Self {
        Self::new(Vec::new(), FAILURES_PER_MIN)
    }
}

impl Callers {
    /// These proxies are believed when they say where a request comes from; an address may show so
    /// many wrong keys in a minute before it has to wait, with 0 any number.
    #[must_use]
    pub fn new(trusted_proxies: Vec<Network>, failures_per_min: u32) -> Self {
        let failures = Failures::new(failures_per_min);
        Self(Arc::new(Known {
            trusted_proxies,
            failures,
        }))
    }

    /// Who sent this request.
    #[must_use]
    pub fn caller(&self, parts: &Parts) -> Caller {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.map(|peer| peer.0.ip().to_canonical());
        let trusted = &self.0.trusted_proxies;
        Caller {
            address: peer.and_then(|peer| client::address(peer, &parts.headers, trusted)),
            peer,
            request_id: parts.extensions.get().map(RequestId::text),
        }
    }

    /// They showed a wrong key, at this time since the start; says how long to wait where there were
    /// too many.
    #[must_use]
    pub fn failed(&self, caller: &Caller, now: Duration) -> Option<Duration> {
        self.0.failures.failed(caller.address.or(caller.peer), now)
    }
}

impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Callers")
            .field(&self.0.trusted_proxies)
            .finish()
    }
}
