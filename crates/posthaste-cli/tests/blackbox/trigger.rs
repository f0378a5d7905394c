//! `posthaste trigger`: lifelike events out of a catalogue's examples.

use serde_json::{Value, json};

use crate::{
    api::text,
    cli::{check, lines, run},
    server::Server,
    sink::Sink,
};

#[test]
fn a_type_that_comes_along_is_triggered_without_any_catalogue() {
    let (server, sink) = (Server::start(), Sink::start());
    server
        .client()
        .subscribe(&sink.url(), json!({"format": "raw"}));
    let said = check(&server, &["trigger", "memory.created"], "", 0);
    assert!(
        said.starts_with("evt_") && said.contains("1 delivery"),
        "{said}"
    );
    let body: Value = serde_json::from_str(&sink.wait_for(1)[0].text()).unwrap();
    assert_eq!(body["memory_id"], "mem_4k9w2rq0x7");
}

#[test]
fn the_servers_own_example_comes_first_with_its_version() {
    let server = Server::start();
    let entry = json!({"example": {"amount": 1}, "versions": {"1": true, "3": {"type": "object"}}});
    server
        .client()
        .call("PUT", "/event-types/memory.created", &entry)
        .expect(201);
    let trigger = ["--json", "trigger", "memory.created"];
    let overrides = [
        "--override",
        "data.amount=7",
        "--override",
        "data.who.name=Ada",
    ];
    let event = lines(&check(&server, &[&trigger[..], &overrides].concat(), "", 0)).remove(0);
    let read = server
        .client()
        .get(&format!("/events/{}", text(&event, "id")));
    assert_eq!(read["data"], json!({"amount": 7, "who": {"name": "Ada"}}));
    assert_eq!(read["version"], 3);
    let older = [&trigger[..], &["--version", "1"]].concat();
    let event = lines(&check(&server, &older, "", 0)).remove(0);
    let read = server
        .client()
        .get(&format!("/events/{}", text(&event, "id")));
    assert_eq!(
        (&read["version"], &read["data"]),
        (&Value::Null, &json!({"amount": 1}))
    );
}

#[test]
fn many_are_published_at_a_rate_and_counted() {
    let server = Server::start();
    let few = check(&server, &["trigger", "tag.added", "--count", "3"], "", 0);
    assert_eq!(
        few.lines().filter(|line| line.starts_with("evt_")).count(),
        3,
        "{few}"
    );
    let many = ["trigger", "tag.added", "--count", "150", "--rate", "500"];
    let said = check(&server, &many, "", 0);
    assert!(
        said.starts_with("published 150 events, 0 deliveries"),
        "{said}"
    );
    let many = ["--json", "trigger", "tag.added", "--count", "1200"];
    assert_eq!(lines(&check(&server, &many, "", 0)).len(), 1200);
    assert_eq!(server.client().list("/events?limit=1000").len(), 1353);
}

#[test]
fn what_cannot_be_triggered_says_what_to_do() {
    let server = Server::start();
    let unknown = run(&server, &["trigger", "order.created"], "");
    let complaint = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(
        complaint.contains("posthaste event-types create order.created"),
        "{complaint}"
    );
    check(&server, &["event-types", "import", "memory"], "", 0);
    let broken = ["trigger", "tag.added", "--override", "data.tag=7"];
    let refused = run(&server, &broken, "");
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint.contains("/data/tag"), "{complaint}");
    for wrong in [
        ["--override", "tag=7"],
        ["--override", "data.tag.deeper=7"],
        ["--count", "0"],
        ["--rate", "0"],
    ] {
        check(
            &server,
            &[&["trigger", "tag.added"][..], &wrong].concat(),
            "",
            2,
        );
    }
    assert_eq!(server.client().list("/events"), [] as [Value; 0]);
}
