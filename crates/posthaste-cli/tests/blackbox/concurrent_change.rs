//! Two who change one subscription at a time: the second is told, when it asks to be.

use serde_json::{Value, json};

use crate::{
    api::{BASE, assert_members, id},
    server::Server,
};

const URL: &str = "http://127.0.0.1:8999/hook";

#[test]
fn a_change_of_what_has_changed_since_is_refused_when_it_names_what_it_saw() {
    let server = Server::start();
    let client = server.client();
    let path = format!("/subscriptions/{}", id(&client.subscribe(URL, json!({}))));
    let tag = |what: &str| {
        let answer = client.call("GET", &path, &Value::Null);
        answer
            .header("etag")
            .unwrap_or_else(|| panic!("an etag {what}"))
            .to_owned()
    };
    let first = tag("at first");
    assert_eq!(tag("unchanged"), first);
    let change = |tag: &str| {
        client
            .with("if-match", tag)
            .call("PATCH", &path, &json!({"description": "x"}))
    };
    change(&first).expect(200);
    assert_ne!(tag("changed"), first);
    let stale = change(&first);
    assert_eq!(
        (stale.status, stale.problem().as_str()),
        (412, "precondition-failed")
    );
    change(&tag("fresh")).expect(200);
    client.patch(&path, &json!({"description": "without a condition"}));
}

#[test]
fn a_subscription_reads_with_all_its_members_and_their_defaults() {
    let server = Server::start();
    let client = server.client();
    let made = client.subscribe(
        URL,
        json!({"events": ["memory.*", "tag.added"], "external_id": "mine"}),
    );
    let read = client.subscription(&id(&made));
    assert_members(
        &read,
        &[
            "id",
            "external_id",
            "url",
            "description",
            "events",
            "filter",
            "status",
            "status_reason",
            "schemes",
            "algorithm",
            "retry",
            "timeout_ms",
            "rate_limit_per_s",
            "max_in_flight",
            "auto_pause_after",
            "mode",
            "batch",
            "ordering",
            "format",
            "versions",
            "headers",
            "auth",
            "tls",
            "metadata",
            "health",
            "created_at",
            "updated_at",
        ],
    );
    let expected = json!({
        "external_id": "mine", "url": URL, "description": "", "events": ["memory.*", "tag.added"],
        "filter": null, "status": "active", "status_reason": null,
        "schemes": ["standard", "pt", "x-webhook"], "algorithm": "hmac-sha256",
        "retry": "default", "timeout_ms": 10_000, "rate_limit_per_s": null, "max_in_flight": 32,
        "auto_pause_after": 5, "mode": "single", "batch": null, "ordering": "none",
        "format": "envelope", "versions": {}, "headers": {}, "auth": null, "tls": null,
        "metadata": {},
        "health": {
            "status": "healthy", "consecutive_failures": 0, "failed_attempts_in_a_row": 0,
            "circuit": "closed", "last_success_at": null, "last_failure_at": null,
        },
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&read[member], value, "{member}");
        assert_eq!(&made[member], value, "{member}");
    }
    let taken = client.call(
        "POST",
        "/subscriptions",
        &json!({"url": URL, "external_id": "mine"}),
    );
    assert_eq!(taken.status, 409, "{}", taken.text());
}

#[test]
fn what_is_wrong_in_a_subscription_is_named_and_nothing_is_made() {
    let server = Server::start();
    let client = server.client();
    let check = |body: Value, pointer: &str| {
        let problem = client.call("POST", "/subscriptions", &body).expect(422);
        let named = |error: &Value| {
            error["pointer"]
                .as_str()
                .is_some_and(|at| at.starts_with(pointer))
        };
        assert!(
            problem["errors"].as_array().unwrap().iter().any(named),
            "{pointer}: {problem}"
        );
    };
    check(json!({}), "/url");
    check(json!({"url": "http://localhost/x", "uhl": 1}), "/uhl");
    check(json!({"url": "ftp://example.com"}), "/url");
    check(json!({"url": "http://169.254.169.254/"}), "/url");
    check(json!({"url": URL, "events": ["a..b"]}), "/events");
    check(json!({"url": URL, "schemes": []}), "/schemes");
    check(json!({"url": URL, "schemes": ["v2"]}), "/schemes");
    check(json!({"url": URL, "algorithm": "md5"}), "/algorithm");
    check(json!({"url": URL, "secret": "short"}), "/secret");
    check(json!({"url": URL, "secret": "whsec_AAAA"}), "/secret");
    check(json!({"url": URL, "timeout_ms": 99}), "/timeout_ms");
    check(json!({"url": URL, "max_in_flight": 1001}), "/max_in_flight");
    check(json!({"url": URL, "retry": "often"}), "/retry");
    check(
        json!({"url": URL, "retry": {"schedule_s": [0.01]}}),
        "/retry",
    );
    check(json!({"url": URL, "retry": {"schedule_s": []}}), "/retry");
    check(
        json!({"url": URL, "retry": {"schedule_s": vec![1; 31]}}),
        "/retry",
    );
    check(
        json!({"url": URL, "retry": {"schedule_s": [2_600_000]}}),
        "/retry",
    );
    assert_eq!(client.list("/subscriptions"), [] as [Value; 0]);
    let server = server.kill().start();
    assert_eq!(server.client().list("/subscriptions"), [] as [Value; 0]);
    let unchanged = server
        .client()
        .send("GET", &format!("{BASE}/subscriptions"), b"");
    assert_eq!(unchanged.json(), json!({"data": [], "next_cursor": null}));
}
