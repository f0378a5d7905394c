//! TRUST's table of bad input as a table: each row a request's very bytes, what has to come of it,
//! and that a refusal leaves nothing behind and the server well.
//!
//! Rows that are more than a request and its answer have a test of their own, which
//! [`elsewhere`] names.

mod bodies;
mod access;
mod heads;
mod fields;
mod objects;
mod elsewhere;
mod extents;

use serde_json::{Value, json};

use crate::{
    api::{BASE, id, text},
    http::{Answer, Client, Wire},
    server::{Launch, Server},
};

/// The largest event: 256 KiB.
const EVENT_BYTES: usize = 256 * 1024;
/// What may be counted.
const LISTS: &[&str] = &[
    "events",
    "subscriptions",
    "keys",
    "tenants",
    "event-types",
    "replays",
];

/// The server under test, how it is asked, and what it has to begin with.
struct Desk {
    server: Server,
    client: Client,
    event: String,
    hook: String,
    /// A key that may read events and no more.
    reader: String,
    /// A key that was taken back.
    revoked: String,
}

impl Desk {
    /// As for production: nothing but public addresses may be targets.
    fn open() -> Self {
        let server = Launch::new().strict().start();
        let client = server.client();
        let never = json!({"events": ["never.sent"]});
        let hook = client.subscribe("https://example.com/hook", never);
        let read = json!({"scopes": ["events:read"]});
        let revoked = client.post("/keys", &read, 201);
        client.delete(&format!("/keys/{}", id(&revoked)), 204);
        Self {
            event: id(&client.publish("a.b", json!(1))),
            hook: id(&hook),
            reader: text(&client.post("/keys", &read, 201), "key"),
            revoked: text(&revoked, "key"),
            client,
            server,
        }
    }

    /// A publish with this body.
    fn publish(&self, number: u32, body: impl AsRef<[u8]>) -> Row {
        self.by(&self.client, number, body)
    }

    /// A publish by someone else, or with more headers.
    fn by(&self, client: &Client, number: u32, body: impl AsRef<[u8]>) -> Row {
        let body = body.as_ref();
        let request = client.request("POST", &format!("{BASE}/events"), body);
        Row::new(number, body, request)
    }

    /// A publish whose `data` is this text.
    fn data(&self, number: u32, data: impl AsRef<[u8]>) -> Row {
        let data = data.as_ref();
        let body = [b"{\"type\":\"a.b\",\"data\":", data, b"}"].concat();
        Row::new(number, data, self.publish(number, body).request)
    }

    /// A publish with this member beside type and data.
    fn member(&self, number: u32, member: &str) -> Row {
        self.publish(number, format!(r#"{{"type":"a.b","data":1,{member}}}"#))
    }

    fn call(&self, number: u32, method: &str, path: &str, body: &Value) -> Row {
        let bytes = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = (self.client).request(method, &format!("{BASE}{path}"), bytes.as_bytes());
        Row::new(number, format!("{method} {path} {bytes}"), request)
    }

    /// The head of a publish, with these headers as they are written.
    fn head(&self, number: u32, headers: &str) -> Row {
        let head = self.client.head("POST", &format!("{BASE}/events"));
        let head = format!("{head}content-type: application/json\r\n{headers}\r\n");
        Row::new(number, headers, head.into_bytes())
    }

    /// How much is stored of everything.
    fn stored(&self) -> Vec<usize> {
        let lists = LISTS.iter();
        let counts = lists.map(|list| self.client.list(&format!("/{list}?limit=1000")).len());
        counts.collect()
    }

    #[track_caller]
    fn check(&self, row: &Row) {
        let before = self.stored();
        let mut wire = Wire::open(self.server.address).expect("the server accepts connections");
        wire.push(&row.request);
        let answer = wire.answer();
        let answer = answer.unwrap_or_else(|error| panic!("{row}: no answer: {error}"));
        row.check(&answer);
        if row.closes {
            assert_eq!(answer.header("connection"), Some("close"), "{row}");
            assert!(wire.is_closed(), "{row}: the connection ends");
        }
        if row.status >= 400 {
            assert_eq!(self.stored(), before, "{row}: nothing is stored");
        }
        let well = self.server.stranger().send("GET", "/healthz", b"");
        assert_eq!(well.status, 200, "{row}: the server answers");
    }
}

/// One request, and what has to come of it.
struct Row {
    /// In TRUST's table.
    number: u32,
    what: String,
    request: Vec<u8>,
    status: u16,
    slug: &'static str,
    code: Option<&'static str>,
    closes: bool,
    holds: Option<String>,
}

impl Row {
    fn new(number: u32, what: impl AsRef<[u8]>, request: Vec<u8>) -> Self {
        let what = what.as_ref();
        let shown = String::from_utf8_lossy(&what[..what.len().min(80)]);
        Self {
            number,
            what: format!("{shown:?}"),
            request,
            status: 0,
            slug: "",
            code: None,
            closes: false,
            holds: None,
        }
    }

    /// With this after its head.
    fn then(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.request.extend_from_slice(bytes.as_ref());
        self
    }

    fn is(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn refused(mut self, status: u16, slug: &'static str) -> Self {
        (self.status, self.slug) = (status, slug);
        self
    }

    /// The code of the first fault.
    fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    fn closes(mut self) -> Self {
        self.closes = true;
        self
    }

    /// This stands in the answer.
    fn holds(mut self, text: impl Into<String>) -> Self {
        self.holds = Some(text.into());
        self
    }

    #[track_caller]
    fn check(&self, answer: &Answer) {
        let (status, text) = (answer.status, answer.text());
        assert_eq!(status, self.status, "{self}: {text}");
        for name in ["x-request-id", "content-security-policy", "referrer-policy"] {
            assert!(answer.header(name).is_some(), "{self}: {name}");
        }
        let nosniff = answer.header("x-content-type-options");
        assert_eq!(nosniff, Some("nosniff"), "{self}");
        let sent_on = |name: &str| answer.header(name).is_some_and(|v| v.contains("evil"));
        assert!(
            !sent_on("location") && !text.contains("evil.example"),
            "{self}"
        );
        if status >= 400 {
            assert_eq!(answer.problem(), self.slug, "{self}: {text}");
            assert!(text.len() < 4000, "{self}: little is repeated: {text}");
        }
        if self.code.is_some() {
            let code = &answer.json()["errors"][0]["code"];
            assert_eq!(code.as_str(), self.code, "{self}: {text}");
        }
        if status == 401 {
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"posthaste\""), "{self}");
        }
        if let Some(held) = &self.holds {
            assert!(text.contains(held), "{self}: {held} in {text}");
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}, {}", self.number, self.what)
    }
}

fn rows(desk: &Desk) -> Vec<Row> {
    [
        bodies::rows(desk),
        heads::rows(desk),
        access::rows(desk),
        fields::rows(desk),
        objects::rows(desk),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_row_of_the_table_holds() {
    let desk = Desk::open();
    for row in rows(&desk) {
        desk.check(&row);
    }
}

/// Rows 41 and 42: nobody learns what is wrong with a key.
#[test]
fn whoever_has_no_valid_key_gets_one_and_the_same_answer() {
    let desk = Desk::open();
    let rows = access::rows(&desk);
    let refused = rows.iter().filter(|row| row.status == 401);
    let answers = refused.map(|row| desk.client.raw(&row.request).text());
    let answers: std::collections::BTreeSet<String> = answers.collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn every_number_of_the_table_is_covered() {
    let desk = Desk::open();
    let here = rows(&desk).into_iter().map(|row| row.number);
    elsewhere::assert_complete(here.collect());
}
