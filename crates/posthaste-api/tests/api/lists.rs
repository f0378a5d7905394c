//! Lists: pages, cursors and parameters.

use super::world::World;

async fn publish(world: &World, count: usize) {
    for _ in 0..count {
        world.post("/events", r#"{"type":"a","data":1}"#).await;
    }
}

/// The ids of every page, newest first.
async fn walk(world: &World, path: &str, id: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}&limit=2{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let data = page.body["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        ids.extend(data.iter().map(|one| one[id].as_str().unwrap().to_owned()));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_list_is_walked_to_its_end_newest_first() {
    let world = World::new().await;
    for n in 0..5 {
        world.post("/tenants", &format!(r#"{{"id":"t{n}"}}"#)).await;
        world
            .subscribe(r#"{"url":"https://example.com/hook"}"#)
            .await;
        world.key("default", r#"["*"]"#).await;
    }
    publish(&world, 5).await;
    for (path, id, expected) in [
        ("/events?type=a", "id", 5),
        ("/subscriptions?status=active", "id", 5),
        ("/deliveries?type=a", "id", 25),
        ("/keys?", "id", 6),
        ("/tenants?", "id", 6),
    ] {
        let ids = walk(&world, path, id).await;
        assert_eq!(ids.len(), expected, "{path}: {ids:?}");
        if path != "/tenants?" {
            assert!(ids.is_sorted_by(|a, b| a > b), "{path}: {ids:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_are_found_by_text_in_their_data_and_the_answer_says_how_far_it_looked() {
    let world = World::new().await;
    for data in [r#"{"order":"ORD-7"}"#, r#"["ord-7"]"#, r#""ord-70""#, "1"] {
        let event = format!(r#"{{"type":"a","data":{data}}}"#);
        world.post("/events", &event).await;
    }
    let ids = walk(&world, "/events?text=ord-7", "id").await;
    assert_eq!(ids.len(), 3);
    assert!(walk(&world, "/events?text=ord-8", "id").await.is_empty());
    assert!(
        walk(&world, "/events?text=ord-7&type=b", "id")
            .await
            .is_empty()
    );
    let all = world.get("/events?text=ord-70").await;
    let searched = serde_json::json!({"events": 4, "back_to": null});
    assert_eq!(all.body["searched"], searched);
    let first = world.get("/events?text=ord&limit=1").await;
    let searched = &first.body["searched"];
    assert_eq!(searched["events"], 2, "{}", first.text);
    assert_eq!(searched["back_to"], first.body["data"][0]["created_at"]);
    let plain = world.get("/events?type=a").await;
    assert!(plain.body.get("searched").is_none());
    for text in ["", &"x".repeat(201)] {
        let refused = world.get(&format!("/events?text={text}")).await;
        assert_eq!(refused.status, 422, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_belongs_to_its_list_alone() {
    let world = World::new().await;
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    publish(&world, 3).await;
    let page = world.get("/events?limit=1&type=a").await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    assert_eq!(
        world
            .get(&format!("/events?limit=9&type=a&cursor={cursor}"))
            .await
            .status,
        200
    );
    let cut = &cursor[..cursor.len() - 1];
    for path in [
        format!("/events?cursor={cursor}"),
        format!("/events?type=b&cursor={cursor}"),
        format!("/deliveries?type=a&cursor={cursor}"),
        format!("/subscriptions?cursor={cursor}"),
        format!("/tenants?cursor={cursor}"),
        format!("/events?type=a&cursor={cut}"),
        "/events?type=a&cursor=".to_owned(),
        "/events?type=a&cursor=%00".to_owned(),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (400, "invalid-cursor"),
            "{path}"
        );
    }
    let path = format!("/events?type=a&cursor={cursor}");
    let other = [("posthaste-tenant", "acme")];
    assert_eq!(world.call_with("GET", &path, &other, "").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn parameters_are_read_strictly() {
    let world = World::new().await;
    for (query, parameter) in [
        ("limit=0", "?limit"),
        ("limit=-1", "?limit"),
        ("limit=1e3", "?limit"),
        ("limit=99999", "?limit"),
        ("limit=%D9%A3", "?limit"),
        ("limit=", "?limit"),
        ("limit=1&limit=1", "?limit"),
        ("type=a&type=a", "?type"),
        ("type[]=a", "?type[]"),
        ("typ=a", "?typ"),
        ("type=a%00", "?type"),
        ("since=yesterday", "?since"),
        ("until=2024-02-30T00:00:00Z", "?until"),
        ("correlation_id=%00", "?correlation_id"),
    ] {
        let answer = world.get(&format!("/events?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
        assert_eq!(answer.pointers(), [parameter], "{query}");
    }
    for query in [
        "status=lost",
        "subscription=x",
        "event=sub_0000000000000",
        "error=boredom",
    ] {
        assert_eq!(
            world.get(&format!("/deliveries?{query}")).await.status,
            422,
            "{query}"
        );
    }
    let many: Vec<String> = (0..500).map(|n| format!("p{n}=1")).collect();
    let answer = world.get(&format!("/events?{}", many.join("&"))).await;
    assert_eq!((answer.status.as_u16(), answer.pointers().len()), (422, 20));
    assert_eq!(
        world
            .get("/events?since=2026-01-01T00:00:00%2B01:00")
            .await
            .status,
        200
    );
    for path in ["/events/evt_0000000000000?x=1", "/keys?x=1", "?limit=1"] {
        assert_eq!(world.get(path).await.status, 422, "{path}");
    }
}
