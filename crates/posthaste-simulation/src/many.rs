//! Many worlds, a few at a time: each is alone with its seed, so threads change nothing in any.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use crate::{Options, Report, simulate};

/// Runs the worlds of these seeds on so many threads. `each` is shown every report, in the order in
/// which they end, and says whether to go on.
pub fn simulate_all(
    seeds: Range<u64>,
    options: &Options,
    threads: usize,
    each: impl Fn(Report) -> bool + Sync,
) {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if !each(simulate(seed, options)) {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}
