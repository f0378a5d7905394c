//! Receivers that ask for more than a signature: client certificates, authorities of their own,
//! credentials, headers. Every request is signed all the same.

use std::{
    collections::{HashMap, HashSet},
    process::Output,
};

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    server::{ADMIN_KEY, Server, posthaste},
    signature::assert_signed,
    sink::Sink,
    tls_front::{Authority, Identity, TlsFront},
};

fn tls(authority: &Authority, identity: &Identity) -> Value {
    json!({
        "ca_pem": authority.pem(),
        "client_cert_pem": identity.pem(),
        "client_key_pem": identity.key_pem(),
    })
}

#[test]
fn a_receiver_that_demands_a_client_certificate_gets_signed_deliveries() {
    let (server, sink) = (Server::start(), Sink::start());
    let (authority, clients) = (Authority::new(), Authority::new());
    let front = TlsFront::start(&sink, &authority, &clients);
    let client = server.client();
    let own = clients.certify("sender");
    let made = client.subscribe(&front.url(), json!({"tls": tls(&authority, &own)}));
    assert_eq!(made["tls"]["client_key_pem"], "***");
    assert_eq!(made["tls"]["client_cert_pem"], own.pem());
    let event = client.publish("a.b", json!(1));
    assert_signed(&sink.wait_for(1)[0], &text(&made, "secret"));
    assert_eq!(front.connections_of(&own), 1);
    client.delivery_when(&client.delivery_of(&event), "delivered");

    // What was shown may come back, and the identity outlives the process.
    let path = format!("/subscriptions/{}", id(&made));
    client.patch(&path, &json!({"tls": made["tls"]}));
    let server = server.kill().start();
    let client = server.client();
    let event = client.publish("a.b", json!(2));
    client.delivery_when(&client.delivery_of(&event), "delivered");
    // A kill may have lost the first outcome, and then that one comes once more.
    assert!(front.connections_of(&own) >= 2);
}

#[test]
fn without_the_right_certificate_or_authority_it_is_a_tls_failure() {
    let (server, sink) = (Server::start(), Sink::start());
    let (authority, clients) = (Authority::new(), Authority::new());
    let front = TlsFront::start(&sink, &authority, &clients);
    let client = server.client();
    let stranger = Authority::new().certify("stranger");
    let settings = [
        json!({"ca_pem": clients.pem()}),
        json!({"ca_pem": authority.pem()}),
        tls(&authority, &stranger),
        Value::Null,
    ];
    for settings in settings {
        let made = client.subscribe(&front.url(), json!({"tls": settings, "retry": "none"}));
        let event = client.publish("a.b", json!(1));
        let failed = client.delivery_when(&client.delivery_of(&event), "failed");
        let error = text(&failed, "last_error");
        assert!(error.starts_with("tls: "), "{error}");
        client.delete(&format!("/subscriptions/{}", id(&made)), 204);
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn two_subscriptions_to_one_origin_never_share_a_connection() {
    let (server, sink) = (Server::start(), Sink::start());
    let (authority, clients) = (Authority::new(), Authority::new());
    let front = TlsFront::start(&sink, &authority, &clients);
    let client = server.client();
    let (one, other) = (clients.certify("one"), clients.certify("other"));
    for (name, identity) in [("one", &one), ("other", &other)] {
        let url = format!("{}?{name}", front.url());
        client.subscribe(&url, json!({"tls": tls(&authority, identity)}));
    }
    for n in 1..=5 {
        client.publish("a.b", json!(n));
        sink.wait_for(2 * n);
    }
    let mut users: HashMap<u64, HashSet<String>> = HashMap::new();
    for arrival in sink.arrivals() {
        let of_one = users.entry(arrival.connection).or_default();
        of_one.insert(arrival.path().to_owned());
    }
    assert!(users.values().all(|paths| paths.len() == 1), "{users:?}");
    let shown = front.connections_of(&one) + front.connections_of(&other);
    assert_eq!(shown, users.len());
}

#[test]
fn tls_settings_are_judged_when_they_are_set() {
    let server = Server::start();
    let client = server.client();
    let authority = Authority::new();
    let (one, other) = (authority.certify("one"), authority.certify("other"));
    let expired = authority.certify_until("expired", 2020);
    let made = client.subscribe("https://localhost:9443/", json!({}));
    let path = format!("/subscriptions/{}", id(&made));
    let check = |tls: Value, pointer: &str, code: &str| {
        let body = json!({"url": "https://localhost:9443/", "tls": tls});
        for (method, path) in [("POST", "/subscriptions"), ("PATCH", path.as_str())] {
            let problem = client.call(method, path, &body).expect(422);
            let error = &problem["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(code))
            );
        }
    };
    let pair = |cert: &str, key: &str| json!({"client_cert_pem": cert, "client_key_pem": key});
    check(
        pair(&one.pem(), &other.key_pem()),
        "/tls/client_key_pem",
        "key_mismatch",
    );
    check(
        pair(&one.pem(), "x"),
        "/tls/client_key_pem",
        "invalid_private_key",
    );
    check(
        pair("x", &one.key_pem()),
        "/tls/client_cert_pem",
        "invalid_certificate",
    );
    let both = one.pem() + &one.key_pem();
    check(
        pair(&both, &one.key_pem()),
        "/tls/client_cert_pem",
        "private_key_in_certificate",
    );
    let over = pair(&expired.pem(), &expired.key_pem());
    check(over, "/tls/client_cert_pem", "certificate_expired");
    let plain = json!({"url": "http://127.0.0.1:8999/", "tls": pair(&one.pem(), &one.key_pem())});
    let problem = client.call("POST", "/subscriptions", &plain).expect(422);
    assert_eq!(problem["errors"][0]["code"], "https_only");
    client.patch(&path, &json!({"tls": pair(&one.pem(), &one.key_pem())}));
    let moved = client.call("PATCH", &path, &json!({"url": "http://127.0.0.1:8999/"}));
    assert_eq!(moved.expect(422)["errors"][0]["pointer"], "/tls");
}

#[test]
fn credentials_and_headers_arrive_and_are_shown_to_nobody() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let basic = json!({
        "auth": {"basic": {"username": "Aladdin", "password": "open sesame"}},
        "headers": {"X-Api-Key": "canary-key", "X-Team": "blue"},
    });
    let made = client.subscribe(&sink.at("/basic"), basic);
    client.subscribe(
        &sink.at("/bearer"),
        json!({"auth": {"bearer": "canary-token"}}),
    );
    // A receiver that answers with what it got.
    let echo = "canary-key canary-token QWxhZGRpbjpvcGVuIHNlc2FtZQ== open sesame";
    sink.always(
        posthaste_receiver::Reply::status(200)
            .body(echo)
            .header("x-echo", echo)
            .into(),
    );
    let event = client.publish("a.b", json!(1));
    let arrivals = sink.wait_for(2);
    let header = |path: &str, name: &str| {
        let arrival = arrivals.iter().find(|arrival| arrival.path() == path);
        arrival.expect("it came").header(name).map(str::to_owned)
    };
    let sent = |value: &str| Some(value.to_owned());
    assert_eq!(
        header("/basic", "authorization"),
        sent("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
    assert_eq!(header("/basic", "x-api-key"), sent("canary-key"));
    assert_eq!(header("/basic", "x-team"), sent("blue"));
    assert_eq!(
        header("/bearer", "authorization"),
        sent("Bearer canary-token")
    );
    let basics = arrivals.iter().find(|arrival| arrival.path() == "/basic");
    assert_signed(basics.expect("it came"), &text(&made, "secret"));

    let deliveries = client.list(&format!("/events/{}/deliveries", id(&event)));
    for delivery in &deliveries {
        client.delivery_when(&id(delivery), "delivered");
        let attempts = client.get(&format!("/deliveries/{}/attempts", id(delivery)));
        let attempt = &attempts["data"][0];
        assert_eq!(
            attempt["request_headers"]["authorization"], "***",
            "{attempt}"
        );
        let own = ["open sesame", "QWxhZGRpbjpvcGVu", "canary-key"];
        let others = ["canary-token"];
        let of_basic = attempt["request_headers"]["x-api-key"] == "***";
        for secret in if of_basic { &own[..] } else { &others[..] } {
            assert!(!attempt.to_string().contains(secret), "{secret}: {attempt}");
        }
    }
    let said = server.said();
    for secret in ["canary", "open sesame", "QWxhZGRpbjpvcGVu"] {
        assert!(!said.contains(secret), "{said}");
    }
}

fn run(server: &Server, arguments: &[&str]) -> Output {
    let mut command = posthaste();
    command.args(["--json", "subscriptions"]).args(arguments);
    command.args(["--server", &server.url(), "--key", ADMIN_KEY]);
    command.output().expect("the binary runs")
}

#[track_caller]
fn done(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("a JSON line")
}

#[test]
fn the_command_line_sets_what_receivers_ask_for() {
    let (server, sink) = (Server::start(), Sink::start());
    let (authority, clients) = (Authority::new(), Authority::new());
    let front = TlsFront::start(&sink, &authority, &clients);
    let own = clients.certify("sender");
    let files = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: String| {
        let path = files.path().join(name);
        std::fs::write(&path, text).expect("it is written");
        path.to_string_lossy().into_owned()
    };
    let (ca, cert) = (file("ca.pem", authority.pem()), file("me.pem", own.pem()));
    let key = file("me.key", own.key_pem());
    let basic = format!("ada:@{}", file("password", "love:lace\n".to_owned()));
    let made = done(&run(
        &server,
        &[
            "create",
            &front.url(),
            "--ca-file",
            &ca,
            "--client-cert",
            &cert,
            "--client-key",
            &key,
            "--basic",
            &basic,
            "--header",
            "X-Team: blue",
            "--secret-header",
            "X-Pin: 123456",
        ],
    ));
    server.client().publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    let header = |name| arrival.header(name);
    assert_eq!(header("authorization"), Some("Basic YWRhOmxvdmU6bGFjZQ=="));
    assert_eq!(
        (header("x-team"), header("x-pin")),
        (Some("blue"), Some("123456"))
    );
    let shown = json!({"X-Pin": "***", "X-Team": "blue"});
    assert_eq!(made["headers"], shown);
    let id = id(&made);
    let changed = done(&run(
        &server,
        &["update", &id, "--no-auth", "--header", "none"],
    ));
    assert_eq!(
        (&changed["auth"], &changed["headers"]),
        (&Value::Null, &json!({}))
    );
    let half = run(&server, &["update", &id, "--client-cert", &cert]);
    assert_eq!(half.status.code(), Some(2));
}
