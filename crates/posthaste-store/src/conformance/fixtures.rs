//! The things that cases are made of: a tenant, a subscription, an event, and each kind of
//! settlement, all with nothing remarkable about them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use posthaste::{
    body::BodyFormat,
    circuit::Circuit,
    clock::Timestamp,
    delivery::{Discard, Health},
    event::{Event, EventDetails, EventType, Line, Origin, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
    json::RawJson,
    provenance::Link,
    retry::{Preset, RetryPolicy},
    signature::{Algorithm, Scheme, Secret, Secrets},
    subscription::{Ordering, Subscription, SubscriptionStatus},
    transport::Timings,
};

use crate::{
    record::{Attempt, Idempotency, Parking, Settlement, Standing, StoredEvent, Waiting},
    settings::Tenant,
};

pub fn tenant(name: &str, now: Timestamp) -> Tenant {
    let id = name.parse().expect("a tenant's id");
    Tenant::new(id, name.to_uppercase(), now)
}

pub fn subscription(id: SubscriptionId, tenant: TenantId, now: Timestamp) -> Subscription {
    Subscription {
        id,
        tenant,
        external_id: None,
        url: "https://example.com/hook".parse().expect("a url"),
        description: String::from("where the receiver lives"),
        events: vec!["memory.*".parse().expect("a pattern")],
        filter: None,
        status: SubscriptionStatus::Active,
        schemes: Scheme::ALL.to_vec(),
        algorithm: Algorithm::default(),
        secrets: Secrets::new(Secret::trusted(String::from("a secret of sixteen bytes"))),
        access: Default::default(),
        retry: RetryPolicy::preset(Preset::Default),
        timeout: Duration::from_secs(10),
        max_in_flight: 32,
        rate_limit: None,
        ordering: Ordering::None,
        batch: None,
        auto_pause_after: 5,
        format: BodyFormat::Envelope,
        versions: BTreeMap::new(),
        metadata: RawJson::empty_object(),
        health: Health::default(),
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

pub fn event_type(name: &str) -> EventType {
    name.parse().expect("an event type")
}

pub fn event(id: EventId, tenant: TenantId) -> Event {
    Event {
        id,
        tenant,
        event_type: event_type("memory.created"),
        details: EventDetails::default(),
        data: RawJson::trusted(Bytes::from_static(br#"{"a": 1e400, "b":[ ]}"#)),
    }
}

/// Lives for a day.
pub fn idempotency(key: u8, body: u8, now: Timestamp) -> Option<Idempotency> {
    Some(Idempotency {
        key: [key; 32],
        body: [body; 32],
        expires_at: now + Duration::from_secs(24 * 3600),
    })
}

/// What an event has just come to owe.
pub fn owed(stored: &StoredEvent) -> Vec<Waiting> {
    let subscriptions = (0_u32..).zip(stored.subscriptions.iter());
    let owed = subscriptions.map(|(index, &subscription)| Waiting {
        id: stored.event.id.delivery(index),
        subscription,
        event: stored.event.clone(),
        origin: Origin::Publish,
        tries: posthaste::delivery::Tries::default(),
        retry_at: None,
        format: None,
        batch: None,
        link: None,
    });
    owed.collect()
}

pub fn ids(waiting: &[Waiting]) -> Vec<DeliveryId> {
    waiting.iter().map(|waiting| waiting.id).collect()
}

/// A delivery that was made after its event, under an id of its own.
pub fn late(id: EventId, to: SubscriptionId, stored: &StoredEvent) -> Waiting {
    Waiting {
        id: DeliveryId::late(id.place()),
        subscription: to,
        event: stored.event.clone(),
        origin: Origin::Replay,
        tries: posthaste::delivery::Tries::default(),
        retry_at: None,
        format: None,
        batch: None,
        link: None,
    }
}

/// Of the first attempt the whole way, of later ones the wait alone.
fn timings(attempt: u32) -> Timings {
    let first = |us| (attempt == 1).then_some(us);
    Timings {
        dns_us: first(0),
        connect_us: first(180),
        tls_us: None,
        first_byte_us: Some(70_000 + attempt),
    }
}

/// After an attempt with this status, which began at `at`; none is a timeout.
fn attempted(waiting: &Waiting, at: Timestamp, status: Option<u16>, to: Standing) -> Settlement {
    let tries = waiting.tries.one_more();
    let error = match status {
        Some(200..300) => None,
        Some(status) => Some(format!("http {status}")),
        None => Some(String::from("timeout")),
    };
    let mut attempt = Attempt {
        number: tries.made,
        started_at: at,
        latency_us: 1234,
        status_code: status,
        error,
        request_headers: String::from("webhook-id: evt_\n"),
        response_headers: String::from("server: none\n"),
        response_body: Bytes::from_static(b"\0\xff as it came"),
        timings: Some(timings(tries.made)),
        link: None,
    };
    let first = || Link::of_delivery(waiting.event.id, waiting.subscription, b"{}");
    let last = waiting.link.unwrap_or_else(first);
    attempt.link = Some(last.after(&attempt.record()));
    Settlement {
        tries,
        format: Some(waiting.format.unwrap_or(BodyFormat::Flat)),
        attempt: Some(Box::new(attempt)),
        ..parked_as(waiting, at, to)
    }
}

fn parked_as(waiting: &Waiting, at: Timestamp, standing: Standing) -> Settlement {
    Settlement {
        id: waiting.id,
        tenant: waiting.event.tenant.clone(),
        event: waiting.event.id,
        event_type: waiting.event.event_type.clone(),
        subscription: waiting.subscription,
        origin: waiting.origin,
        format: waiting.format,
        line: None,
        batch: waiting.batch,
        tries: waiting.tries,
        standing,
        at,
        attempt: None,
    }
}

pub fn delivered(waiting: &Waiting, at: Timestamp) -> Settlement {
    attempted(waiting, at, Some(200), Standing::Delivered)
}

pub fn failed(waiting: &Waiting, at: Timestamp) -> Settlement {
    attempted(waiting, at, Some(500), Standing::Failed)
}

/// Failed, to be tried again at `due`.
pub fn retrying(waiting: &Waiting, at: Timestamp, due: Timestamp) -> Settlement {
    let standing = Standing::Waiting {
        retry_at: Some(due),
        parking: Parking::Due(due),
    };
    attempted(waiting, at, None, standing)
}

/// As it was, without an attempt.
pub fn parked(waiting: &Waiting, at: Timestamp, parking: Parking) -> Settlement {
    let retry_at = waiting.retry_at;
    parked_as(waiting, at, Standing::Waiting { retry_at, parking })
}

pub fn shelved_in(waiting: &Waiting, at: Timestamp, line: Option<Line>) -> Settlement {
    Settlement {
        line,
        ..parked(waiting, at, Parking::Shelved)
    }
}

pub fn discarded(waiting: &Waiting, at: Timestamp, why: Discard) -> Settlement {
    parked_as(waiting, at, Standing::Discarded(why))
}

/// A circuit that is open.
pub const OPEN: Circuit = Circuit::Open {
    probe_at: Timestamp::from_millis(1_795_293_400_000),
    wait: Duration::from_secs(60),
};
