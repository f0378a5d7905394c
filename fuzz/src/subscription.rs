//! Subscriptions: what is made reads back the same, can be set to what it shows, and never shows
//! its secret.

use std::collections::BTreeMap;

use super::{
    naive::Naive,
    world::{self, World},
};

/// What cannot be set, and what shows as asterisks.
const NOT_SET: &[&str] = &[
    "id",
    "status_reason",
    "health",
    "created_at",
    "updated_at",
    "secret",
    "headers",
    "auth",
    "tls",
];

pub fn judge(body: &[u8]) {
    world::with(|world| {
        let made = world.post("/subscriptions", body);
        match made.status {
            201 => {
                let made = members(&made.text);
                let Naive::Text(id) = &made["id"] else {
                    panic!("an id is text");
                };
                let path = format!("/subscriptions/{id}");
                shown(world, &path, made);
                set(world, &path);
                let deleted = world.send("DELETE", &path, "application/json", &[]);
                assert_eq!((deleted.status, world.get(&path).status), (204, 404));
            }
            400 | 409 | 413 | 422 => {
                let list = members(&world.get("/subscriptions").text);
                assert_eq!(
                    list["data"],
                    Naive::List(Vec::new()),
                    "a refusal leaves no row"
                );
            }
            status => panic!("{status}: {}", made.text),
        }
    });
}

/// An answer's, with numbers as they were written: a filter may hold some that are beyond 64 bits.
fn members(text: &str) -> BTreeMap<String, Naive> {
    match Naive::read(text.as_bytes()) {
        Ok(Naive::Object(members)) => members,
        other => panic!("{other:?}: {text}"),
    }
}

/// It reads as the answer that made it, less the secret, which is revealed when asked for.
fn shown(world: &mut World, path: &str, mut made: BTreeMap<String, Naive>) {
    let secret = made.remove("secret").expect("it is shown once");
    assert_eq!(members(&world.get(path).text), made);
    let revealed = members(&world.get(&format!("{path}/secret")).text);
    assert_eq!(revealed["secret"], secret);
}

/// Every member can be set to what is shown of it, and nothing changes.
fn set(world: &mut World, path: &str) {
    let settable = |text: &str| {
        let mut members = members(text);
        members.retain(|name, _| !NOT_SET.contains(&name.as_str()));
        Naive::Object(members)
    };
    let before = settable(&world.get(path).text);
    let changed = world.send(
        "PATCH",
        path,
        "application/json",
        before.written().as_bytes(),
    );
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(settable(&changed.text), before);
}
