//! The client commands: what they send, what they print, how they exit.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    server::{ADMIN_KEY, Server, posthaste},
    sink::{Arrival, Sink},
};

/// Runs a command against a server, with this on its standard input.
fn run(server: &Server, arguments: &[&str], input: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut child = posthaste()
        .args(arguments)
        .current_dir(home.path())
        .env("POSTHASTE_SERVER", server.url())
        .env("POSTHASTE_KEY", ADMIN_KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that does not read its input may have ended by now.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("its output can be read")
}

#[track_caller]
pub fn check(server: &Server, arguments: &[&str], input: &str, code: i32) -> String {
    let output = run(server, arguments, input);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {said}{complained}"
    );
    assert!(
        !said.contains(ADMIN_KEY) && !complained.contains(ADMIN_KEY),
        "{arguments:?}"
    );
    said
}

fn lines(said: &str) -> Vec<Value> {
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect()
}

#[test]
fn events_are_published_from_a_file_from_stdin_and_as_lines() {
    let (server, sink) = (Server::start(), Sink::start());
    server
        .client()
        .subscribe(&sink.url(), json!({"format": "raw"}));
    let one = r#"{"type":"a.one","data":{"n": 1.0,  "é":2}}"#;
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), one).unwrap();
    check(&server, &["publish", file.path().to_str().unwrap()], "", 0);
    check(&server, &["publish", "-"], one, 0);
    let many: String = (0..250)
        .map(|n| format!("{{\"type\":\"a.many\",\"data\":[{n} ]}}\n"))
        .collect();
    let file = tempfile::Builder::new()
        .suffix(".ndjson")
        .tempfile()
        .unwrap();
    std::fs::write(file.path(), &many).unwrap();
    check(&server, &["publish", file.path().to_str().unwrap()], "", 0);
    let arrived: Vec<_> = sink.wait_for(252).iter().map(Arrival::text).collect();
    assert_eq!(
        arrived
            .iter()
            .filter(|body| *body == r#"{"n": 1.0,  "é":2}"#)
            .count(),
        2
    );
    for n in 0..250 {
        assert!(arrived.contains(&format!("[{n} ]")), "{n}");
    }
}

#[test]
fn subscriptions_and_deliveries_are_made_listed_and_shown() {
    let (server, sink) = (Server::start(), Sink::start());
    let made = lines(&check(
        &server,
        &["--json", "subscriptions", "create", &sink.url()],
        "",
        0,
    ))
    .remove(0);
    assert!(text(&made, "secret").starts_with("whsec_"));
    let event = server.client().publish("a.b", json!(1));
    let delivery = server.client().delivery_of(&event);
    server.client().delivery_when(&delivery, "delivered");
    let listed = lines(&check(&server, &["--json", "subscriptions", "list"], "", 0));
    assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), [id(&made)]);
    let shown = lines(&check(
        &server,
        &["--json", "subscriptions", "show", &id(&made)],
        "",
        0,
    ));
    assert_eq!(shown[0]["url"], sink.url());
    let listed = lines(&check(&server, &["--json", "deliveries", "list"], "", 0));
    assert_eq!(
        listed.iter().map(id).collect::<Vec<_>>(),
        std::slice::from_ref(&delivery)
    );
    let shown = lines(&check(
        &server,
        &["--json", "deliveries", "show", &delivery],
        "",
        0,
    ));
    assert_eq!(shown[0]["status"], "delivered");
    assert!(
        check(&server, &["subscriptions", "list"], "", 0).contains(&id(&made)),
        "the table"
    );
}

#[test]
fn the_exit_code_says_whether_it_was_done_failed_or_asked_wrongly() {
    let server = Server::start();
    check(&server, &["publish", "-"], r#"{"type":"a b","data":1}"#, 1);
    check(&server, &["publish", "/no/such/file.json"], "", 1);
    check(&server, &["deliveries", "show", "dlv_0000000000001"], "", 1);
    check(&server, &["--no-such-flag"], "", 2);
    check(&server, &["subscriptions", "create"], "", 2);
    check(&server, &["--help"], "", 0);
    check(&server, &["serve", "--print-config"], "", 0);
    assert_eq!(server.client().list("/events"), [] as [Value; 0]);
}

#[test]
fn how_deliveries_leave_is_chosen_shown_and_changed() {
    let server = Server::start();
    #[track_caller]
    fn told(server: &Server, verb: &[&str], options: &[&str]) -> Value {
        let arguments = [&["--json", "subscriptions"], verb, options].concat();
        lines(&check(server, &arguments, "", 0)).remove(0)
    }
    let url = "http://127.0.0.1:8999/hook";
    let options = "--rate-limit 0.5 --ordering fifo --batch-max-events 7 --max-in-flight 3";
    let filter = r#"--filter={"data":{"n":{"$gte":2}}}"#;
    let options: Vec<_> = options.split(' ').chain([filter]).collect();
    let made = told(&server, &["create", url], &options);
    assert_eq!(made["filter"]["data"]["n"]["$gte"], 2);
    assert_eq!(made["rate_limit_per_s"], 0.5);
    assert_eq!(made["batch"]["max_events"], 7);
    let made = id(&made);
    let table = check(&server, &["subscriptions", "show", &made], "", 0);
    for (name, value) in [
        ("rate_limit_per_s", "0.5"),
        ("max_in_flight", "3"),
        ("mode", "batch"),
        ("batch.max_events", "7"),
        ("batch.max_wait_ms", "1000"),
        ("ordering", "fifo"),
        ("health.circuit", "closed"),
    ] {
        let shown = table.lines().any(|line| {
            let mut words = line.split_whitespace();
            (words.next(), words.next(), words.next()) == (Some(name), Some(value), None)
        });
        assert!(shown, "{name} {value}: {table}");
    }
    let update = ["update", made.as_str()];
    let options = "--filter none --rate-limit none --no-batch --ordering none";
    let options: Vec<_> = options.split(' ').collect();
    let changed = told(&server, &update, &options);
    let of = |name: &str| changed[name].clone();
    let seen = [
        of("rate_limit_per_s"),
        of("batch"),
        of("mode"),
        of("ordering"),
    ];
    assert_eq!(
        seen,
        [json!(null), json!(null), json!("single"), json!("none")]
    );
    let changed = told(&server, &update, &["--batch", "--auto-pause-after", "0"]);
    assert_eq!(
        (
            &changed["batch"]["max_events"],
            &changed["auto_pause_after"]
        ),
        (&json!(100), &json!(0))
    );
    for (option, code) in [
        ("--rate-limit=many", 2),
        ("--rate-limit=0", 1),
        ("--format=raw", 1),
    ] {
        check(
            &server,
            &["subscriptions", "update", &made, option],
            "",
            code,
        );
    }
    let both = ["subscriptions", "update", &made, "--batch", "--no-batch"];
    check(&server, &both, "", 2);
}
