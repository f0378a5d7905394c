//! A request that comes to an inbox: let in, checked, kept, and only then answered.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{clock::Clock, event::TenantId, origin::Origin};
use posthaste_store::{
    Store, StoreError,
    inbox::{
        AnswerType, Arrival, ArrivalHead, Bin, Check, HeaderBytes, Inbox, InboxAnswer,
        Verification, Via,
    },
};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{
    BODY_KEPT, Keys, PATH,
    table::{Inboxes, KnownInbox},
    verification,
};
use crate::{delivery::redaction::Unsaid, subscribers::Subscribers};

/// Bytes of headers that are kept.
const HEADERS_KEPT: usize = 64 * 1024;

/// A request, as whoever took it in has it.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub method: String,
    /// Below the token: empty, or from its slash on.
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub via: Via,
    /// As far as it was read, [`BODY_READ`](super::BODY_READ) at most.
    pub body: Bytes,
    /// Why there is no more of it.
    pub incomplete: Option<Incomplete>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    TooLarge,
    TooLate,
    BrokenOff,
}

impl Incomplete {
    const fn status(self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::TooLate => 408,
            Self::BrokenOff => 400,
        }
    }
}

/// Why a request came to no inbox. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReceived {
    #[error("no such inbox")]
    NoInbox,
    #[error("the inbox takes no more for now")]
    TooMany { retry_after: Duration },
    #[error(transparent)]
    Storage(StoreError),
}

/// What a request is to be answered, once its delay is over.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub delay: Duration,
    pub retry_after_s: Option<u32>,
    pub content_type: AnswerType,
    pub body: String,
    /// Its place, until it is answered.
    _place: OwnedSemaphorePermit,
}

/// A place at an inbox, for one request.
pub struct Place {
    reception: Arc<Reception>,
    known: Arc<KnownInbox>,
    place: OwnedSemaphorePermit,
}

/// Where requests are taken in.
pub(crate) struct Reception {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub subscribers: Arc<Subscribers>,
    pub inboxes: Arc<Inboxes>,
    pub public_url: Origin,
    pub listens_on: Origin,
    pub draining: watch::Receiver<bool>,
}

impl Reception {
    /// Where an inbox of this server is reached.
    pub fn url(&self, token: &str) -> String {
        format!("{}{PATH}{token}", self.public_url)
    }

    /// A place for one more request to whoever this token leads to.
    pub fn enter(self: &Arc<Self>, token: &str) -> Result<Place, NotReceived> {
        let known = self.inboxes.by_token(token).ok_or(NotReceived::NoInbox)?;
        let place = known.gate.enter(self.clock.now());
        let place = place.map_err(|retry_after| NotReceived::TooMany { retry_after })?;
        Ok(Place {
            reception: self.clone(),
            known,
            place,
        })
    }

    /// What it verifies with, by now.
    fn keys(&self, inbox: &Inbox) -> Option<Keys> {
        match &inbox.check {
            Check::Nothing => None,
            Check::Secret(secret) => Some(Keys::secret(secret)),
            Check::Subscription(id) => {
                let snapshot = self.subscribers.now();
                let subscriber = snapshot.subscriber(&inbox.tenant, *id)?;
                Some(Keys::of(&subscriber.subscription, self.clock.now()))
            }
        }
    }

    /// Takes out what the tenant's subscriptions to this inbox send as a secret: it reads `***`
    /// everywhere else too. The token alone says that one leads here: this server may have had
    /// other addresses.
    fn unsaid(&self, tenant: &TenantId, token: &str, headers: &mut [(String, HeaderBytes)]) {
        let snapshot = self.subscribers.now();
        let view = snapshot.tenants.get(tenant).into_iter();
        let subscribers = view.flat_map(|view| view.subscribers.values());
        let lead_here = subscribers.filter(|subscriber| {
            let target = subscriber.subscription.url.path_and_query();
            !subscriber.own_headers.is_empty() && self::token(target) == Some(token)
        });
        for subscriber in lead_here {
            let access = &subscriber.subscription.access;
            let unsaid = Unsaid::of(access, &subscriber.own_headers);
            for (_, value) in headers.iter_mut() {
                let kept = unsaid.bytes(Bytes::from(std::mem::take(&mut value.0)));
                value.0 = kept.into();
            }
        }
    }
}

impl Place {
    /// Keeps a request: it is on disk when this returns.
    ///
    /// # Errors
    /// [`NotReceived::NoInbox`] where the inbox is gone meanwhile; [`NotReceived::Storage`].
    pub async fn keep(self, incoming: Incoming) -> Result<Reply, NotReceived> {
        let (reception, inbox) = (self.reception, &self.known.inbox);
        let Bin::Own { token, answer } = &inbox.bin else {
            return Err(NotReceived::NoInbox);
        };
        let verification = reception.verified(inbox, &incoming).await;
        let reply = reply(answer, incoming.incomplete, self.place);
        let mut arrival = arrival(incoming, verification, reply.status);
        arrival.at = reception.clock.now();
        reception.unsaid(&inbox.tenant, token.expose(), &mut arrival.head.headers);
        let (store, tenant) = (&reception.store, &inbox.tenant);
        let number = store.keep_arrival(tenant, inbox.id, arrival).await;
        let number = number.map_err(|error| match error {
            StoreError::Missing => NotReceived::NoInbox,
            other => NotReceived::Storage(other),
        })?;
        let newest = &self.known.gate.newest;
        newest.send_modify(|newest| *newest = number.max(*newest));
        Ok(reply)
    }
}

impl Reception {
    /// None where there is nothing to check, or nothing to check it with.
    async fn verified(&self, inbox: &Inbox, incoming: &Incoming) -> Option<Verification> {
        if incoming.incomplete.is_some() {
            return None;
        }
        let keys = self.keys(inbox)?;
        let text = |(name, value): &(String, Vec<u8>)| {
            (name.clone(), String::from_utf8_lossy(value).into_owned())
        };
        let headers: Vec<(String, String)> = incoming.headers.iter().map(text).collect();
        let (body, now) = (incoming.body.clone(), self.clock.wall());
        // Finding out why a large body does not verify takes its time.
        let checked = move || verification(&keys, &headers, &body, now);
        tokio::task::spawn_blocking(checked).await.ok()
    }
}

/// The token of an inbox in a path.
pub fn token(path: &str) -> Option<&str> {
    let below = path.strip_prefix(PATH)?;
    below.split(['/', '?']).next()
}

fn reply(answer: &InboxAnswer, cut: Option<Incomplete>, place: OwnedSemaphorePermit) -> Reply {
    let refused = cut.map(|why| InboxAnswer {
        status: why.status(),
        ..InboxAnswer::default()
    });
    let answer = refused.as_ref().unwrap_or(answer);
    Reply {
        status: answer.status,
        delay: Duration::from_millis(answer.delay_ms.into()),
        retry_after_s: answer.retry_after_s,
        content_type: answer.content_type,
        body: answer.body.clone(),
        _place: place,
    }
}

fn arrival(incoming: Incoming, verification: Option<Verification>, answered: u16) -> Arrival {
    let mut left = HEADERS_KEPT;
    let headers = incoming.headers.into_iter().map_while(|(name, value)| {
        left = left.checked_sub(name.len() + value.len())?;
        Some((name, HeaderBytes(value)))
    });
    let head = ArrivalHead {
        method: incoming.method,
        path: incoming.path,
        query: incoming.query,
        headers: headers.collect(),
        via: incoming.via,
        body_bytes: incoming.body.len() as u64,
        incomplete: incoming.incomplete.is_some(),
        verification,
        answered,
    };
    let body = incoming.body.slice(..incoming.body.len().min(BODY_KEPT));
    Arrival {
        at: Default::default(),
        head,
        body,
    }
}
