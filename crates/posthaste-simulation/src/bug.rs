//! Mistakes that are made on purpose, to see that the model notices.
//!
//! They are planted where the world carries out what the engine decides, and at the seam to the
//! store, so that the product's own code is free of them.

/// One known mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// The publisher is answered before the event is on disk.
    AckBeforeCommit,
    /// The scheduler is not told of what falls due, and its poll finds nothing.
    LostWakeUp,
    /// The attempt is written in one transaction, its retry in a later one.
    RetryOutsideTransaction,
    /// A delivery that failed lets the next one of its line go first.
    FifoReleasedOnFailure,
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
    /// Requests are not counted against the rate limit.
    RateLimitNotCounted,
    /// A receiver that hangs counts as one that accepted.
    TimeoutIsSuccess,
    /// A retry spends nothing of its budget.
    BudgetNotSpent,
}

impl Bug {
    pub const ALL: &[Self] = &[
        Self::AckBeforeCommit,
        Self::LostWakeUp,
        Self::RetryOutsideTransaction,
        Self::FifoReleasedOnFailure,
        Self::DroppedOnPause,
        Self::JitterMissing,
        Self::KeyNotScopedByTenant,
        Self::OutcomeNotFenced,
        Self::RetryAfterIgnored,
        Self::RateLimitNotCounted,
        Self::TimeoutIsSuccess,
        Self::BudgetNotSpent,
    ];
}
