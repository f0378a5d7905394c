//! Which ids are still owed something: where the settled mark comes from.
//!
//! An id counts from the moment it is handed out, before it is committed, so that the mark never
//! passes an event whose transaction is still under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use posthaste::{
    clock::Timestamp,
    id::{EventId, Place, places},
};

use crate::store::Horizon;

/// How many places a millisecond has: so many on from any of them is in a later one.
const PLACES_IN_A_MILLISECOND: u64 = 128;

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
    /// Of these, the ones that are not committed.
    reserved: BTreeSet<EventId>,
    /// The newest id that is committed.
    newest: EventId,
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
        // The mark's own place may be another node's: it is the number below an id.
        let last = match mark > newest {
            true => Place::at(mark.time(), node).forward(PLACES_IN_A_MILLISECOND),
            false => newest.place(),
        };
        Self {
            inner: Mutex::new(Inner {
                node,
                last,
                owed: BTreeMap::new(),
                reserved: BTreeSet::new(),
                newest,
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
            inner.reserved.insert(id);
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
            inner.reserved.remove(&id);
            inner.newest_settled = inner.newest_settled.max(id);
        }
    }

    /// The event is on disk, and so many of its deliveries have no row yet.
    pub fn committed(&self, id: EventId, without_row: u32) {
        let mut inner = self.lock();
        inner.reserved.remove(&id);
        inner.newest = inner.newest.max(id);
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

    /// How far what is committed can be read without a hole.
    #[must_use]
    pub fn horizon(&self) -> Horizon {
        let inner = self.lock();
        let below = |first: &EventId| EventId::from_u64(first.as_u64() - 1);
        let first = inner.reserved.first().map(below);
        Horizon {
            complete: first.map_or(inner.newest, |first| first.min(inner.newest)),
            newest: inner.newest,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_293_360_123);
    const NOTHING: EventId = EventId::from_u64(0);

    fn empty() -> Ledger {
        Ledger::new(0, NOTHING, NOTHING)
    }

    #[test]
    fn the_mark_stays_below_what_is_reserved_and_passes_what_is_released() {
        let ledger = empty();
        let ids = ledger.reserve(NOW, &[1, 1, 1]);
        assert!(ledger.mark() < ids[0]);
        ledger.release([ids[0], ids[2]]);
        assert!((ids[0]..ids[1]).contains(&ledger.mark()));
        ledger.committed(ids[1], 0);
        assert!(ledger.mark() >= ids[2]);
    }

    #[test]
    fn an_event_is_owed_until_its_last_delivery_has_a_row() {
        let ledger = empty();
        let id = ledger.reserve(NOW, &[2])[0];
        ledger.rowed(id);
        assert_eq!(ledger.owing(), [], "it is not committed yet");
        ledger.committed(id, 2);
        assert_eq!((ledger.unparked(), ledger.owing()), (2, vec![id]));
        ledger.rowed(id);
        assert_eq!((ledger.unparked(), ledger.owing()), (1, vec![id]));
        ledger.rowed(id);
        ledger.rowed(id);
        assert_eq!((ledger.unparked(), ledger.owing()), (0, vec![]));
        assert_eq!(ledger.mark(), id);
    }

    #[test]
    fn the_horizon_stays_below_what_is_reserved_and_at_what_is_committed() {
        let ledger = empty();
        assert_eq!(ledger.horizon().newest, NOTHING);
        let ids = ledger.reserve(NOW, &[1, 0, 1]);
        ledger.committed(ids[1], 0);
        let seen = ledger.horizon();
        assert_eq!(seen.newest, ids[1]);
        assert!(seen.complete < ids[0]);
        ledger.committed(ids[0], 1);
        assert_eq!(ledger.horizon().complete, ids[1], "though one is owed");
        ledger.release([ids[2]]);
        assert_eq!(
            ledger.horizon().complete,
            ids[1],
            "an id that a crash may hand out again is not passed"
        );
    }

    #[test]
    fn a_wide_event_keeps_its_places_to_itself() {
        let ledger = empty();
        let ids = ledger.reserve(NOW, &[3000, 0]);
        assert!(ids[1].as_u64() > ids[0].delivery(2999).as_u64());
        assert!(ledger.place(NOW) > ids[1].place());
    }

    #[test]
    fn a_ledger_opened_with_a_mark_above_all_stored_begins_above_the_mark() {
        let before = empty();
        let stored = before.reserve(NOW, &[1])[0];
        let late = NOW + std::time::Duration::from_secs(60);
        let released = before.reserve(late, &[1])[0];
        before.release([released]);
        before.committed(stored, 0);
        let after = Ledger::new(3, stored, before.mark());
        let next = after.reserve(NOW, &[1])[0];
        assert!(next > before.mark(), "{next}");
        let place = Place::at(next.time(), 3);
        assert!(
            (place..place.forward(127)).contains(&next.place()),
            "its node"
        );
    }

    /// One thing that happens to a ledger; numbers pick among what is there.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Reserve { deliveries: u32, clock_ms: i64 },
        Release(usize),
        Commit(usize),
        Row(usize),
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (prop_oneof![0..4_u32, 1000..3000_u32], -500..500_i64)
                .prop_map(|(deliveries, clock_ms)| Step::Reserve { deliveries, clock_ms }),
            1 => any::<usize>().prop_map(Step::Release),
            3 => any::<usize>().prop_map(Step::Commit),
            5 => any::<usize>().prop_map(Step::Row),
            1 => Just(Step::Reopen),
        ]
    }

    /// What a ledger is judged by: each id and what it is owed, in plain maps.
    struct Model {
        ledger: Ledger,
        reserved: BTreeMap<EventId, u32>,
        /// Deliveries that the event has, and how many are without a row.
        stored: BTreeMap<EventId, (u32, u32)>,
        newest_handed_out: EventId,
        mark: EventId,
        complete: EventId,
    }

    impl Model {
        fn new() -> Self {
            Self {
                ledger: empty(),
                reserved: BTreeMap::new(),
                stored: BTreeMap::new(),
                newest_handed_out: NOTHING,
                mark: NOTHING,
                complete: NOTHING,
            }
        }

        fn take(&mut self, step: Step) {
            match step {
                Step::Reserve {
                    deliveries,
                    clock_ms,
                } => self.reserve(deliveries, clock_ms),
                Step::Release(n) => {
                    if let Some((id, _)) = pick(&self.reserved, n) {
                        self.reserved.remove(&id);
                        self.ledger.release([id]);
                    }
                }
                Step::Commit(n) => {
                    if let Some((id, deliveries)) = pick(&self.reserved, n) {
                        self.reserved.remove(&id);
                        self.stored.insert(id, (deliveries, deliveries));
                        self.ledger.committed(id, deliveries);
                    }
                }
                Step::Row(n) => {
                    let owing = self.stored.iter().filter(|(_, (_, left))| *left > 0);
                    let owing: BTreeMap<_, _> = owing.map(|(&id, _)| (id, ())).collect();
                    if let Some((id, ())) = pick(&owing, n) {
                        self.stored.get_mut(&id).expect("it is stored").1 -= 1;
                        self.ledger.rowed(id);
                    }
                }
                Step::Reopen => self.reopen(),
            }
        }

        fn reserve(&mut self, deliveries: u32, clock_ms: i64) {
            let now = Timestamp::from_millis(NOW.as_millis() + clock_ms);
            let id = self.ledger.reserve(now, &[deliveries])[0];
            assert!(id > self.newest_handed_out, "ids ascend");
            self.newest_handed_out = last_of(id, deliveries);
            self.reserved.insert(id, deliveries);
        }

        /// Without the reserved ids: nobody will ever see them.
        fn reopen(&mut self) {
            let newest = self.stored.last_key_value();
            let newest = newest.map_or(NOTHING, |(&id, &(deliveries, _))| last_of(id, deliveries));
            let ledger = Ledger::new(0, newest, self.mark);
            for (&id, &(_, left)) in self.stored.range(self.mark..) {
                if id > self.mark {
                    ledger.committed(id, left);
                }
            }
            self.ledger = ledger;
            self.reserved.clear();
            self.newest_handed_out = newest;
        }

        fn check_horizon(&mut self) {
            let seen = self.ledger.horizon();
            assert!(seen.complete >= self.complete, "it never goes back");
            self.complete = seen.complete;
            let first = self.reserved.keys().next();
            assert!(first.is_none_or(|&id| seen.complete < id));
            let newest = self.stored.keys().next_back();
            assert!(newest.is_none_or(|&id| seen.newest >= id));
            assert!(!self.reserved.is_empty() || seen.complete == seen.newest);
        }

        fn check(&mut self) {
            let mark = self.ledger.mark();
            assert!(mark >= self.mark, "the mark never goes back");
            self.mark = mark;
            self.check_horizon();
            let owing = self.stored.iter().filter(|(_, (_, left))| *left > 0);
            let owing: Vec<EventId> = owing.map(|(&id, _)| id).collect();
            let mut owed = owing.iter().chain(self.reserved.keys());
            assert!(owed.all(|&id| mark < id), "the mark passes nothing owed");
            if owing.is_empty() && self.reserved.is_empty() {
                let newest = self.stored.last_key_value();
                assert!(newest.is_none_or(|(&id, _)| mark >= id));
            }
            assert_eq!(self.ledger.owing(), owing);
            let left = self.stored.values().map(|&(_, left)| u64::from(left));
            assert_eq!(self.ledger.unparked(), left.sum::<u64>());
        }
    }

    fn last_of(id: EventId, deliveries: u32) -> EventId {
        let more = places(deliveries) - 1;
        id.place().forward(u64::from(more)).event()
    }

    fn pick<T: Copy>(from: &BTreeMap<EventId, T>, n: usize) -> Option<(EventId, T)> {
        let n = n.checked_rem(from.len())?;
        from.iter().nth(n).map(|(&id, &value)| (id, value))
    }

    proptest! {
        #[test]
        fn the_mark_never_passes_what_is_owed_and_ids_and_mark_never_go_back(
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut model = Model::new();
            for step in steps {
                model.take(step);
                model.check();
            }
        }
    }
}
