//! What will happen, by virtual time; of one moment, in the order in which it was written down.

use std::{collections::BTreeMap, time::Duration};

use posthaste::clock::Timestamp;

#[derive(Debug)]
pub struct Agenda<T> {
    pub now: Timestamp,
    entries: BTreeMap<(Timestamp, u64), T>,
    written: u64,
}

impl<T> Agenda<T> {
    #[must_use]
    pub fn from(now: Timestamp) -> Self {
        Self {
            now,
            entries: BTreeMap::new(),
            written: 0,
        }
    }

    pub fn after(&mut self, wait: Duration, what: T) {
        self.written += 1;
        self.entries.insert((self.now + wait, self.written), what);
    }

    /// The next entry; its time is now from then on.
    pub fn next(&mut self) -> Option<T> {
        let ((at, _), what) = self.entries.pop_first()?;
        self.now = at;
        Some(what)
    }
}
