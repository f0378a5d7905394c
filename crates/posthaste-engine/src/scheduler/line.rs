//! One line: deliveries of one ordering key, of which the head alone may leave.

use std::collections::{BTreeSet, VecDeque};

use posthaste::{clock::Timestamp, id::DeliveryId, subscription::BatchLimits};

use super::parcel::Parcel;

#[derive(Debug, Default)]
pub struct Queue {
    pub parcels: VecDeque<Parcel>,
    /// Requests under way: one, but for those that began before order was kept.
    pub under_way: u32,
    /// What is left of it on the shelf begins here.
    pub shelf: Option<DeliveryId>,
    /// Of which these are not written yet.
    pub left: BTreeSet<DeliveryId>,
    /// Something went there since it was asked for.
    pub grew: bool,
    /// Nothing more of it is on the shelf but what is on its way there.
    pub dry: bool,
    /// It stands in `ready`.
    pub ready: bool,
}

impl Queue {
    /// More of it came from the shelf, and perhaps not all.
    pub fn fetched(&mut self, more: bool) {
        self.dry = !more && !self.grew;
        let empty = self.dry && self.left.is_empty();
        let beyond = self.parcels.back().map(|last| last.first);
        self.shelf = self
            .shelf
            .filter(|_| !empty)
            .map(|shelf| beyond.unwrap_or(shelf));
    }

    pub fn is_idle(&self) -> bool {
        self.parcels.is_empty() && self.under_way == 0 && self.shelf.is_none()
    }
}

/// When a line has gathered enough for a batch, where its head is in none yet.
pub fn ripe_at(queue: &Queue, limits: &BatchLimits) -> Option<Timestamp> {
    let head = queue.parcels.front()?;
    if head.batch.is_some() || head.spent > 0 {
        return None;
    }
    let gathered = queue.parcels.iter().take(limits.max_events as usize);
    let (count, body) = gathered.fold((0, 0), |(count, body), parcel| {
        (count + 1, body + parcel.body_bytes)
    });
    let enough = count >= limits.max_events || body >= limits.max_bytes as usize;
    (!enough).then(|| head.since + limits.max_wait())
}

/// The head; where batches are made and it is in none yet, with those that fit beside it.
pub fn heads(queue: &mut Queue, now: Timestamp, limits: Option<&BatchLimits>) -> Vec<Parcel> {
    let (mut taken, mut body) = (Vec::<Parcel>::new(), 2);
    while let Some(next) = queue.parcels.front() {
        body += next.body_bytes + 1;
        let joins = match (taken.first(), limits) {
            (None, _) => next.not_before.is_none_or(|at| at <= now),
            (Some(_), None) => false,
            (Some(first), Some(limits)) => {
                first.batch.is_none()
                    && next.batch.is_none()
                    && first.goes_with(next)
                    && next.not_before.is_none_or(|at| at <= now)
                    && taken.len() < limits.max_events as usize
                    && body <= limits.max_bytes as usize
            }
        };
        if !joins {
            break;
        }
        taken.extend(queue.parcels.pop_front());
    }
    taken
}
