//! Worlds by the hundred: nothing may happen in any of them that must never happen.

use posthaste_simulation::{Options, simulate};

#[test]
fn nothing_that_must_not_happen_happens_in_any_world() {
    let seeds = std::env::var("SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10u64);
    let first = std::env::var("FIRST")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0u64);
    let mut bad = 0;
    for seed in first..first + seeds {
        let report = simulate(
            seed,
            &Options {
                keep_trace: std::env::var("TRACE").is_ok(),
                ..Options::default()
            },
        );
        println!("{seed} {:?} {:016x}", report.totals, report.hash);
        if let Some(violation) = report.violation {
            println!("seed {seed}: {violation}");
            if std::env::var("TRACE").is_ok() {
                std::fs::write(format!("/tmp/sim-trace-{seed}"), &report.trace).unwrap();
            }
            bad += 1;
        }
    }
    assert_eq!(bad, 0);
}
