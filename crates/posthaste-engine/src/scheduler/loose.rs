//! What waits for a subscription in memory where order is not kept: new deliveries, older ones,
//! and batches that exist already.

use std::collections::VecDeque;

use posthaste::{clock::Timestamp, subscription::BatchLimits};

use super::{class::Class, parcel::Parcel};

#[derive(Debug, Default)]
pub struct Loose {
    /// Batches that are committed, sent before or not: each leaves as it is.
    formed: VecDeque<Parcel>,
    /// Came back from the store: retries and what was held.
    backlog: VecDeque<Parcel>,
    /// Of new events.
    fresh: VecDeque<Parcel>,
    /// Deliveries of each class, and the bytes that they count for.
    sums: [(usize, usize); 2],
    /// Bodies of those that are in no batch yet.
    body_bytes: usize,
    /// Whose turn it is where both leave as one class.
    fresh_is_next: bool,
}

impl Loose {
    /// Deliveries, and the bytes that they count for.
    pub fn queued(&self) -> (usize, usize) {
        let [light, heavy] = self.sums;
        (light.0 + heavy.0, light.1 + heavy.1)
    }

    /// The same of one class.
    pub fn queued_of(&self, class: Class) -> (usize, usize) {
        self.sums[class as usize]
    }

    /// Deliveries that came from the store.
    pub fn older(&self) -> usize {
        self.queued_of(Class::Heavy).0
    }

    pub fn is_empty(&self) -> bool {
        self.queued().0 == 0
    }

    pub fn push(&mut self, parcel: Parcel, class: Class) {
        let class = match parcel.batch {
            Some(_) => Class::Heavy,
            None => class,
        };
        let (count, bytes) = &mut self.sums[class as usize];
        *count += parcel.len();
        *bytes += parcel.bytes;
        match (parcel.batch, class) {
            (Some(_), _) => return self.formed.push_back(parcel),
            (None, Class::Heavy) => self.backlog.push_back(parcel),
            (None, Class::Light) => self.fresh.push_back(parcel),
        }
        self.body_bytes += self.newest_body(class);
    }

    fn newest_body(&self, class: Class) -> usize {
        let queue = match class {
            Class::Heavy => &self.backlog,
            Class::Light => &self.fresh,
        };
        queue.back().map_or(0, |parcel| parcel.body_bytes)
    }

    /// Whether something of this class waits.
    pub fn has(&self, class: Class) -> bool {
        match class {
            Class::Light => !self.fresh.is_empty(),
            Class::Heavy => !self.backlog.is_empty() || !self.formed.is_empty(),
        }
    }

    pub fn take(&mut self, class: Class) -> Option<Parcel> {
        let parcel = match class {
            Class::Light => self.fresh.pop_front(),
            Class::Heavy => {
                let formed = self.formed.pop_front();
                formed.or_else(|| self.backlog.pop_front())
            }
        };
        self.taken(parcel, class)
    }

    /// New ones and older ones in turn, as one class.
    pub fn take_any(&mut self) -> Option<Parcel> {
        self.fresh_is_next ^= true;
        let (one, other) = match self.fresh_is_next {
            true => (Class::Light, Class::Heavy),
            false => (Class::Heavy, Class::Light),
        };
        self.take(one).or_else(|| self.take(other))
    }

    fn taken(&mut self, parcel: Option<Parcel>, class: Class) -> Option<Parcel> {
        let parcel = parcel?;
        let (count, bytes) = &mut self.sums[class as usize];
        *count -= parcel.len();
        *bytes -= parcel.bytes;
        if parcel.batch.is_none() {
            self.body_bytes -= parcel.body_bytes;
        }
        Some(parcel)
    }

    pub fn has_formed(&self) -> bool {
        !self.formed.is_empty()
    }

    pub fn take_formed(&mut self) -> Option<Parcel> {
        let parcel = self.formed.pop_front();
        self.taken(parcel, Class::Heavy)
    }

    /// When what gathers is enough for a batch; none where nothing gathers.
    pub fn ripe_at(&self, limits: &BatchLimits) -> Option<Timestamp> {
        let heads = [self.backlog.front(), self.fresh.front()];
        let oldest = heads
            .into_iter()
            .flatten()
            .map(|parcel| parcel.since)
            .min()?;
        let gathered = self.backlog.len() + self.fresh.len();
        let enough = gathered >= limits.max_events as usize
            || self.body_bytes >= limits.max_bytes as usize
            // What failed before in a batch of its own is not made to wait again.
            || self.backlog.front().is_some_and(|parcel| parcel.spent > 0);
        Some(if enough {
            oldest
        } else {
            oldest + limits.max_wait()
        })
    }

    /// What leaves together, as many as fit: once the older ones first and once the new ones, so that
    /// neither waits until the others are gone.
    pub fn gather(&mut self, limits: &BatchLimits) -> Vec<Parcel> {
        let (mut gathered, mut body) = (Vec::<Parcel>::new(), 2);
        let fresh_first = self.fresh_is_next && !self.fresh.is_empty();
        self.fresh_is_next = !fresh_first;
        while gathered.len() < limits.max_events as usize {
            let class = match fresh_first {
                true if !self.fresh.is_empty() => Class::Light,
                false if self.backlog.is_empty() => Class::Light,
                true | false => Class::Heavy,
            };
            let queue = match class {
                Class::Heavy => &self.backlog,
                Class::Light => &self.fresh,
            };
            let Some(next) = queue.front() else { break };
            body += next.body_bytes + 1;
            let fits = gathered
                .first()
                .is_none_or(|first| first.goes_with(next) && body <= limits.max_bytes as usize);
            if !fits {
                break;
            }
            let parcel = match class {
                Class::Heavy => self.backlog.pop_front(),
                Class::Light => self.fresh.pop_front(),
            };
            gathered.extend(self.taken(parcel, class));
        }
        gathered
    }

    /// Takes all, oldest kinds first.
    pub fn drain(&mut self) -> Vec<Parcel> {
        let queues = [&mut self.formed, &mut self.backlog, &mut self.fresh];
        let all = queues.into_iter().flat_map(std::mem::take).collect();
        *self = Self::default();
        all
    }

    /// Takes the later half: what came last, new ones first.
    pub fn cut_in_half(&mut self) -> Vec<Parcel> {
        let mut to_cut = self.queued().0 / 2;
        let mut tail = Vec::new();
        while to_cut > 0 {
            let last = match self.fresh.pop_back() {
                Some(parcel) => self.taken(Some(parcel), Class::Light),
                None => {
                    let older = self.backlog.pop_back();
                    let older = older.or_else(|| self.formed.pop_back());
                    self.taken(older, Class::Heavy)
                }
            };
            let Some(parcel) = last else { break };
            to_cut = to_cut.saturating_sub(parcel.len());
            tail.push(parcel);
        }
        tail.reverse();
        tail
    }
}
