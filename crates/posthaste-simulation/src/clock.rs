//! A node's clock: steady time out of the world's stopwatch and a wall clock that jumps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use posthaste::clock::{Clock, Slew, Timestamp};

/// The wall, as far as it is off the world's true time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall {
    pub off_by_ms: i64,
}

impl Wall {
    #[must_use]
    pub fn at(self, world: Timestamp) -> Timestamp {
        Timestamp::from_millis(world.as_millis() + self.off_by_ms)
    }
}

/// Begins with what the wall says when its node starts, as [`posthaste::clock::SystemClock`] does.
#[derive(Debug)]
pub struct NodeClock {
    slew: Slew,
    started: Timestamp,
}

impl NodeClock {
    #[must_use]
    pub fn start(world: Timestamp, wall: Wall) -> Self {
        Self {
            slew: Slew::new(wall.at(world)),
            started: world,
        }
    }

    pub fn now(&mut self, world: Timestamp, wall: Wall) -> Timestamp {
        let elapsed: Duration = world.since(self.started);
        self.slew.read(elapsed, wall.at(world))
    }
}

/// What a node's clock said last.
pub struct Told(pub Arc<AtomicI64>);

impl Clock for Told {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn wall(&self) -> Timestamp {
        self.now()
    }

    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp::default())
    }
}
