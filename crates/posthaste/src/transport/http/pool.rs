//! Idle connections, by scheme, host and port.
//!
//! A key is a URL's origin; a TLS identity of a subscription's own goes in front of it, so that
//! what one has authenticated another never uses. Time is counted in sweeps, not read: an idle
//! connection is closed by the third sweep that finds it.

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
    by_origin: HashMap<Box<str>, Place>,
    /// Idle HTTP/1.1 connections in all places.
    idle: usize,
    /// Sweeps so far.
    sweeps: u32,
    /// Whether a task sweeps, for as long as there is anything.
    swept: bool,
}

/// Connections to one origin, each with the sweep that it was last used in.
#[derive(Default)]
struct Place {
    /// The latest last: it is the likeliest to be alive.
    idle: Vec<(u32, Box<Single>)>,
    shared: Option<(u32, Shared)>,
}

impl Pool {
    pub fn new(limits: Limits) -> Self {
        Self {
            places: Mutex::default(),
            limits,
        }
    }

    pub fn take(&self, origin: &str) -> Option<Link> {
        let places = &mut *self.lock();
        let place = places.by_origin.get_mut(origin)?;
        if let Some((used, shared)) = &mut place.shared {
            if shared.is_sound() {
                *used = places.sweeps;
                return Some(Link::Shared(shared.clone()));
            }
            place.shared = None;
        }
        let (_, single) = place.idle.pop()?;
        places.idle -= 1;
        Some(Link::Single(single))
    }

    /// Keeps a connection for others, or closes it where there is no room.
    pub fn give(self: &Arc<Self>, origin: &str, link: Link) {
        let mut refused = None; // closed when the lock is free again
        let mut places = self.lock();
        match link {
            Link::Single(single) => refused = places.keep(origin, single, &self.limits),
            Link::Shared(shared) => places.share(origin, shared),
        }
        if !std::mem::replace(&mut places.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.limits.idle / SWEEPS));
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
    fn keep(&mut self, origin: &str, single: Box<Single>, limits: &Limits) -> Option<Box<Single>> {
        let (sweeps, full) = (self.sweeps, self.idle >= limits.idle_in_all);
        let place = self.place(origin);
        if full || place.idle.len() >= limits.idle_per_origin {
            return Some(single);
        }
        place.idle.push((sweeps, single));
        self.idle += 1;
        None
    }

    fn share(&mut self, origin: &str, shared: Shared) {
        let sweeps = self.sweeps;
        let place = self.place(origin);
        if !place
            .shared
            .as_ref()
            .is_some_and(|(_, there)| there.is_sound())
        {
            place.shared = Some((sweeps, shared));
        }
    }

    fn place(&mut self, origin: &str) -> &mut Place {
        if !self.by_origin.contains_key(origin) {
            self.by_origin.insert(origin.into(), Place::default());
        }
        self.by_origin
            .get_mut(origin)
            .expect("it was there or was put there")
    }

    /// Takes out what has been idle for too long.
    fn sweep(&mut self) -> Vec<Place> {
        self.sweeps = self.sweeps.wrapping_add(1);
        let sweeps = self.sweeps;
        let old = |used: u32| sweeps.wrapping_sub(used) >= SWEEPS;
        let stale = self.by_origin.values_mut().map(|place| Place {
            idle: place.idle.extract_if(.., |(used, _)| old(*used)).collect(),
            shared: place.shared.take_if(|(used, _)| old(*used)),
        });
        let stale: Vec<Place> = stale.collect();
        self.idle -= stale.iter().map(|place| place.idle.len()).sum::<usize>();
        self.by_origin.retain(|_, place| !place.is_empty());
        self.swept = !self.by_origin.is_empty();
        stale
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.shared.is_none()
    }
}

/// Sweeps until nothing is left, or the pool is gone.
async fn sweep(pool: Weak<Pool>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut places = pool.lock();
        let stale = places.sweep();
        let swept = places.swept;
        drop(places);
        drop(stale);
        if !swept {
            return;
        }
    }
}
