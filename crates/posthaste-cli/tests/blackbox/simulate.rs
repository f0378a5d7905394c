//! `posthaste simulate`: worlds by their seeds, the same each time.

use serde_json::Value;

use crate::server::posthaste;

#[track_caller]
fn simulate(arguments: &[&str], code: i32) -> String {
    let output = posthaste().arg("simulate").args(arguments).output();
    let output = output.expect("the binary runs");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{complained}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn worlds_are_counted_and_a_seed_makes_the_same_one_again() {
    let worlds = simulate(&["--seeds", "3", "--first", "7", "--json"], 0);
    let mut worlds: Vec<Value> = worlds
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    worlds.sort_by_key(|world| world["seed"].as_u64());
    let seeds: Vec<_> = worlds.iter().map(|world| world["seed"].as_u64()).collect();
    assert_eq!(seeds, [Some(7), Some(8), Some(9)]);
    let again = simulate(&["--seed", "8", "--json"], 0);
    let again: Value = serde_json::from_str(&again).expect("a line of JSON");
    assert_eq!(again, worlds[1]);
    assert!(again["attempts"].as_u64() > Some(0), "{again}");
    assert_eq!(again["violation"], Value::Null);
}

#[test]
fn a_trace_tells_every_step_and_a_summary_closes_it() {
    let traced = simulate(&["--seed", "8", "--trace"], 0);
    for said in ["start 1", "send dlv_", "troubles end", "promises broken"] {
        assert!(traced.contains(said), "{said}");
    }
    simulate(&["--trace"], 2);
    simulate(&["--seeds", "0"], 2);
}
