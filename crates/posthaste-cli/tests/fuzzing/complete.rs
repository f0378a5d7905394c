//! Nothing of the fuzzer is without the rest: a target has an oracle, seeds and a twin in this suite.
//! That it builds is not tried here, as that takes a compiler of its own.

use std::{collections::BTreeSet, fs, path::PathBuf};

/// Where the fuzzer is.
pub fn fuzz() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Names in a directory, without their ends.
fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(directory)).expect("it is there");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("a directory can be read").path();
        path.file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_target_has_a_file_an_oracle_seeds_and_a_twin() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("it is there");
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let listed: BTreeSet<String> = manifest["bin"]
        .as_array()
        .expect("a list of targets")
        .iter()
        .map(|bin| {
            let name = bin["name"].as_str().expect("a name").to_owned();
            assert_eq!(
                bin["path"].as_str(),
                Some(&*format!("fuzz_targets/{name}.rs"))
            );
            name
        })
        .collect();
    let twins: BTreeSet<String> = super::TARGETS
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    assert!(listed.len() >= 12);
    assert_eq!(listed, twins);
    assert_eq!(listed, names("fuzz_targets"));
    assert_eq!(listed, names("seeds"));
    assert!(listed.iter().all(|target| !super::seeds(target).is_empty()));
}
