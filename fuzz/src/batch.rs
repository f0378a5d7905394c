//! Batches: a JSON array or one event a line, all of it or nothing.

use serde_json::value::RawValue;

use super::world::{self, World};

/// What begins with a bracket is an array, everything else is lines.
pub fn judge(body: &[u8]) {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    world::with(|world| {
        let before = world.newest_event();
        match is_array {
            true => published(world, "application/json", body, &before, array),
            false => {
                let taken = published(world, "application/x-ndjson", body, &before, lines);
                if taken {
                    as_array(world, body);
                }
                taken
            }
        };
    });
}

type Items = fn(&[u8]) -> Vec<&[u8]>;

/// Whether it was taken.
fn published(
    world: &mut World,
    form: &str,
    body: &[u8],
    before: &Option<String>,
    items: Items,
) -> bool {
    let answered = world.send("POST", "/events/batch", form, body);
    match answered.status {
        202 => {
            let items = items(body);
            assert_eq!(answered.body["accepted"], items.len());
            let events = answered.body["events"].as_array().expect("an array");
            assert_eq!(events.len(), items.len());
            for (event, item) in events.iter().zip(items) {
                let item: serde_json::Value = lenient(item);
                assert_eq!(event["type"], item["type"]);
                let id = event["id"].as_str().expect("an id");
                assert_eq!(world.get(&format!("/events/{id}")).status, 200);
            }
            true
        }
        400 | 413 | 422 => {
            assert_eq!(&world.newest_event(), before, "all or nothing");
            false
        }
        409 => {
            assert!(String::from_utf8_lossy(body).contains("idempotency_key"));
            assert_eq!(&world.newest_event(), before, "all or nothing");
            false
        }
        status => panic!("{status}: {}", answered.text),
    }
}

/// The type alone; data may hold numbers that serde_json has no room for.
fn lenient(item: &[u8]) -> serde_json::Value {
    let members: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_slice(item).expect("it was taken");
    let name: String = serde_json::from_str(members["type"].get()).expect("it was taken");
    serde_json::json!({ "type": name })
}

/// What was taken line by line is taken as an array too.
fn as_array(world: &mut World, body: &[u8]) {
    let items = lines(body).join(&b',');
    let array = [b"[", items.as_slice(), b"]"].concat();
    let answered = world.post("/events/batch", &array);
    assert_eq!(answered.status, 202, "{}", answered.text);
}

fn array(body: &[u8]) -> Vec<&[u8]> {
    let items: Vec<&RawValue> = serde_json::from_slice(body).expect("it was taken");
    items
        .into_iter()
        .map(|item| item.get().as_bytes())
        .collect()
}

fn lines(body: &[u8]) -> Vec<&[u8]> {
    let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).collect()
}
