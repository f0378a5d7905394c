//! A publish: what is accepted is kept byte for byte, what is refused leaves nothing.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{naive::Naive, world};

pub fn judge(body: &[u8]) {
    world::with(|world| {
        let before = world.newest_event();
        let answered = world.post("/events", body);
        match answered.status {
            202 => {
                let id = answered.body["id"].as_str().expect("an event has an id");
                let read = world.get(&format!("/events/{id}"));
                assert_eq!(read.status, 200);
                kept(body, &read.text);
                assert_ne!(before.as_deref(), Some(id));
            }
            400 | 422 => {
                assert!(!is_plain(body), "{}", answered.text);
                assert_eq!(world.newest_event(), before, "a refusal leaves no row");
            }
            413 => assert!(body.len() > 256 * 1024),
            status => panic!("{status}: {}", answered.text),
        }
    });
}

/// Type and data are those that were sent.
fn kept(sent: &[u8], read: &str) {
    let sent: BTreeMap<String, &RawValue> = serde_json::from_slice(sent).expect("it was taken");
    let read: BTreeMap<String, &RawValue> = serde_json::from_str(read).expect("it is JSON");
    assert_eq!(sent["data"].get(), read["data"].get());
    for name in [
        "type",
        "source",
        "correlation_id",
        "ordering_key",
        "version",
        "metadata",
    ] {
        let value = |raw: &&RawValue| Naive::read(raw.get().as_bytes()).expect("it was taken");
        let null = Naive::Plain("null".to_owned());
        let sent = sent.get(name).map_or(null, value);
        assert_eq!(sent, value(&read[name]), "{name}");
    }
}

/// A valid type and any data, and nothing else: there is no reason to refuse it.
fn is_plain(body: &[u8]) -> bool {
    let Ok(whole @ Naive::Object(_)) = Naive::read(body) else {
        return false;
    };
    let shallow = whole.depth() <= 100;
    let Naive::Object(members) = whole else {
        return false;
    };
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let typed = members.get("type").is_some_and(|name| match name {
        Naive::Text(name) => name.split('.').all(word) && name.len() <= 100,
        _ => false,
    });
    let own =
        !matches!(members.get("type"), Some(Naive::Text(name)) if name.starts_with("posthaste."));
    shallow && typed && own && members.len() == 2 && members.contains_key("data")
}
