//! Idle connections, by what they may be shared by.
//!
//! A key is a URL's origin; a TLS identity of a subscription's own goes in front of it, so that
//! what one has authenticated another never uses, and so does a tenant's own list of what is
//! denied: a connection is used under the rules alone that its address was vetted by. Time is
//! counted in sweeps, not read: an idle connection is closed by the third sweep that finds it, and
//! one that was vetted long ago is not used again, so that a name that moved is followed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use super::{
    Limits,
    link::{Link, Shared, Single},
};

/// Sweeps in the life of an idle connection.
const SWEEPS: u32 = 3;

pub(super) struct Pool {
    places: Mutex<Places>,
    limits: Limits,
}

#[derive(Default)]
struct Places {
    by_key: HashMap<Box<str>, Place>,
    /// Idle HTTP/1.1 connections in all places.
    idle: usize,
    /// Sweeps so far.
    sweeps: u32,
    /// Whether a task sweeps, for as long as there is anything.
    swept: bool,
}

/// Connections under one key, each with the sweep that it was last used in.
#[derive(Default)]
struct Place {
    /// The latest last: it is the likeliest to be alive.
    idle: Vec<(u32, Box<Single>)>,
    shared: Option<Common>,
}

/// A connection that many use at once.
struct Common {
    used: u32,
    /// The sweep in which it came, just after its address was vetted.
    since: u32,
    link: Shared,
}

impl Pool {
    pub fn new(limits: Limits) -> Self {
        Self {
            places: Mutex::default(),
            limits,
        }
    }

    pub fn take(&self, key: &str) -> Option<Link> {
        let places = &mut *self.lock();
        let place = places.by_key.get_mut(key)?;
        if let Some(common) = &mut place.shared {
            if common.link.is_sound() {
                common.used = places.sweeps;
                return Some(Link::Shared(common.link.clone()));
            }
            place.shared = None;
        }
        let (_, single) = place.idle.pop()?;
        places.idle -= 1;
        Some(Link::Single(single))
    }

    /// Keeps a connection for others, or closes it where there is no room.
    pub fn give(self: &Arc<Self>, key: &str, link: Link) {
        let mut refused = None; // closed when the lock is free again
        let mut places = self.lock();
        match link {
            Link::Single(single) => refused = places.keep(key, single, &self.limits),
            Link::Shared(shared) => places.share(key, shared),
        }
        if !std::mem::replace(&mut places.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.limits));
        }
        drop(places);
        drop(refused);
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places
            .lock()
            .expect("nothing panics while it holds the pool")
    }
}

impl Places {
    fn keep(&mut self, key: &str, mut single: Box<Single>, limits: &Limits) -> Option<Box<Single>> {
        let (sweeps, full) = (self.sweeps, self.idle >= limits.idle_in_all);
        let since = *single.since.get_or_insert(sweeps);
        let over = sweeps.wrapping_sub(since) >= sweeps_of(limits.vetted, limits);
        let place = self.place(key);
        if full || over || place.idle.len() >= limits.idle_per_origin {
            return Some(single);
        }
        place.idle.push((sweeps, single));
        self.idle += 1;
        None
    }

    fn share(&mut self, key: &str, link: Shared) {
        let (used, since) = (self.sweeps, self.sweeps);
        let place = self.place(key);
        let there = place.shared.as_ref();
        if link.is_sound() && !there.is_some_and(|there| there.link.is_sound()) {
            place.shared = Some(Common { used, since, link });
        }
    }

    fn place(&mut self, key: &str) -> &mut Place {
        if !self.by_key.contains_key(key) {
            self.by_key.insert(key.into(), Place::default());
        }
        self.by_key
            .get_mut(key)
            .expect("it was there or was put there")
    }

    /// Takes out what has been idle for too long, was vetted too long ago, or is broken.
    fn sweep(&mut self, limits: &Limits) -> Vec<Place> {
        self.sweeps = self.sweeps.wrapping_add(1);
        let sweeps = self.sweeps;
        let vetted = sweeps_of(limits.vetted, limits);
        let old = |used: u32| sweeps.wrapping_sub(used) >= SWEEPS;
        let stale = self.by_key.values_mut().map(|place| Place {
            idle: place.idle.extract_if(.., |(used, _)| old(*used)).collect(),
            shared: place.shared.take_if(|common| {
                let over = sweeps.wrapping_sub(common.since) >= vetted;
                if over {
                    common.link.retire();
                }
                over || old(common.used) || !common.link.is_sound()
            }),
        });
        let stale: Vec<Place> = stale.collect();
        self.idle -= stale.iter().map(|place| place.idle.len()).sum::<usize>();
        self.by_key.retain(|_, place| !place.is_empty());
        self.swept = !self.by_key.is_empty();
        stale
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.shared.is_none()
    }
}

/// The sweeps that a time lasts, at least one.
fn sweeps_of(time: Duration, limits: &Limits) -> u32 {
    let sweep_ms = (limits.idle / SWEEPS).as_millis().max(1);
    u32::try_from(time.as_millis() / sweep_ms).map_or(u32::MAX, |sweeps| sweeps.max(1))
}

/// Sweeps until nothing is left, or the pool is gone.
async fn sweep(pool: Weak<Pool>, limits: Limits) {
    loop {
        tokio::time::sleep(limits.idle / SWEEPS).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut places = pool.lock();
        let stale = places.sweep(&limits);
        let swept = places.swept;
        drop(places);
        drop(stale);
        if !swept {
            return;
        }
    }
}
