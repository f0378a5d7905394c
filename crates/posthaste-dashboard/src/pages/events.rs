//! Events: found by what they are and by text in their payload; and one of them, with where it went
//! and why it went nowhere else.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use posthaste::{
    clock::Timestamp,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_engine::operations::{Match, OperationError};
use posthaste_store::{
    query::{DeliveryQuery, Stretch},
    record::{EventSummary, StoredEvent},
    settings::Scope,
};

use super::deliveries::{Row, Subscribers, types};
use crate::{
    Pages,
    came::Came,
    fault::Fault,
    filters,
    frame::{Frame, Note, Tab},
    path::Id,
    payload::{Shown, visible},
    posted::Posted,
    query::Query,
    render::{self, see},
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Rows of a page.
const ROWS: usize = 50;
/// Deliveries of an event that its page lists; the list of deliveries has them all.
const DELIVERIES_MAX: usize = 100;
/// Subscriptions that its page judges.
const MATCHES_MAX: usize = 200;
/// Bytes of text that may be looked for.
const TEXT_MAX: usize = 200;
/// What a list of events is narrowed by.
const FIELDS: [&str; 6] = ["type", "since", "until", "correlation_id", "id", "text"];

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/events", get(list))
        .route("/events/{id}", get(show))
        .route("/events/{id}/data", get(data))
        .route("/events/{id}/redeliver", post(redeliver))
}

/// How far a search for text came.
struct Looked {
    scanned: u64,
    back_to: Option<Timestamp>,
    /// Whether it began with the newest.
    is_first: bool,
    /// Whether something beside the text narrowed it.
    is_narrowed: bool,
}

#[derive(Template)]
#[template(path = "events/list.html")]
struct List {
    frame: Frame,
    query: Query,
    wrong: Wrongs,
    events: Vec<EventSummary>,
    looked: Option<Looked>,
    older: Option<String>,
    is_narrowed: bool,
    types: Vec<String>,
}

async fn list(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    viewer.engine(Scope::EventsRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let (wanted, mut wrong) = filters::events(&query, engine.now());
    if let Some(id) = query.text("id") {
        match place(id.trim()) {
            Some(path) => return Ok(see(&viewer.path(&path))),
            None => wrong.add("id", "expected evt_… or dlv_…"),
        }
    }
    let text = query.text("text");
    if text.is_some_and(|text| text.len() > TEXT_MAX) {
        wrong.add("text", "expected at most 200 bytes");
    }
    let stretch = Stretch {
        before: query.read("before"),
        limit: ROWS,
    };
    let (events, next, looked) = match text {
        _ if !wrong.is_empty() => (Vec::new(), None, None),
        None => {
            let found = engine.events(tenant, &wanted, stretch).await?;
            (found.items, found.next, None)
        }
        Some(text) => {
            let found = engine.search_events(tenant, &wanted, text, stretch).await?;
            let looked = Looked {
                scanned: found.scanned,
                back_to: found.back_to(),
                is_first: stretch.before.is_none(),
                is_narrowed: FIELDS
                    .iter()
                    .any(|name| *name != "text" && query.text(name).is_some()),
            };
            (found.items, found.next, Some(looked))
        }
    };
    let status = match wrong.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let list = List {
        frame: viewer.frame("Events", Tab::Events),
        older: next.map(|next| query.with("before", &next.to_string())),
        is_narrowed: FIELDS.iter().any(|name| query.text(name).is_some()),
        types: types(engine, tenant),
        events,
        looked,
        wrong,
        query,
    };
    render::with_status(status, &list)
}

/// Where what has this id is shown.
fn place(id: &str) -> Option<String> {
    let event = || id.parse::<EventId>().ok().map(|id| format!("events/{id}"));
    let delivery = || {
        id.parse::<DeliveryId>()
            .ok()
            .map(|id| format!("deliveries/{id}"))
    };
    event().or_else(delivery)
}

/// One subscription beside the event.
struct Judged {
    of: Match,
    url: String,
}

#[derive(Template)]
#[template(path = "events/one.html")]
struct Page {
    frame: Frame,
    stored: StoredEvent,
    pretty: Shown,
    raw: Shown,
    metadata: Option<Shown>,
    correlation_id: Option<String>,
    rows: Vec<Row>,
    more_rows: bool,
    judged: Vec<Judged>,
    more_judged: bool,
    may_read_deliveries: bool,
    may_write: bool,
}

async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<EventId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventsRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let stored = engine.event(tenant, id).await?;
    let may_read_deliveries = viewer.may(Scope::DeliveriesRead);
    let query = DeliveryQuery {
        event: Some(id),
        ..DeliveryQuery::default()
    };
    let first = |limit| Stretch {
        before: None,
        limit,
    };
    let (deliveries, more_rows) = match may_read_deliveries {
        true => {
            let found = engine
                .deliveries(tenant, &query, first(DELIVERIES_MAX))
                .await?;
            (found.items, found.next.is_some())
        }
        false => (Vec::new(), false),
    };
    let matches = engine.matches(tenant, id, first(MATCHES_MAX)).await?;
    let known = Subscribers::of(
        engine,
        tenant,
        matches.items.iter().map(|one| one.subscription),
    );
    let judged = matches.items.into_iter().map(|of| Judged {
        url: known.url(of.subscription).unwrap_or("deleted").to_owned(),
        of,
    });
    let event = &stored.event;
    render::page(&Page {
        frame: viewer.frame(event.event_type.to_string(), Tab::Events),
        pretty: Shown::pretty(&String::from_utf8_lossy(event.data.as_bytes())),
        raw: Shown::of(event.data.as_bytes()),
        metadata: event
            .details
            .metadata
            .as_ref()
            .map(|json| Shown::pretty(&String::from_utf8_lossy(json.as_bytes()))),
        correlation_id: event.details.correlation_id.as_deref().map(visible),
        rows: Row::of(engine, tenant, deliveries),
        more_rows,
        judged: judged.collect(),
        more_judged: matches.next.is_some(),
        may_read_deliveries,
        may_write: viewer.may(Scope::DeliveriesWrite),
        stored,
    })
}

/// The payload as it was published, byte for byte, as a file.
async fn data(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<EventId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventsRead)?;
    let stored = pages.engine.event(&viewer.tenant, id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.json\""),
        ),
    ];
    Ok((headers, stored.event.data.as_bytes().to_vec()).into_response())
}

async fn redeliver(viewer: Viewer, Id(id): Id<EventId>, posted: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let named = posted.all("subscription").map(str::parse);
    let named: Result<Vec<SubscriptionId>, _> = named.collect();
    let named = named.map_err(|_| OperationError::NotFound("subscription"))?;
    let to = Some(named).filter(|named| !named.is_empty());
    let sent = engine.redeliver_event(&viewer.tenant, id, to).await?;
    let note = Came::from(sent).told(Note::Redelivered, Note::Unwanted);
    Ok(see(&viewer.path(&format!("events/{id}?note={note}"))))
}
