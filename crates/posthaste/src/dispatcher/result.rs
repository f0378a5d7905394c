//! What becomes of one event at one webhook.

use crate::{
    delivery::{Outcome, Tries},
    transport::{Answer, TransportError},
};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookStatus {
    /// About to be tried for the first time.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// All attempts are spent, or the receiver answered 410.
    Failed,
    /// Failed, and will be tried again.
    Retrying,
}

impl WebhookStatus {
    /// `pending`, `delivered`, `failed` or `retrying`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
        }
    }
}

/// What became of one event at one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The name under which the webhook was registered.
    pub webhook_id: String,
    /// The event's id.
    pub event_id: String,
    /// `delivered` or `failed`; an observer also sees `pending` and `retrying`.
    pub status: WebhookStatus,
    /// The last answer's status; none where there was no answer.
    pub status_code: Option<u16>,
    /// The number of the last attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Why the last attempt failed: its class, a colon and a detail, such as
    /// `http: the receiver answered 503`.
    pub error: Option<String>,
}

impl DeliveryResult {
    pub(super) fn pending(webhook_id: &str, event_id: &str) -> Self {
        Self {
            webhook_id: webhook_id.to_owned(),
            event_id: event_id.to_owned(),
            status: WebhookStatus::Pending,
            status_code: None,
            attempt: 0,
            error: None,
        }
    }

    /// The same after an attempt.
    pub(super) fn after(
        self,
        status: WebhookStatus,
        tries: Tries,
        answered: &Result<Answer, TransportError>,
    ) -> Self {
        Self {
            status,
            status_code: Outcome::from(answered).status(),
            attempt: tries.made,
            error: error(answered),
            ..self
        }
    }
}

fn error(answered: &Result<Answer, TransportError>) -> Option<String> {
    match answered {
        Err(error) => Some(error.to_string()),
        Ok(answer) if Outcome::from(answer).is_success() => None,
        Ok(answer) => Some(format!("http: the receiver answered {}", answer.status)),
    }
}
