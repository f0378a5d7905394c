//! An event, made into the request that any receiver of it gets, and sent to a URL.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{
    body::{BodyFormat, body},
    clock::{Clock, SystemClock, Timestamp},
    egress::{EgressRules, TargetUrl},
    event::{Event, EventDetails, EventType, TenantId},
    id::EventId,
    json::RawJson,
    signature::{Scheme, Secret, Secrets, Signer, XWebhookHash},
    transport::{
        Answer, TransportError, WebhookTransport,
        http::{HttpConfig, HttpTransport},
    },
};
use posthaste_engine::delivery::attempt::event_headers;
use serde::Deserialize;

/// Time enough to look at a request in a debugger.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An event as the stream gives it.
#[derive(Debug, Deserialize)]
pub struct Told {
    id: EventId,
    r#type: EventType,
    version: Option<u32>,
    source: Option<String>,
    correlation_id: Option<String>,
    ordering_key: Option<String>,
    occurred_at: Option<Timestamp>,
    data: RawJson,
    traceparent: Option<String>,
    /// The server's name in `posthaste-hop`.
    server: String,
    hops: u8,
}

impl Told {
    pub fn id(&self) -> EventId {
        self.id
    }

    pub fn event_type(&self) -> &EventType {
        &self.r#type
    }

    fn into_event(self) -> (Event, String) {
        let event = Event {
            id: self.id,
            tenant: TenantId::default_tenant(), // which no receiver sees
            event_type: self.r#type,
            details: EventDetails {
                version: self.version,
                source: self.source,
                correlation_id: self.correlation_id,
                ordering_key: self.ordering_key,
                occurred_at: self.occurred_at,
                traceparent: self.traceparent,
                hops: self.hops,
                ..EventDetails::default()
            },
            data: self.data,
        };
        (event, self.server)
    }
}

/// What a request came to.
pub struct Forwarded {
    pub at: Timestamp,
    pub latency: Duration,
    pub result: Result<Answer, TransportError>,
}

/// Sends to one URL.
pub struct Forwarder {
    url: TargetUrl,
    format: BodyFormat,
    signer: Signer,
    transport: HttpTransport,
    clock: Arc<SystemClock>,
}

impl Forwarder {
    pub fn new(
        url: TargetUrl,
        format: BodyFormat,
        schemes: &[Scheme],
        secret: Secret,
    ) -> anyhow::Result<Self> {
        let clock = Arc::new(SystemClock::new());
        let transport = HttpTransport::new(HttpConfig {
            rules: Arc::new(EgressRules::anywhere()),
            clock: clock.clone(),
            ..HttpConfig::default()
        })?;
        let signer = Signer::new(schemes, XWebhookHash::Sha256, &Secrets::new(secret));
        Ok(Self {
            url,
            format,
            signer,
            transport,
            clock,
        })
    }

    pub async fn forward(&self, told: Told) -> Forwarded {
        let (at, started) = (self.clock.wall(), self.clock.elapsed());
        let (event, server) = told.into_event();
        let (id, payload) = (event.id.to_string(), Bytes::from(body(self.format, &event)));
        let mut headers = event_headers(&event, &id, &server);
        let seconds = at.unix_seconds();
        self.signer
            .headers(&id, seconds, at, &payload, &mut headers);
        let sent = self.transport.send(&self.url, payload, &headers, TIMEOUT);
        let result = sent.await;
        Forwarded {
            at,
            latency: self.clock.elapsed().saturating_sub(started),
            result,
        }
    }
}
