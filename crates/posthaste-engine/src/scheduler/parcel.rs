//! What leaves in one request: a delivery, or the deliveries of a batch.

use posthaste::{
    clock::Timestamp,
    id::{BatchId, DeliveryId},
};
use posthaste_store::record::Waiting;

use super::held::HeldDeliveries;

#[derive(Debug)]
pub struct Parcel {
    pub first: DeliveryId,
    /// The others of its batch, in the order of their ids.
    pub rest: Vec<DeliveryId>,
    pub batch: Option<BatchId>,
    /// Bytes that it counts for in memory.
    pub bytes: usize,
    /// Bytes of its body at most.
    pub body_bytes: usize,
    /// Attempts that its deliveries have spent of their budget.
    pub spent: u32,
    /// When it was queued.
    pub since: Timestamp,
    /// Where order is kept, a retry waits in its line until then.
    pub not_before: Option<Timestamp>,
}

impl Parcel {
    pub fn of(deliveries: &[Waiting], now: Timestamp) -> Self {
        let first = &deliveries[0];
        let sum = |size: fn(&Waiting) -> usize| deliveries.iter().map(size).sum();
        Self {
            first: first.id,
            rest: deliveries[1..].iter().map(|waiting| waiting.id).collect(),
            batch: first.batch,
            bytes: sum(HeldDeliveries::bytes_of),
            body_bytes: sum(|waiting| waiting.event.body_bytes_max()),
            spent: first.tries.spent,
            since: now,
            not_before: first.retry_at.filter(|at| *at > now),
        }
    }

    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = DeliveryId> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

/// Deliveries one after another, those of a batch together.
pub fn parcels(deliveries: &[Waiting]) -> impl Iterator<Item = &[Waiting]> {
    deliveries.chunk_by(|one, next| one.batch.is_some() && one.batch == next.batch)
}
