//! Filters: trying one before a subscription has it, and asking afterwards what they made of an
//! event.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    event::{EventDetails, EventType},
    filter::{Clause, EventDocument, Filter, FilterError, FilterFault},
    id::{DeliveryId, EventId, SubscriptionId},
    json::RawJson,
};
use posthaste_engine::operations::Match;
use posthaste_store::query::Stretch;
use serde::Serialize;
use utoipa::ToSchema;

use super::publish::LABEL_MAX;
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    fields::{Fields, nested},
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadEvents, ReadSubscriptions},
    problem::Problem,
    values::{Fault, Read, event_type, label, object, time, whole},
};

/// What a subscription makes of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = Match)]
pub(crate) struct MatchView {
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    matches: bool,
    /// `matches`, or what decides first: `disabled`, `type`, `version` or `filter`.
    reason: &'static str,
    /// What its filter asks, and what it found; empty where it has none.
    #[schema(value_type = Vec<ClauseShape>)]
    clauses: Vec<Clause>,
    /// The event's delivery to it, where there is one.
    #[schema(value_type = Option<String>)]
    delivery_id: Option<DeliveryId>,
}

/// One thing that a filter asks, and what came of it.
#[derive(ToSchema)]
#[schema(as = Clause)]
#[allow(dead_code)] // the document's shape
pub(crate) struct ClauseShape {
    /// Where it stands in the filter, as a JSON Pointer.
    pointer: String,
    /// What it is about in the event, as a JSON Pointer.
    path: String,
    /// The operator; `$eq` for a plain value, `$in` or `$or` for an array of them, `item` where one
    /// item of the event's array has to have all members of an object.
    operator: String,
    /// JSON text, cut at 64 bytes.
    expected: String,
    /// JSON text, cut at 64 bytes; null where the event has nothing there.
    found: Option<String>,
    matches: bool,
    /// What is inside `$or`, `$not` and arrays of patterns; absent where there is nothing.
    #[schema(no_recursion)]
    clauses: Option<Vec<ClauseShape>>,
}

impl MatchView {
    fn of(found: Match) -> Self {
        Self {
            subscription_id: found.subscription,
            matches: found.matches(),
            reason: found.reason.as_str(),
            clauses: found.clauses,
            delivery_id: found.delivery,
        }
    }
}

/// Ask which of today's subscriptions want an event, and why.
#[utoipa::path(
    get, path = "/api/v1/webhooks/events/{id}/matches", tag = "events",
    params(
        ("id" = String, Path, description = "`evt_…`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "subscriptions of a page, default 1000"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "Each subscription, newest first", body = PageView<MatchView>)),
)]
pub(crate) async fn event_matches(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    Id(id): Id<EventId>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let route = format!("event matches {id}");
    let cursors = Cursors::new(&api.cursor_key, &route, Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit_or(MATCHES);
    parameters.finish()?;
    let stretch = Stretch { before, limit };
    let page = api.engine.matches(&auth.tenant, id, stretch).await?;
    let view = PageView {
        data: page.items.into_iter().map(MatchView::of).collect(),
        next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
    };
    Ok(answer::json(StatusCode::OK, &view))
}

/// Matches of a page where nobody asks for fewer.
const MATCHES: usize = 1000;

/// A filter and an event to try it on.
#[derive(ToSchema)]
#[schema(as = FilterTest)]
#[allow(dead_code)] // the document's shape
pub(crate) struct FilterTestShape {
    #[schema(value_type = Object)]
    filter: Filter,
    /// As it is published, as it reads, or as a receiver gets it in an `envelope`; every member may
    /// be absent.
    #[schema(value_type = Object)]
    event: RawJson,
}

/// Whether a filter wants an event.
#[derive(ToSchema)]
#[schema(as = Explanation)]
#[allow(dead_code)] // the document's shape
pub(crate) struct ExplanationShape {
    matches: bool,
    clauses: Vec<ClauseShape>,
}

/// Try a filter on an event.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/filter-test", tag = "subscriptions",
    request_body = FilterTestShape,
    responses((status = 200, description = "Whether it matches, clause by clause", body = ExplanationShape)),
)]
pub(crate) async fn filter_test(
    _: Authorized<ReadSubscriptions>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["filter", "event"])?;
    let filter = fields.required("filter", filter);
    let event = fields.required("event", event);
    fields.finish()?;
    let (Some(filter), Some(event)) = (filter, event) else {
        unreachable!("no fault, so both were there");
    };
    Ok(answer::json(StatusCode::OK, &filter.explain(&event)))
}

/// A filter, or everything that is wrong with it.
pub(crate) fn filter(raw: &str) -> Read<Filter> {
    let fault = |fault: &FilterFault| Fault {
        below: fault.pointer.clone(),
        ..Fault::new(fault.code, fault.detail.clone())
    };
    let faults = |error: FilterError| error.faults().iter().map(fault).collect::<Vec<_>>();
    Filter::parse(&json(raw)).map_err(faults)
}

fn json(raw: &str) -> RawJson {
    RawJson::trusted(bytes::Bytes::copy_from_slice(raw.as_bytes()))
}

/// What filters look at, then what an event has besides: as published, as read, as delivered.
const EVENT: &[&str] = &[
    "type",
    "version",
    "source",
    "correlation_id",
    "ordering_key",
    "occurred_at",
    "metadata",
    "data",
    "subscriptions",
    "id",
    "deliveries",
    "created_at",
    "timestamp",
];

fn event(raw: &str) -> Read<EventDocument> {
    nested(raw, EVENT, |fields: &mut Fields<'_>| {
        let event_type: Option<EventType> = fields.optional("type", event_type);
        let details = EventDetails {
            version: fields.optional("version", whole(1, u32::MAX)),
            source: fields.optional("source", label(LABEL_MAX)),
            correlation_id: fields.optional("correlation_id", label(LABEL_MAX)),
            ordering_key: fields.optional("ordering_key", label(LABEL_MAX)),
            occurred_at: fields.optional("occurred_at", time),
            metadata: fields.optional("metadata", object),
            ..EventDetails::default()
        };
        let data = fields.present("data", |raw| Read::Ok(json(raw)));
        for beside in &EVENT[8..] {
            fields.present(beside, |_| Read::Ok(()));
        }
        Some(EventDocument::new(
            event_type.as_ref(),
            &details,
            data.as_ref(),
        ))
    })
}
