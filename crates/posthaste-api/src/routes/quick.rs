//! The quick API: four routes for those who want no more than a list of hooks.
//!
//! What it makes is an ordinary subscription, `flat` and with the retry preset `quick`; both APIs
//! show all of them.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    event::TenantId,
    id::{DeliveryId, SubscriptionId},
    json::RawJson,
    retry::{Preset, RetryPolicy},
    signature::Algorithm,
    subscription::{EventPattern, Subscription, SubscriptionStatus},
};
use posthaste_engine::operations::NewSubscription;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    subscription_actions::TestShape,
    subscription_body::{patterns, secret, target_url},
    subscription_view::health_status,
};
use crate::{
    Api, answer,
    body::{JsonText, OptionalJson},
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadSubscriptions, WriteSubscriptions},
    problem::Problem,
    values::{event_type, object},
};

/// A hook to register.
#[derive(ToSchema)]
#[schema(as = NewHook)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewHookShape {
    url: String,
    /// Exact types, `prefix.*`, or `*`.
    events: Vec<String>,
    secret: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<serde_json::Value>,
}

/// What was done with a hook.
#[derive(Serialize, ToSchema)]
#[schema(as = HookDone)]
pub(crate) struct HookDoneView {
    #[schema(value_type = String)]
    webhook_id: SubscriptionId,
    message: &'static str,
}

/// A hook.
#[derive(Serialize, ToSchema)]
#[schema(as = Hook)]
pub(crate) struct HookView<'a> {
    #[schema(value_type = String)]
    webhook_id: SubscriptionId,
    url: &'a str,
    #[schema(value_type = Vec<String>)]
    events: &'a [EventPattern],
    #[schema(value_type = Object)]
    metadata: &'a RawJson,
    active: bool,
    /// `healthy` or `unhealthy`.
    health_status: &'static str,
    consecutive_failures: u32,
    /// The last success.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_triggered_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl<'a> HookView<'a> {
    fn of(subscription: &'a Subscription) -> Self {
        Self {
            webhook_id: subscription.id,
            url: subscription.url.as_str(),
            events: &subscription.events,
            metadata: &subscription.metadata,
            active: subscription.status == SubscriptionStatus::Active,
            health_status: health_status(&subscription.health),
            consecutive_failures: subscription.health.consecutive_failures,
            last_triggered_at: subscription.health.last_success_at,
            created_at: subscription.created_at,
        }
    }
}

/// Register a hook.
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "quick",
    request_body = NewHookShape,
    responses((status = 201, description = "It is registered", body = HookDoneView)),
)]
pub(crate) async fn register_hook(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = hook(&api, &auth.tenant, &body)?;
    let made = auth.engine().subscribe(&auth.tenant, new).await?;
    let view = HookDoneView {
        webhook_id: made.id,
        message: "Webhook registered",
    };
    Ok(answer::json(StatusCode::CREATED, &view))
}

fn hook(api: &Api, tenant: &TenantId, body: &JsonText) -> Result<NewSubscription, Problem> {
    let mut fields = body.fields(&["url", "events", "secret", "metadata"])?;
    let url = fields.required("url", |raw| target_url(raw, &api.engine, tenant));
    let events = fields.required("events", patterns);
    let secret = fields.optional("secret", |raw| secret(raw, Algorithm::default()));
    let metadata = fields.optional("metadata", object);
    fields.finish()?;
    Ok(NewSubscription {
        events: events.expect("no fault, so it was there"),
        secret,
        metadata: metadata.unwrap_or_else(RawJson::empty_object),
        format: BodyFormat::Flat,
        retry: RetryPolicy::preset(Preset::Quick),
        ..NewSubscription::to(url.expect("no fault, so it was there"))
    })
}

/// List all hooks, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "quick",
    responses((status = 200, description = "All of them", body = Vec<HookView<'static>>)),
)]
pub(crate) async fn list_hooks(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let all = api.engine.subscriptions(&auth.tenant);
    let hooks: Vec<HookView<'_>> = all.iter().map(|one| HookView::of(one)).collect();
    Ok(answer::json(StatusCode::OK, &hooks))
}

/// Remove a hook.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{webhook_id}", tag = "quick",
    params(("webhook_id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "It is removed", body = HookDoneView)),
)]
pub(crate) async fn remove_hook(
    auth: Authorized<WriteSubscriptions>,
    Id(webhook_id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    auth.engine().unsubscribe(&auth.tenant, webhook_id).await?;
    let message = "Webhook removed";
    Ok(answer::json(
        StatusCode::OK,
        &HookDoneView {
            webhook_id,
            message,
        },
    ))
}

/// An attempt that was started.
#[derive(Serialize, ToSchema)]
#[schema(as = HookTest)]
pub(crate) struct HookTestView {
    #[schema(value_type = String)]
    delivery_id: DeliveryId,
    #[schema(value_type = String)]
    webhook_id: SubscriptionId,
    /// `pending`, `sent`, `failed` or `retrying`.
    status: &'static str,
    message: &'static str,
}

/// Try a hook with one attempt.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook_id}/test", tag = "quick",
    params(("webhook_id" = String, Path, description = "`sub_…`")),
    request_body = Option<TestShape>,
    responses((status = 202, description = "The attempt is on its way", body = HookTestView)),
)]
pub(crate) async fn test_hook(
    auth: Authorized<WriteSubscriptions>,
    Id(webhook_id): Id<SubscriptionId>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["type"])?;
    let event_type = fields.optional("type", event_type);
    fields.finish()?;
    let trial = auth
        .engine()
        .try_subscription(&auth.tenant, webhook_id, event_type)
        .await?;
    let view = HookTestView {
        delivery_id: trial.delivery,
        webhook_id,
        status: "pending",
        message: "Test delivery queued",
    };
    Ok(answer::json(StatusCode::ACCEPTED, &view))
}
