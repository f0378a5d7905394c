//! A subscription as it is shown: everything but its secret.

use std::{collections::BTreeMap, sync::Arc};

use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::{Health, PauseReason},
    event::EventType,
    filter::Filter,
    id::SubscriptionId,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme},
    subscription::{BatchLimits, EventPattern, Ordering, Subscription, SubscriptionStatus},
};
use posthaste_engine::operations::batching::Mode;
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::{
    access_body::{AuthShape, TlsShape},
    access_view::{AccessView, AuthView, TlsView},
    batch_limits::BatchLimitsShape,
};
use crate::answer;

/// A URL that wants events, and how it wants them.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView<'a> {
    #[schema(value_type = String)]
    id: SubscriptionId,
    external_id: Option<&'a str>,
    url: &'a str,
    description: &'a str,
    #[schema(value_type = Vec<String>)]
    events: &'a [EventPattern],
    /// As it was written; null wants all.
    #[schema(value_type = Option<Object>)]
    filter: Option<&'a Filter>,
    /// `active`, `paused` or `disabled`.
    status: &'static str,
    /// Why it is paused: `manual`, `consecutive_failures` or `gone`.
    #[schema(value_type = Option<String>)]
    status_reason: Option<PauseReason>,
    #[schema(value_type = Vec<String>)]
    schemes: &'a [Scheme],
    #[schema(value_type = String)]
    algorithm: Algorithm,
    #[schema(value_type = serde_json::Value)]
    retry: &'a RetryPolicy,
    timeout_ms: u128,
    /// Requests per second at most; null is no limit.
    #[schema(value_type = Option<f64>)]
    rate_limit_per_s: Option<Number>,
    max_in_flight: u32,
    auto_pause_after: u32,
    /// `single` or `batch`.
    #[schema(value_type = String)]
    mode: Mode,
    /// Null in mode `single`.
    #[schema(value_type = Option<BatchLimitsShape>)]
    batch: Option<BatchLimits>,
    /// `none` or `fifo`.
    #[schema(value_type = String)]
    ordering: Ordering,
    #[schema(value_type = String)]
    format: BodyFormat,
    /// Types of which it takes this one version alone.
    #[schema(value_type = BTreeMap<String, u32>)]
    versions: &'a BTreeMap<EventType, u32>,
    /// Sent with every request; a secret reads `***`.
    #[schema(value_type = BTreeMap<String, String>)]
    headers: BTreeMap<&'a str, &'a str>,
    #[schema(value_type = Option<AuthShape>)]
    auth: Option<AuthView<'a>>,
    #[schema(value_type = Option<TlsShape>)]
    tls: Option<TlsView<'a>>,
    #[schema(value_type = Object)]
    metadata: &'a RawJson,
    health: HealthView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// In the answer of the POST that made it, and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// How an endpoint has fared lately.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthView {
    /// `healthy` or `unhealthy`: from its first failed attempt on until a success.
    status: &'static str,
    /// Deliveries in a row that spent all their attempts; at `auto_pause_after` it is paused.
    consecutive_failures: u32,
    /// At 50 the circuit opens.
    failed_attempts_in_a_row: u32,
    /// `closed`, or `open`: deliveries wait and spend no attempts until a probe succeeds.
    circuit: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_failure_at: Option<Timestamp>,
}

impl HealthView {
    fn of(health: &Health) -> Self {
        Self {
            status: health_status(health),
            consecutive_failures: health.consecutive_failures,
            failed_attempts_in_a_row: health.failed_attempts_in_a_row,
            circuit: health.circuit.as_str(),
            last_success_at: health.last_success_at,
            last_failure_at: health.last_failure_at,
        }
    }
}

pub(crate) fn health_status(health: &Health) -> &'static str {
    if health.unhealthy {
        "unhealthy"
    } else {
        "healthy"
    }
}

impl<'a> SubscriptionView<'a> {
    pub(crate) fn of(subscription: &'a Subscription) -> Self {
        let status_reason = match subscription.status {
            SubscriptionStatus::Paused(reason) => Some(reason),
            SubscriptionStatus::Active | SubscriptionStatus::Disabled => None,
        };
        let access = AccessView::of(&subscription.access);
        Self {
            id: subscription.id,
            external_id: subscription.external_id.as_deref(),
            url: subscription.url.as_str(),
            description: &subscription.description,
            events: &subscription.events,
            filter: subscription.filter.as_ref(),
            status: subscription.status.as_str(),
            status_reason,
            schemes: &subscription.schemes,
            algorithm: subscription.algorithm,
            retry: &subscription.retry,
            timeout_ms: subscription.timeout.as_millis(),
            rate_limit_per_s: subscription
                .rate_limit
                .map(|limit| answer::rate(limit.per_s())),
            max_in_flight: subscription.max_in_flight,
            auto_pause_after: subscription.auto_pause_after,
            mode: Mode::of(subscription.batch.as_ref()),
            batch: subscription.batch,
            ordering: subscription.ordering,
            format: subscription.format,
            versions: &subscription.versions,
            headers: access.headers,
            auth: access.auth,
            tls: access.tls,
            metadata: &subscription.metadata,
            health: HealthView::of(&subscription.health),
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
            secret: None,
        }
    }

    pub(crate) fn with_secret(self, subscription: &'a Arc<Subscription>) -> Self {
        let secret = Some(subscription.secrets.current.expose());
        Self { secret, ..self }
    }
}
