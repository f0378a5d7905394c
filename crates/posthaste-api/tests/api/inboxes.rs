//! Inboxes: what comes is kept as it came, checked, and answered as it is set.

use std::time::Duration;

use axum::body::Body;
use data_encoding::BASE64;
use http::Request;
use serde_json::{Value, json};

use super::{
    streams::{messages_of, open_stream},
    world::{Answered, World},
};

const SECRET: &str = "a secret of sixteen bytes";

/// An inbox, and where requests to it go.
struct Inbox {
    id: String,
    path: String,
}

async fn made(world: &World, body: &Value) -> Inbox {
    let answer = world.post("/inboxes", &body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    Inbox::of(&answer.body)
}

impl Inbox {
    fn of(shown: &Value) -> Self {
        let url = shown["url"].as_str().unwrap();
        let path = url.strip_prefix("http://127.0.0.1:8400").unwrap();
        Self {
            id: shown["id"].as_str().unwrap().to_owned(),
            path: path.to_owned(),
        }
    }

    async fn takes(&self, world: &World, method: &str, below: &str, body: &[u8]) -> Answered {
        self.takes_with(world, method, below, &[], body).await
    }

    async fn takes_with(
        &self,
        world: &World,
        method: &str,
        below: &str,
        headers: &[(&str, &[u8])],
        body: &[u8],
    ) -> Answered {
        let uri = format!("{}{below}", self.path);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from(body.to_vec());
        world.send(request.body(body).unwrap()).await
    }

    /// What came, newest first.
    async fn requests(&self, world: &World) -> Vec<Value> {
        let path = format!("/inboxes/{}/requests", self.id);
        let answer = world.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body["data"].as_array().unwrap().clone()
    }

    async fn patched(&self, world: &World, patch: &Value) -> Answered {
        let path = format!("/inboxes/{}", self.id);
        world.call("PATCH", &path, patch.to_string()).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_inbox_is_made_listed_changed_and_deleted() {
    let world = World::new().await;
    let first = world.post("/inboxes", "{}").await;
    assert_eq!(
        (first.status.as_u16(), first.header("etag")),
        (201, Some("\"1\""))
    );
    let mut shown = first.body.clone();
    for (member, value) in [("id", "inb_"), ("url", "http://127.0.0.1:8400/inbox/")] {
        let text = shown[member].as_str().unwrap().to_owned();
        assert!(text.starts_with(value), "{text}");
        shown[member] = Value::Null;
    }
    let answer = json!({"status": 200, "delay_ms": 0, "retry_after_s": null,
        "content_type": "text/plain", "body": ""});
    let expected = json!({"id": null, "kind": "inbox", "name": "", "url": null, "view_url": null,
        "answer": answer, "subscription": null, "secret": null,
        "created_at": "2026-11-21T20:36:00.000Z"});
    assert_eq!(shown, expected);
    let inbox = Inbox::of(&first.body);
    let changed = inbox
        .patched(
            &world,
            &json!({"name": "mine", "secret": SECRET, "answer": {"status": 503}}),
        )
        .await;
    assert_eq!(
        (changed.status.as_u16(), changed.header("etag")),
        (200, Some("\"2\""))
    );
    assert_eq!(changed.body["secret"], "***");
    assert_eq!(changed.body["answer"]["status"], 503);
    assert_eq!(changed.body["url"], first.body["url"]);
    let path = format!("/inboxes/{}", inbox.id);
    assert_eq!(world.get(&path).await.body, changed.body);
    let stale = [("if-match", "\"1\"")];
    let stale = world
        .call_with("PATCH", &path, &stale, r#"{"name":"x"}"#)
        .await;
    assert_eq!(stale.problem().0, "precondition-failed");
    let back = json!({"name": "mine", "subscription": null, "secret": "***"});
    let back = inbox.patched(&world, &back).await;
    assert_eq!(back.body["secret"], "***", "as it was shown: {}", back.text);
    let second = world.post("/inboxes", r#"{"name":"second"}"#).await;
    let page = world.get("/inboxes?limit=1").await;
    assert_eq!(page.body["data"], json!([second.body]));
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = world
        .get(&format!("/inboxes?limit=1&cursor={cursor}"))
        .await;
    assert_eq!(rest.body["data"], json!([changed.body]));
    assert_eq!(world.call("DELETE", &path, "").await.status, 204);
    assert_eq!(world.get(&path).await.status, 404);
    let gone = inbox.takes(&world, "POST", "", b"late").await;
    assert_eq!(gone.problem().0, "not-found");
}

#[tokio::test(start_paused = true)]
async fn any_method_path_and_bytes_are_kept_as_they_came() {
    let world = World::new().await;
    let inbox = made(&world, &json!({})).await;
    let every: Vec<u8> = (0..=255).collect();
    let header: Vec<u8> = (0x80..=0xff).collect();
    let headers = [("x-bytes", &header[..]), ("x-text", "é".as_bytes())];
    let answer = inbox
        .takes_with(&world, "BREW", "/a%2Fb/../c?q=%00&q", &headers, &every)
        .await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    for (method, below, body) in [
        ("GET", "", ""),
        ("DELETE", "/", "text"),
        ("OPTIONS", "?", "{\"a\":1}"),
    ] {
        let answer = inbox.takes(&world, method, below, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{method}");
    }
    let kept = inbox.requests(&world).await;
    let seen: Vec<_> = kept
        .iter()
        .map(|one| {
            (
                &one["number"],
                &one["method"],
                &one["path"],
                &one["query"],
                &one["body"],
            )
        })
        .map(|(number, method, path, query, body)| json!([number, method, path, query, body]))
        .collect();
    assert_eq!(
        json!(seen),
        json!([
            [4, "OPTIONS", "", "", "{\"a\":1}"],
            [3, "DELETE", "/", null, "text"],
            [2, "GET", "", null, ""],
            [1, "BREW", "/a%2Fb/../c", "q=%00&q", null],
        ])
    );
    let first = &kept[3];
    assert_eq!(first["body_base64"], BASE64.encode(&every));
    assert_eq!(
        (&first["body_bytes"], &first["incomplete"]),
        (&json!(256), &json!(false))
    );
    assert_eq!(first["verification"], Value::Null);
    let headers = json!([
        {"name": "x-bytes", "value_base64": BASE64.encode(&header)},
        {"name": "x-text", "value": "é"},
    ]);
    assert_eq!(first["headers"], headers);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_to_an_inbox_of_ones_own_arrives_without_a_connection_and_verifies() {
    let world = World::new().await;
    let body = json!({"name": "bin", "subscribe": {"events": ["a.*"]}});
    let answer = world.post("/inboxes", &body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let (inbox, subscription) = (Inbox::of(&answer.body), &answer.body["subscription"]);
    let path = format!("/subscriptions/{}", subscription.as_str().unwrap());
    assert_eq!(world.get(&path).await.body["url"], answer.body["url"]);
    for event in [
        r#"{"type":"a.b","data":{"n":1}}"#,
        r#"{"type":"c.d","data":1}"#,
    ] {
        assert_eq!(world.post("/events", event).await.status, 202);
    }
    world.settle().await;
    let rotated = world.post(&format!("{path}/rotate-secret"), "{}").await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    assert_eq!(
        world
            .post("/events", r#"{"type":"a.c","data":2}"#)
            .await
            .status,
        202
    );
    world.settle().await;
    let kept = inbox.requests(&world).await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    for one in &kept {
        assert_eq!(
            (&one["via"], &one["address"]),
            (&json!("direct"), &Value::Null)
        );
        let all = |scheme: &str| json!({"scheme": scheme, "valid": true, "reason": null});
        let schemes = json!([all("standard"), all("pt"), all("x-webhook")]);
        assert_eq!(
            one["verification"],
            json!({"valid": true, "schemes": schemes})
        );
    }
    let delivered = world.get("/deliveries?status=delivered").await;
    assert_eq!(delivered.body["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        world
            .call("DELETE", &format!("/inboxes/{}", inbox.id), "")
            .await
            .status,
        204
    );
    assert_eq!(world.get(&path).await.status, 404, "it went with its inbox");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_of_ones_own_is_followed_and_stays_when_the_inbox_goes() {
    let world = World::new().await;
    let inbox = made(&world, &json!({"answer": {"status": 500, "body": "no"}})).await;
    let url = format!("http://127.0.0.1:8400{}/below?x=1", inbox.path);
    let headers = json!({"x-api-key": {"secret": "open sesame"}});
    let hook = json!({"url": url, "retry": "none", "headers": headers, "schemes": ["pt"]});
    let hook = world.subscribe(&hook.to_string()).await;
    let id = hook.body["id"].as_str().unwrap();
    let linked = inbox.patched(&world, &json!({"subscription": id})).await;
    assert_eq!(linked.body["subscription"], id, "{}", linked.text);
    assert_eq!(
        world
            .post("/events", r#"{"type":"a.b","data":1}"#)
            .await
            .status,
        202
    );
    world.settle().await;
    let kept = inbox.requests(&world).await;
    assert_eq!(
        (&kept[0]["path"], &kept[0]["query"]),
        (&json!("/below"), &json!("x=1"))
    );
    assert_eq!(kept[0]["verification"]["valid"], true, "{}", kept[0]);
    assert_eq!(kept[0]["answered"], 500);
    let text = kept[0].to_string();
    assert!(!text.contains("sesame") && text.contains("***"), "{text}");
    let failed = world.get("/deliveries?status=failed").await;
    assert_eq!(failed.body["data"][0]["last_error"], "http 500");
    let attempts = format!(
        "/deliveries/{}/attempts",
        failed.body["data"][0]["id"].as_str().unwrap()
    );
    assert_eq!(
        world.get(&attempts).await.body["data"][0]["response_body"],
        "no"
    );
    assert_eq!(
        world
            .call("DELETE", &format!("/inboxes/{}", inbox.id), "")
            .await
            .status,
        204
    );
    assert_eq!(world.get(&format!("/subscriptions/{id}")).await.status, 200);
    let again = format!(
        "/deliveries/{}/redeliver",
        failed.body["data"][0]["id"].as_str().unwrap()
    );
    assert_eq!(world.post(&again, "").await.status, 202);
    world.settle().await;
    let failed = world.get("/deliveries?status=failed").await;
    assert_eq!(failed.body["data"][0]["last_error"], "http 404");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_was_made_with_an_inbox_stays_its_own_whatever_it_verifies_with() {
    let world = World::new().await;
    let body = json!({"subscribe": {"events": []}});
    let answer = world.post("/inboxes", &body.to_string()).await;
    let (inbox, id) = (Inbox::of(&answer.body), answer.body["subscription"].clone());
    let path = format!("/subscriptions/{}", id.as_str().unwrap());
    let with_secret = inbox.patched(&world, &json!({"secret": SECRET})).await;
    assert_eq!(with_secret.body["secret"], "***", "{}", with_secret.text);
    let twice = inbox.patched(&world, &body).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    let back = inbox.patched(&world, &json!({"subscription": id})).await;
    assert_eq!(back.body["subscription"], id, "{}", back.text);
    inbox.patched(&world, &json!({"subscription": null})).await;
    let of_inbox = format!("/inboxes/{}", inbox.id);
    assert_eq!(world.call("DELETE", &of_inbox, "").await.status, 204);
    assert_eq!(world.get(&path).await.status, 404, "it went with its inbox");
}

#[tokio::test(start_paused = true)]
async fn neither_a_browsers_cookies_nor_what_one_sends_in_secret_are_kept() {
    let world = World::new().await;
    let inbox = made(&world, &json!({})).await;
    // This server under another of its names.
    let url = format!("https://hooks.example.com{}/below", inbox.path);
    let hook = json!({"url": url, "auth": {"bearer": "opensesame"}});
    world.subscribe(&hook.to_string()).await;
    let headers: [(&str, &[u8]); 3] = [
        (
            "cookie",
            b"__Host-posthaste-session=pss_opensesame; theme=dark",
        ),
        ("cookie", b"second=opensesame"),
        ("authorization", b"Bearer opensesame"),
    ];
    inbox.takes_with(&world, "GET", "", &headers, b"").await;
    let kept = inbox.requests(&world).await[0].to_string();
    assert!(!kept.contains("opensesame"), "{kept}");
    assert_eq!(kept.matches("***").count(), 3, "{kept}");
}

#[tokio::test(start_paused = true)]
async fn only_an_inbox_of_the_tenants_own_may_stand_where_egress_refuses() {
    let world = World::new().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    let acme = [("posthaste-tenant", "acme")];
    let theirs = world.call_with("POST", "/inboxes", &acme, "{}").await;
    let theirs = theirs.body["url"].as_str().unwrap();
    for url in [
        theirs,
        "http://127.0.0.1:8400/inbox/nobody",
        "http://127.0.0.1:8400/inbox/",
        "http://127.0.0.1:8400/api/v1/webhooks",
    ] {
        let refused = world
            .post("/subscriptions", &json!({"url": url}).to_string())
            .await;
        assert_eq!(refused.problem().0, "invalid-url", "{url}");
    }
    let own = json!({"url": theirs}).to_string();
    let own = world.call_with("POST", "/subscriptions", &acme, own).await;
    assert_eq!(own.status, 201, "{}", own.text);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_what_it_is_set_to_and_nothing_that_a_browser_would_run() {
    let world = World::new().await;
    let answer = json!({"status": 429, "delay_ms": 8000, "retry_after_s": 7,
        "content_type": "application/json", "body": "{\"slow\":true}"});
    let inbox = made(&world, &json!({ "answer": answer })).await;
    let began = world.engine.now();
    let answer = inbox.takes(&world, "POST", "", b"x").await;
    assert_eq!(answer.status, 429);
    assert_eq!(world.engine.now().since(began), Duration::from_secs(8));
    assert_eq!(answer.text, "{\"slow\":true}");
    for (name, value) in [
        ("retry-after", "7"),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        (
            "content-security-policy",
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    inbox
        .patched(&world, &json!({"answer": {"status": 204, "delay_ms": 0}}))
        .await;
    let answer = inbox.takes(&world, "POST", "", b"x").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    let reset = inbox.patched(&world, &json!({"answer": null})).await;
    assert_eq!(reset.body["answer"]["status"], 200);
    assert_eq!(reset.body["answer"]["retry_after_s"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_verify_says_why() {
    let world = World::new().await;
    let inbox = made(&world, &json!({"secret": SECRET})).await;
    inbox.takes(&world, "POST", "", b"{}").await;
    let signature = format!("sha256={}", "0".repeat(64));
    let headers = [("x-webhook-signature", signature.as_bytes())];
    inbox.takes_with(&world, "POST", "", &headers, b"{}").await;
    let kept = inbox.requests(&world).await;
    let told = |one: &Value| {
        let verification = &one["verification"];
        assert_eq!(verification["valid"], false);
        let first = &verification["schemes"][0];
        let (scheme, reason) = (first["scheme"].as_str(), first["reason"].as_str());
        format!("{}: {}", scheme.unwrap(), reason.unwrap())
    };
    assert_eq!(told(&kept[1]), "standard: the header webhook-id is missing");
    let wrong = told(&kept[0]);
    assert!(
        wrong.starts_with("x-webhook: no signature matches"),
        "{wrong}"
    );
    let text = kept[0].to_string();
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_long_body_is_cut_and_one_that_is_too_long_is_refused_and_kept() {
    let world = World::new().await;
    let inbox = made(&world, &json!({"subscribe": {}})).await;
    assert_eq!(
        inbox
            .takes(&world, "PUT", "", &vec![b'x'; 1 << 20])
            .await
            .status,
        200
    );
    let refused = inbox
        .takes(&world, "PUT", "", &vec![b'y'; (2 << 20) + 1])
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("connection")),
        (413, Some("close"))
    );
    let kept = inbox.requests(&world).await;
    let seen = kept.iter().map(|one| {
        let length = one["body"].as_str().unwrap().len();
        json!([
            one["body_bytes"],
            length,
            one["incomplete"],
            one["answered"],
            one["verification"].is_null()
        ])
    });
    let expected = json!([
        [2 << 20, 256 << 10, true, 413, true],
        [1 << 20, 256 << 10, false, 200, false],
    ]);
    assert_eq!(json!(seen.collect::<Vec<_>>()), expected);
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_fast_is_refused_and_not_kept() {
    let world = World::new().await;
    let inbox = made(&world, &json!({})).await;
    for _ in 0..100 {
        assert_eq!(inbox.takes(&world, "GET", "", b"").await.status, 200);
    }
    let refused = inbox.takes(&world, "GET", "", b"").await;
    assert_eq!(refused.problem().0, "rate-limited");
    assert_eq!(refused.header("retry-after"), Some("1"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(inbox.takes(&world, "GET", "", b"").await.status, 200);
    assert_eq!(inbox.requests(&world).await[0]["number"], 101);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_a_hundred_inboxes_and_no_more() {
    let world = World::new().await;
    for _ in 0..100 {
        made(&world, &json!({})).await;
    }
    let refused = world.post("/inboxes", "{}").await;
    assert_eq!(refused.problem().0, "quota-exceeded");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_an_inbox_is_told_at_its_place() {
    let world = World::with_webhook_site("https://webhook.site").await;
    let inbox = made(&world, &json!({})).await;
    let path = format!("/inboxes/{}", inbox.id);
    for (body, pointer, code) in [
        (json!({"nmae": 1}), "/nmae", "unknown_field"),
        (json!({"kind": "bin"}), "/kind", "invalid_kind"),
        (
            json!({"answer": {"status": 199}}),
            "/answer/status",
            "out_of_range",
        ),
        (
            json!({"answer": {"status": 600}}),
            "/answer/status",
            "out_of_range",
        ),
        (
            json!({"answer": {"delay_ms": 30_001}}),
            "/answer/delay_ms",
            "out_of_range",
        ),
        (
            json!({"answer": {"retry_after_s": -1}}),
            "/answer/retry_after_s",
            "out_of_range",
        ),
        (
            json!({"answer": {"body": "x".repeat(16_385)}}),
            "/answer/body",
            "length",
        ),
        (
            json!({"answer": {"content_type": "text/html"}}),
            "/answer/content_type",
            "invalid_type",
        ),
        (
            json!({"answer": {"headers": {}}}),
            "/answer/headers",
            "unknown_field",
        ),
        (json!({"secret": ""}), "/secret", "invalid_secret"),
        (json!({"secret": "whsec_!!!"}), "/secret", "invalid_secret"),
        (json!({"subscription": "x"}), "/subscription", "invalid_id"),
        (
            json!({"subscription": "sub_0000000000000"}),
            "/subscription",
            "unknown_subscription",
        ),
        (
            json!({"secret": SECRET, "subscribe": {}}),
            "/subscription",
            "one_of",
        ),
        (
            json!({"subscribe": {"events": ["a b"]}}),
            "/subscribe/events/0",
            "invalid_event_pattern",
        ),
        (json!({"name": "a\u{202e}b"}), "/name", "control_character"),
        (
            json!({"kind": "webhook.site", "secret": SECRET}),
            "/secret",
            "webhook_site",
        ),
        (
            json!({"kind": "webhook.site", "answer": {"status": 500}}),
            "/answer",
            "webhook_site",
        ),
    ] {
        let text = body.to_string();
        let refused = world.post("/inboxes", &text).await;
        assert_eq!(
            refused.problem(),
            ("validation", code),
            "{text}: {}",
            refused.text
        );
        assert_eq!(refused.pointers(), [pointer], "{text}");
        if body.get("kind").is_none() {
            let refused = world.call("PATCH", &path, text.clone()).await;
            assert_eq!(refused.problem(), ("validation", code), "{text}");
        }
    }
    let all = world.get("/inboxes").await;
    assert_eq!(
        all.body["data"].as_array().unwrap().len(),
        1,
        "nothing else was made"
    );
    assert_eq!(world.get("/subscriptions").await.body["data"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_url_at_webhook_site_is_asked_for_and_subscribed() {
    let world = World::with_webhook_site("https://webhook.site").await;
    let made = world
        .post("/inboxes", r#"{"kind":"webhook.site","subscribe":{}}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["url"], "https://webhook.site/0a-1b");
    assert_eq!(made.body["view_url"], "https://webhook.site/#!/view/0a-1b");
    assert_eq!(made.body["answer"], Value::Null);
    let id = made.body["subscription"].as_str().unwrap();
    let subscription = world.get(&format!("/subscriptions/{id}")).await;
    assert_eq!(subscription.body["url"], made.body["url"]);
    let path = format!("/inboxes/{}", made.body["id"].as_str().unwrap());
    let patch = r#"{"answer":{"status":500}}"#;
    let refused = world.call("PATCH", &path, patch).await;
    assert_eq!(refused.problem(), ("validation", "webhook_site"));
    assert_eq!(
        world.call("PATCH", &path, r#"{"name":"x"}"#).await.status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn webhook_site_may_be_down_or_off() {
    let world = World::with_webhook_site("https://down.site").await;
    let refused = world.post("/inboxes", r#"{"kind":"webhook.site"}"#).await;
    assert_eq!(refused.status, 502);
    assert_eq!(refused.problem().0, "upstream-failed");
    let world = World::new().await;
    let refused = world.post("/inboxes", r#"{"kind":"webhook.site"}"#).await;
    assert_eq!(refused.problem(), ("validation", "webhook_site_off"));
}

#[tokio::test(start_paused = true)]
async fn what_comes_is_streamed_and_a_listener_that_comes_back_misses_nothing() {
    let world = World::new().await;
    let inbox = made(&world, &json!({})).await;
    inbox.takes(&world, "GET", "/before", b"").await;
    let path = format!("/inboxes/{}/requests/stream", inbox.id);
    let mut listening = open_stream(&world, &path, &[]).await;
    inbox.takes(&world, "GET", "/first", b"").await;
    inbox.takes(&world, "GET", "/second", b"").await;
    let came = messages_of(&mut listening).await;
    let seen: Vec<_> = came
        .iter()
        .map(|(kind, id, data)| json!([kind, id, data["path"]]))
        .collect();
    let expected = json!([["request", "2", "/first"], ["request", "3", "/second"]]);
    assert_eq!(json!(seen), expected);
    let kept = inbox.requests(&world).await;
    assert_eq!(came[1].2, kept[0]);
    let mut back = open_stream(&world, &path, &[("last-event-id", "1")]).await;
    assert_eq!(messages_of(&mut back).await, came);
    let missing = world
        .get("/inboxes/inb_0000000000000/requests/stream")
        .await;
    assert_eq!(missing.status, 404);
    let ended = world
        .call("DELETE", &format!("/inboxes/{}", inbox.id), "")
        .await;
    assert_eq!(ended.status, 204);
    assert!(!back.is_open().await, "it ends with its inbox");
}
