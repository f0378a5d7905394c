//! Publishing: an envelope in, an accepted event out. The hottest path of the product: the body is
//! scanned once, borrowed once, and its `data` goes on as the very bytes that came.

use axum::{extract::State, response::Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use posthaste::{
    clock::Timestamp,
    event::EventDetails,
    event::EventType,
    id::{DeliveryId, EventId, SubscriptionId},
    json::RawJson,
};
use posthaste_engine::operations::{IdempotencyClaim, NewEvent, Published};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::producer::{Producer, is_idempotency_key};
use crate::{
    Api, answer,
    body::JsonText,
    fields::Fields,
    parameters::Parameters,
    principal::{Authorized, PublishEvents},
    problem::{FieldError, Problem},
    values::{Fault, Read, event_type, label, list, object, parsed, text, time, whole},
};

/// Says that an answer is the one of an earlier publish.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Bytes of `source`, `correlation_id` and `ordering_key` at most.
pub(crate) const LABEL_MAX: usize = 256;
/// Subscriptions that one event may be narrowed to.
const SUBSCRIPTIONS_MAX: usize = 1000;
/// Delivery ids that one event's answer lists.
const DELIVERY_IDS_MAX: usize = 1000;

/// An event to publish.
#[derive(ToSchema)]
#[schema(as = NewEvent)]
#[allow(dead_code)] // the document's shape; what is read is `event`
pub(crate) struct NewEventShape {
    /// A dotted name of letters, digits, `_` and `-`, at most 128 bytes.
    #[schema(
        example = "memory.created",
        min_length = 1,
        max_length = 128,
        pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"
    )]
    r#type: String,
    /// Any JSON, kept and sent byte for byte.
    data: serde_json::Value,
    #[schema(minimum = 1)]
    version: Option<u32>,
    #[schema(min_length = 1, max_length = 256)]
    source: Option<String>,
    #[schema(min_length = 1, max_length = 256)]
    correlation_id: Option<String>,
    #[schema(min_length = 1, max_length = 256)]
    ordering_key: Option<String>,
    /// When it happened; never used for scheduling.
    #[schema(format = DateTime)]
    occurred_at: Option<String>,
    /// Narrows to these subscriptions; their types still apply.
    #[schema(max_items = 1000)]
    subscriptions: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
}

/// An accepted event.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedEvent)]
pub(crate) struct AcceptedView<'a> {
    #[schema(value_type = String, example = "evt_05z4c8q1s0g00")]
    id: EventId,
    #[schema(value_type = String)]
    r#type: &'a EventType,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// How many active or paused subscriptions matched.
    deliveries: u32,
    /// With `expand=deliveries`: up to 1,000 of their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    delivery_ids: Option<Vec<DeliveryId>>,
}

impl<'a> AcceptedView<'a> {
    pub(crate) fn of(published: &'a Published, expand: bool) -> Self {
        Self {
            id: published.id,
            r#type: &published.event_type,
            created_at: published.created_at(),
            deliveries: published.deliveries,
            delivery_ids: expand.then(|| published.delivery_ids().take(DELIVERY_IDS_MAX).collect()),
        }
    }
}

/// Publish one event.
///
/// 202 means that it is on disk. `Idempotency-Key` makes a repeated publish answer as the first.
#[utoipa::path(
    post, path = "/api/v1/webhooks/events", tag = "events",
    params(
        ("expand" = Option<String>, Query, description = "`deliveries`: with delivery ids"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters"),
    ),
    request_body = NewEventShape,
    responses(
        (status = 202, description = "It is on disk", body = AcceptedView<'static>,
            headers(("idempotent-replayed" = Option<String>, description = "`true`: this is the answer of an earlier publish"))),
        (status = 409, description = "The idempotency key was used for another body", body = crate::problem::ProblemView<'static>),
        (status = 508, description = "It was delivered to this very server too often", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn publish(
    auth: Authorized<PublishEvents>,
    State(api): State<Api>,
    producer: Producer,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    let expand = expand(parameters)?;
    let known = || Fields::of(body.as_str(), None, EVENT);
    let Producer {
        idempotency_key, ..
    } = &producer;
    let event = known()
        .and_then(|fields| {
            event(fields, &producer, |raw| {
                body.bytes().slice_ref(raw.as_bytes())
            })
        })
        .map_err(Problem::fields)?;
    let claim = idempotency_key.clone().map(|key| claim(key, body.bytes()));
    let event = NewEvent {
        idempotency: claim,
        ..event
    };
    let named = event.subscriptions.clone().unwrap_or_default();
    let published = api.engine.publish(&auth.tenant, vec![event]).await;
    let published = published.map_err(|error| Problem::publish_of_one(error, &named))?;
    let only = published.first().expect("an answer for the one event");
    let response = answer::json(StatusCode::ACCEPTED, &AcceptedView::of(only, expand));
    Ok(replayed(response, only.replayed))
}

pub(crate) fn expand(mut parameters: Parameters) -> Result<bool, Problem> {
    let deliveries = |value: &str| (value == "deliveries").then_some(());
    let expand = parameters.named("expand", deliveries, || "expected deliveries".to_owned());
    parameters.finish()?;
    Ok(expand.is_some())
}

pub(crate) fn replayed(mut response: Response, replayed: bool) -> Response {
    if replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, yes);
    }
    response
}

pub(crate) fn claim(key: String, published: &[u8]) -> IdempotencyClaim {
    let body = Sha256::digest(published).into();
    IdempotencyClaim { key, body }
}

/// The members of an event.
pub(crate) const EVENT: &[&str] = &[
    "type",
    "data",
    "version",
    "source",
    "correlation_id",
    "ordering_key",
    "occurred_at",
    "subscriptions",
    "metadata",
];
/// The members of an event in a batch.
pub(crate) const ITEM: &[&str] = &[
    "type",
    "data",
    "version",
    "source",
    "correlation_id",
    "ordering_key",
    "occurred_at",
    "subscriptions",
    "metadata",
    "idempotency_key",
];

/// An event out of its members; `keep` takes the bytes of its data.
pub(crate) fn event(
    mut fields: Fields<'_>,
    producer: &Producer,
    keep: impl Fn(&str) -> Bytes,
) -> Result<NewEvent, Vec<FieldError>> {
    let event_type = fields.required("type", event_type);
    let data = fields.required("data", |raw| Read::Ok(RawJson::trusted(keep(raw))));
    let details = EventDetails {
        version: fields.optional("version", whole(1, u32::MAX)),
        source: fields.optional("source", label(LABEL_MAX)),
        correlation_id: fields.optional("correlation_id", label(LABEL_MAX)),
        ordering_key: fields.optional("ordering_key", label(LABEL_MAX)),
        occurred_at: fields.optional("occurred_at", time),
        metadata: fields.optional("metadata", object),
        traceparent: producer.traceparent.clone(),
        hops: producer.hops,
        test: false,
    };
    let ids = list(SUBSCRIPTIONS_MAX, parsed::<SubscriptionId>("invalid_id"));
    let subscriptions = fields.optional("subscriptions", ids);
    let errors = fields.faults();
    match (event_type, data) {
        (Some(event_type), Some(data)) if errors.is_empty() => Ok(NewEvent {
            event_type,
            data,
            details,
            subscriptions,
            idempotency: None,
        }),
        _ => Err(errors),
    }
}

/// An item's own idempotency key.
pub(crate) fn item_key(raw: &str) -> Read<String> {
    let key = text(raw)?;
    if is_idempotency_key(key.as_bytes()) {
        return Ok(key.into_owned());
    }
    let detail = "expected 1 to 255 visible ASCII characters";
    Err(Fault::new("invalid_idempotency_key", detail).into())
}
