//! Subscriptions, through both APIs.

use axum::body::Body;

use super::world::World;

const URL: &str = r#"{"url":"https://example.com/hook"}"#;

#[tokio::test(start_paused = true)]
async fn a_subscription_has_every_default_and_its_secret_once() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/subscriptions/{id}");
    assert_eq!(
        made.header("location"),
        Some(&*format!("/api/v1/webhooks{path}"))
    );
    let read = world.get(&path).await;
    assert!(!read.text.contains("secret"), "{}", read.text);
    insta::assert_json_snapshot!(read.body, {
        ".id" => "[id]", ".created_at" => "[time]", ".updated_at" => "[time]"
    }, @r#"
    {
      "algorithm": "hmac-sha256",
      "auth": null,
      "auto_pause_after": 5,
      "batch": null,
      "created_at": "[time]",
      "description": "",
      "events": [],
      "external_id": null,
      "filter": null,
      "format": "envelope",
      "headers": {},
      "health": {
        "circuit": "closed",
        "consecutive_failures": 0,
        "failed_attempts_in_a_row": 0,
        "last_failure_at": null,
        "last_success_at": null,
        "status": "healthy"
      },
      "id": "[id]",
      "max_in_flight": 32,
      "metadata": {},
      "mode": "single",
      "ordering": "none",
      "rate_limit_per_s": null,
      "retry": "default",
      "schemes": [
        "standard",
        "pt",
        "x-webhook"
      ],
      "status": "active",
      "status_reason": null,
      "timeout_ms": 10000,
      "tls": null,
      "updated_at": "[time]",
      "url": "https://example.com/hook",
      "versions": {}
    }
    "#);
    let revealed = world.get(&format!("{path}/secret")).await;
    assert_eq!(revealed.body, serde_json::json!({"secret": secret}));
}

async fn refuse(world: &World, member: &str, slug: &str, pointer: &str, code: &str) {
    let body = format!(r#"{{"url":"https://example.com/hook",{member}}}"#);
    let made = world.post("/subscriptions", &body).await;
    assert_eq!(made.status, 422, "{member}: {}", made.text);
    assert_eq!(
        (made.problem(), made.pointers()),
        ((slug, code), vec![pointer]),
        "{member}"
    );
}

#[tokio::test(start_paused = true)]
async fn defaults_may_be_said() {
    let world = World::new().await;
    let defaults = r#"{"url":"https://example.com/hook","filter":null,"versions":{},"headers":{},
        "auth":null,"tls":null,"algorithm":"hmac-sha256"}"#;
    world.subscribe(defaults).await;
}

#[tokio::test(start_paused = true)]
async fn members_out_of_bounds_are_refused() {
    let world = World::new().await;
    let rows = [
        (r#""external_id":"""#, "/external_id", "length"),
        (
            r#""external_id":"a\u0000""#,
            "/external_id",
            "control_character",
        ),
        (
            r#""description":"a\u2066b""#,
            "/description",
            "control_character",
        ),
        (r#""events":["a b"]"#, "/events/0", "invalid_event_pattern"),
        (r#""schemes":[]"#, "/schemes", "length"),
        (r#""schemes":["pt","pt"]"#, "/schemes/1", "duplicate"),
        (r#""schemes":["v2"]"#, "/schemes/0", "invalid_scheme"),
        (r#""algorithm":"md5""#, "/algorithm", "invalid_algorithm"),
        (r#""retry":"slow""#, "/retry", "invalid_retry"),
        (
            r#""retry":{"schedule_s":[0.04]}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"schedule_s":[1],"jiter":0}"#,
            "/retry/jiter",
            "unknown_field",
        ),
        (
            r#""retry":{"linear":{"delay_s":1,"retries":1,"delay":2}}"#,
            "/retry/linear/delay",
            "unknown_field",
        ),
        (
            r#""retry":{"exponential":{"base_s":1,"factor":2,"max_s":9}}"#,
            "/retry/exponential/retries",
            "required",
        ),
        (
            r#""retry":{"schedule_s":[1,"2"]}"#,
            "/retry/schedule_s/1",
            "type",
        ),
        (r#""retry":{}"#, "/retry", "invalid_retry"),
        (r#""timeout_ms":99"#, "/timeout_ms", "out_of_range"),
        (r#""max_in_flight":1001"#, "/max_in_flight", "out_of_range"),
        (r#""format":"xml""#, "/format", "invalid_format"),
        (r#""metadata":7"#, "/metadata", "type"),
        (r#""secret":"short""#, "/secret", "invalid_secret"),
        (r#""urls":1"#, "/urls", "unknown_field"),
    ];
    for (member, pointer, code) in rows {
        refuse(&world, member, "validation", pointer, code).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_says_what_would_be_right() {
    let world = World::new().await;
    let long = format!(r#""external_id":"{}""#, "x".repeat(256));
    for (member, expected) in [
        (r#""external_id":"""#, "expected 1 to 255 bytes"),
        (&long, "expected 1 to 255 bytes"),
        (
            r#""retry":{"schedule_s":[1],"jiter":0}"#,
            "unknown field jiter, the nearest known one is jitter",
        ),
        (
            r#""retry":{"schedule_s":[1],"jitter":2}"#,
            "expected a jitter of 0 to 1, got 2",
        ),
        (
            r#""retry":{"linear":{"delay_s":1,"retries":31}}"#,
            "expected 1 to 30 retries, got 31; for no retries use the preset \"none\"",
        ),
    ] {
        let body = format!(r#"{{"url":"https://example.com/hook",{member}}}"#);
        let made = world.post("/subscriptions", &body).await;
        assert_eq!(made.body["errors"][0]["detail"], expected, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_nothing_changes_nothing() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let same = world.call("PATCH", &path, "{}").await;
    assert_eq!(same.status, 200, "{}", same.text);
    assert_eq!(same.header("etag"), made.header("etag"));
    assert_eq!(same.body["updated_at"], made.body["updated_at"]);
    let stale = [("if-match", "\"x\"")];
    let stale = world.call_with("PATCH", &path, &stale, "{}").await;
    assert_eq!(stale.status, 412);
}

#[tokio::test(start_paused = true)]
async fn a_list_by_url_compares_what_urls_mean() {
    let world = World::new().await;
    world
        .subscribe(r#"{"url":"https://EXAMPLE.com:443/a/../hook"}"#)
        .await;
    for (url, expected) in [
        ("https://example.com/hook", 1),
        ("https://EXAMPLE.com:443/a/../hook", 1),
        ("https://example.com/other", 0),
        ("no%20url", 0),
    ] {
        let listed = world.get(&format!("/subscriptions?url={url}")).await;
        let found = listed.body["data"].as_array().map(Vec::len);
        assert_eq!(found, Some(expected), "{url}: {}", listed.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_url_is_judged_wherever_it_is_given() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    for (url, code) in [
        ("http://example.com/", "https_only"),
        ("https://u:p@example.com/", "userinfo"),
        ("https://localhost/", "forbidden_name"),
        ("https://example.com:22/", "bad_port"),
        ("ftp://example.com/", "scheme"),
    ] {
        let body = format!(r#"{{"url":"{url}","events":[]}}"#);
        for answer in [
            world.post("/subscriptions", &body).await,
            world.post("", &body).await,
            world
                .call("PATCH", &path, format!(r#"{{"url":"{url}"}}"#))
                .await,
        ] {
            assert_eq!(answer.status, 422, "{url}: {}", answer.text);
            assert_eq!(answer.problem(), ("invalid-url", code), "{url}");
            assert_eq!(answer.pointers(), ["/url"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn text_is_stored_verbatim() {
    let world = World::new().await;
    for text in [
        "'; DROP TABLE events; --",
        "<b>{{7*7}}</b>",
        "e\u{301}",
        "\u{e9}",
    ] {
        let text = serde_json::to_string(text).unwrap();
        let body = format!(
            r#"{{"url":"https://example.com/","description":{text},"external_id":{text}}}"#
        );
        let made = world.subscribe(&body).await;
        assert_eq!(made.body["description"].to_string(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_change_is_refused() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let tag = made.header("etag").unwrap().to_owned();
    let if_match = [("if-match", tag.as_str())];
    let patch =
        r#"{"description":"new","timeout_ms":500,"retry":{"schedule_s":[1]},"external_id":"x"}"#;
    let changed = world.call_with("PATCH", &path, &if_match, patch).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.body["description"], "new");
    assert_eq!(changed.body["timeout_ms"], 500);
    assert_ne!(changed.header("etag"), Some(&*tag));
    let stale = world.call_with("PATCH", &path, &if_match, patch).await;
    assert_eq!(
        (stale.status.as_u16(), stale.problem().0),
        (412, "precondition-failed")
    );
    let cleared = world
        .call("PATCH", &path, r#"{"external_id":null,"description":""}"#)
        .await;
    assert_eq!(cleared.body["external_id"], serde_json::Value::Null);
    let nulls = r#"{"events":null,"description":null,"metadata":null,"retry":null}"#;
    let back = world.call("PATCH", &path, nulls).await;
    assert_eq!(back.body["retry"], "default", "{}", back.text);
    for null in ["url", "schemes", "status"] {
        let answer = world
            .call("PATCH", &path, format!(r#"{{"{null}":null}}"#))
            .await;
        assert_eq!(answer.status, 422, "{null}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_external_id_is_taken_once() {
    let world = World::new().await;
    let body = r#"{"url":"https://example.com/hook","external_id":"mine"}"#;
    let first = world.subscribe(body).await;
    let second = world.post("/subscriptions", body).await;
    assert_eq!(
        (second.status.as_u16(), second.problem().0),
        (409, "already-exists")
    );
    let listed = world.get("/subscriptions?external_id=mine").await;
    assert_eq!(listed.body["data"][0]["id"], first.body["id"]);
    assert_eq!(
        world.get("/subscriptions?external_id=other").await.body["data"],
        serde_json::json!([])
    );
    assert_eq!(world.get("/subscriptions?status=sleepy").await.status, 422);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_paused_resumed_disabled_and_deleted() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let paused = world.post(&format!("{path}/pause"), "").await;
    assert_eq!(paused.body["status"], "paused");
    assert_eq!(paused.body["status_reason"], "manual");
    let held = world.post("/events", r#"{"type":"a","data":1}"#).await;
    assert_eq!(held.body["deliveries"], 1);
    let listed = world.get("/deliveries?status=held").await;
    let delivery = listed.body["data"][0]["id"].as_str().unwrap().to_owned();
    let waiting = world
        .post(&format!("/deliveries/{delivery}/redeliver"), "{}")
        .await;
    assert_eq!(waiting.text, r#"{"redelivered":0,"already_waiting":1}"#);
    let resumed = world.post(&format!("{path}/resume"), "{}").await;
    assert_eq!(resumed.body["status"], "active");
    assert_eq!(
        world
            .post(&format!("{path}/resume"), r#"{"x":1}"#)
            .await
            .status,
        422
    );
    world.settle().await;
    world.call("PATCH", &path, r#"{"status":"disabled"}"#).await;
    let refused = world
        .post(&format!("/deliveries/{delivery}/redeliver"), "")
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().0),
        (409, "subscription-disabled")
    );
    assert_eq!(world.call("DELETE", &path, Body::empty()).await.status, 204);
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("POST", format!("{path}/test")),
    ] {
        assert_eq!(
            world.call(method, &path, Body::empty()).await.status,
            404,
            "{method} {path}"
        );
    }
    let gone = world
        .post(&format!("/deliveries/{delivery}/redeliver"), "")
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_secret_rotates_with_an_overlap() {
    let world = World::new().await;
    let made = world.subscribe(URL).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let rotate = format!("{path}/rotate-secret");
    let body = r#"{"overlap_s":60,"secret":"0123456789abcdef"}"#;
    let rotated = world.post(&rotate, body).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    assert_eq!(rotated.body["secret"], "0123456789abcdef");
    assert!(rotated.body["previous_valid_until"].is_string());
    let second = world.post(&rotate, "").await;
    assert_eq!(
        (second.status.as_u16(), second.problem().0),
        (409, "rotation-under-way")
    );
    assert_eq!(
        world.post(&rotate, r#"{"overlap_s":604801}"#).await.status,
        422
    );
}

#[tokio::test(start_paused = true)]
async fn a_test_is_one_attempt_to_one_subscription() {
    let world = World::new().await;
    let made = world
        .subscribe(r#"{"url":"https://example.com/hook","events":["tag.*","tag.added"]}"#)
        .await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    world.post(&format!("{path}/pause"), "").await;
    let started = world.post(&format!("{path}/test"), "").await;
    assert_eq!(started.status, 202, "{}", started.text);
    assert_eq!(started.body["status"], "pending");
    world.settle().await;
    let delivery = started.body["delivery_id"].as_str().unwrap();
    let delivery = world.get(&format!("/deliveries/{delivery}")).await;
    assert_eq!(delivery.body["status"], "delivered", "{}", delivery.text);
    assert_eq!(delivery.body["origin"], "test");
    assert_eq!(delivery.body["event_type"], "tag.added");
    assert_eq!(
        world
            .post(&format!("{path}/test"), r#"{"type":"a b"}"#)
            .await
            .status,
        422
    );
}

#[tokio::test(start_paused = true)]
async fn the_quick_api_answers_exactly_so() {
    let world = World::new().await;
    let body = r#"{"url":"https://example.com/hook","events":["a"],"secret":"0123456789abcdef","metadata":{"k":1}}"#;
    let made = world.post("", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["webhook_id"].as_str().unwrap().to_owned();
    assert_eq!(made.body.as_object().unwrap().len(), 2);
    assert!(made.body["message"].is_string());
    let listed = world.get("").await;
    insta::assert_json_snapshot!(listed.body, {
        "[].webhook_id" => "[id]", "[].created_at" => "[time]"
    }, @r#"
    [
      {
        "active": true,
        "consecutive_failures": 0,
        "created_at": "[time]",
        "events": [
          "a"
        ],
        "health_status": "healthy",
        "last_triggered_at": null,
        "metadata": {
          "k": 1
        },
        "url": "https://example.com/hook",
        "webhook_id": "[id]"
      }
    ]
    "#);
    let whole = world.get(&format!("/subscriptions/{id}")).await;
    assert_eq!(
        (&whole.body["format"], &whole.body["retry"]),
        (&"flat".into(), &"quick".into())
    );
    let secret = world.get(&format!("/subscriptions/{id}/secret")).await;
    assert_eq!(secret.body["secret"], "0123456789abcdef");
    let tried = world.post(&format!("/{id}/test"), "").await;
    assert_eq!(tried.status, 202, "{}", tried.text);
    assert_eq!(tried.body["status"], "pending");
    assert_eq!(tried.body["webhook_id"], id.as_str());
    let removed = world.call("DELETE", &format!("/{id}"), Body::empty()).await;
    assert_eq!(
        (removed.status.as_u16(), &removed.body["webhook_id"]),
        (200, &id.as_str().into())
    );
    assert_eq!(
        world
            .call("DELETE", &format!("/{id}"), Body::empty())
            .await
            .status,
        404
    );
    assert_eq!(world.post(&format!("/{id}/test"), "").await.status, 404);
    assert_eq!(
        world
            .post("", r#"{"url":"https://example.com/hook"}"#)
            .await
            .pointers(),
        ["/events"]
    );
}
