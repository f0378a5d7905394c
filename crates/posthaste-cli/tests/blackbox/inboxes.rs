//! Inboxes over real sockets: what comes is kept whatever it is, checked, and answered as it is set.

use std::time::Duration;

use data_encoding::BASE64;
use posthaste::clock::{Clock, SystemClock};
use posthaste_receiver::{Behaviour, Reply};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::{Client, Wire},
    server::{Launch, Server},
    signature::{X_WEBHOOK, x_webhook},
    sink::Sink,
    wait::{SOON, until},
};

const SECRET: &str = "a secret of sixteen bytes";

struct Inbox {
    id: String,
    path: String,
}

fn made(client: &Client, body: &Value) -> Inbox {
    let inbox = client.post("/inboxes", body, 201);
    let url = text(&inbox, "url");
    let (_, path) = url.split_once("/inbox/").expect("its place");
    Inbox {
        id: id(&inbox),
        path: format!("/inbox/{path}"),
    }
}

impl Inbox {
    /// Newest first, once there are so many.
    #[track_caller]
    fn requests(&self, client: &Client, count: usize) -> Vec<Value> {
        until(&format!("{count} requests"), SOON, || {
            let all = client.list(&format!("/inboxes/{}/requests", self.id));
            (all.len() == count).then_some(all)
        })
    }
}

#[test]
fn whatever_comes_is_kept_byte_for_byte_also_after_a_crash() {
    let server = Launch::new().start();
    let (client, stranger) = (server.client(), server.stranger());
    let inbox = made(&client, &json!({}));
    let every: Vec<u8> = (0..=255).collect();
    let mut request = format!(
        "BREW {}/a/../%2e?q=%ff&e HTTP/1.1\r\nhost: x\r\ncontent-length: 256\r\nx-bytes: ",
        inbox.path
    )
    .into_bytes();
    request.extend(0x80..=0xff_u8);
    request.extend(b"\r\n\r\n");
    request.extend(&every);
    assert_eq!(stranger.raw(&request).status, 200);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE"] {
        let mut wire = Wire::open(server.address).unwrap();
        wire.push(&stranger.request(method, &inbox.path, b""));
        assert_eq!(wire.head().unwrap().status, 200, "{method}");
    }
    let launch = server.kill();
    let server = launch.start();
    let client = server.client();
    let kept = inbox.requests(&client, 6);
    let methods: Vec<_> = kept.iter().map(|one| text(one, "method")).collect();
    assert_eq!(
        methods,
        ["DELETE", "TRACE", "OPTIONS", "HEAD", "GET", "BREW"]
    );
    let first = &kept[5];
    assert_eq!(
        (&first["path"], &first["query"]),
        (&json!("/a/../%2e"), &json!("q=%ff&e"))
    );
    assert_eq!(first["body_base64"], BASE64.encode(&every));
    assert_eq!(first["address"], "127.0.0.1");
    let header: Vec<u8> = (0x80..=0xff).collect();
    let named = first["headers"].as_array().unwrap().iter();
    let bytes = named.filter(|header| header["name"] == "x-bytes");
    let bytes: Vec<_> = bytes.map(|header| &header["value_base64"]).collect();
    assert_eq!(bytes, [&json!(BASE64.encode(&header))]);
    let unknown = server.stranger().send("POST", "/inbox/0123", b"{}");
    assert_eq!(
        (unknown.status, unknown.problem()),
        (404, "not-found".to_owned())
    );
}

#[test]
fn a_body_of_a_mebibyte_is_cut_and_still_checked_and_an_endless_one_is_refused() {
    let server = Server::start();
    let (client, stranger) = (server.client(), server.stranger());
    let inbox = made(&client, &json!({"secret": SECRET}));
    let body = vec![b'x'; 1 << 20];
    let signed = stranger.with(X_WEBHOOK, &x_webhook(SECRET, &body));
    assert_eq!(signed.send("PUT", &inbox.path, &body).status, 200);
    let head = stranger.head("PUT", &inbox.path) + "transfer-encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n", &vec![b'y'; 1 << 16][..], b"\r\n"].concat();
    let mut wire = Wire::open(server.address).unwrap();
    wire.push(head.as_bytes());
    (0..40).for_each(|_| wire.push(&chunk));
    let refused = wire.answer().unwrap();
    assert_eq!(
        (refused.status, refused.header("connection")),
        (413, Some("close"))
    );
    let kept = inbox.requests(&client, 2);
    assert_eq!(
        kept[1]["verification"]["valid"], true,
        "{}",
        kept[1]["verification"]
    );
    assert_eq!(
        (&kept[1]["body_bytes"], &kept[1]["incomplete"]),
        (&json!(1 << 20), &json!(false))
    );
    assert_eq!(kept[1]["body"].as_str().unwrap().len(), 256 << 10);
    assert_eq!(
        (&kept[0]["answered"], &kept[0]["incomplete"]),
        (&json!(413), &json!(true))
    );
}

#[test]
fn a_wrong_secret_shows_and_says_why() {
    let server = Server::start();
    let (client, stranger) = (server.client(), server.stranger());
    let inbox = made(&client, &json!({"secret": "quite another secret"}));
    let signed = stranger.with(X_WEBHOOK, &x_webhook(SECRET, b"{}"));
    assert_eq!(signed.send("POST", &inbox.path, b"{}").status, 200);
    let kept = inbox.requests(&client, 1);
    let verdict = &kept[0]["verification"];
    assert_eq!(verdict["valid"], false);
    let why = text(&verdict["schemes"][0], "reason");
    assert!(why.starts_with("no signature matches"), "{why}");
    assert!(
        !kept[0].to_string().contains("quite another"),
        "{}",
        kept[0]
    );
}

#[test]
fn a_server_without_loopback_delivers_to_its_own_inbox_and_nowhere_else_here() {
    let server = Launch::new().strict().start();
    let client = server.client();
    let inbox = made(&client, &json!({"subscribe": {"events": ["a.*"]}}));
    let event = client.publish("a.b", json!({"n": 1}));
    client.delivery_when(&client.delivery_of(&event), "delivered");
    let kept = inbox.requests(&client, 1);
    assert_eq!(
        (&kept[0]["via"], &kept[0]["verification"]["valid"]),
        (&json!("direct"), &json!(true))
    );
    for path in ["/inbox/0123", "/inbox/", "/api/v1/webhooks", "/inbox"] {
        let url = json!({"url": format!("{}{path}", server.url())});
        let refused = client.call("POST", "/subscriptions", &url);
        assert_eq!(
            (refused.status, refused.problem()),
            (422, "invalid-url".to_owned()),
            "{path}"
        );
    }
    let traversal = format!(
        "{}{}/../../api/v1/webhooks/events",
        server.url(),
        inbox.path
    );
    let refused = client.call("POST", "/subscriptions", &json!({ "url": traversal }));
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[test]
fn an_answer_is_set_and_a_delay_ends_when_the_server_stops() {
    let server = Server::start();
    let (client, stranger) = (server.client(), server.stranger());
    let answer = json!({"status": 503, "retry_after_s": 7, "body": "later"});
    let inbox = made(&client, &json!({ "answer": answer }));
    let answer = stranger.send("POST", &inbox.path, b"{}");
    assert_eq!((answer.status, answer.text().as_str()), (503, "later"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    let slow = json!({"answer": {"status": 200, "delay_ms": 30_000}});
    client.patch(&format!("/inboxes/{}", inbox.id), &slow);
    let clock = SystemClock::new();
    let mut wire = Wire::open(server.address).unwrap();
    wire.push(&stranger.request("POST", &inbox.path, b"{}"));
    inbox.requests(&client, 2);
    server.terminate();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert!(
        clock.elapsed() < Duration::from_secs(20),
        "{:?}",
        clock.elapsed()
    );
    let (status, _) = server.ended(SOON);
    assert!(status.success(), "{status}");
}

#[test]
fn an_inbox_of_another_tenant_is_not_there() {
    let server = Server::start();
    let client = server.client();
    let inbox = made(&client, &json!({}));
    client.post("/tenants", &json!({"id": "acme"}), 201);
    let acme = client.with("posthaste-tenant", "acme");
    let path = format!("/inboxes/{}", inbox.id);
    for (method, path) in [
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("GET", format!("{path}/requests")),
        ("GET", format!("{path}/requests/stream")),
        ("DELETE", path),
    ] {
        let body = if method == "PATCH" {
            json!({})
        } else {
            Value::Null
        };
        assert_eq!(
            acme.call(method, &path, &body).status,
            404,
            "{method} {path}"
        );
    }
}

#[test]
fn a_url_at_webhook_site_is_asked_for_over_the_wire() {
    let site = Sink::start();
    let token = Reply::status(201).body(r#"{"uuid":"0a1b-2c"}"#);
    site.always(Behaviour::from(token));
    let launch = Launch::new().with("POSTHASTE_WEBHOOK_SITE_URL", &site.at("/site"));
    let server = launch.start();
    let client = server.client();
    let made = client.post(
        "/inboxes",
        &json!({"kind": "webhook.site", "subscribe": {}}),
        201,
    );
    assert_eq!(text(&made, "url"), site.at("/site/0a1b-2c"));
    assert_eq!(text(&made, "view_url"), site.at("/site/#!/view/0a1b-2c"));
    let event = client.publish("a.b", json!(1));
    client.delivery_when(&client.delivery_of(&event), "delivered");
    let came = site.wait_for(2);
    let paths: Vec<_> = came.iter().map(|came| came.path().to_owned()).collect();
    assert_eq!(paths, ["/site/token", "/site/0a1b-2c"]);
    let launch = server.kill();
    let strict = launch.strict().start();
    let refused = strict
        .client()
        .call("POST", "/inboxes", &json!({"kind": "webhook.site"}));
    assert_eq!(
        (refused.status, refused.problem()),
        (502, "upstream-failed".to_owned())
    );
}
