//! The catalogue as its users meet it: imported, kept, and held against what is published.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    cli::{check, lines, run},
    server::Server,
    sink::Sink,
};

const TYPES: [&str; 13] = [
    "memory.created",
    "memory.updated",
    "tag.added",
    "event.detected",
    "import.completed",
    "calculation.completed",
    "calculation.failed",
    "alarm.triggered",
    "alarm.cleared",
    "model.deployed",
    "model.degraded",
    "compliance.violation",
    "compliance.report_ready",
];

fn import_both(server: &Server) {
    for name in ["memory", "process-heat"] {
        check(server, &["event-types", "import", name], "", 0);
    }
}

#[test]
fn both_catalogues_are_imported_listed_and_kept_through_a_kill() {
    let server = Server::start();
    let said = check(&server, &["event-types", "import", "memory"], "", 0);
    assert!(said.contains("5 event types: 5 made, 0 replaced"), "{said}");
    let said = check(&server, &["event-types", "import", "memory"], "", 0);
    assert!(said.contains("5 event types: 0 made, 5 replaced"), "{said}");
    let import = ["--json", "event-types", "import", "process-heat"];
    assert_eq!(lines(&check(&server, &import, "", 0)).len(), 8);
    let before = server.client().list("/event-types");
    let server = server.kill().start();
    assert_eq!(server.client().list("/event-types"), before);
    let listed = check(&server, &["event-types", "list"], "", 0);
    for name in TYPES {
        assert!(listed.contains(name), "{name}: {listed}");
        let shown = check(&server, &["event-types", "show", name], "", 0);
        assert!(shown.contains("versions.1"), "{shown}");
    }
    check(&server, &["event-types", "delete", "tag.added"], "", 0);
    check(&server, &["event-types", "show", "tag.added"], "", 1);
    assert_eq!(server.client().list("/event-types").len(), 12);
}

#[test]
fn an_event_type_is_made_from_arguments_and_files() {
    let server = Server::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"{"type":"object","required":["id"]}"#).unwrap();
    let path = file.path().to_str().unwrap();
    let create = ["event-types", "create", "order.created", "--schema", path];
    let example = ["--example", r#"{"id": 42.0}"#, "--description", "An order."];
    check(&server, &[&create[..], &example].concat(), "", 0);
    let read = server.client().get("/event-types/order.created");
    assert_eq!(read["versions"]["1"]["required"], json!(["id"]));
    assert_eq!(read["description"], "An order.");
    check(&server, &[&create[..], &example].concat(), "", 1);
    let unfit = [
        "event-types",
        "create",
        "a.b",
        "--schema",
        "false",
        "--example",
        "1",
    ];
    check(&server, &unfit, "", 1);
    for (wrong, code) in [("/no/such/file", 1), ("{\"a\":", 2)] {
        check(
            &server,
            &["event-types", "create", "a.b", "--schema", wrong],
            "",
            code,
        );
    }
    let unknown = run(&server, &["event-types", "import", "memry"], "");
    let complaint = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(complaint.contains("memory, process-heat"), "{complaint}");
}

#[test]
fn data_that_breaks_its_schema_is_refused_and_nothing_is_stored() {
    let server = Server::start();
    import_both(&server);
    let broken = json!({"type": "tag.added", "data": {"memory_id": "mem_4k9w2rq0x7",
        "tag": "Not A Tag", "added_by": "classifier", "added_at": "2026-11-21T07:13:05Z"}});
    let answer = server.client().call("POST", "/events", &broken);
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(!answer.text().contains("Not A Tag"), "{}", answer.text());
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap();
    let mut pointers: Vec<_> = errors.iter().map(|error| text(error, "pointer")).collect();
    pointers.sort();
    assert_eq!(pointers, ["/data/confidence", "/data/tag"]);
    assert_eq!(server.client().list("/events"), [] as [Value; 0]);
    let publish = ["publish", "tag.added", "--data", "{}"];
    let refused = run(&server, &publish, "");
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        complaint.contains("/data/memory_id  memory_id is required"),
        "{complaint}"
    );
}

#[test]
fn a_strict_tenant_refuses_what_it_does_not_know() {
    let (server, sink) = (Server::start(), Sink::start());
    import_both(&server);
    let update = [
        "--json",
        "tenants",
        "update",
        "default",
        "--catalogue",
        "strict",
    ];
    let days = ["--retention-days", "7", "--hold-days", "90"];
    let tenant = lines(&check(&server, &[&update[..], &days].concat(), "", 0)).remove(0);
    assert_eq!(tenant["catalogue"], "strict");
    assert_eq!(tenant["limits"]["retention_days"], 7);
    let server = server.kill().start();
    let client = server.client();
    let unknown = json!({"type": "order.created", "data": {}});
    let answer = client.call("POST", "/events", &unknown);
    assert_eq!(
        (answer.status, answer.problem()),
        (422, "unsupported-event-type".to_owned())
    );
    let wants = json!({"url": sink.url(), "events": ["order.created"]});
    for path in ["/subscriptions", ""] {
        let answer = client.call("POST", path, &wants);
        assert_eq!(answer.problem(), "unsupported-event-type", "{path}");
    }
    check(&server, &["trigger", "alarm.cleared"], "", 0);
    let none = [
        "tenants",
        "update",
        "default",
        "--catalogue",
        "open",
        "--retention-days",
        "none",
    ];
    check(&server, &none, "", 0);
    client.post("/events", &unknown, 202);
    assert_eq!(
        client.get("/tenants/default")["limits"]["retention_days"],
        Value::Null
    );
}

#[test]
fn a_pinned_version_is_all_that_arrives_also_after_a_kill() {
    let (server, sink) = (Server::start(), Sink::start());
    let create = [
        "--json",
        "subscriptions",
        "create",
        "--pin",
        "memory.created=1",
    ];
    let url = sink.url();
    let made = lines(&check(&server, &[&create[..], &[&url]].concat(), "", 0)).remove(0);
    assert_eq!(made["versions"], json!({"memory.created": 1}));
    let server = server.kill().start();
    let client = server.client();
    for (version, deliveries) in [(2, 0), (1, 1)] {
        let event = json!({"type": "memory.created", "version": version, "data": version});
        let published = client.post("/events", &event, 202);
        assert_eq!(published["deliveries"], deliveries, "{version}");
    }
    assert!(sink.wait_for(1)[0].text().contains("\"data\":1"));
    let update = ["subscriptions", "update", &id(&made), "--pin"];
    check(&server, &[&update[..], &["none"]].concat(), "", 0);
    assert_eq!(client.subscription(&id(&made))["versions"], json!({}));
    check(&server, &[&update[..], &["memory.created"]].concat(), "", 2);
}

#[test]
fn a_test_sends_the_example() {
    let (server, sink) = (Server::start(), Sink::start());
    import_both(&server);
    let made = server
        .client()
        .subscribe(&sink.url(), json!({"events": ["model.deployed"]}));
    check(&server, &["subscriptions", "test", &id(&made)], "", 0);
    let arrival = sink.wait_for(1).remove(0);
    let body: Value = serde_json::from_str(&arrival.text()).unwrap();
    assert_eq!(body["data"]["model_id"], "steam-demand");
}
