//! The OpenAPI document, against the routes.

use axum::body::Body;

use super::world::{World, request};

#[tokio::test(start_paused = true)]
async fn every_documented_route_exists_and_wants_a_key() {
    let world = World::new().await;
    world.settle().await;
    let document = world
        .send(request("GET", "//openapi.json", &[], Body::empty()))
        .await;
    assert_eq!(document.status, 200);
    assert_eq!(
        document.body["openapi"].as_str().unwrap().split_at(3).0,
        "3.1"
    );
    let mut open = Vec::new();
    let mut routes = 0;
    for (path, item) in document.body["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let named = path
                .replace("{id}", "x")
                .replace("{webhook_id}", "x")
                .replace("{tenant}", "x")
                .replace("{type}", "x")
                .replace("{token}", "x")
                .replace("{version}", "1");
            let named = named
                .strip_prefix(super::world::BASE)
                .map_or_else(|| format!("/{named}"), str::to_owned);
            let method = method.to_uppercase();
            let answer = world
                .send(request(&method, &named, &[], Body::empty()))
                .await;
            match answer.status.as_u16() {
                401 => {}
                200 => open.push(path.as_str()),
                404 if path == "/inbox/{token}" => open.push(path),
                status => panic!("{method} {path}: {status}"),
            }
            routes += 1;
        }
    }
    open.sort_unstable();
    assert_eq!(
        open,
        [
            "/docs",
            "/healthz",
            "/inbox/{token}",
            "/metrics",
            "/openapi.json",
            "/readyz"
        ]
    );
    assert_eq!(routes, 72);
}

#[tokio::test(start_paused = true)]
async fn every_reference_of_the_document_is_in_it() {
    let world = World::new().await;
    let document = world
        .send(request("GET", "//openapi.json", &[], Body::empty()))
        .await;
    let schemas = document.body["components"]["schemas"].as_object().unwrap();
    for part in document
        .text
        .split("\"$ref\":\"#/components/schemas/")
        .skip(1)
    {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_root_answers_without_a_key() {
    let world = World::new().await;
    world.settle().await;
    for path in ["//healthz", "//readyz"] {
        let answer = world.send(request("GET", path, &[], Body::empty())).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
    let metrics = world
        .send(request("GET", "//metrics", &[], Body::empty()))
        .await;
    assert!(metrics.text.contains("# TYPE"), "{}", metrics.text);
    assert!(!metrics.text.contains("# EOF"), "{}", metrics.text);
    assert!(metrics.text.ends_with('\n'), "{}", metrics.text);
    let plain = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(metrics.header("content-type"), Some(plain));
    let accept = [("accept", "application/openmetrics-text;q=0.9,*/*;q=0.1")];
    let newer = world
        .send(request("GET", "//metrics", &accept, Body::empty()))
        .await;
    assert!(newer.text.ends_with("# EOF\n"), "{}", newer.text);
    let form = newer.header("content-type").unwrap();
    assert!(form.starts_with("application/openmetrics-text"), "{form}");
}
