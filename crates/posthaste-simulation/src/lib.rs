//! The engine's decisions, in a world that a single number makes.
//!
//! The scheduler and the plan of retries are pure, so a discrete-event simulator owns all that is
//! around them: time, publishers, receivers, the store's health, crashes, the operator. It drives
//! exactly the scheduler that the server runs and a store that keeps the same promises, and an
//! independent model watches for what must never happen. The same seed gives the same world to the
//! last step, on every machine.
//!
//! What it refuses to do: read a clock, start a thread, open a socket, touch a disk.

mod dice;
mod agenda;
mod trace;
mod clock;
pub mod bug;
mod receiver;
pub mod scenario;
pub mod report;
mod halting;
mod disk;
mod model;
mod node;
mod publisher;
mod settling;
mod sending;
mod operator;
mod replays;
mod duties;
mod trouble;
mod world;
mod many;

use std::time::Duration;

pub use bug::Bug;
pub use many::simulate_all;
pub use report::{Report, Totals, Violation};

/// How a world is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Virtual time with troubles in it; what waits then drains.
    pub length: Duration,
    /// The whole trace is kept, not its end alone.
    pub keep_trace: bool,
    pub bug: Option<Bug>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            length: Duration::from_secs(3600),
            keep_trace: false,
            bug: None,
        }
    }
}

/// Runs the world of a seed to its end, or to the first violation.
#[must_use]
pub fn simulate(seed: u64, options: &Options) -> Report {
    let mut world = world::World::new(seed, options.length, options.keep_trace, options.bug);
    world.run();
    world.report()
}
