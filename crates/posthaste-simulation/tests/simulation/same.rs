//! A seed is a world: nothing else decides what happens in it.

use std::{collections::BTreeMap, sync::Mutex};

use posthaste_simulation::{Options, simulate_all};

use crate::THREADS;

fn hashes() -> BTreeMap<u64, (u64, u64)> {
    let hashes = Mutex::new(BTreeMap::new());
    simulate_all(1000..1020, &Options::default(), THREADS, |report| {
        let known = (report.hash, report.totals.steps);
        hashes.lock().unwrap().insert(report.seed, known);
        true
    });
    hashes.into_inner().unwrap()
}

#[test]
fn the_same_seed_gives_the_same_trace_to_the_last_step() {
    let first = hashes();
    assert_eq!(first, hashes());
    let different: std::collections::BTreeSet<_> = first.values().collect();
    assert_eq!(different.len(), first.len(), "and each seed another");
}
