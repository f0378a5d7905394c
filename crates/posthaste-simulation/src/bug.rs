//! Mistakes that are made on purpose, to see that the model notices.
//!
//! They are planted where the world carries out what the engine decides, and at the seam to the
//! store, so that the product's own code is free of them.

use std::sync::Arc;

use posthaste::subscription::Ordering;
use posthaste_engine::{scheduler::Input, subscribers::Subscriber};

/// One known mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The publisher is answered before the event is on disk.
    AckBeforeCommit,
    /// The scheduler is not told of what falls due, and its poll finds nothing.
    LostWakeUp,
    /// The attempt is written in one transaction, its retry in a later one.
    RetryOutsideTransaction,
    /// The scheduler is not told that a subscription keeps order.
    OrderNotKept,
    /// What is shelved for a pause is forgotten.
    DroppedOnPause,
    /// Every retry waits exactly its schedule.
    JitterMissing,
    /// Tenants share their idempotency keys.
    KeyNotScopedByTenant,
    /// An outcome from before a crash is written after it.
    OutcomeNotFenced,
    /// A receiver's `Retry-After` is not read.
    RetryAfterIgnored,
    /// The scheduler is not told of a rate limit.
    RateLimitNotCounted,
    /// A receiver that hangs counts as one that accepted.
    TimeoutIsSuccess,
    /// A delivery that comes back to be tried again has its whole budget.
    BudgetNotSpent,
    /// A replay sends in one transaction and moves its cursor in a later one.
    CursorWrittenApart,
    /// A replay passes over the last page of its window.
    LastPageSkipped,
    /// What was written last before a crash is counted again after it.
    CountedTwice,
    /// Retention takes what is to be tried again for what has ended.
    WaitingPruned,
}

impl Bug {
    pub const ALL: &[Self] = &[
        Self::AckBeforeCommit,
        Self::LostWakeUp,
        Self::RetryOutsideTransaction,
        Self::OrderNotKept,
        Self::DroppedOnPause,
        Self::JitterMissing,
        Self::KeyNotScopedByTenant,
        Self::OutcomeNotFenced,
        Self::RetryAfterIgnored,
        Self::RateLimitNotCounted,
        Self::TimeoutIsSuccess,
        Self::BudgetNotSpent,
        Self::CursorWrittenApart,
        Self::LastPageSkipped,
        Self::CountedTwice,
        Self::WaitingPruned,
    ];
}

impl Bug {
    /// What it makes of what the scheduler is told.
    pub fn distort(self, input: &mut Input) {
        match (self, input) {
            (Self::JitterMissing, Input::Finished(finished)) => finished.draw = 0.0,
            (_, Input::Changed { subscriber, .. }) => *subscriber = self.blind(subscriber.clone()),
            _ => {}
        }
    }

    /// A subscription without what the mistake overlooks.
    #[must_use]
    pub fn blind(self, subscriber: Arc<Subscriber>) -> Arc<Subscriber> {
        let mut subscription = subscriber.shown();
        match self {
            Self::OrderNotKept => subscription.ordering = Ordering::None,
            Self::RateLimitNotCounted => subscription.rate_limit = None,
            _ => return subscriber,
        }
        Arc::new(Subscriber::new(subscription))
    }
}
