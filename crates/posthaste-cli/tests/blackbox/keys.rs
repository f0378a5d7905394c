//! Keys from outside: where they open, when they were used, and that they are gone at once.

use serde_json::{Value, json};

use crate::{
    api::{BASE, id, text},
    http::{Client, Wire},
    server::{ADMIN_KEY, Launch, Server, posthaste},
    wait::{SOON, until},
};

fn key(admin: &Client, more: &Value) -> Value {
    let mut body = json!({"scopes": ["*"]});
    let members = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(members);
    admin.post("/keys", &body, 201)
}

fn last_use(admin: &Client, key: &Value) -> Value {
    let keys = admin.list("/keys");
    let ours = keys.iter().find(|one| one["id"] == key["id"]);
    ours.expect("it is listed")["last_used_at"].clone()
}

#[test]
fn a_key_that_is_deleted_is_gone_at_once_also_where_it_is_in_use() {
    let server = Server::start();
    let admin = server.client();
    let made = key(&admin, &json!({}));
    let client = server.stranger().with_key(&text(&made, "key"));
    let mut kept = Wire::open(server.address).expect("a connection");
    let get = client.request("GET", &format!("{BASE}/events"), b"");
    assert_eq!(kept.exchange(&get).expect("an answer").status, 200);
    let mut stream = Wire::open(server.address).expect("a connection");
    stream.push(&client.request("GET", &format!("{BASE}/events/stream"), b""));
    let head = stream.head().expect("it begins");
    assert_eq!(head.status, 200);
    admin.delete(&format!("/keys/{}", id(&made)), 204);
    assert_eq!(
        kept.exchange(&get).expect("an answer").status,
        401,
        "on the same connection"
    );
    assert!(
        stream.ends_soon(),
        "the stream ends without a message or a sign of life"
    );
}

#[test]
fn the_last_use_of_a_key_outlives_a_restart() {
    let server = Server::start();
    let admin = server.client();
    let made = key(&admin, &json!({"name": "used"}));
    assert!(last_use(&admin, &made).is_null());
    server
        .stranger()
        .with_key(&text(&made, "key"))
        .get("/events");
    let used = last_use(&admin, &made);
    assert!(used.is_string(), "{used}");
    server.terminate();
    let (status, launch) = server.ended(SOON * 2);
    assert!(status.success());
    let server = launch.start();
    assert_eq!(last_use(&server.client(), &made), used);
}

#[test]
fn a_bound_key_opens_where_a_trusted_proxy_says_and_nowhere_else() {
    let server = Server::start();
    let bound = key(
        &server.client(),
        &json!({"allowed_ips": ["203.0.113.0/24"]}),
    );
    let outside = server.stranger().with_key(&text(&bound, "key"));
    let forwarded = |client: &Client, address: &str| {
        let client = client.with("x-forwarded-for", address);
        client.call("GET", "/events", &Value::Null)
    };
    let stranger = forwarded(&outside, "203.0.113.7");
    assert_eq!(stranger.status, 401, "nobody is trusted unless it is set");
    let launch = Launch::new().with("POSTHASTE_PROXIES_TRUSTED", "127.0.0.1, 10.0.0.0/8");
    let server = launch.start();
    let bound = key(
        &server.client(),
        &json!({"allowed_ips": ["203.0.113.0/24"]}),
    );
    let proxied = server.stranger().with_key(&text(&bound, "key"));
    assert_eq!(forwarded(&proxied, "203.0.113.7").status, 200);
    assert_eq!(forwarded(&proxied, "203.0.113.7, 10.1.2.3").status, 200);
    assert_eq!(forwarded(&proxied, "203.0.113.7, 198.51.100.1").status, 401);
    let contradicted = proxied.with("forwarded", "for=203.0.113.7");
    assert_eq!(forwarded(&contradicted, "198.51.100.1").status, 401);
}

#[test]
fn guesses_are_slowed_and_a_right_key_is_not() {
    let launch = Launch::new().with("POSTHASTE_KEYS_FAILURES_PER_MIN", "5");
    let server = launch.start();
    let guess = |n: u32| {
        let guess = server.stranger().with_key(&format!("pst_{n}"));
        guess.call("GET", "/events", &Value::Null)
    };
    let answers: Vec<_> = (0..6).map(guess).collect();
    assert!(answers[..5].iter().all(|answer| answer.status == 401));
    assert_eq!(
        (answers[5].status, answers[5].problem().as_str()),
        (429, "rate-limited")
    );
    assert!(answers[5].header("retry-after").is_some());
    assert_eq!(answers[5].header("www-authenticate"), None);
    server.client().get("/events");
}

#[test]
fn the_command_line_makes_bound_keys_that_end() {
    let server = Server::start();
    let run = |arguments: &[&str]| {
        let mut command = posthaste();
        command.args(["--json", "keys"]).args(arguments);
        command.args(["--server", &server.url(), "--key", ADMIN_KEY]);
        let output = command.output().expect("the binary runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    };
    let create = ["create", "--scopes", "events:read", "--expires-in", "30d"];
    let made = run(&[
        &create[..],
        &["--allowed-ip", "127.0.0.0/8", "--allowed-ip", "::1"],
    ]
    .concat());
    let made: Value = serde_json::from_str(&made).expect("an object");
    assert_eq!(made["allowed_ips"], json!(["127.0.0.0/8", "::1/128"]));
    assert!(made["expires_at"].is_string(), "{made}");
    server
        .stranger()
        .with_key(&text(&made, "key"))
        .get("/events");
    let id = id(&made);
    until("its use is listed", SOON, || {
        let listed = run(&["list"]);
        let mut keys = listed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ours = keys.find(|key| key["id"] == id.as_str())?;
        ours["last_used_at"].is_string().then_some(())
    });
    run(&["delete", &id]);
}
