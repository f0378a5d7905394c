//! The audit log from outside: on disk with what it tells of, and read on the command line.

use serde_json::{Value, json};

use crate::{
    api::{assert_members, id, text},
    server::{ADMIN_KEY, Server, posthaste},
};

const URL: &str = "http://127.0.0.1:8999/hook";

#[test]
fn what_was_done_and_revealed_is_in_the_log_after_a_crash() {
    let server = Server::start();
    let admin = server.client();
    let subscription = id(&admin.subscribe(URL, json!({})));
    let path = format!("/subscriptions/{subscription}");
    admin.patch(&path, &json!({"description": "changed"}));
    let secret = text(&admin.get(&format!("{path}/secret")), "secret");
    let server = server.kill().start();
    let log = server.client().list("/audit?limit=1");
    let seen: Vec<_> = log.iter().map(|entry| text(entry, "action")).collect();
    let expected = [
        "subscription.reveal_secret",
        "subscription.update",
        "subscription.create",
    ];
    assert_eq!(seen, expected);
    let members = [
        "id",
        "at",
        "actor",
        "action",
        "object",
        "address",
        "request_id",
        "details",
    ];
    for entry in &log {
        assert_members(entry, &members);
        assert_members(&entry["actor"], &["key_id", "key_name", "platform"]);
        assert_eq!(
            (&entry["object"], &entry["address"]),
            (&json!(subscription), &json!("127.0.0.1"))
        );
        assert!(!entry.to_string().contains(&secret), "{entry}");
    }
    assert_eq!(
        log[1]["details"],
        json!({"description": {"old": "", "new": "changed"}})
    );
}

#[test]
fn nobody_changes_or_deletes_an_entry() {
    let server = Server::start();
    let admin = server.client();
    admin.subscribe(URL, json!({}));
    let entry = id(&admin.list("/audit")[0]);
    for (method, path) in [
        ("DELETE", "/audit".to_owned()),
        ("DELETE", format!("/audit/{entry}")),
        ("PATCH", format!("/audit/{entry}")),
        ("POST", "/audit".to_owned()),
    ] {
        let answer = admin.call(method, &path, &json!({}));
        assert!(
            [404, 405].contains(&answer.status),
            "{method} {path}: {}",
            answer.text()
        );
    }
    assert_eq!(admin.list("/audit").len(), 1);
}

#[test]
fn the_command_line_reads_the_log() {
    let server = Server::start();
    let admin = server.client();
    admin.post("/tenants", &json!({"id": "acme"}), 201);
    let subscription = id(&admin.subscribe(URL, json!({})));
    let run = |arguments: &[&str]| {
        let mut command = posthaste();
        command.arg("audit").args(arguments);
        command.args(["--server", &server.url(), "--key", ADMIN_KEY]);
        let output = command.output().expect("the binary runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    let table = run(&["--since", "1h"]);
    for shown in [
        "tenant.create",
        "subscription.create",
        subscription.as_str(),
        "127.0.0.1",
    ] {
        assert!(table.contains(shown), "{shown} in {table}");
    }
    let narrowed = run(&["--json", "--action", "tenant.create", "--object", "acme"]);
    let entry: Value = serde_json::from_str(&narrowed).expect("one line");
    assert_eq!(entry["details"]["catalogue"], "open");
    let actor = text(&entry["actor"], "key_id");
    assert_eq!(run(&["--json", "--actor", &actor]).lines().count(), 2);
    assert_eq!(run(&["--json", "--since", "0s"]), "");
}
