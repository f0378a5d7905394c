//! Publishing many events at once, all or nothing: one bad item refuses the whole batch, and the
//! answer names every bad index.
//!
//! An item is pointed at by its index, `/3/type`, in a JSON array and in NDJSON alike (where
//! empty lines do not count).

use axum::{
    extract::{FromRequest, Request, State},
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;
use posthaste::{event::TenantId, json::DEPTH_MAX};
use posthaste_engine::operations::{NewEvent, Published};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    producer::Producer,
    publish::{AcceptedView, ITEM, NewEventShape, claim, event, expand, item_key, replayed},
};
use crate::{
    Api, answer,
    body::{Form, checked, malformed, read},
    fields::Fields,
    parameters::Parameters,
    principal::{Authorized, PublishEvents},
    problem::{FieldError, Kind, Problem, refusal},
};

/// An event of a batch.
#[derive(ToSchema)]
#[schema(as = BatchItem)]
#[allow(dead_code)] // the document's shape
pub(crate) struct ItemShape {
    #[serde(flatten)]
    event: NewEventShape,
    /// 1 to 255 visible ASCII characters; the header gives an item without one `<header>#<index>`.
    #[schema(min_length = 1, max_length = 255)]
    idempotency_key: Option<String>,
}

/// An accepted batch.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedBatch)]
pub(crate) struct BatchView<'a> {
    accepted: usize,
    /// In the order published.
    events: Vec<AcceptedView<'a>>,
}

/// A batch's body: what it is made of, and its bytes.
pub(crate) struct BatchText {
    form: Form,
    bytes: Bytes,
}

impl FromRequest<Api> for BatchText {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let form = Form::of(request.headers())?;
        let bytes = read(request, api, api.engine.limits().batch_bytes).await?;
        if form == Form::Json {
            let whole = checked(&bytes, DEPTH_MAX + 2, "");
            whole.map_err(|whole| in_items(&bytes).unwrap_or(whole))?;
        }
        Ok(Self { form, bytes })
    }
}

/// Publish many events, all or nothing.
#[utoipa::path(
    post, path = "/api/v1/webhooks/events/batch", tag = "events",
    params(
        ("expand" = Option<String>, Query, description = "`deliveries`: with delivery ids"),
        ("Idempotency-Key" = Option<String>, Header, description = "gives item i without a key of its own `<key>#i`"),
    ),
    request_body(content(
        (Vec<ItemShape> = "application/json"),
        (String = "application/x-ndjson"),
    ), description = "a JSON array, or one event a line; at most 10,000 events or 16 MiB"),
    responses(
        (status = 202, description = "All are on disk", body = BatchView<'static>),
        (status = 409, description = "An idempotency key was used for another body; nothing was stored", body = crate::problem::ProblemView<'static>),
        (status = 508, description = "They were delivered to this very server too often", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn publish_batch(
    auth: Authorized<PublishEvents>,
    State(api): State<Api>,
    producer: Producer,
    parameters: Parameters,
    body: BatchText,
) -> Result<Response, Problem> {
    let expand = expand(parameters)?;
    let items = items(&body, api.engine.limits().batch_events)?;
    let events = events(&api, &auth.tenant, &items, &producer).await?;
    let published = api.engine.publish(&auth.tenant, events).await;
    let published = published.map_err(|error| Problem::publish(error, pointer))?;
    let view = BatchView {
        accepted: published.len(),
        events: published
            .iter()
            .map(|one| AcceptedView::of(one, expand))
            .collect(),
    };
    let repeated = !published.is_empty() && published.iter().all(|one: &Published| one.replayed);
    Ok(replayed(
        answer::json(StatusCode::ACCEPTED, &view),
        repeated,
    ))
}

fn pointer(index: usize) -> String {
    format!("/{index}")
}

/// The text of each item.
fn items(body: &BatchText, most: usize) -> Result<Vec<&str>, Problem> {
    let items = match body.form {
        Form::Json => array(&body.bytes)?,
        Form::Lines => lines(&body.bytes, most)?,
    };
    match items.len() {
        0 => Err(wrong("", "length", "expected at least one event")),
        n if n > most => Err(too_many(most)),
        _ => Ok(items),
    }
}

fn array(bytes: &[u8]) -> Result<Vec<&str>, Problem> {
    let items: Vec<&RawValue> = serde_json::from_slice(bytes)
        .map_err(|_| wrong("", "type", "expected an array of events"))?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// What is wrong with the items, where the array itself can be told apart into them.
fn in_items(bytes: &[u8]) -> Option<Problem> {
    let items = array(bytes).ok()?.into_iter().enumerate();
    let fault =
        |(index, item): (usize, &str)| malformed(item.as_bytes(), DEPTH_MAX + 1, &pointer(index));
    let errors: Vec<FieldError> = items.filter_map(fault).collect();
    (!errors.is_empty()).then(|| Problem::fields(errors))
}

/// Lines that hold something, each checked on its own, so that a fault names its line.
fn lines(bytes: &[u8], most: usize) -> Result<Vec<&str>, Problem> {
    let lines = bytes.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for (index, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        if index == most {
            return Err(too_many(most));
        }
        match malformed(line, DEPTH_MAX + 1, &pointer(index)) {
            None => items.push(std::str::from_utf8(line).expect("checked above")),
            Some(fault) => errors.push(fault),
        }
    }
    if errors.is_empty() {
        Ok(items)
    } else {
        Err(Problem::fields(errors))
    }
}

fn too_many(most: usize) -> Problem {
    Problem::new(
        Kind::PayloadTooLarge,
        format!("at most {most} events are taken at once"),
    )
}

fn wrong(pointer: &str, code: &'static str, detail: &'static str) -> Problem {
    Problem::field(Kind::Validation, pointer, code, detail)
}

/// All of them; or all that is wrong with any, also what only the engine can tell.
async fn events(
    api: &Api,
    tenant: &TenantId,
    items: &[&str],
    producer: &Producer,
) -> Result<Vec<NewEvent>, Problem> {
    let bytes_max = api.engine.limits().event_bytes;
    let (mut events, mut places) = (Vec::with_capacity(items.len()), Vec::new());
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match one(index, item, producer, bytes_max) {
            Ok(event) => {
                events.push(event);
                places.push(index);
            }
            Err(found) => errors.extend(found.into_iter().map(|error| (index, error))),
        }
    }
    if errors.is_empty() {
        return Ok(events);
    }
    let refused = api.engine.refusals(tenant, &events).await;
    errors.extend(refused.into_iter().map(|(nth, why)| {
        let index = places[nth];
        (index, refusal(&pointer(index), why))
    }));
    errors.sort_by_key(|(index, _)| *index);
    Err(Problem::fields(
        errors.into_iter().map(|(_, error)| error).collect(),
    ))
}

/// One item. Its data is copied, so that a small event does not keep the whole batch in memory.
fn one(
    index: usize,
    item: &str,
    producer: &Producer,
    bytes_max: usize,
) -> Result<NewEvent, Vec<FieldError>> {
    if item.len() > bytes_max {
        return Err(vec![too_long(index, bytes_max)]);
    }
    let mut fields = Fields::of(item, Some(index), ITEM)?;
    let own = fields.optional("idempotency_key", item_key);
    let from_header = || {
        producer
            .idempotency_key
            .as_ref()
            .map(|key| format!("{key}#{index}"))
    };
    let key = own.or_else(from_header);
    let event = event(fields, producer, |raw| {
        Bytes::copy_from_slice(raw.as_bytes())
    })?;
    let idempotency = key.map(|key| claim(key, item.as_bytes()));
    Ok(NewEvent {
        idempotency,
        ..event
    })
}

fn too_long(index: usize, bytes_max: usize) -> FieldError {
    FieldError {
        kind: Kind::Validation,
        pointer: pointer(index),
        code: "event_too_large".into(),
        detail: format!("an event has at most {bytes_max} bytes").into(),
    }
}
