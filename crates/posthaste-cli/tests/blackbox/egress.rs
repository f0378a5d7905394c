//! Where nobody may have this server send to: at every door by which a URL comes in, and at the
//! connection, whatever came in before.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::{ADMIN_KEY, Launch, Server, posthaste},
    sink::Sink,
};

const CORPUS: &str = include_str!("../../../posthaste/tests/data/egress_urls.txt");

struct Line {
    /// Whether registration has to refuse it.
    refused: bool,
    url: String,
    note: &'static str,
}

fn corpus() -> impl Iterator<Item = Line> {
    let lines = CORPUS
        .lines()
        .filter(|line| line.starts_with("bad") || line.starts_with("good"));
    lines.map(|line| {
        let columns: Vec<&str> = line.splitn(4, '\t').collect();
        let [_, stage, url, note] = columns[..] else {
            panic!("four columns: {line}")
        };
        let url = match url.strip_prefix("json:") {
            Some(json) => serde_json::from_str(json).expect("a JSON string"),
            None => url.to_owned(),
        };
        let url = url.replace("<path of 4000 bytes>", &"a".repeat(4000));
        // Judged by the address inside only where the operator says so.
        let refused = stage.starts_with('R') || note.contains("nat64=true");
        Line { refused, url, note }
    })
}

/// As in production, but for plain http, which some good lines have.
fn strict() -> Launch {
    Launch::new()
        .strict()
        .with("POSTHASTE_EGRESS_ALLOW_HTTP", "true")
}

#[track_caller]
fn check(client: &Client, method: &str, path: &str, body: &Value, line: &Line) {
    let answer = client.call(method, path, body);
    let why = format!(
        "{method} {path} {} {}: {}",
        line.url,
        line.note,
        answer.text()
    );
    if !line.refused {
        return assert!([200, 201].contains(&answer.status), "{why}");
    }
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (422, "invalid-url"),
        "{why}"
    );
    let error = &answer.expect(422)["errors"][0];
    assert_eq!(error["pointer"], "/url", "{why}");
    assert!(
        error["code"].as_str().is_some_and(|code| !code.is_empty()),
        "{why}"
    );
}

#[test]
fn every_door_refuses_what_may_not_be_a_target() {
    let server = strict().start();
    let client = server.client();
    let made = client.subscribe("https://example.com/", json!({}));
    let path = format!("/subscriptions/{}", id(&made));
    for line in corpus() {
        let url = &line.url;
        check(
            &client,
            "POST",
            "/subscriptions",
            &json!({"url": url}),
            &line,
        );
        check(
            &client,
            "POST",
            "",
            &json!({"url": url, "events": ["a"]}),
            &line,
        );
        check(&client, "PATCH", &path, &json!({"url": url}), &line);
    }
    assert!(corpus().filter(|line| line.refused).count() > 170);
}

#[test]
fn the_command_line_refuses_the_same() {
    let server = strict().start();
    let refuse = |url: &str| {
        let mut command = posthaste();
        command.args([
            "subscriptions",
            "create",
            url,
            "--server",
            &server.url(),
            "--key",
            ADMIN_KEY,
        ]);
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{url}: {said}");
        assert!(said.contains("URL"), "{url}: {said}");
    };
    for url in [
        "http://169.254.169.254/",
        "http://2130706433/",
        "https://localhost/",
        "https://user:pass@example.com/",
        "https://example.com:6379/",
    ] {
        refuse(url);
    }
}

#[test]
fn a_tenant_is_told_blocked_alone_and_the_operator_why() {
    let (server, sink) = (Server::start(), Sink::start());
    let url = format!("http://localhost:{}/hook", sink.address().port());
    server.client().subscribe(&url, json!({"retry": "none"}));
    server
        .client()
        .subscribe(&sink.url(), json!({"retry": "none"}));
    // What was allowed when they were made no longer is.
    let launch = server
        .kill()
        .strict()
        .with("POSTHASTE_EGRESS_ALLOW_HTTP", "true");
    let server = launch.start();
    let client = server.client();
    client.publish("a.b", json!(1));
    for failed in client.deliveries_when("status=failed", 2) {
        assert_eq!(
            text(&failed, "last_error"),
            "blocked: this server does not send there"
        );
        let attempts = client.call(
            "GET",
            &format!("/deliveries/{}/attempts", id(&failed)),
            &Value::Null,
        );
        for detail in ["loopback", "special", "private", "local to"] {
            assert!(!attempts.text().contains(detail), "{}", attempts.text());
        }
    }
    assert_eq!(sink.count(), 0);
    let said = server.said();
    assert!(
        said.contains("egress.refused") && said.contains("loopback"),
        "{said}"
    );
}

#[test]
fn a_tenants_own_list_holds_from_the_next_request_on() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({"retry": "none"}));
    let set = |deny: Value| client.patch("/tenants/default", &json!({"egress": {"deny": deny}}));
    let sent = |status: &str| {
        let event = client.publish("a.b", json!(1));
        client.delivery_when(&client.delivery_of(&event), status)
    };
    sent("delivered");
    assert_eq!(
        set(json!(["127.0.0.0/8"]))["egress"]["deny"],
        json!(["127.0.0.0/8"])
    );
    let error = text(&sent("failed"), "last_error");
    assert!(error.starts_with("blocked"), "{error}");
    let refused = client.call("POST", "/subscriptions", &json!({"url": sink.url()}));
    assert_eq!(refused.expect(422)["errors"][0]["code"], "denied");
    set(json!(["10.0.0.0/8"]));
    sent("delivered");
    assert_eq!(sink.count(), 2);
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let (sink, proxy) = (Sink::start(), Sink::start());
    let mut launch = Launch::new();
    for variable in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
    ] {
        launch = launch.with(variable, &format!("http://{}", proxy.address()));
    }
    let server = launch.start();
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let event = client.publish("a.b", json!(1));
    client.delivery_when(&client.delivery_of(&event), "delivered");
    assert_eq!((sink.count(), proxy.count()), (1, 0));
}
