//! What the engine and a store hand each other about events and deliveries.

use std::sync::Arc;

use bytes::Bytes;
use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::{DeliveryState, Discard, Health, PauseReason, Tries},
    event::{Event, EventDetails, EventType, Line, Origin, TenantId},
    id::{BatchId, DeliveryId, EventId, ReplayId, SubscriptionId},
    provenance::{AttemptRecord, Link},
    transport::Timings,
};
use serde::Serialize;

/// An event to be accepted, with what it owes.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Under an id that was reserved from this store.
    pub event: Arc<Event>,
    /// The subscriptions it matched; the n-th has the delivery `event.id.delivery(n)`.
    pub subscriptions: Arc<[SubscriptionId]>,
    pub idempotency: Option<Idempotency>,
}

impl Acceptance {
    /// Its deliveries, as they wait once it is accepted.
    pub fn owed(&self) -> impl Iterator<Item = Waiting> + '_ {
        let subscriptions = (0..).zip(self.subscriptions.iter());
        subscriptions.map(|(index, &subscription)| Waiting {
            id: self.event.id.delivery(index),
            subscription,
            event: self.event.clone(),
            origin: self.event.origin(),
            tries: Tries::default(),
            retry_at: None,
            format: None,
            batch: None,
            link: None,
        })
    }
}

/// A producer's key for an event, so that a repeated publish makes no second one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// SHA-256 of the key.
    pub key: [u8; 32],
    /// SHA-256 of the bytes that were published under it.
    pub body: [u8; 32],
    pub expires_at: Timestamp,
}

/// What became of one event of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is on disk, under its id.
    New,
    /// Its key had made this event before; nothing was written and its own id is settled.
    Replayed(EventSummary),
}

/// Why a request is refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The key of the event at this place in the request was used for other bytes.
    IdempotencyConflict { index: usize },
    /// An event's tenant is not there, or not any more.
    NoTenant,
}

/// An event as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSummary {
    pub id: EventId,
    pub event_type: EventType,
    pub details: EventDetails,
    /// How many deliveries it had when it was accepted.
    pub deliveries: u32,
}

/// An event, and the subscriptions it matched when it was accepted.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub event: Arc<Event>,
    pub subscriptions: Arc<[SubscriptionId]>,
}

/// A delivery that waits to be sent, with all that sending takes.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: DeliveryId,
    pub subscription: SubscriptionId,
    pub event: Arc<Event>,
    pub origin: Origin,
    pub tries: Tries,
    /// When it is to be tried again; none when it is `pending`.
    pub retry_at: Option<Timestamp>,
    /// The format that it was first sent in; every later attempt keeps it.
    pub format: Option<BodyFormat>,
    /// The batch that it leaves in, once it is in one.
    pub batch: Option<BatchId>,
    /// The latest of its chain; none before its first attempt, or where that was made before chains
    /// were kept.
    pub link: Option<Link>,
}

/// A delivery whose row, or whose event, is not what was written: it cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoilt {
    pub id: DeliveryId,
    pub event: EventId,
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    /// None where that cannot be read either.
    pub event_type: Option<EventType>,
    pub tries: Tries,
}

/// One HTTP request that was made for a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// From 1, in the order made.
    pub number: u32,
    pub started_at: Timestamp,
    pub latency_us: u64,
    pub status_code: Option<u16>,
    /// Begins with its failure class; none after a 2xx.
    pub error: Option<String>,
    /// As sent: `name: value` lines, signatures included, secrets never.
    pub request_headers: String,
    /// As received, cut at 16 KiB.
    pub response_headers: String,
    /// Cut at 16 KiB.
    pub response_body: Bytes,
    /// How long each phase took; none where nobody measured. No part of what the link is over.
    pub timings: Option<Timings>,
    /// Its place in the delivery's chain; none where it was made before chains were kept.
    pub link: Option<Link>,
}

impl Attempt {
    /// What its link is worked out from.
    #[must_use]
    pub fn record(&self) -> AttemptRecord<'_> {
        AttemptRecord {
            number: self.number,
            started_at: self.started_at,
            latency_us: self.latency_us,
            status_code: self.status_code,
            error: self.error.as_deref(),
            request_headers: &self.request_headers,
            response_headers: &self.response_headers,
            response_body: &self.response_body,
        }
    }
}

/// Where a waiting delivery stands in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parking {
    /// In the due index: taken by [`Store::take_due`](crate::Store::take_due) from then on.
    Due(Timestamp),
    /// In the engine's hands, with a row for a crash to find: as [`Self::Due`] now, or as
    /// [`Self::Shelved`] where it stands in a line, but not taken until it is settled again or the
    /// store is opened anew.
    Taken,
    /// Beside it, under its subscription: taken by
    /// [`Store::take_shelved`](crate::Store::take_shelved) alone.
    Shelved,
}

/// What a delivery becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Delivered,
    Failed,
    Discarded(Discard),
    /// Pending if `retry_at` is none, else retrying.
    Waiting {
        retry_at: Option<Timestamp>,
        parking: Parking,
    },
}

/// A delivery's attempt and its consequence: one transaction, or neither.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub id: DeliveryId,
    pub tenant: TenantId,
    pub event: EventId,
    pub event_type: EventType,
    pub subscription: SubscriptionId,
    pub origin: Origin,
    pub format: Option<BodyFormat>,
    /// Where order is kept: the line it stands in.
    pub line: Option<Line>,
    /// The batch that it leaves in: committed before the batch's first request, so that a crash
    /// repeats the very same one.
    pub batch: Option<BatchId>,
    pub tries: Tries,
    pub standing: Standing,
    /// When this was decided: the time of `Delivered` and `Failed`.
    pub at: Timestamp,
    /// None when it was parked or discarded without one.
    pub attempt: Option<Box<Attempt>>,
}

impl Settlement {
    /// Where it waits on disk, as a crash would find it: never as taken.
    #[must_use]
    pub fn parked(&self) -> Option<Parking> {
        let Standing::Waiting { parking, .. } = self.standing else {
            return None;
        };
        Some(match parking {
            Parking::Taken if self.line.is_some() => Parking::Shelved,
            Parking::Taken => Parking::Due(self.at),
            Parking::Due(_) | Parking::Shelved => parking,
        })
    }
}

/// What attempts did to a subscription's standing, written with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    pub health: Health,
    /// An active subscription becomes paused for this; its revision goes up.
    pub pause: Option<PauseReason>,
    pub at: Timestamp,
}

/// Outcomes of many deliveries, settled together.
#[derive(Clone, Debug, Default)]
pub struct SettleBatch {
    pub settlements: Vec<Settlement>,
    pub health: Vec<HealthChange>,
    /// Events that these cause, accepted with them; without idempotency keys.
    pub alerts: Vec<Acceptance>,
}

/// A delivery as everyone sees it, whether it has a row of its own or is implied by its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub subscription: SubscriptionId,
    pub event_type: EventType,
    pub state: DeliveryState,
    pub tries: Tries,
    pub last_status_code: Option<u16>,
    pub last_error: Option<String>,
    pub origin: Origin,
    /// The replay that made it or opened it last.
    pub replay: Option<ReplayId>,
    /// Start of the latest attempt.
    pub sent_at: Option<Timestamp>,
    /// The first success, kept through redeliveries.
    pub delivered_at: Option<Timestamp>,
    /// The format that it is sent in, once that is settled.
    pub format: Option<BodyFormat>,
    /// As [`Waiting::link`].
    pub link: Option<Link>,
}

impl Delivery {
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.time()
    }

    /// When it came to something last: its end, else the start of its latest attempt; none before
    /// the first.
    #[must_use]
    pub fn outcome_at(&self) -> Option<Timestamp> {
        match self.state {
            DeliveryState::Delivered { at } | DeliveryState::Failed { at } => Some(at),
            DeliveryState::Pending
            | DeliveryState::Retrying { .. }
            | DeliveryState::Held
            | DeliveryState::Discarded { .. } => self.sent_at,
        }
    }
}

/// A delivery that was attempted, with all that its chain is worked out from.
#[derive(Clone, Debug)]
pub struct History {
    pub id: DeliveryId,
    pub event_id: EventId,
    /// None where it is not stored, or not as it was written.
    pub event: Option<Arc<Event>>,
    pub subscription: SubscriptionId,
    pub format: Option<BodyFormat>,
    /// As [`Waiting::link`].
    pub link: Option<Link>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// What came of opening a delivery again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopened {
    /// It is pending, or was retrying and is due at once.
    Redelivered,
    /// It was pending or held, or is otherwise not asked for, and is left as it is; or, to be made,
    /// there is one of its event to its subscription.
    AlreadyWaiting,
    /// The tenant has no such delivery; or, to be made, no such event or subscription.
    Missing,
}

/// Deliveries by status; their sum is what was ever owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub pending: u64,
    pub retrying: u64,
    pub held: u64,
    pub delivered: u64,
    pub failed: u64,
    pub discarded: u64,
}

/// What waits, and what has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    pub pending: u64,
    pub retrying: u64,
    pub held: u64,
    /// Dead letters.
    pub failed: u64,
    /// Of those that are pending or retrying, the one that was made first.
    pub oldest: Option<DeliveryId>,
}

impl Backlog {
    /// One that waits, perhaps the oldest.
    pub fn meet(&mut self, waiting: Option<DeliveryId>) {
        let both = [self.oldest, waiting];
        self.oldest = both.into_iter().flatten().min();
    }
}
