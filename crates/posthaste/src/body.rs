//! The bytes that a receiver gets: a pure function of the stored event and the format, so that
//! every retry, replay and scheme signs the same ones. What a released version makes of an event
//! never changes: an audit makes it again.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    json::{self, write_string},
};

/// How an event becomes a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// `{"id","type","version","timestamp","source","correlation_id","data"}`; absent ones left out.
    #[default]
    Envelope,
    /// The members of `data` with `timestamp` added, all keys sorted.
    Flat,
    /// `data` alone, byte for byte.
    Raw,
    /// CloudEvents 1.0 structured JSON.
    CloudEvents,
}

/// The `source` of a CloudEvent whose event has none: CloudEvents requires one.
const SOURCE_DEFAULT: &str = "posthaste";

/// The body of an event in a format.
#[must_use]
pub fn body(format: BodyFormat, event: &Event) -> Vec<u8> {
    match format {
        BodyFormat::Envelope => envelope(event),
        BodyFormat::Flat => flat(event),
        BodyFormat::Raw => event.data.as_bytes().to_vec(),
        BodyFormat::CloudEvents => cloud_event(event),
    }
}

/// The body of a batch: a JSON array of the bodies.
#[must_use]
pub fn batch_body(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut array = vec![b'['];
    array.extend(bodies.join(&b','));
    array.push(b']');
    array
}

fn envelope(event: &Event) -> Vec<u8> {
    let details = &event.details;
    let mut object = Members::with_room_for(event);
    object.string("id", &event.id.to_string());
    object.string("type", event.event_type.as_str());
    object.number("version", details.version);
    object.string("timestamp", &event.timestamp().to_string());
    object.optional("source", details.source.as_deref());
    object.optional("correlation_id", details.correlation_id.as_deref());
    object.finish("data", event.data.as_bytes())
}

fn flat(event: &Event) -> Vec<u8> {
    let data = event.data.as_bytes();
    let mut object = Members::with_room_for(event);
    object.string("timestamp", &event.timestamp().to_string());
    // Of equal keys the last one wins where they are sorted, and `data`'s come after ours.
    let unsorted = match data.strip_prefix(b"{") {
        Some(members) => object.continue_with(members),
        None => object.finish("data", data),
    };
    json::sorted(&unsorted)
}

fn cloud_event(event: &Event) -> Vec<u8> {
    let details = &event.details;
    let source = details
        .source
        .as_deref()
        .filter(|source| !source.is_empty());
    let mut object = Members::with_room_for(event);
    object.string("specversion", "1.0");
    object.string("id", &event.id.to_string());
    object.string("source", &uri_reference(source.unwrap_or(SOURCE_DEFAULT)));
    object.string("type", event.event_type.as_str());
    object.string("time", &event.timestamp().to_string());
    object.string("datacontenttype", "application/json");
    object.number("typeversion", details.version);
    object.optional("correlationid", details.correlation_id.as_deref());
    object.optional("partitionkey", details.ordering_key.as_deref());
    object.optional("traceparent", details.traceparent.as_deref());
    object.finish("data", event.data.as_bytes())
}

/// The text itself where it may stand in a URI; what may not is percent-encoded.
fn uri_reference(text: &str) -> String {
    const MARKS: &[u8] = b"-._~:/?@!$&'()*+,;=";
    let bytes = text.as_bytes();
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let fragment = bytes.iter().position(|&b| b == b'#');
    let mut uri = String::with_capacity(text.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let allowed = match byte {
            b'%' => is_escape(at),
            b'#' => fragment == Some(at),
            _ => byte.is_ascii_alphanumeric() || MARKS.contains(&byte),
        };
        match allowed {
            true => uri.push(char::from(byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// A JSON object as it is written, member by member.
struct Members(Vec<u8>);

impl Members {
    fn with_room_for(event: &Event) -> Self {
        Self(Vec::with_capacity(event.data.len() + 256))
    }

    fn key(&mut self, key: &'static str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        write_string(&mut self.0, key.as_bytes());
        self.0.push(b':');
    }

    fn string(&mut self, key: &'static str, text: &str) {
        self.key(key);
        write_string(&mut self.0, text.as_bytes());
    }

    fn optional(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.string(key, text);
        }
    }

    fn number(&mut self, key: &'static str, number: Option<u32>) {
        if let Some(number) = number {
            self.key(key);
            write!(self.0, "{number}").expect("memory takes it");
        }
    }

    /// Ends with a member that is JSON already.
    fn finish(mut self, key: &'static str, json: &[u8]) -> Vec<u8> {
        self.key(key);
        self.0.extend_from_slice(json);
        self.0.push(b'}');
        self.0
    }

    /// Ends with the members of another object: its text behind the opening brace.
    fn continue_with(mut self, members: &[u8]) -> Vec<u8> {
        if members.trim_ascii_start() != b"}" {
            self.0.push(b',');
        }
        self.0.extend_from_slice(members);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        event::{EventDetails, TenantId},
        id::Place,
        json::{DEPTH_MAX, RawJson},
    };

    /// Made at 2026-11-21T20:36:00.123Z, with every detail or with none.
    fn event(data: &'static str, details: EventDetails) -> Event {
        Event {
            id: Place::at(Timestamp::from_millis(1_795_293_360_123), 0).event(),
            tenant: TenantId::default_tenant(),
            event_type: "memory.created".parse().unwrap(),
            details,
            data: RawJson::parse(data.as_bytes(), DEPTH_MAX).unwrap(),
        }
    }

    fn details() -> EventDetails {
        EventDetails {
            version: Some(2),
            source: Some("app \"one\"".into()),
            correlation_id: Some("c-1".into()),
            ordering_key: Some("customer 7".into()),
            occurred_at: Some("2026-01-02T03:04:05.006Z".parse().unwrap()),
            metadata: Some(RawJson::empty_object()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            hops: 1,
            test: false,
        }
    }

    #[track_caller]
    fn check(format: BodyFormat, event: &Event, expected: &str) {
        let found = body(format, event);
        json::check(&found, DEPTH_MAX + 1).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    const EVENT_ID: &str = "evt_0sa2ty7zc0000";

    #[test]
    fn an_envelope_holds_the_published_data_byte_for_byte() {
        check(
            BodyFormat::Envelope,
            &event(r#"{"b" : 1e400, "a":"\u00eb"}"#, details()),
            &format!(
                r#"{{"id":"{EVENT_ID}","type":"memory.created","version":2,"timestamp":"2026-01-02T03:04:05.006Z","source":"app \"one\"","correlation_id":"c-1","data":{{"b" : 1e400, "a":"\u00eb"}}}}"#
            ),
        );
    }

    #[test]
    fn an_envelope_leaves_out_what_is_absent() {
        check(
            BodyFormat::Envelope,
            &event("null", EventDetails::default()),
            &format!(
                r#"{{"id":"{EVENT_ID}","type":"memory.created","timestamp":"2026-11-21T20:36:00.123Z","data":null}}"#
            ),
        );
    }

    #[test]
    fn flat_adds_the_timestamp_to_the_datas_own_members_in_order() {
        let flat = |data, expected: &str| {
            check(BodyFormat::Flat, &event(data, details()), expected);
        };
        flat(
            r#"{ "z":{"y":1.0,"x":[2,1]}, "a":"\u00eb" }"#,
            r#"{"a":"ë","timestamp":"2026-01-02T03:04:05.006Z","z":{"x":[2,1],"y":1.0}}"#,
        );
        flat("{ }", r#"{"timestamp":"2026-01-02T03:04:05.006Z"}"#);
        flat(
            r#"{"b":1,"timestamp":7,"a":2}"#,
            r#"{"a":2,"b":1,"timestamp":7}"#,
        );
        flat(r#"{"time\u0073tamp":null}"#, r#"{"timestamp":null}"#);
        flat(
            r#"{"a":{"timestamp":1}}"#,
            r#"{"a":{"timestamp":1},"timestamp":"2026-01-02T03:04:05.006Z"}"#,
        );
    }

    #[test]
    fn flat_wraps_data_that_is_no_object() {
        check(
            BodyFormat::Flat,
            &event(r#"[{"b":1,"a":2}, 3]"#, EventDetails::default()),
            r#"{"data":[{"a":2,"b":1},3],"timestamp":"2026-11-21T20:36:00.123Z"}"#,
        );
    }

    #[test]
    fn a_batch_is_an_array_of_bodies() {
        let bodies = [br#"{"a":1}"#.to_vec(), b"2".to_vec()];
        assert_eq!(batch_body(&bodies), br#"[{"a":1},2]"#);
        assert_eq!(batch_body(&bodies[1..]), b"[2]");
    }

    #[test]
    fn no_body_is_longer_than_its_event_says() {
        let text = "\u{1}\"\u{e9}".repeat(40);
        let hostile = EventDetails {
            source: Some(text.clone()),
            correlation_id: Some(text.clone()),
            ordering_key: Some(text),
            ..details()
        };
        for details in [EventDetails::default(), details(), hostile] {
            let event = event(r#"{"a":[1,2,3]}"#, details);
            for format in [BodyFormat::Envelope, BodyFormat::CloudEvents] {
                assert!(body(format, &event).len() <= event.body_bytes_max());
            }
        }
    }

    #[test]
    fn raw_is_the_data_alone() {
        let text = r#"{"b" : 1, "a":-0 }"#;
        check(BodyFormat::Raw, &event(text, details()), text);
    }

    #[test]
    fn a_cloud_event_has_its_four_attributes_and_those_that_the_event_gives() {
        check(
            BodyFormat::CloudEvents,
            &event("[1 ]", details()),
            &format!(
                r#"{{"specversion":"1.0","id":"{EVENT_ID}","source":"app%20%22one%22","type":"memory.created","time":"2026-01-02T03:04:05.006Z","datacontenttype":"application/json","typeversion":2,"correlationid":"c-1","partitionkey":"customer 7","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":[1 ]}}"#
            ),
        );
        check(
            BodyFormat::CloudEvents,
            &event("{}", EventDetails::default()),
            &format!(
                r#"{{"specversion":"1.0","id":"{EVENT_ID}","source":"posthaste","type":"memory.created","time":"2026-11-21T20:36:00.123Z","datacontenttype":"application/json","data":{{}}}}"#
            ),
        );
    }

    #[test]
    fn a_source_becomes_a_uri_reference() {
        for (source, uri) in [
            ("https://a.example/x?y=1#z", "https://a.example/x?y=1#z"),
            ("/svc/a%20b", "/svc/a%20b"),
            ("100%", "100%25"),
            ("a#b#c", "a#b%23c"),
            ("é [1]", "%C3%A9%20%5B1%5D"),
        ] {
            assert_eq!(uri_reference(source), uri);
        }
    }
}
