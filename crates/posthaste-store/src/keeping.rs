//! What a store lets go of, and what it tells of those who decide it: events past their retention,
//! idempotency keys past their time, deliveries that were held for too long.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
};

/// What one call of [`Store::prune`](crate::Store::prune) let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub events: u64,
    pub deliveries: u64,
    /// The `after` of the next call; none at the end.
    pub next: Option<EventId>,
}

/// The SHA-256 of an idempotency key.
pub type KeyHash = [u8; 32];

/// What one call of [`Store::prune_keys`](crate::Store::prune_keys) let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrunedKeys {
    pub keys: u64,
    /// The `after` of the next call; none at the end.
    pub next: Option<KeyHash>,
}

/// A subscription that is paused, and so holds what it is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    /// When it was paused.
    pub since: Timestamp,
    /// When it was told that this pause is about to cost it deliveries.
    pub told_at: Option<Timestamp>,
}

/// What a paused subscription holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// All that wait.
    pub deliveries: u64,
    /// Since when the one has been held that was held first.
    pub since: Timestamp,
}

/// What one call of [`Store::expire_held`](crate::Store::expire_held) discarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    pub deliveries: u64,
    /// The `after` of the next call; none at the end.
    pub next: Option<DeliveryId>,
}
