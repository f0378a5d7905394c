//! Reading events, and following one to its deliveries.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    event::{Event, EventDetails, EventType},
    id::EventId,
    json::RawJson,
};
use posthaste_store::{
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{EventSummary, StoredEvent},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::deliveries::{DeliveryView, delivery_page};
use crate::{
    Api,
    answer::{self, PageView},
    cursor::Cursors,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadDeliveries, ReadEvents},
    problem::Problem,
    values::{Fault, Read},
};

/// An event; absent members are null.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    /// As published, byte for byte.
    #[schema(value_type = serde_json::Value)]
    data: &'a RawJson,
}

impl<'a> EventView<'a> {
    pub(super) fn of(stored: &'a StoredEvent) -> Self {
        Self {
            summary: SummaryView::of_event(&stored.event, stored.subscriptions.len()),
            data: &stored.event.data,
        }
    }
}

/// An event as lists show it: without its data.
#[derive(Serialize, ToSchema)]
#[schema(as = EventSummary)]
pub(crate) struct SummaryView<'a> {
    #[schema(value_type = String)]
    id: EventId,
    #[schema(value_type = String)]
    r#type: &'a EventType,
    version: Option<u32>,
    source: Option<&'a str>,
    correlation_id: Option<&'a str>,
    ordering_key: Option<&'a str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    occurred_at: Option<Timestamp>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawJson>,
    /// How many deliveries it had when it was accepted.
    deliveries: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl<'a> SummaryView<'a> {
    fn new(id: EventId, r#type: &'a EventType, details: &'a EventDetails, deliveries: u32) -> Self {
        Self {
            id,
            r#type,
            version: details.version,
            source: details.source.as_deref(),
            correlation_id: details.correlation_id.as_deref(),
            ordering_key: details.ordering_key.as_deref(),
            occurred_at: details.occurred_at,
            metadata: details.metadata.as_ref(),
            deliveries,
            created_at: id.time(),
        }
    }

    fn of(event: &'a EventSummary) -> Self {
        Self::new(
            event.id,
            &event.event_type,
            &event.details,
            event.deliveries,
        )
    }

    fn of_event(event: &'a Event, deliveries: usize) -> Self {
        let deliveries = u32::try_from(deliveries).unwrap_or(u32::MAX);
        Self::new(event.id, &event.event_type, &event.details, deliveries)
    }
}

/// A page of events.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub(crate) struct EventPageView<'a> {
    data: Vec<SummaryView<'a>>,
    /// For `cursor`, to read on; null at the end. A page may be empty and still lead on.
    next_cursor: Option<String>,
    /// How far a search for text came; only where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    searched: Option<SearchedView>,
}

/// How far a search came.
#[derive(Serialize, ToSchema)]
#[schema(as = Searched)]
pub(crate) struct SearchedView {
    /// Events whose data was read.
    events: u64,
    /// Everything accepted since was searched; null is everything there is.
    #[schema(value_type = Option<String>, format = DateTime)]
    back_to: Option<Timestamp>,
}

/// List events, newest first.
///
/// With `text`, those whose data has it in it. There is no index over data, so that a call reads at
/// most 2,000 events or 16 MiB, and says how far it came.
#[utoipa::path(
    get, path = "/api/v1/webhooks/events", tag = "events",
    params(
        ("type" = Option<String>, Query, description = "exactly this event type"),
        ("since" = Option<String>, Query, description = "accepted at or after (RFC 3339)"),
        ("until" = Option<String>, Query, description = "accepted before (RFC 3339)"),
        ("correlation_id" = Option<String>, Query, description = "exactly this correlation id"),
        ("text" = Option<String>, Query, min_length = 1, max_length = 200, description = "somewhere in the data as it was published, in any case of ASCII letters"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of events", body = EventPageView<'static>)),
)]
pub(crate) async fn list_events(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "events", Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    let query = EventQuery {
        event_type: parameters.parsed("type"),
        since: parameters.time("since"),
        until: parameters.time("until"),
        correlation_id: parameters.text("correlation_id"),
    };
    let text = parameters.read("text", searched_text);
    parameters.finish()?;
    let (engine, tenant, stretch) = (&api.engine, &auth.tenant, Stretch { before, limit });
    let (items, next, searched) = match text {
        None => {
            let page = engine.events(tenant, &query, stretch).await?;
            (page.items, page.next, None)
        }
        Some(text) => {
            let found = engine.search_events(tenant, &query, &text, stretch).await?;
            let searched = SearchedView {
                events: found.scanned,
                back_to: found.back_to(),
            };
            (found.items, found.next, Some(searched))
        }
    };
    let view = EventPageView {
        data: items.iter().map(SummaryView::of).collect(),
        next_cursor: next.map(|next| cursors.seal(&next.to_be_bytes())),
        searched,
    };
    Ok(answer::json(StatusCode::OK, &view))
}

/// Bytes of text that may be looked for.
const TEXT_MAX: usize = 200;

fn searched_text(text: &str) -> Read<String> {
    if text.is_empty() || text.len() > TEXT_MAX {
        let detail = format!("expected 1 to {TEXT_MAX} bytes of text");
        return Err(Fault::new("invalid", detail).into());
    }
    Ok(text.to_owned())
}

/// Read one event with its data.
#[utoipa::path(
    get, path = "/api/v1/webhooks/events/{id}", tag = "events",
    params(("id" = String, Path, description = "`evt_…`")),
    responses((status = 200, description = "The event", body = EventView<'static>)),
)]
pub(crate) async fn show_event(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    Id(id): Id<EventId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let stored = api.engine.event(&auth.tenant, id).await?;
    Ok(answer::tagged(&EventView::of(&stored)))
}

/// Follow an event to its deliveries.
#[utoipa::path(
    get, path = "/api/v1/webhooks/events/{id}/deliveries", tag = "events",
    params(
        ("id" = String, Path, description = "`evt_…`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of deliveries", body = PageView<DeliveryView<'static>>)),
)]
pub(crate) async fn event_deliveries(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    Id(id): Id<EventId>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let route = format!("event deliveries {id}");
    let cursors = Cursors::new(&api.cursor_key, &route, Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    api.engine.event(&auth.tenant, id).await?;
    let query = DeliveryQuery {
        event: Some(id),
        ..DeliveryQuery::default()
    };
    delivery_page(
        &api,
        &auth.tenant,
        &query,
        Stretch { before, limit },
        &cursors,
    )
    .await
}
