//! What the scheduler is told, and what it says.

use std::{collections::BTreeMap, sync::Arc};

use posthaste::{
    clock::Timestamp,
    delivery::{Outcome, PauseReason},
    event::{EventType, Line},
    id::{BatchId, DeliveryId, EventId, SubscriptionId},
    provenance::Link,
};
use posthaste_store::record::{Attempt, HealthChange, Settlement, Waiting};

use crate::subscribers::Subscriber;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Accepted or recovered: deliveries that have no row yet.
    Accepted(Vec<Waiting>),
    /// All that was accepted before the start has come as [`Self::Accepted`].
    Recovered,
    /// Answer to [`Effect::TakeDue`]; and when the next one that stays behind is due.
    Due {
        at_most: usize,
        taken: Vec<Waiting>,
        next_at: Option<Timestamp>,
    },
    /// Something is parked as due by then.
    DueAt(Timestamp),
    /// These deliveries are on their subscription's shelf now.
    Shelved {
        subscription: SubscriptionId,
        ids: Vec<DeliveryId>,
    },
    /// Answer to [`Effect::TakeShelved`], with its `part`, and `next` as the store gave it.
    Shelf {
        subscription: SubscriptionId,
        part: ShelfPart,
        at_most: usize,
        taken: Vec<Waiting>,
        next: Option<u64>,
    },
    /// What [`Effect::Form`] asked for is written, under this id; `leader` is its first delivery.
    Formed { leader: DeliveryId, batch: BatchId },
    /// An attempt ended.
    Finished(Box<Finished>),
    /// So many outcomes of attempts are written.
    Settled(usize),
    /// A delivery was opened again, or is wanted at once: it may be in memory, due, or back in its
    /// place in a line.
    Reopened {
        subscription: SubscriptionId,
        delivery: DeliveryId,
    },
    /// A subscription is new or another than before. `resumed`: its failures are forgiven.
    Changed {
        subscriber: Arc<Subscriber>,
        resumed: bool,
    },
    /// A subscription was deleted.
    Removed(SubscriptionId),
    /// Time has passed.
    Tick,
    /// Nothing new is sent from now on.
    Drain,
}

/// An attempt that ended.
#[derive(Debug)]
pub struct Finished {
    /// The delivery; of a batch, its first.
    pub delivery: DeliveryId,
    pub outcome: Outcome,
    pub attempt: Box<Attempt>,
    /// What the attempt is in the chain of each delivery.
    pub links: BTreeMap<DeliveryId, Link>,
    /// The chance of the jitter, in [0, 1).
    pub draw: f64,
}

/// What to do.
#[derive(Debug)]
pub enum Effect {
    Send(Assignment),
    Settle(Box<Settlement>),
    /// These become a batch: write them under a new id, and say when they are ([`Input::Formed`]).
    Form(Vec<Settlement>),
    Health {
        subscriber: Arc<Subscriber>,
        change: Box<HealthChange>,
    },
    /// Write an event of this in the transaction of the settlements beside it, if anyone wants it.
    Alert(Box<Alert>),
    TakeDue {
        at_most: usize,
    },
    TakeShelved {
        subscription: SubscriptionId,
        part: ShelfPart,
        at_most: usize,
    },
}

impl Effect {
    /// Whether it writes what an attempt came to.
    pub(super) fn is_outcome(&self) -> bool {
        matches!(self, Self::Settle(settlement) if settlement.attempt.is_some())
    }
}

/// Which part of a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShelfPart {
    Any,
    /// Above this id, but for these lines.
    After {
        after: Option<DeliveryId>,
        except: Vec<Line>,
    },
    Line(Line),
}

/// One attempt to make.
#[derive(Debug)]
pub struct Assignment {
    pub waiting: Waiting,
    /// The others of its batch.
    pub rest: Vec<Waiting>,
    pub subscriber: Arc<Subscriber>,
}

/// Something that a tenant may want to know.
#[derive(Clone, Debug)]
pub struct Alert {
    pub subscriber: Arc<Subscriber>,
    pub news: News,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Paused(PauseReason),
    /// By a person.
    Resumed,
    CircuitOpened {
        /// The error of the attempt that opened it.
        reason: String,
    },
    CircuitClosed,
    DeliveryFailed {
        delivery: DeliveryId,
        event: EventId,
        event_type: EventType,
        attempts: u32,
        last_status_code: Option<u16>,
        last_error: Option<String>,
    },
}
