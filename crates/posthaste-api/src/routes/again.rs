//! Sending again and letting go: one delivery, all that match, one event.

use axum::response::Response;
use http::StatusCode;
use posthaste::id::{DeliveryId, EventId, SubscriptionId};
use posthaste_engine::operations::Redelivered;
use serde::Serialize;
use utoipa::ToSchema;

use super::deliveries::{FILTER, delivery_filter};
use crate::{
    answer,
    body::{JsonText, OptionalJson},
    parameters::Parameters,
    path::Id,
    principal::{Authorized, WriteDeliveries},
    problem::Problem,
    values::{distinct, list, parsed},
};

/// Subscriptions that one event may be sent to again by name.
const SUBSCRIPTIONS_MAX: usize = 1000;

/// What came of sending again.
#[derive(Serialize, ToSchema)]
#[schema(as = Redelivered)]
pub(crate) struct RedeliveredView {
    redelivered: u64,
    /// It waits anyway and is left as it is.
    already_waiting: u64,
}

impl RedeliveredView {
    fn answer(done: Redelivered) -> Response {
        let view = Self {
            redelivered: done.redelivered,
            already_waiting: done.already_waiting,
        };
        answer::json(StatusCode::ACCEPTED, &view)
    }
}

/// How many dead letters left the queue.
#[derive(Serialize, ToSchema)]
#[schema(as = Discarded)]
pub(crate) struct DiscardedView {
    discarded: u64,
}

/// Which deliveries: the members of the list's filters, at least one.
#[derive(ToSchema)]
#[schema(as = DeliveryFilter)]
#[allow(dead_code)] // the document's shape; what is read is `delivery_filter`
pub(crate) struct FilterShape {
    /// `pending`, `retrying`, `held`, `delivered`, `failed` or `discarded`.
    status: Option<String>,
    #[schema(example = "sub_05z4c8q1s0g00")]
    subscription: Option<String>,
    #[schema(example = "evt_05z4c8q1s0g00")]
    event: Option<String>,
    /// Exactly this event type.
    r#type: Option<String>,
    /// Created at or after.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Created before.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// What it came to last was at or after: its end, or the latest attempt.
    #[schema(format = DateTime)]
    outcome_since: Option<String>,
    /// It came to nothing at or after.
    #[schema(format = DateTime)]
    outcome_until: Option<String>,
    /// What `last_error` begins with, such as `timeout`.
    error: Option<String>,
}

/// Send a delivery again.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/{id}/redeliver", tag = "deliveries",
    params(("id" = String, Path, description = "`dlv_…`")),
    responses(
        (status = 202, description = "It is open again, or waited anyway", body = RedeliveredView),
        (status = 409, description = "Its subscription is disabled", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn redeliver(
    auth: Authorized<WriteDeliveries>,
    Id(id): Id<DeliveryId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    body.nothing()?;
    let done = auth.engine().redeliver(&auth.tenant, id).await?;
    Ok(RedeliveredView::answer(done))
}

/// Send all deliveries again that match a filter, oldest first.
///
/// Those of disabled and deleted subscriptions are skipped.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/redeliver", tag = "deliveries",
    request_body = FilterShape,
    responses((status = 202, description = "They are open again, or waited anyway", body = RedeliveredView)),
)]
pub(crate) async fn redeliver_all(
    auth: Authorized<WriteDeliveries>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let query = delivery_filter(body.fields(FILTER)?)?;
    let done = auth.engine().redeliver_all(&auth.tenant, query).await?;
    Ok(RedeliveredView::answer(done))
}

/// Discard all dead letters that match a filter; they stay readable.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/discard", tag = "deliveries",
    request_body = FilterShape,
    responses((status = 202, description = "They are `discarded`", body = DiscardedView)),
)]
pub(crate) async fn discard_all(
    auth: Authorized<WriteDeliveries>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let query = delivery_filter(body.fields(FILTER)?)?;
    let discarded = auth.engine().discard_all(&auth.tenant, query).await?;
    let view = DiscardedView { discarded };
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}

/// Discard one dead letter; it stays readable.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/{id}/discard", tag = "deliveries",
    params(("id" = String, Path, description = "`dlv_…`")),
    responses((status = 202, description = "It is `discarded`, or was no dead letter", body = DiscardedView)),
)]
pub(crate) async fn discard(
    auth: Authorized<WriteDeliveries>,
    Id(id): Id<DeliveryId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    body.nothing()?;
    let discarded = auth.engine().discard(&auth.tenant, id).await?;
    let discarded = u64::from(discarded);
    Ok(answer::json(
        StatusCode::ACCEPTED,
        &DiscardedView { discarded },
    ))
}

/// Which subscriptions get it, whatever their types and filters.
#[derive(ToSchema)]
#[schema(as = EventRedelivery)]
#[allow(dead_code)] // the document's shape; what is read is in `redeliver_event`
pub(crate) struct EventRedeliveryShape {
    /// Without it: all that match today.
    #[schema(min_items = 1, max_items = 1000)]
    subscriptions: Option<Vec<String>>,
}

/// Send an event again, to all subscriptions that match today or to the ones named.
#[utoipa::path(
    post, path = "/api/v1/webhooks/events/{id}/redeliver", tag = "events",
    params(("id" = String, Path, description = "`evt_…`")),
    request_body = Option<EventRedeliveryShape>,
    responses(
        (status = 202, description = "Its deliveries are open again, or made", body = RedeliveredView),
        (status = 409, description = "A subscription that is named is disabled", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn redeliver_event(
    auth: Authorized<WriteDeliveries>,
    Id(id): Id<EventId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["subscriptions"])?;
    let ids = list(SUBSCRIPTIONS_MAX, parsed::<SubscriptionId>("invalid_id"));
    let named = fields.optional("subscriptions", distinct(ids));
    fields.finish()?;
    let engine = auth.engine();
    let done = engine.redeliver_event(&auth.tenant, id, named).await?;
    Ok(RedeliveredView::answer(done))
}
