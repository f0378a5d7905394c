//! What can be done with one subscription: hold and release it, try it, and its secret.

use std::time::Duration;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_engine::operations::signing;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    subscription_body::secret,
    subscription_view::SubscriptionView,
    subscriptions::{find, shown},
};
use crate::{
    Api, answer,
    body::OptionalJson,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, WriteSubscriptions},
    problem::Problem,
    values::{duration, event_type},
};

/// Hold a subscription's deliveries: they are made and go out on resume.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{id}/pause", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The subscription, paused", body = SubscriptionView<'static>)),
)]
pub(crate) async fn pause(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    body.nothing()?;
    Ok(shown(
        StatusCode::OK,
        &*auth.engine().pause(&auth.tenant, id).await?,
    ))
}

/// Release a subscription's deliveries and forgive its failures.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{id}/resume", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The subscription, active", body = SubscriptionView<'static>)),
)]
pub(crate) async fn resume(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    body.nothing()?;
    Ok(shown(
        StatusCode::OK,
        &*auth.engine().resume(&auth.tenant, id).await?,
    ))
}

/// What to try a subscription with.
#[derive(ToSchema)]
#[schema(as = TestRequest)]
#[allow(dead_code)] // the document's shape
pub(crate) struct TestShape {
    /// Else the subscription's first exact type, else `posthaste.test`.
    r#type: Option<String>,
}

/// One attempt that was started.
#[derive(Serialize, ToSchema)]
#[schema(as = TestStarted)]
pub(crate) struct TestView {
    #[schema(value_type = String)]
    delivery_id: DeliveryId,
    #[schema(value_type = String)]
    event_id: EventId,
    status: &'static str,
}

/// Try a subscription with one attempt, whatever its status and filters.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{id}/test", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = Option<TestShape>,
    responses((status = 202, description = "The attempt is on its way", body = TestView)),
)]
pub(crate) async fn test(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["type"])?;
    let event_type = fields.optional("type", event_type);
    fields.finish()?;
    let trial = auth
        .engine()
        .try_subscription(&auth.tenant, id, event_type)
        .await?;
    let view = TestView {
        delivery_id: trial.delivery,
        event_id: trial.event,
        status: "pending",
    };
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}

/// How to rotate.
#[derive(ToSchema)]
#[schema(as = Rotation)]
#[allow(dead_code)] // the document's shape
pub(crate) struct RotationShape {
    /// How long the old secret keeps signing beside the new one; default 86,400.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_s: Option<u32>,
    /// One is made where none is given.
    secret: Option<String>,
}

/// The new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Rotated)]
pub(crate) struct RotatedView<'a> {
    secret: &'a str,
    #[schema(value_type = String, format = DateTime)]
    previous_valid_until: Timestamp,
}

/// Give a subscription a new secret; the old one keeps signing beside it for a while.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{id}/rotate-secret", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    request_body = Option<RotationShape>,
    responses(
        (status = 200, description = "The new secret", body = RotatedView<'static>),
        (status = 409, description = "The last rotation still overlaps", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn rotate_secret(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["overlap_s", "secret"])?;
    let overlap = fields.optional(
        "overlap_s",
        duration(signing::OVERLAP_S, Duration::from_secs(1)),
    );
    let algorithm = find(&api, &auth.tenant, id)?.algorithm;
    let secret = fields.optional("secret", |raw| secret(raw, algorithm));
    fields.finish()?;
    let overlap = overlap.unwrap_or(signing::OVERLAP);
    let rotated = auth
        .engine()
        .rotate_secret(&auth.tenant, id, secret, overlap)
        .await?;
    let (secret, previous_valid_until) = rotated;
    let view = RotatedView {
        secret: secret.expose(),
        previous_valid_until,
    };
    Ok(answer::unstored(answer::json(StatusCode::OK, &view)))
}

/// A subscription's secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretView<'a> {
    secret: &'a str,
    /// What verifies it, with `ed25519`.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

/// Reveal a subscription's secret. That it was stands in the audit log before it is answered.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{id}/secret", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The secret that signs", body = SecretView<'static>)),
)]
pub(crate) async fn reveal_secret(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let found = auth.engine().reveal_secret(&auth.tenant, id).await?;
    let current = &found.secrets.current;
    let view = SecretView {
        secret: current.expose(),
        public_key: current
            .signing_key()
            .map(|key| key.public_key().to_string()),
    };
    tracing::info!(subscription = %id, key = %auth.principal.key.id, "secret.reveal");
    Ok(answer::unstored(answer::json(StatusCode::OK, &view)))
}
