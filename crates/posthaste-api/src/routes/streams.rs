//! Streams of what happens, as Server-Sent Events: outcomes of deliveries, and accepted events.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use posthaste::{
    delivery::DeliveryStatus, event::TenantId, id::EventId, subscription::EventPattern,
};
use posthaste_engine::live::{EventFeed, LiveOutcome, OutcomeFeed, OutcomeNews};
use posthaste_store::{query::DeliveryQuery, record::StoredEvent};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    deliveries::{DeliveryView, status_names},
    events::EventView,
};
use crate::{
    Api,
    answer::text,
    parameters::Parameters,
    principal::{Authorized, Need, ReadDeliveries, ReadEvents},
    problem::{Kind, Problem},
    sse::{self, Draining, Open, Source, message},
    values::{Fault, Read},
};

/// Patterns of types that one stream may name.
const TYPES_MAX: usize = 100;
/// What a listener that comes back says it has.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// The data of a message `delivery`: a delivery, as its settlement knows it.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveDelivery)]
pub(crate) struct OutcomeView<'a> {
    #[serde(flatten)]
    delivery: DeliveryView<'a>,
    /// Of the attempt; null where it ended without one.
    latency_ms: Option<f64>,
}

/// The data of a message `event`: an event, and what its receivers get besides.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveEvent)]
pub(crate) struct LiveEventView<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    /// W3C trace context of its publish.
    traceparent: Option<&'a str>,
    /// The server's name in a receiver's `posthaste-hop`, and how often the event has come back to it.
    server: &'a str,
    hops: u8,
}

/// Follow the outcomes of deliveries, from now on (Server-Sent Events).
///
/// One message `delivery` for each outcome, with the delivery's id and attempt number as its id;
/// `gap` with `{"missed": n}` where the listener was too slow for n outcomes of its tenant.
/// `Last-Event-ID` is not followed: what happened in between is in `GET /deliveries`.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/stream", tag = "deliveries",
    params(
        ("status" = Option<String>, Query, description = "`delivered`, `retrying`, `held`, `failed` or `discarded`"),
        ("subscription" = Option<String>, Query, description = "`sub_…`"),
        ("event" = Option<String>, Query, description = "`evt_…`"),
        ("type" = Option<String>, Query, description = "exactly this event type"),
    ),
    responses(
        (status = 200, description = "A stream without an end", body = OutcomeView<'static>, content_type = "text/event-stream"),
        (status = 429, description = "As many streams are open as may be", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn stream_deliveries(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    draining: Draining,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let query = DeliveryQuery {
        status: parameters.named("status", DeliveryStatus::named, status_names),
        subscription: parameters.parsed("subscription"),
        event: parameters.parsed("event"),
        event_type: parameters.parsed("type"),
        ..DeliveryQuery::default()
    };
    parameters.finish()?;
    let open = open(&api, &auth, draining)?;
    let feed = api.engine.follow_outcomes(&auth.tenant, query);
    let tenant = auth.tenant;
    Ok(sse::answer(Outcomes { api, tenant, feed }, open))
}

/// Follow accepted events, in the order of their ids (Server-Sent Events).
///
/// One message `event` for each, under its id. A listener that comes back with `Last-Event-ID` (or
/// `after`) gets every event above it, from the store as far as need be, and then what comes: none
/// is missed and none comes twice. A message without data carries an id to come back with.
#[utoipa::path(
    get, path = "/api/v1/webhooks/events/stream", tag = "events",
    params(
        ("types" = Option<String>, Query, description = "exact types and prefixes such as `order.*`, with commas between; the platform's own only where a pattern begins with `posthaste.`"),
        ("after" = Option<String>, Query, description = "`evt_…`, the last one that the listener has; `Last-Event-ID` wins over it"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last message"),
    ),
    responses(
        (status = 200, description = "A stream without an end", body = LiveEventView<'static>, content_type = "text/event-stream"),
        (status = 429, description = "As many streams are open as may be", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn stream_events(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    draining: Draining,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let types = parameters.read("types", patterns);
    let after = parameters.parsed("after");
    parameters.finish()?;
    let after = last_event_id(&headers)?.or(after);
    let open = open(&api, &auth, draining)?;
    let feed = api.engine.follow_events(&auth.tenant, types, after);
    Ok(sse::answer(Events { api, feed }, open))
}

pub(super) fn open<N: Need>(
    api: &Api,
    auth: &Authorized<N>,
    draining: Draining,
) -> Result<Open, Problem> {
    Ok(Open {
        engine: api.engine.clone(),
        principal: auth.principal.clone(),
        tenant: auth.tenant.clone(),
        draining,
        _listener: api.listeners.enter(&auth.tenant)?,
    })
}

fn patterns(value: &str) -> Read<Vec<EventPattern>> {
    let fault = |detail: String| Vec::from(Fault::new("invalid", detail));
    let patterns: Vec<&str> = value.split(',').map(str::trim).collect();
    if patterns.len() > TYPES_MAX {
        return Err(fault(format!("expected at most {TYPES_MAX} patterns")));
    }
    let parsed = patterns.iter().map(|pattern| pattern.parse());
    let parsed: Result<Vec<EventPattern>, _> = parsed.collect();
    parsed.map_err(|error| fault(error.to_string()))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|id| id.parse().ok());
    let expected = "expected the id of the last message, evt_…";
    let pointer = format!("@{LAST_EVENT_ID}");
    id.map(Some)
        .ok_or_else(|| Problem::field(Kind::Validation, pointer, "invalid", expected))
}

struct Outcomes {
    api: Api,
    tenant: TenantId,
    feed: OutcomeFeed,
}

impl Source for Outcomes {
    async fn next(&mut self) -> Option<String> {
        Some(match self.feed.next().await? {
            OutcomeNews::Outcome(outcome) => self.shown(&outcome),
            OutcomeNews::Missed(missed) => message("gap", "", &format!("{{\"missed\":{missed}}}")),
        })
    }

    fn idle(&self) -> String {
        ": still here\n\n".to_owned()
    }
}

impl Outcomes {
    #[allow(clippy::cast_precision_loss)] // exact up to 285 years
    fn shown(&self, outcome: &LiveOutcome) -> String {
        let delivery = &outcome.delivery;
        let view = OutcomeView {
            delivery: DeliveryView::of(delivery, delivery.link, &self.api, &self.tenant),
            latency_ms: outcome.latency_us.map(|us| us as f64 / 1000.0),
        };
        let id = format!("{}/{}", delivery.id, delivery.tries.made);
        message("delivery", &id, &json(&view))
    }
}

struct Events {
    api: Api,
    feed: EventFeed,
}

impl Source for Events {
    async fn next(&mut self) -> Option<String> {
        match self.feed.next().await {
            Ok(events) => Some(events.iter().map(|stored| self.shown(stored)).collect()),
            // Whoever listens comes back, and goes on where this ends.
            Err(error) => {
                tracing::warn!(%error, "event.stream");
                None
            }
        }
    }

    fn idle(&self) -> String {
        format!(": still here\nid: {}\n\n", self.feed.place())
    }
}

impl Events {
    fn shown(&self, stored: &StoredEvent) -> String {
        let event = &stored.event;
        let view = LiveEventView {
            event: EventView::of(stored),
            traceparent: event.details.traceparent.as_deref(),
            server: &self.api.server_id,
            hops: event.details.hops,
        };
        message("event", &event.id.to_string(), &json(&view))
    }
}

pub(super) fn json(view: &impl Serialize) -> String {
    String::from_utf8(text(view)).expect("views are UTF-8")
}
