//! What a receiver got: the latest requests, how many there were, and who waits for more.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use posthaste::clock::Timestamp;
use tokio::sync::Notify;

use crate::request;

/// One request, whole.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Request line and header lines, byte for byte.
    pub head: Bytes,
    pub body: Bytes,
    /// When its last byte was read, by the wall clock.
    pub at: Timestamp,
    /// Which connection it came over, from 1.
    pub connection: u64,
    /// Requests that had no answer yet when it came, with itself.
    pub at_once: usize,
}

impl Recorded {
    #[must_use]
    pub fn method(&self) -> &str {
        request::method(&self.head)
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        request::path(&self.head)
    }

    /// Names as received and values, in order.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        let lines = request::lines(&self.head);
        lines
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = request::lines(&self.head);
        lines
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The latest requests, at most `keep` of them, and counts of all.
pub(crate) struct Record {
    seen: Mutex<Seen>,
    changed: Notify,
    keep: usize,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub latest: VecDeque<Arc<Recorded>>,
    pub requests: u64,
    pub connections: u64,
    unanswered: usize,
}

impl Record {
    pub fn new(keep: usize) -> Self {
        Self {
            seen: Mutex::default(),
            changed: Notify::new(),
            keep,
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen
            .lock()
            .expect("nothing panics while it holds the record")
    }

    pub fn connection(&self) -> u64 {
        let mut seen = self.seen();
        seen.connections += 1;
        let number = seen.connections;
        drop(seen);
        self.changed.notify_waiters();
        number
    }

    /// Notes a request; it is unanswered until what this gives is dropped.
    pub fn request(&self, recorded: impl FnOnce(usize) -> Recorded) -> Unanswered<'_> {
        let mut seen = self.seen();
        seen.requests += 1;
        seen.unanswered += 1;
        let recorded = (self.keep > 0).then(|| Arc::new(recorded(seen.unanswered)));
        if seen.latest.len() == self.keep {
            seen.latest.pop_front();
        }
        seen.latest.extend(recorded);
        drop(seen);
        self.changed.notify_waiters();
        Unanswered(self)
    }

    /// Waits until the condition holds; it is looked at after every change.
    pub async fn until(&self, mut holds: impl FnMut(&Seen) -> bool) {
        loop {
            let changed = self.changed.notified(); // counts from here, so that nothing is missed
            if holds(&self.seen()) {
                return;
            }
            changed.await;
        }
    }
}

/// A request without an answer.
pub(crate) struct Unanswered<'a>(&'a Record);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.seen().unanswered -= 1;
    }
}
