//! Nothing may happen in any world that must never happen.

use std::sync::Mutex;

use posthaste_simulation::{Options, Report, Totals, simulate_all};

use crate::THREADS;

/// One virtual hour each, and then what it takes to drain.
const SEEDS: u64 = 300;

#[test]
fn nothing_that_must_never_happen_happens_in_any_world() {
    let (bad, totals) = (Mutex::new(Vec::new()), Mutex::new(Totals::default()));
    simulate_all(0..SEEDS, &Options::default(), THREADS, |report| {
        *totals.lock().unwrap() += report.totals;
        if report.violation.is_some() {
            bad.lock().unwrap().push(report);
        }
        true
    });
    let (bad, totals) = (bad.into_inner().unwrap(), totals.into_inner().unwrap());
    println!("{totals:?}");
    assert!(bad.is_empty(), "{}", told(&bad));
    assert!(totals.crashes > SEEDS, "{totals:?}");
    for seen in [
        totals.faults,
        totals.replayed,
        totals.pruned,
        totals.expired,
    ] {
        assert!(seen > SEEDS, "{totals:?}");
    }
}

fn told(bad: &[Report]) -> String {
    let each = bad.iter().map(|report| {
        let (seed, trace) = (report.seed, &report.trace);
        let violation = report.violation.as_ref().expect("a bad one");
        format!("{trace}seed {seed}, {violation}\nposthaste simulate --trace --seed {seed}\n")
    });
    each.collect()
}
