//! Secrets of every kind are put in; then none of them is anywhere but in the answers that are made
//! to show it. A new kind is a row of [`Canaries`], a new place a call of [`Search::look`].

use std::{path::Path, time::Duration};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use posthaste::clock::{Clock, SystemClock};
use posthaste_receiver::Behaviour;
use posthaste_sqlite::{Options, SqliteStore};
use posthaste_store::{
    Store,
    keyring::{MasterKey, MasterKeySource},
};
use serde_json::{Value, json};

use crate::{
    api::{BASE, id, text},
    http::{Answer, Client, Wire},
    server::{ADMIN_KEY, Launch, Server},
    sink::Sink,
    wait::{SOON, until},
};

const MASTER_KEY: [u8; 32] = *b"canary: the master key, 32 bytes";
const GIVEN: &str = "canary: the given secret 5a1f";
const ROTATED: &str = "canary: the rotated secret 7e92";
const DELETED: &str = "canary: a deleted subscription's secret 03cd";
const OTHER_TENANTS: &str = "canary: another tenant's secret b860";
const VERIFIED: &str = "canary: a secret that was verified with 41e7";
const REFUSED: &str = "whsec_canary+a+secret+that+was+refused+d95e";
const TOKEN: &str = "canary-a-receivers-token-9c33";
const HEADER: &str = "canary: a receiver's header 61b8";
const PASSWORD: &str = "canary: a receiver's password 2fd0";
const INBOX: &str = "canary: an inbox's secret 90b4";
const WRONG_KEY: &str = "pst_canaryAKeyThatOpensNothing0123456789abcd";

/// A route that shows a secret because it was asked to.
const REVEALS: &[&str] = &["/api/v1/webhooks/subscriptions/{id}/secret"];

/// What must be nowhere: its kind, and its bytes.
struct Canaries(Vec<(&'static str, Vec<u8>)>);

/// What its receiver is shown, and nobody else.
const RECEIVERS: &[&str] = &["a receiver's token", "a receiver's header"];

impl Canaries {
    fn new() -> Self {
        let mut known = Self(Vec::new());
        known.add("the master key", &MASTER_KEY);
        known.add("the admin key", ADMIN_KEY.as_bytes());
        known.add("a given secret", GIVEN.as_bytes());
        known.add("a rotated secret", ROTATED.as_bytes());
        known.add("a deleted subscription's secret", DELETED.as_bytes());
        known.add("another tenant's secret", OTHER_TENANTS.as_bytes());
        known.add("a secret that was verified with", VERIFIED.as_bytes());
        known.add("a secret that was refused", REFUSED.as_bytes());
        known.add("a key that was refused", WRONG_KEY.as_bytes());
        known.add("an inbox's secret", INBOX.as_bytes());
        known.add("a receiver's token", TOKEN.as_bytes());
        known.add("a receiver's header", HEADER.as_bytes());
        known.add("a receiver's password", PASSWORD.as_bytes());
        let basic = BASE64.encode(format!("user:{PASSWORD}").as_bytes());
        known.add("a receiver's password", basic.as_bytes());
        known
    }

    fn add(&mut self, kind: &'static str, secret: &[u8]) {
        self.0.push((kind, secret.to_vec()));
    }

    fn less(&self, kinds: &[&str]) -> Self {
        let others = self.0.iter().filter(|(kind, _)| !kinds.contains(kind));
        Self(others.cloned().collect())
    }

    /// One that was made, in an answer to whoever asked for it.
    fn made(&mut self, kind: &'static str, answer: &Value, member: &str) -> String {
        let secret = text(answer, member);
        self.add(kind, secret.as_bytes());
        if let Some(key) = secret.strip_prefix("whsec_") {
            self.add(kind, &BASE64.decode(key.as_bytes()).expect("base64"));
        }
        secret
    }
}

/// The forms in which a secret may be written by mistake.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let debugged = format!("{secret:?}");
    let inside = debugged.trim_matches(['[', ']']);
    let forms = [
        BASE64.encode(secret).trim_end_matches('=').to_owned(),
        BASE64URL_NOPAD.encode(secret),
        HEXLOWER.encode(secret),
        inside.to_owned(),
    ];
    let forms = forms.map(String::into_bytes);
    std::iter::once(secret.to_vec()).chain(forms).collect()
}

/// What was looked through, and what was found.
struct Search<'a> {
    canaries: &'a Canaries,
    leaks: Vec<String>,
    places: usize,
}

impl<'a> Search<'a> {
    fn of(canaries: &'a Canaries) -> Self {
        Self {
            canaries,
            leaks: Vec::new(),
            places: 0,
        }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        self.places += 1;
        for (kind, secret) in &self.canaries.0 {
            let is_in = |form: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form);
            if forms(secret).iter().any(is_in) {
                self.leaks.push(format!("{kind} is in {place}"));
            }
        }
    }

    fn answer(&mut self, place: &str, answer: &Answer) {
        let head = format!("{:?}", answer.headers);
        self.look(&format!("the head of {place}"), head.as_bytes());
        self.look(place, &answer.body);
    }

    fn files(&mut self, when: &str, directory: &Path) {
        for entry in std::fs::read_dir(directory).expect("the data directory") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("a file");
            self.look(&format!("{} {when}", path.display()), &bytes);
        }
    }

    #[track_caller]
    fn found_nothing(&self, places_min: usize) {
        assert!(self.leaks.is_empty(), "{:#?}", self.leaks);
        let places = self.places;
        assert!(places >= places_min, "{places} places were looked at");
    }
}

/// As in production: nothing is printed to be helpful, and all there is is logged.
fn launch() -> Launch {
    Launch::new()
        .in_production()
        .with("POSTHASTE_EGRESS_ALLOW", "127.0.0.0/8")
        .with("POSTHASTE_EGRESS_ALLOW_HTTP", "true")
        .with("POSTHASTE_LOG", "trace")
        .with("POSTHASTE_SECRETS_MASTER_KEY", &BASE64.encode(&MASTER_KEY))
}

/// A day in the life of a server: the ids of what there is now.
struct Known {
    subscription: String,
    event: String,
    delivery: String,
    replay: String,
    key: String,
    inbox: String,
}

fn live(client: &Client, sink: &Sink, canaries: &mut Canaries) -> Known {
    client.post("/event-types", &json!({"type": "a.b"}), 201);
    let retry = json!({"schedule_s": [0.05], "jitter": 0});
    let more = json!({"secret": GIVEN, "retry": retry, "external_id": "one"});
    let subscription = id(&client.subscribe(&sink.url(), more));
    let path = format!("/subscriptions/{subscription}");
    let made = client.subscribe(&sink.at("/made"), json!({}));
    canaries.made("a made secret", &made, "secret");
    receivers(client, sink, canaries);
    let inbox = inbox(client);
    let gone = client.subscribe(&sink.at("/gone"), json!({"secret": DELETED}));
    let event = client.publish("a.b", json!({"n": 1}));
    client.delete(&format!("/subscriptions/{}", id(&gone)), 204);
    let rotation = json!({"secret": ROTATED, "overlap_s": 3600});
    client.post(&format!("{path}/rotate-secret"), &rotation, 200);
    let rotated = client.post(
        &format!("/subscriptions/{}/rotate-secret", id(&made)),
        &Value::Null,
        200,
    );
    canaries.made("a secret that was made by a rotation", &rotated, "secret");
    client.patch(&path, &json!({"description": "changed"}));
    client.call("PATCH", &path, &json!({"secret": REFUSED}));
    sink.always(Behaviour::status(500));
    let failing = client.publish("a.b", json!({"n": 2}));
    let filter = format!("event={}&subscription={subscription}", id(&failing));
    let delivery = id(&client.deliveries_when(&filter, 1)[0]);
    client.delivery_when(&delivery, "failed");
    sink.always(Behaviour::status(200));
    client.post(
        &format!("/deliveries/{delivery}/redeliver"),
        &Value::Null,
        202,
    );
    client.delivery_when(&delivery, "delivered");
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    client.post(&format!("{path}/test"), &Value::Null, 202);
    let window = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let replay = json!({"since": window.0, "until": window.1});
    let replay = client.post("/replays", &replay, 202);
    Known {
        subscription,
        event: id(&event),
        delivery,
        replay: id(&replay),
        key: keys(client, canaries),
        inbox,
    }
}

/// What receivers ask for beside a signature.
fn receivers(client: &Client, sink: &Sink, canaries: &mut Canaries) {
    let asked = json!({"headers": {"x-code": {"secret": HEADER}}, "auth": {"bearer": TOKEN}});
    client.subscribe(&sink.at("/asks"), asked);
    let basic = json!({"basic": {"username": "user", "password": PASSWORD}});
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    canaries.add("a client certificate's key", key.serialized_der());
    let pem = key.serialize_pem();
    let line = pem.lines().nth(1).expect("a line of base64");
    canaries.add("a client certificate's key", line.as_bytes());
    let tls = json!({"client_cert_pem": certificate, "client_key_pem": pem});
    let more = json!({"auth": basic, "tls": tls, "events": ["never"]});
    client.subscribe("https://example.com/mtls", more);
    let pair = json!({"algorithm": "ed25519", "schemes": ["standard"], "events": ["never"]});
    let made = client.subscribe("https://example.com/v1a", pair);
    canaries.made("an Ed25519 key", &made, "secret");
}

/// One that is sent what a receiver asks for.
fn inbox(client: &Client) -> String {
    let inbox = client.post("/inboxes", &json!({"secret": INBOX}), 201);
    let asked = json!({
        "headers": {"x-code": {"secret": HEADER}},
        "auth": {"bearer": TOKEN},
        "events": ["a.inbox"],
    });
    client.subscribe(&text(&inbox, "url"), asked);
    client.publish("a.inbox", json!(1));
    let requests = format!("/inboxes/{}/requests", id(&inbox));
    let kept = until("it is kept", SOON, || client.list(&requests).pop());
    assert!(kept.to_string().contains("***"), "{kept}");
    id(&inbox)
}

fn keys(client: &Client, canaries: &mut Canaries) -> String {
    let new = json!({"name": "one", "scopes": ["*"]});
    let one = client.post("/keys", &new, 201);
    let value = canaries.made("a tenant's key", &one, "key");
    Client::new(client.address).with_key(&value).get("/events");
    let platform = json!({"scopes": ["*"], "platform": true});
    let platform = client.post("/keys", &platform, 201);
    canaries.made("a platform's key", &platform, "key");
    let revoked = client.post("/keys", &new, 201);
    canaries.made("a revoked key", &revoked, "key");
    client.delete(&format!("/keys/{}", id(&revoked)), 204);
    client.post("/tenants", &json!({"id": "acme"}), 201);
    let acme = client.with("posthaste-tenant", "acme");
    let secret = json!({"secret": OTHER_TENANTS});
    acme.subscribe("https://example.com/hook", secret);
    id(&one)
}

/// What is refused, and what only looks: their answers are searched.
fn mistakes(client: &Client, search: &mut Search<'_>) {
    let stranger = Client::new(client.address).with_key(WRONG_KEY);
    let path = |rest: &str| format!("{BASE}{rest}");
    search.answer("a 401", &stranger.send("GET", &path("/events"), b""));
    for secret in [REFUSED, "short canary"] {
        let body = json!({"url": "https://example.com/x", "secret": secret}).to_string();
        let refused = client.send("POST", &path("/subscriptions"), body.as_bytes());
        assert_eq!(refused.status, 422, "{}", refused.text());
        search.answer("a 422", &refused);
    }
    let broken = format!("{{\"secret\":\"{GIVEN}\"");
    let refused = client.send("POST", &path("/subscriptions"), broken.as_bytes());
    search.answer("a 400", &refused);
    let asked = json!({
        "scheme": "x-webhook",
        "headers": {"x-webhook-signature": "sha256=00"},
        "body": "{}",
        "secret": VERIFIED,
    });
    let verified = client.send("POST", &path("/verify"), asked.to_string().as_bytes());
    assert_eq!(verified.status, 200, "{}", verified.text());
    search.answer("the answer of /verify", &verified);
}

/// Every GET of the document, asked about what there is.
fn every_get(client: &Client, known: &Known, search: &mut Search<'_>) {
    let document = client.send("GET", "/openapi.json", b"").json();
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() || REVEALS.contains(&path.as_str()) {
            continue;
        }
        let asked = named(path, known);
        if path.ends_with("/stream") {
            search.look(path, stream(client, &asked).as_bytes());
            continue;
        }
        let answer = client.send("GET", &asked, b"");
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text());
        search.answer(path, &answer);
    }
}

fn named(path: &str, known: &Known) -> String {
    let object = match path {
        path if path.contains("/subscriptions/") => &known.subscription,
        path if path.contains("/events/") => &known.event,
        path if path.contains("/deliveries/") => &known.delivery,
        path if path.contains("/replays/") => &known.replay,
        path if path.contains("/keys/") => &known.key,
        path if path.contains("/inboxes/") => &known.inbox,
        _ => &known.subscription,
    };
    path.replace("{id}", object)
        .replace("{webhook_id}", &known.subscription)
        .replace("{tenant}", "acme")
        .replace("{type}", "a.b")
        .replace("{version}", "1")
}

/// The head of a stream, and what it says first.
fn stream(client: &Client, path: &str) -> String {
    let mut wire = Wire::open(client.address).expect("a connection");
    let after = if path.contains("/events/") {
        "?after=0"
    } else {
        ""
    };
    wire.push(&client.request("GET", &format!("{path}{after}"), b""));
    wire.first_line().expect("an answer")
}

#[test]
fn no_secret_is_anywhere_but_where_it_is_asked_for() {
    let sink = Sink::start();
    let launch = launch();
    let server = launch.start();
    let mut canaries = Canaries::new();
    let known = live(&server.client(), &sink, &mut canaries);
    let mut search = Search::of(&canaries);
    mistakes(&server.client(), &mut search);
    every_get(&server.client(), &known, &mut search);
    search.files("while it runs", &launch.data_dir());
    revealed(&server, &known);
    let said = ended(server);
    search.look("its log", said.as_bytes());
    search.files("after it ended", &launch.data_dir());
    search.found_nothing(60);
    arrivals(&sink, &canaries.less(RECEIVERS));
    let mut own = Canaries(Vec::new());
    own.add("the cursor key", &cursor_key(&launch));
    let mut search = Search::of(&own);
    search.look("its log", said.as_bytes());
    search.files("after it ended", &launch.data_dir());
    search.found_nothing(2);
}

/// What receivers were shown, but for what they ask for.
fn arrivals(sink: &Sink, canaries: &Canaries) {
    let mut search = Search::of(canaries);
    for arrival in sink.arrivals() {
        let head = format!("{:?}", arrival.headers());
        search.look("a receiver's request", head.as_bytes());
        search.look("a receiver's request", &arrival.body);
    }
    search.found_nothing(10);
}

/// The search finds what is there: the route that reveals.
fn revealed(server: &Server, known: &Known) {
    let path = format!("{BASE}/subscriptions/{}/secret", known.subscription);
    let answer = server.client().send("GET", &path, b"");
    let canaries = Canaries::new();
    let mut search = Search::of(&canaries);
    search.answer("the reveal", &answer);
    assert_eq!(search.leaks, ["a rotated secret is in the reveal"]);
}

fn ended(server: Server) -> String {
    server.terminate();
    let said = server.said_to_the_end(Duration::from_secs(20));
    assert!(said.contains("stopped"), "{said}");
    said
}

/// Nothing outside shows it, so the store is asked.
fn cursor_key(launch: &Launch) -> [u8; 32] {
    let key: MasterKey = BASE64.encode(&MASTER_KEY).parse().expect("a key");
    let from = String::from("this test");
    let options = Options {
        master_key: Some(MasterKeySource::Given { key, from }),
        ..Options::default()
    };
    let path = launch.data_dir().join("posthaste.db");
    let store = SqliteStore::open_with(path, &options, SystemClock::new().now());
    *store.expect("it opens").identity().cursor_key
}
