//! Which ids are still owed something: where the settled mark comes from.
//!
//! An id counts from the moment it is handed out, before it is committed, so that the mark never
//! passes an event whose transaction is still under way.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use posthaste::{
    clock::Timestamp,
    id::{EventId, Place, places},
};

/// More places than a millisecond has: from any place of one, so many on are all of it behind.
const BEYOND_A_MILLISECOND: u64 = 128;

/// Hands out ids and counts what each is owed.
#[derive(Debug)]
pub struct Ledger {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: u32,
    /// The last place handed out or stored.
    last: Place,
    /// Ids handed out and not settled, with the deliveries that have no row yet; none while the id
    /// is reserved and not committed.
    owed: BTreeMap<EventId, Option<u32>>,
    /// The newest id below which nothing is owed, when `owed` is empty.
    newest_settled: EventId,
    unparked: u64,
}

impl Ledger {
    /// A ledger for a store whose newest id is `newest` (of the last place that anything in it
    /// takes) and whose settled mark is `mark`.
    ///
    /// The mark may lie above everything stored, where the last ids before a crash were released.
    /// Nothing may be accepted below it, so ids begin above both.
    #[must_use]
    pub fn new(node: u32, newest: EventId, mark: EventId) -> Self {
        let last = match mark > newest {
            true => Place::at(mark.time(), node).forward(BEYOND_A_MILLISECOND),
            false => newest.place(),
        };
        Self {
            inner: Mutex::new(Inner {
                node,
                last,
                owed: BTreeMap::new(),
                newest_settled: mark,
                unparked: 0,
            }),
        }
    }

    /// Ids for events with so many deliveries each, above all handed out before.
    pub fn reserve(&self, now: Timestamp, deliveries: &[u32]) -> Vec<EventId> {
        let mut inner = self.lock();
        let reserved = deliveries.iter().map(|&deliveries| {
            let id = inner.next(now, places(deliveries)).event();
            inner.owed.insert(id, None);
            id
        });
        reserved.collect()
    }

    /// A place of its own that is owed nothing: for a delivery or an object made later.
    pub fn place(&self, now: Timestamp) -> Place {
        self.lock().next(now, 1)
    }

    /// The ids will not be committed.
    pub fn release(&self, ids: impl IntoIterator<Item = EventId>) {
        let mut inner = self.lock();
        for id in ids {
            inner.owed.remove(&id);
            inner.newest_settled = inner.newest_settled.max(id);
        }
    }

    /// The event is on disk, and so many of its deliveries have no row yet.
    pub fn committed(&self, id: EventId, without_row: u32) {
        let mut inner = self.lock();
        if without_row == 0 {
            inner.owed.remove(&id);
            inner.newest_settled = inner.newest_settled.max(id);
        } else {
            inner.unparked += u64::from(without_row);
            inner.owed.insert(id, Some(without_row));
        }
    }

    /// A delivery of the event has its first row.
    pub fn rowed(&self, id: EventId) {
        let mut inner = self.lock();
        let Some(Some(left)) = inner.owed.get_mut(&id) else {
            return;
        };
        *left -= 1;
        let empty = *left == 0;
        inner.unparked -= 1;
        if empty {
            inner.owed.remove(&id);
            inner.newest_settled = inner.newest_settled.max(id);
        }
    }

    /// The largest id at or below which nothing is owed.
    #[must_use]
    pub fn mark(&self) -> EventId {
        let inner = self.lock();
        match inner.owed.keys().next() {
            Some(first) => EventId::from_u64(first.as_u64() - 1),
            None => inner.newest_settled,
        }
    }

    /// Deliveries that are committed and have no row.
    #[must_use]
    pub fn unparked(&self) -> u64 {
        self.lock().unparked
    }

    /// Committed events that have deliveries without a row, oldest first.
    #[must_use]
    pub fn owing(&self) -> Vec<EventId> {
        let inner = self.lock();
        let owing = inner.owed.iter().filter(|(_, left)| left.is_some());
        owing.map(|(&id, _)| id).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the ledger")
    }
}

impl Inner {
    fn next(&mut self, now: Timestamp, places: u32) -> Place {
        let first = Place::at(now, self.node).max(self.last.forward(1));
        self.last = first.forward(u64::from(places) - 1);
        first
    }
}
