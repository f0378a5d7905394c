//! Queries and cursors of lists: an unknown or repeated parameter is refused, and so is every cursor
//! that was not given for this very list.

use data_encoding::HEXUPPER;

use super::{parts, world};

const LISTS: &[(&str, &[&str])] = &[
    ("/events", &["type", "since", "until", "correlation_id"]),
    (
        "/deliveries",
        &[
            "status",
            "subscription",
            "event",
            "type",
            "since",
            "until",
            "error",
        ],
    ),
    ("/subscriptions", &["status", "url", "external_id"]),
    ("/event-types", &[]),
    ("/replays", &[]),
];

/// A list's number in one byte, a query in one line, then what is done to a real cursor.
pub fn judge(input: &[u8]) {
    let Some((&list, rest)) = input.split_first() else {
        return;
    };
    let (query, mask) = parts::line(rest);
    let (path, filters) = LISTS[usize::from(list) % LISTS.len()];
    asked(path, filters, query);
    cursor(mask);
}

fn asked(path: &str, filters: &[&str], query: &[u8]) {
    // As it stands in a request line: what HTTP cannot carry there, escaped.
    let text: String = query.iter().map(|&byte| in_query(byte)).collect();
    let answered = world::with(|world| world.get(&format!("{path}?{text}")));
    let names: Vec<_> = url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect();
    let known = |name: &String| {
        ["limit", "cursor"].contains(&name.as_str()) || filters.contains(&name.as_str())
    };
    let twice = (1..names.len()).any(|at| names[..at].contains(&names[at]));
    let refusable = twice || !names.iter().all(known);
    match answered.status {
        200 => {
            assert!(!refusable, "{text}");
            assert!(answered.body["data"].is_array() && answered.body.get("next_cursor").is_some());
        }
        400 => assert!(text.contains("cursor"), "{text}: {}", answered.text),
        422 => {}
        status => panic!("{status}: {}", answered.text),
    }
}

fn in_query(byte: u8) -> String {
    match byte {
        b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => escaped(byte),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => escaped(byte),
    }
}

fn escaped(byte: u8) -> String {
    format!("%{}", HEXUPPER.encode(&[byte]))
}

/// A cursor that was given opens its list; with a single byte of it changed it opens none.
fn cursor(mask: &[u8]) {
    world::with(|world| {
        for _ in 0..2 {
            let two = world.get("/events?limit=1");
            if !two.body["next_cursor"].is_null() {
                break;
            }
            let one = br#"{"type":"a.b","data":1}"#;
            assert_eq!(world.post("/events", one).status, 202);
            assert_eq!(world.post("/events", one).status, 202);
        }
        let page = world.get("/events?limit=1");
        let given = page.body["next_cursor"]
            .as_str()
            .expect("there are two")
            .to_owned();
        let mut bytes = given.clone().into_bytes();
        for (byte, change) in bytes.iter_mut().zip(mask) {
            *byte ^= change;
        }
        let changed: String = bytes.iter().map(|&byte| escaped(byte)).collect();
        let answered = world.get(&format!("/events?limit=1&cursor={changed}"));
        let same = bytes == given.as_bytes();
        assert_eq!(
            answered.status,
            if same { 200 } else { 400 },
            "{}",
            answered.text
        );
        let elsewhere = world.get(&format!("/deliveries?limit=1&cursor={changed}"));
        assert_eq!(elsewhere.status, 400, "{}", elsewhere.text);
    });
}
