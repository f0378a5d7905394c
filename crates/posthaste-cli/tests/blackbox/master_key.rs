//! The master key: made once, wanted ever after, and replaced on request.

use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    server::{Launch, posthaste},
};

fn rotate(launch: &Launch, more: &[&str]) -> Output {
    let mut command = posthaste();
    command.args(["--json", "keys", "rotate-master", "--data-dir"]);
    command.arg(launch.data_dir()).args(more);
    command.output().expect("the binary runs")
}

#[track_caller]
fn refused(output: &Output, with: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(with), "{said}");
}

/// A store with a subscription that has this secret, and nobody on it.
fn with_a_secret() -> (Launch, String, String) {
    let server = Launch::new().start();
    let hook = json!({"url": "https://example.com/hook"});
    let made = server.client().post("/subscriptions", &hook, 201);
    let (path, secret) = (
        format!("/subscriptions/{}/secret", id(&made)),
        text(&made, "secret"),
    );
    (server.kill(), path, secret)
}

#[test]
fn a_server_starts_with_the_key_of_its_store_alone() {
    let (launch, path, secret) = with_a_secret();
    let file = launch.data_dir().join("master.key");
    let kept = fs::read_to_string(&file).expect("it was made");
    fs::remove_file(&file).expect("it can be removed");
    refused(&launch.attempt(), "restore it");
    assert!(!file.exists(), "none is made in its place");
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let wrong = launch.clone().with("POSTHASTE_SECRETS_MASTER_KEY", other);
    refused(&wrong.attempt(), "POSTHASTE_SECRETS_MASTER_KEY");
    let given = launch.with("POSTHASTE_SECRETS_MASTER_KEY", kept.trim());
    let server = given.start();
    assert_eq!(server.client().get(&path), json!({"secret": secret}));
}

#[test]
fn a_key_is_rotated_while_nobody_runs_and_every_secret_stays() {
    let (launch, path, secret) = with_a_secret();
    let server = launch.start();
    refused(&rotate(&launch, &[]), "in use by another process");
    let launch = server.kill();
    let done = rotate(&launch, &[]);
    assert!(done.status.success(), "{done:?}");
    let done: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(done["data_keys"], 2, "the tenant's and the server's");
    let own = launch.data_dir().join("own.key");
    let file = launch.data_dir().join("master.key");
    fs::copy(&file, &own).expect("it is there");
    let own = own.to_str().expect("a path");
    refused(&rotate(&launch, &["--new-key-file", own]), "in use");
    let server = launch.start();
    assert_eq!(server.client().get(&path), json!({"secret": secret}));
}
