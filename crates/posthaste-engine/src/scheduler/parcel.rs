//! What leaves in one request: a delivery, or the deliveries of a batch.

use posthaste::{
    body::BodyFormat,
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
    /// What they were first sent in.
    pub format: Option<BodyFormat>,
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
            format: first.format,
            since: now,
            not_before: retry_at(deliveries).filter(|at| *at > now),
        }
    }

    /// Whether both may leave in one new batch: they share every attempt from then on, and a
    /// receiver has to tell the bodies apart.
    pub fn goes_with(&self, other: &Self) -> bool {
        let apart = matches!(self.format, Some(BodyFormat::Flat | BodyFormat::Raw));
        self.spent == other.spent && self.format == other.format && !apart
    }

    pub fn len(&self) -> usize {
        1 + self.rest.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = DeliveryId> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}

/// When they are due: a batch as soon as one of it is wanted.
pub fn retry_at(deliveries: &[Waiting]) -> Option<Timestamp> {
    deliveries.iter().map(|waiting| waiting.retry_at).min()?
}

/// Deliveries one after another, those of a batch together.
pub fn parcels(deliveries: &[Waiting]) -> impl Iterator<Item = &[Waiting]> {
    deliveries.chunk_by(|one, next| one.batch.is_some() && one.batch == next.batch)
}
