//! Posthaste sends webhooks: events in, signed and retried deliveries out.
//!
//! This crate is what is true without a database: ids, events, subscriptions, signatures, retry
//! policies, egress rules, transports, and a small dispatcher to embed.

pub mod clock;
pub mod chance;
pub mod id;
pub mod json;
pub mod event;
pub mod signature;
pub mod egress;
pub mod body;
pub mod retry;
pub mod delivery;
pub mod circuit;
pub mod subscription;
pub mod transport;
pub mod webhook_event;
pub mod registry;
pub mod dispatcher;
#[cfg(any(test, not(feature = "http")))]
mod park;
pub mod blocking;

pub use blocking::BlockingDispatcher;
pub use dispatcher::{
    DeliveryResult, Timer, WebhookDispatcher, WebhookStatus, create_webhook_dispatcher,
};
pub use registry::{Webhook, WebhookConfig, WebhookRegistry, create_webhook_registry};
pub use signature::{SignatureAlgorithm, WebhookSignature};
pub use transport::{
    WebhookTransport,
    callback::{CallbackTransport, HTTPWebhookTransport},
};
pub use webhook_event::{WebhookEvent, WebhookEventType};
