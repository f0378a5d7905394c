use posthaste_simulation::{Options, simulate};
#[test]
fn dbg() {
    let first: u64 = std::env::var("FIRST").unwrap().parse().unwrap();
    let seeds: u64 = std::env::var("SEEDS").map_or(1, |n| n.parse().unwrap());
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
        }
    }
}
