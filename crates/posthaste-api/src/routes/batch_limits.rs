//! When a batch is full, as it is written in a body.

use posthaste::subscription::BatchLimits;
use utoipa::ToSchema;

use crate::{
    fields::nested,
    values::{Read, bounded},
};

const MEMBERS: &[&str] = &["max_events", "max_wait_ms", "max_bytes"];

/// When the events that gather for one request are enough, whichever comes first.
#[derive(ToSchema)]
#[schema(as = BatchLimits)]
#[allow(dead_code)] // the document's shape
pub(crate) struct BatchLimitsShape {
    /// Events of a request.
    #[schema(minimum = 1, maximum = 1_000, default = 100)]
    max_events: Option<u32>,
    /// How long the first event waits for others.
    #[schema(minimum = 1, maximum = 60_000, default = 1_000)]
    max_wait_ms: Option<u32>,
    /// Of the bodies together; an event that is larger leaves alone.
    #[schema(minimum = 1_024, maximum = 16_777_216, default = 1_048_576)]
    max_bytes: Option<u32>,
}

/// What is left out takes its default.
pub(crate) fn batch_limits(raw: &str) -> Read<BatchLimits> {
    nested(raw, MEMBERS, |fields| {
        let max_events = fields.optional("max_events", bounded(BatchLimits::EVENTS));
        let max_wait_ms = fields.optional("max_wait_ms", bounded(BatchLimits::WAIT_MS));
        let max_bytes = fields.optional("max_bytes", bounded(BatchLimits::BYTES));
        let default = BatchLimits::default();
        Some(BatchLimits {
            max_events: max_events.unwrap_or(default.max_events),
            max_wait_ms: max_wait_ms.unwrap_or(default.max_wait_ms),
            max_bytes: max_bytes.unwrap_or(default.max_bytes),
        })
    })
}
