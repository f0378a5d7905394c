//! One delivery, as the model sees it.

use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::Tries,
    event::{Event, Line, Origin, TenantId},
    id::{BatchId, EventId, SubscriptionId},
};
use posthaste_store::record::{self, Counts, Parking, Settlement};

use crate::scenario::Terms;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Waiting,
    Delivered,
    Failed,
    Discarded,
}

/// What is known of a delivery: on disk, or as the engine means to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    pub standing: Standing,
    pub tries: Tries,
    /// Not to be sent before then.
    pub retry_at: Option<Timestamp>,
    pub format: Option<BodyFormat>,
    pub batch: Option<BatchId>,
    /// It has left memory, for the store to hand out.
    pub parked: bool,
    /// Why it goes out.
    pub origin: Origin,
    /// When it was written so.
    pub at: Timestamp,
}

impl Kept {
    #[must_use]
    pub fn of(settlement: &Settlement) -> Self {
        let (standing, retry_at, parked) = match settlement.standing {
            record::Standing::Delivered => (Standing::Delivered, None, false),
            record::Standing::Failed => (Standing::Failed, None, false),
            record::Standing::Discarded(_) => (Standing::Discarded, None, false),
            record::Standing::Waiting { retry_at, parking } => {
                (Standing::Waiting, retry_at, parking != Parking::Taken)
            }
        };
        Self {
            standing,
            tries: settlement.tries,
            retry_at,
            format: settlement.format,
            batch: settlement.batch,
            parked,
            origin: settlement.origin,
            at: settlement.at,
        }
    }

    #[must_use]
    pub fn waits(&self) -> bool {
        self.standing == Standing::Waiting
    }

    /// Where it is counted; a deleted subscription's counts as discarded.
    pub fn counted_in<'a>(&self, counts: &'a mut Counts, deleted: bool) -> &'a mut u64 {
        match self.standing {
            Standing::Delivered => &mut counts.delivered,
            Standing::Failed => &mut counts.failed,
            Standing::Waiting if !deleted => &mut counts.pending,
            Standing::Waiting | Standing::Discarded => &mut counts.discarded,
        }
    }
}

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub struct Flying {
    /// The policy as it was when it began.
    pub terms: Terms,
    pub origin: Origin,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // facts, each true or not
pub struct Owed {
    pub event: EventId,
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    pub line: Line,
    pub test: bool,
    /// Its id is given when an attempt ends, and it is accepted with that attempt's outcome: with a
    /// slow store, after others that have later ids.
    pub alert: bool,
    pub kept: Kept,
    /// The moment of its last change on disk.
    pub changed: u64,
    /// As the engine has it.
    pub latest: Kept,
    /// Settlements of it that are not on disk.
    pub unwritten: u32,
    pub flying: Option<Flying>,
    /// A receiver took it in, and its sender knows or will know: it must not come again.
    pub taken: bool,
    /// A receiver took it in at some time.
    pub ever_taken: bool,
    /// Opened again: it is in its old place, but others may have gone by.
    pub reopened: bool,
    /// When it was last opened again.
    pub opened: Timestamp,
    /// Somebody asked for it, or for one of its batch: it may go before its time.
    pub hurried: bool,
    /// So it stands on disk, and is found again by a crash, until an outcome is written over it.
    pub hurried_on_disk: bool,
    /// Written twice because of a lost answer, so that what came between is undone.
    pub blurred: bool,
}

impl Owed {
    #[must_use]
    pub fn new(event: &Event, subscription: SubscriptionId, moment: u64) -> Self {
        let kept = Kept {
            standing: Standing::Waiting,
            tries: Tries::default(),
            retry_at: None,
            format: None,
            batch: None,
            parked: false,
            origin: event.origin(),
            at: event.created_at(),
        };
        Self {
            event: event.id,
            tenant: event.tenant.clone(),
            subscription,
            line: event.line(),
            test: event.details.test,
            alert: event.event_type.is_platforms(),
            kept,
            changed: moment,
            latest: kept,
            unwritten: 0,
            flying: None,
            taken: false,
            ever_taken: false,
            reopened: false,
            opened: Timestamp::default(),
            hurried: false,
            hurried_on_disk: false,
            blurred: false,
        }
    }

    /// One that is made for an event long after it. Others of its line may have gone by.
    #[must_use]
    pub fn late(event: &Event, subscription: SubscriptionId, moment: u64) -> Self {
        let owed = Self::new(event, subscription, moment);
        let kept = Kept {
            parked: true,
            origin: Origin::Replay,
            ..owed.kept
        };
        Self {
            kept,
            latest: kept,
            reopened: true,
            ..owed
        }
    }

    /// Nothing of it is in the engine alone.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.flying.is_none() && self.unwritten == 0
    }

    /// What it is on disk after it was opened again.
    pub fn reopen(&mut self, origin: Origin, now: Timestamp) -> Kept {
        if !self.kept.waits() {
            self.opened = now;
        }
        let again = match self.kept.standing {
            Standing::Waiting => Kept {
                retry_at: Some(now),
                parked: true,
                ..self.kept
            },
            _ => Kept {
                at: now,
                standing: Standing::Waiting,
                retry_at: None,
                parked: true,
                batch: None,
                origin,
                tries: Tries {
                    spent: 0,
                    ..self.kept.tries
                },
                ..self.kept
            },
        };
        // It counts like any other from now on.
        self.test &= self.kept.waits();
        if self.is_idle() {
            self.latest = again;
        }
        self.hurried = true;
        self.taken = false;
        self.reopened = true;
        again
    }

    /// What was in memory alone is gone; a request may or may not have arrived.
    pub fn crash(&mut self) {
        if !self.is_idle() {
            self.taken = false;
        }
        self.latest = self.kept;
        self.hurried |= self.hurried_on_disk;
        self.unwritten = 0;
        self.flying = None;
    }
}
