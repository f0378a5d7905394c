//! What is built in keeps `deny.toml`: the licences and bans that cargo-deny looks at, read from the
//! same file, for this platform and without a network, so that no change goes by them.

mod licence;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn rules() -> toml::Table {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("it is there");
    text.parse().expect("it is TOML")
}

fn output(command: &mut Command) -> Vec<u8> {
    let done = command.current_dir(root()).output().expect("it can be run");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}

/// A package that is built for this platform, tests included.
struct Package {
    name: String,
    version: String,
    licence: String,
}

fn packages() -> Vec<Package> {
    let arguments = "tree --workspace --all-features --edges all --prefix none --offline --locked";
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(arguments.split(' '))
        .args(["--format", "{p}\t{l}"]);
    let text = String::from_utf8(output(&mut cargo)).expect("it is text");
    let package = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('\t')?;
        let (name, version) = package.split_once(' ')?;
        Some((
            name.to_owned(),
            version.split(' ').next()?.to_owned(),
            licence.to_owned(),
        ))
    };
    let distinct: BTreeSet<_> = text.lines().filter_map(package).collect();
    let packages = distinct
        .into_iter()
        .map(|(name, version, licence)| Package {
            name,
            version,
            licence,
        });
    packages.collect()
}

#[test]
fn every_licence_is_one_of_those_that_are_allowed() {
    let rules = rules();
    let allowed = rules["licenses"]["allow"].as_array().expect("a list");
    let allowed: BTreeSet<&str> = allowed.iter().filter_map(toml::Value::as_str).collect();
    let packages = packages();
    assert!(packages.len() > 100, "it is about all of them");
    for Package {
        name,
        version,
        licence,
        ..
    } in &packages
    {
        assert!(
            licence::allows(licence, &allowed),
            "{name} {version}: {licence:?}"
        );
    }
}

#[test]
fn nothing_that_is_banned_is_built_in_and_there_is_one_of_what_may_stand_once() {
    let rules = rules();
    let bans = rules["bans"]["deny"].as_array().expect("a list");
    assert!(bans.len() > 10);
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for package in packages() {
        versions
            .entry(package.name)
            .or_default()
            .push(package.version);
    }
    for ban in bans {
        let name = ban["crate"].as_str().expect("a name");
        let most = usize::from(ban.get("deny-multiple-versions").is_some());
        let found = versions.get(name).map_or(&[][..], Vec::as_slice);
        assert!(found.len() <= most, "{name}: {found:?}");
    }
}

#[test]
fn everything_comes_from_the_registry_or_from_here() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("it is there");
    let lock: toml::Table = lock.parse().expect("it is TOML");
    for package in lock["package"].as_array().expect("a list") {
        let source = package.get("source").and_then(toml::Value::as_str);
        let ours = package["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("posthaste"));
        let registry = source.is_some_and(|source| source.starts_with("registry+"));
        assert!(
            registry && package.get("checksum").is_some() || source.is_none() && ours,
            "{package}"
        );
    }
}
