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

pub use signature::{SignatureAlgorithm, WebhookSignature};
