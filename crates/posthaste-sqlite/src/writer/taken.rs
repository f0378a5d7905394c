//! Which parked deliveries are in the engine's hands: memory alone, since after a crash nobody has
//! them.
//!
//! Rows that are taken still stand in their index, so a search for the next one begins at a
//! frontier below which all are taken, and does not pass over the same ones each time.

use std::collections::{BTreeMap, HashSet};

use posthaste::id::{DeliveryId, SubscriptionId};

/// A place in the due index: due time in Unix milliseconds, delivery.
pub type DuePlace = (i64, u64);

#[derive(Default)]
pub struct Taken {
    deliveries: HashSet<DeliveryId>,
    /// What the transaction under way took (true) or gave back.
    steps: Vec<(DeliveryId, bool)>,
    /// All due rows before it are taken.
    due: Option<DuePlace>,
    /// All shelved rows of the subscription before it are taken.
    shelves: BTreeMap<SubscriptionId, u64>,
}

impl Taken {
    pub fn contains(&self, id: DeliveryId) -> bool {
        self.deliveries.contains(&id)
    }

    pub fn take(&mut self, id: DeliveryId) {
        if self.deliveries.insert(id) {
            self.steps.push((id, true));
        }
    }

    pub fn give_back(&mut self, id: DeliveryId) {
        if self.deliveries.remove(&id) {
            self.steps.push((id, false));
        }
    }

    pub fn due(&self) -> DuePlace {
        self.due.unwrap_or((i64::MIN, 0))
    }

    /// Everything in the due index before `place` is taken.
    pub fn due_taken_to(&mut self, place: DuePlace) {
        self.due = Some(place);
    }

    /// A row enters the due index, free to be taken.
    pub fn parked(&mut self, place: DuePlace) {
        self.due = self.due.min(Some(place));
    }

    pub fn shelf(&self, subscription: SubscriptionId) -> u64 {
        self.shelves.get(&subscription).copied().unwrap_or(0)
    }

    pub fn shelf_taken_to(&mut self, subscription: SubscriptionId, place: u64) {
        self.shelves.insert(subscription, place);
    }

    /// A row enters its subscription's shelf.
    pub fn shelved(&mut self, subscription: SubscriptionId, id: DeliveryId) {
        if let Some(place) = self.shelves.get_mut(&subscription) {
            *place = (*place).min(id.as_u64());
        }
    }

    /// The transaction is committed.
    pub fn keep(&mut self) {
        self.steps.clear();
    }

    /// The transaction did not happen. The frontiers begin anew, which is always right.
    pub fn undo(&mut self) {
        for (id, taken) in self.steps.drain(..).rev() {
            match taken {
                true => self.deliveries.remove(&id),
                false => self.deliveries.insert(id),
            };
        }
        self.due = None;
        self.shelves.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_fails_takes_nothing_and_gives_nothing_back() {
        let [one, two] = [1, 2].map(DeliveryId::from_u64);
        let mut taken = Taken::default();
        taken.take(one);
        taken.keep();
        taken.give_back(one);
        taken.take(one);
        taken.give_back(one);
        taken.take(two);
        taken.undo();
        assert!(taken.contains(one) && !taken.contains(two));
    }

    #[test]
    fn a_frontier_falls_back_to_what_is_parked_before_it() {
        let mut taken = Taken::default();
        taken.parked((5, 1));
        assert_eq!(taken.due(), (i64::MIN, 0), "nothing was known");
        taken.due_taken_to((9, 9));
        taken.parked((10, 1));
        assert_eq!(taken.due(), (9, 9));
        taken.parked((7, 3));
        assert_eq!(taken.due(), (7, 3));
    }
}
