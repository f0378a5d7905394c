//! What is sent again: deliveries that exist, and deliveries that an event did not owe when it was
//! accepted.

use posthaste::{
    clock::Timestamp,
    event::{Origin, TenantId},
    id::{DeliveryId, EventId},
};

use crate::{
    audit::AuditEntry,
    record::{Reopened, Settlement},
    replay::ReplayStep,
    store::StoreError,
};

/// Deliveries of one tenant to send again, in one transaction.
#[derive(Clone, Debug)]
pub struct Again {
    pub tenant: TenantId,
    pub at: Timestamp,
    /// Why: a redelivery hurries what is `retrying`, a replay leaves it alone.
    pub origin: Origin,
    pub reopen: Vec<DeliveryId>,
    /// Of these, dead letters alone: what is none (any more) is left as it is.
    pub only_failed: bool,
    /// Late deliveries, under ids of their own ([`DeliveryId::late`]), each waiting.
    pub make: Vec<Settlement>,
    /// Of this replay, which moves on with it. One that is not running, or is elsewhere by now, is
    /// left alone, and nothing is sent.
    pub step: Option<ReplayStep>,
    /// What is kept with it: who asked for it.
    pub entry: Option<AuditEntry>,
}

impl Again {
    /// These, whatever became of them.
    #[must_use]
    pub fn reopening(
        tenant: TenantId,
        reopen: Vec<DeliveryId>,
        origin: Origin,
        at: Timestamp,
    ) -> Self {
        Self {
            tenant,
            at,
            origin,
            reopen,
            only_failed: false,
            make: Vec::new(),
            step: None,
            entry: None,
        }
    }

    /// The places of what is to be made.
    #[must_use]
    pub fn reserved(&self) -> Vec<EventId> {
        let late = self.make.iter();
        late.map(|late| late.id.place().event()).collect()
    }

    /// What comes of it where there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError::Stale`]: it is a step of a replay, which is not running then.
    pub fn to_nobody(&self) -> Result<SentAgain, StoreError> {
        match self.step {
            Some(_) => Err(StoreError::Stale),
            None => Ok(SentAgain {
                reopened: vec![Reopened::Missing; self.reopen.len()],
                made: vec![Reopened::Missing; self.make.len()],
            }),
        }
    }

    /// Deliveries that it may change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reopen.len() + self.make.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What came of each, in the order asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentAgain {
    pub reopened: Vec<Reopened>,
    pub made: Vec<Reopened>,
}

impl SentAgain {
    /// Whether all that was asked for is missing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        let mut all = self.reopened.iter().chain(&self.made).peekable();
        all.peek().is_some() && all.all(|came| *came == Reopened::Missing)
    }
}
