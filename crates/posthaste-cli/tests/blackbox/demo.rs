//! The demo once through: it ends by itself, and its numbers add up.

use serde_json::Value;

use crate::server::posthaste;

#[test]
fn a_demo_once_ends_well_and_its_numbers_add_up() {
    let home = tempfile::tempdir().unwrap();
    let output = posthaste()
        .args(["demo", "--once", "--json"])
        .current_dir(home.path())
        .output()
        .expect("the binary starts");
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{}: {said}{complained}",
        output.status
    );
    let summary: Value = said
        .lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .expect("a summary");
    let count = |name: &str| {
        summary[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} in {summary}"))
    };
    assert!(
        count("events") > 0 && count("delivered") > 0 && count("failed") > 0,
        "{summary}"
    );
    let ended = count("delivered") + count("failed") + count("discarded") + count("held");
    assert_eq!(ended, count("deliveries"), "{summary}");
    assert!(
        std::fs::read_dir(home.path()).unwrap().next().is_none(),
        "nothing is left behind"
    );
}
