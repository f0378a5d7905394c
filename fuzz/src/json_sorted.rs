//! The sorted form and the bodies: what receivers get is what was published, however it is written.

use posthaste::{
    body::{BodyFormat, batch_body, body},
    event::{Event, EventDetails, TenantId},
    id::EventId,
    json::{self, DEPTH_CEILING, DEPTH_MAX, RawJson},
};

use super::{naive::Naive, parts};

/// An event's source, then its data.
pub fn judge(input: &[u8]) {
    // Bytes that were never checked may mean nothing, and may not do harm.
    let _meaningless = json::sorted(input);
    let Some((source, data)) = parts::text_line(input) else {
        return;
    };
    let Ok(data) = RawJson::parse(data.to_vec(), DEPTH_MAX) else {
        return;
    };
    let value = Naive::read(data.as_bytes()).expect("it was checked");
    let sorted = json::sorted(data.as_bytes());
    assert_eq!(String::from_utf8(sorted.clone()).unwrap(), value.written());
    assert_eq!(
        json::sorted(&sorted),
        sorted,
        "sorting again changes nothing"
    );
    bodies(source, data, value);
}

fn bodies(source: &str, data: RawJson, value: Naive) {
    let event = Event {
        id: EventId::from_u64(data.len() as u64),
        tenant: TenantId::default_tenant(),
        event_type: "a.b".parse().unwrap(),
        details: EventDetails {
            source: Some(source.to_owned()),
            correlation_id: Some(source.to_owned()),
            ..EventDetails::default()
        },
        data,
    };
    let all = [
        BodyFormat::Envelope,
        BodyFormat::Flat,
        BodyFormat::Raw,
        BodyFormat::CloudEvents,
    ];
    let [envelope, flat, raw, cloud_event] = all.map(|format| body(format, &event));
    for one in [&envelope, &flat, &raw, &cloud_event] {
        assert_eq!(json::check(one, DEPTH_CEILING), Ok(()));
        assert!(one.len() <= event.body_bytes_max());
    }
    assert_eq!(raw, event.data.as_bytes());
    for one in [&envelope, &cloud_event] {
        let Ok(Naive::Object(members)) = Naive::read(one) else {
            panic!("it is an object");
        };
        assert_eq!(members["data"], value);
        assert!(
            one.ends_with(&[event.data.as_bytes(), b"}"].concat()),
            "byte for byte"
        );
    }
    assert_eq!(
        String::from_utf8(flat.clone()).unwrap(),
        flat_form(&event, value)
    );
    let batch = batch_body(&[envelope, flat]);
    assert_eq!(json::check(&batch, DEPTH_CEILING), Ok(()));
}

/// The members of the data with a time added, which one of its own stands before.
fn flat_form(event: &Event, value: Naive) -> String {
    let time = Naive::Text(event.timestamp().to_string());
    let mut members = match value {
        Naive::Object(members) => members,
        other => [("data".to_owned(), other)].into(),
    };
    members.entry("timestamp".to_owned()).or_insert(time);
    Naive::Object(members).written()
}
