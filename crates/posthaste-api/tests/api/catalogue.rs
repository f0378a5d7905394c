//! The catalogue: describing event types, and what that does to publishing and subscribing.

use axum::body::Body;
use serde_json::{Value, json};

use super::world::{Answered, World};

const MEMORY: &str = r#"{"type":"memory.created","description":"A memory was stored.",
    "example":{"id":"a","size": 1.0},
    "versions":{"1":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},
    "size":{"type":"number"}},"additionalProperties":false}}}"#;

async fn described() -> World {
    let world = World::new().await;
    let made = world.post("/event-types", MEMORY).await;
    assert_eq!(made.status, 201, "{}", made.text);
    world
}

async fn make_strict(world: &World) {
    let strict = world.call("PATCH", "/tenants/default", r#"{"catalogue":"strict"}"#);
    assert_eq!(strict.await.status, 200);
}

#[track_caller]
fn refused(answer: &Answered, slug: &str, pointers: &[&str]) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.problem().0, slug, "{}", answer.text);
    assert_eq!(answer.pointers(), pointers, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn an_event_type_is_made_read_replaced_and_deleted() {
    let world = described().await;
    let read = world.get("/event-types/memory.created").await;
    insta::assert_json_snapshot!(read.body, { ".created_at" => "[time]", ".updated_at" => "[time]",
        ".versions" => "[schemas]" }, @r#"
    {
      "created_at": "[time]",
      "description": "A memory was stored.",
      "example": {
        "id": "a",
        "size": 1.0
      },
      "type": "memory.created",
      "updated_at": "[time]",
      "versions": "[schemas]"
    }
    "#);
    assert!(
        read.text.contains(r#"{"id":"a","size": 1.0}"#),
        "byte for byte: {}",
        read.text
    );
    let again = world.post("/event-types", MEMORY).await;
    assert_eq!(
        (again.status.as_u16(), again.problem().0),
        (409, "already-exists")
    );
    let path = "/event-types/memory.created";
    let if_match = [("if-match", read.header("etag").unwrap())];
    let replaced = world
        .call_with("PUT", path, &if_match, r#"{"description":"x"}"#)
        .await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    assert_eq!(replaced.body["example"], Value::Null);
    assert_eq!(replaced.body["versions"], json!({}));
    assert_eq!(replaced.body["created_at"], read.body["created_at"]);
    for method in ["PUT", "DELETE"] {
        let stale = world.call_with(method, path, &if_match, "{}").await;
        assert_eq!(
            (stale.status.as_u16(), stale.problem().0),
            (412, "precondition-failed")
        );
    }
    let made = world.call("PUT", "/event-types/tag.added", "{}").await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.header("location"),
        Some("/api/v1/webhooks/event-types/tag.added")
    );
    let absent = world
        .call_with("PUT", "/event-types/x.y", &if_match, "{}")
        .await;
    assert_eq!(absent.status, 412, "there is none to replace");
    let deleted = world.call("DELETE", path, Body::empty()).await;
    assert_eq!(
        (deleted.status.as_u16(), &deleted.body),
        (200, &replaced.body)
    );
    assert_eq!(world.get(path).await.status, 404);
    assert_eq!(world.call("DELETE", path, Body::empty()).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_version_is_set_by_its_schema_alone() {
    let world = described().await;
    let path = "/event-types/memory.created/versions/2";
    let put = world.call("PUT", path, r#"{"required": ["id"]}"#).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(put.body["versions"]["2"]["required"][0], "id");
    assert!(put.body["versions"]["1"].is_object());
    refused(
        &world.call("PUT", path, r#"{"type":"nonsense"}"#).await,
        "validation",
        &["/versions/2/type"],
    );
    refused(
        &world.call("PUT", path, "false").await,
        "validation",
        &["/example"],
    );
    for absent in [
        "/event-types/a.b/versions/1",
        "/event-types/memory.created/versions/0",
        "/event-types/memory.created/versions/x",
        "/event-types/a b/versions/1",
    ] {
        assert_eq!(
            world
                .call("PUT", &absent.replace(' ', "%20"), "{}")
                .await
                .status,
            404,
            "{absent}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_event_type_is_pointed_at() {
    let world = World::new().await;
    for (body, slug, pointers) in [
        ("{}", "validation", vec!["/type"]),
        (r#"{"type":"a b"}"#, "invalid-event-type", vec!["/type"]),
        (r#"{"type":"posthaste.x"}"#, "validation", vec!["/type"]),
        (
            r#"{"type":"a","versions":{"01":{}}}"#,
            "validation",
            vec!["/versions/01"],
        ),
        (
            r#"{"type":"a","versions":[]}"#,
            "validation",
            vec!["/versions"],
        ),
        (r#"{"type":"a","schema":{}}"#, "validation", vec!["/schema"]),
        (
            r#"{"type":"a","versions":{"1":{"$ref":"http://127.0.0.1/s"},"2":{"items":{"pattern":"(?=a)"}}}}"#,
            "validation",
            vec!["/versions/1/$ref", "/versions/2/items/pattern"],
        ),
        (
            r#"{"type":"a","example":{"n":1},"versions":{"1":false,"2":{"properties":{"n":{"type":"string"}}}}}"#,
            "validation",
            vec!["/example/n"],
        ),
    ] {
        refused(&world.post("/event-types", body).await, slug, &pointers);
    }
    let other = world.call("PUT", "/event-types/a", r#"{"type":"b"}"#).await;
    refused(&other, "validation", &["/type"]);
    let own = world.call("PUT", "/event-types/posthaste.x", "{}").await;
    refused(&own, "validation", &["/type"]);
    assert_eq!(world.get("/event-types").await.body["data"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_is_listed_in_pages_and_each_tenants_own() {
    let world = described().await;
    for name in ["b", "a", "c"] {
        let path = format!("/event-types/{name}");
        assert_eq!(world.call("PUT", &path, "{}").await.status, 201);
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/event-types?limit=3{cursor}")).await;
        let data = page.body["data"].as_array().unwrap();
        names.extend(
            data.iter()
                .map(|one| one["type"].as_str().unwrap().to_owned()),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names.len(), 4, "{names:?}");
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    let acme = [("posthaste-tenant", "acme")];
    let theirs = world
        .call_with("GET", "/event-types", &acme, Body::empty())
        .await;
    assert_eq!(theirs.body["data"], json!([]));
    let path = "/event-types/memory.created";
    assert_eq!(
        world
            .call_with("GET", path, &acme, Body::empty())
            .await
            .status,
        404
    );
    assert_eq!(
        world
            .call_with("DELETE", path, &acme, Body::empty())
            .await
            .status,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_breaks_its_schema_is_pointed_at() {
    let world = described().await;
    let publish = |body: &'static str| world.post("/events", body);
    assert_eq!(
        publish(r#"{"type":"memory.created","data":{"id":"x","size":1e400}}"#)
            .await
            .status,
        202
    );
    let broken = publish(r#"{"type":"memory.created","data":{"size":"ten","a/b":1}}"#).await;
    refused(
        &broken,
        "validation",
        &["/data/a~1b", "/data/id", "/data/size"],
    );
    assert!(!broken.text.contains("ten"), "{}", broken.text);
    let unchecked = r#"{"type":"memory.created","version":2,"data":7}"#;
    assert_eq!(publish(unchecked).await.status, 202, "an open catalogue");
    let batch = r#"[{"type":"x","data":1},{"type":"memory.created","data":7},{"type":"a b","data":1},
        {"type":"memory.created","data":{"id":7}}]"#;
    let refused_batch = world.post("/events/batch", batch).await;
    refused(
        &refused_batch,
        "validation",
        &["/1/data", "/2/type", "/3/data/id"],
    );
    assert_eq!(
        world.get("/events").await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_full_of_broken_data_names_each_index() {
    let world = described().await;
    let item = r#"{"type":"memory.created","data":{"a":1,"b":2,"c":3,"d":4}}"#;
    let batch = format!("[{}]", vec![item; 30].join(","));
    let answer = world.post("/events/batch", &batch).await;
    let pointers = answer.pointers();
    assert_eq!(
        pointers.len(),
        20 + 26,
        "all places of the first, then one of each"
    );
    assert!(pointers.iter().any(|one| one.starts_with("/29/data/")));
}

#[tokio::test(start_paused = true)]
async fn a_strict_catalogue_takes_its_own_types_and_versions_alone() {
    let world = described().await;
    let before = world
        .subscribe(r#"{"url":"https://example.com/a","events":["x.y"]}"#)
        .await;
    let early = [("idempotency-key", "k")];
    let event = r#"{"type":"x.y","data":1}"#;
    let first = world.call_with("POST", "/events", &early, event).await;
    make_strict(&world).await;
    let unsupported = "unsupported-event-type";
    refused(&world.post("/events", event).await, unsupported, &["/type"]);
    let batch = r#"[{"type":"memory.created","data":{"id":"a"}},{"type":"x.y","data":1}]"#;
    refused(
        &world.post("/events/batch", batch).await,
        unsupported,
        &["/1/type"],
    );
    let version = r#"{"type":"memory.created","version":2,"data":{"id":"a"}}"#;
    refused(
        &world.post("/events", version).await,
        "validation",
        &["/version"],
    );
    let again = world.call_with("POST", "/events", &early, event).await;
    assert_eq!(
        (again.status.as_u16(), &again.body),
        (202, &first.body),
        "a repetition"
    );
    let new = r#"{"url":"https://example.com/b","events":["memory.created","x.y","x.*","posthaste.circuit.opened","q"]}"#;
    refused(
        &world.post("/subscriptions", new).await,
        unsupported,
        &["/events/1", "/events/4"],
    );
    let hook = r#"{"url":"https://example.com/b","events":["x.y"]}"#;
    refused(&world.post("", hook).await, unsupported, &["/events/0"]);
    let path = format!("/subscriptions/{}", before.body["id"].as_str().unwrap());
    refused(
        &world.call("PATCH", &path, r#"{"events":["z"]}"#).await,
        unsupported,
        &["/events/0"],
    );
    let other = world
        .call("PATCH", &path, r#"{"description":"it keeps its types"}"#)
        .await;
    assert_eq!(other.status, 200, "{}", other.text);
}

#[tokio::test(start_paused = true)]
async fn a_pinned_subscription_takes_one_version_alone() {
    let world = World::new().await;
    let body = r#"{"url":"https://example.com/a","versions":{"memory.created":1,"tag.added":2}}"#;
    let made = world.subscribe(body).await;
    assert_eq!(
        made.body["versions"],
        json!({"memory.created": 1, "tag.added": 2})
    );
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    for (event, deliveries) in [
        (r#"{"type":"memory.created","data":1}"#, 1),
        (r#"{"type":"memory.created","version":1,"data":1}"#, 1),
        (r#"{"type":"memory.created","version":2,"data":1}"#, 0),
        (r#"{"type":"tag.added","data":1}"#, 0),
        (r#"{"type":"tag.added","version":2,"data":1}"#, 1),
        (r#"{"type":"other","version":9,"data":1}"#, 1),
    ] {
        let published = world.post("/events", event).await;
        assert_eq!(published.body["deliveries"], deliveries, "{event}");
        let id = published.body["id"].as_str().unwrap();
        let matches = world.get(&format!("/events/{id}/matches")).await;
        let reason = ["version", "matches"][deliveries];
        assert_eq!(matches.body["data"][0]["reason"], reason, "{event}");
    }
    let cleared = world.call("PATCH", &path, r#"{"versions":null}"#).await;
    assert_eq!(cleared.body["versions"], json!({}));
    for (bad, pointer) in [
        (r#"{"versions":{"a b":1}}"#, "/versions/a b"),
        (r#"{"versions":{"a/b":1}}"#, "/versions/a~1b"),
        (r#"{"versions":{"a":0}}"#, "/versions/a"),
        (r#"{"versions":{"a":"1"}}"#, "/versions/a"),
        (r#"{"versions":[]}"#, "/versions"),
    ] {
        let answer = world.call("PATCH", &path, bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.pointers()),
            (422, vec![pointer]),
            "{bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_has_the_catalogues_example_as_its_data() {
    let world = described().await;
    let made = world
        .subscribe(r#"{"url":"https://example.com/a","events":["memory.created"]}"#)
        .await;
    let path = format!("/subscriptions/{}/test", made.body["id"].as_str().unwrap());
    let trial = world.post(&path, "{}").await;
    let event = format!("/events/{}", trial.body["event_id"].as_str().unwrap());
    let read = world.get(&event).await;
    assert!(
        read.text.contains(r#""data":{"id":"a","size": 1.0}"#),
        "{}",
        read.text
    );
    let trial = world.post(&path, r#"{"type":"x.y"}"#).await;
    let event = format!("/events/{}", trial.body["event_id"].as_str().unwrap());
    assert_eq!(world.get(&event).await.body["data"], json!({"test": true}));
}
