//! Where keys may be used from, when they were, and how guessing them is slowed.

use std::time::Duration;

use axum::body::Body;
use posthaste_callers::Peer;

use super::world::{Answered, PLATFORM_KEY, World, request};

/// A request with this key, from this address, through a proxy that says that it is for another.
async fn from(world: &World, key: &str, peer: &str, forwarded_for: Option<&str>) -> Answered {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(forwarded_for.map(|address| ("x-forwarded-for", address)));
    let mut request = request("GET", "/events", &headers, Body::empty());
    let peer = format!("{peer}:4711").parse().unwrap();
    request.extensions_mut().insert(Peer(peer));
    world.send(request).await
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_bound_to_networks_opens_nothing_from_elsewhere() {
    let world = World::new().await;
    let body =
        r#"{"scopes":["*"],"allowed_ips":["203.0.113.9/24","2001:DB8::1","203.0.113.0/24"]}"#;
    let made = world.post("/keys", body).await;
    let networks = serde_json::json!(["203.0.113.0/24", "2001:db8::1/128"]);
    assert_eq!(made.body["allowed_ips"], networks, "{}", made.text);
    let key = made.body["key"].as_str().unwrap();
    for (peer, forwarded_for, expected) in [
        ("203.0.113.7", None, 200),
        ("[::ffff:203.0.113.7]", None, 200),
        ("[2001:db8::1]", None, 200),
        ("198.51.100.1", None, 401),
        ("198.51.100.1", Some("203.0.113.7"), 401),
        ("10.0.0.1", Some("203.0.113.7"), 200),
        ("10.0.0.1", Some("203.0.113.7, 198.51.100.1"), 401),
        ("10.0.0.1", None, 401),
    ] {
        let answer = from(&world, key, peer, forwarded_for).await;
        assert_eq!(answer.status, expected, "{peer} {forwarded_for:?}");
    }
    let mut elsewhere = from(&world, key, "198.51.100.1", None).await;
    let mut unknown = from(&world, "pst_unknown", "198.51.100.1", None).await;
    for answer in [&mut elsewhere, &mut unknown] {
        answer.headers.remove("x-request-id");
    }
    assert_eq!(
        (elsewhere.text, elsewhere.headers),
        (unknown.text, unknown.headers)
    );
    let nowhere = format!("Bearer {key}");
    let headers = [("authorization", nowhere.as_str())];
    let nowhere = world
        .send(request("GET", "/events", &headers, Body::empty()))
        .await;
    assert_eq!(nowhere.status, 401, "who knows from where");
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slowed_and_a_right_key_passes_from_the_same_address() {
    let world = World::new().await;
    for n in 0..60 {
        let answer = from(&world, &format!("pst_{n}"), "203.0.113.7", None).await;
        assert_eq!(answer.status, 401, "{n}");
    }
    let slowed = from(&world, "pst_60", "203.0.113.7", None).await;
    assert_eq!(
        (slowed.status.as_u16(), slowed.problem().0),
        (429, "rate-limited")
    );
    assert_eq!(slowed.header("retry-after"), Some("1"));
    assert_eq!(
        from(&world, PLATFORM_KEY, "203.0.113.7", None).await.status,
        200
    );
    assert_eq!(
        from(&world, "pst_61", "203.0.113.8", None).await.status,
        401
    );
    let proxied = Some("203.0.113.7");
    assert_eq!(
        from(&world, "pst_62", "10.0.0.1", proxied).await.status,
        429
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        from(&world, "pst_63", "203.0.113.7", None).await.status,
        401
    );
    assert_eq!(
        from(&world, "pst_64", "203.0.113.7", None).await.status,
        429
    );
    let mut nothing_shown = request("GET", "/events", &[], Body::empty());
    let peer = "203.0.113.7:1".parse().unwrap();
    nothing_shown.extensions_mut().insert(Peer(peer));
    assert_eq!(
        world.send(nothing_shown).await.status,
        401,
        "that is no guess"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_key_is_shown() {
    let world = World::new().await;
    let key = world.key("default", r#"["events:read"]"#).await;
    let last_use = || async {
        let keys = world.get("/keys").await;
        keys.body["data"][0]["last_used_at"].clone()
    };
    assert!(last_use().await.is_null());
    assert_eq!(from(&world, &key, "203.0.113.7", None).await.status, 200);
    let first = last_use().await;
    assert!(first.is_string(), "{first}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(last_use().await, first);
    assert_eq!(from(&world, &key, "203.0.113.7", None).await.status, 200);
    assert!(last_use().await.as_str() > first.as_str());
}
