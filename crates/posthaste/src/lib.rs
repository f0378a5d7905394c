//! Posthaste sends webhooks: events in, signed and retried deliveries out.
//!
//! This crate is what is true without a database: ids, events, subscriptions, signatures, retry
//! policies, egress rules, transports, and a small dispatcher to embed. The server is built on the
//! same parts.
//!
//! # Quick start
//!
//! Register a webhook, dispatch an event, look at what became of it:
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use posthaste::{
//!     CallbackTransport, WebhookConfig, WebhookEvent, WebhookEventType, WebhookStatus,
//!     create_webhook_dispatcher, create_webhook_registry,
//! };
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = create_webhook_registry();
//! registry.register(
//!     "my-webhook",
//!     WebhookConfig {
//!         events: vec![WebhookEventType::CREATED.into(), WebhookEventType::UPDATED.into()],
//!         max_retries: 3,
//!         retry_delay: Duration::from_secs(1),
//!         ..WebhookConfig::new(
//!             "https://example.com/hook".parse()?,
//!             "a secret that both sides know".parse()?,
//!         )
//!     },
//! )?;
//!
//! // A receiver inside this process; [`transport`] has the one that sends for real.
//! let transport = CallbackTransport::new(|url, payload, _headers| {
//!     println!("POST {url}: {} bytes", payload.len());
//!     (200, "thank you")
//! });
//! let dispatcher = create_webhook_dispatcher(registry, Some(Arc::new(transport)));
//!
//! // In async code: `dispatcher.dispatch_with_retry(&event).await`.
//! let dispatcher = posthaste::BlockingDispatcher::new(dispatcher)?;
//! let event = WebhookEvent::new(WebhookEventType::CREATED, json!({"id": 7, "name": "Ada"}));
//! for result in dispatcher.dispatch_with_retry(&event) {
//!     assert_eq!(result.webhook_id, "my-webhook");
//!     assert_eq!(result.status, WebhookStatus::Delivered);
//!     assert_eq!((result.attempt, result.status_code), (1, Some(200)));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Signatures by hand
//!
//! ```
//! use posthaste::{SignatureAlgorithm, WebhookSignature};
//!
//! let (body, secret) = (br#"{"id":7}"#, "a secret that both sides know");
//! let signature = WebhookSignature::sign(body, secret, SignatureAlgorithm::HMAC_SHA256);
//! assert!(WebhookSignature::verify(body, &signature, secret, SignatureAlgorithm::HMAC_SHA256));
//! assert!(!WebhookSignature::verify(b"{}", &signature, secret, SignatureAlgorithm::HMAC_SHA256));
//! ```
//!
//! A receiver has the request's headers, and wants to know why one is refused:
//!
//! ```
//! use posthaste::{
//!     clock::{Clock, SystemClock},
//!     signature::{Scheme, XWebhookHash, verify},
//! };
//!
//! let headers = [("X-Webhook-Signature", "sha256=0000")];
//! let now = SystemClock::new().wall();
//! let judged = verify(Scheme::XWebhook, XWebhookHash::Sha256, "secret", &headers, b"{}", now);
//! let why = judged.unwrap_err().to_string();
//! assert_eq!(why, "no whole sha256 signature in x-webhook-signature");
//! ```
//!
//! # Features
//!
//! `http` (the default) delivers over HTTP and TLS, on tokio. Without it the crate is pure Rust
//! without tokio or C: everything but the real transport works, with a timer of one's own in async
//! code and without one in [`blocking`].

#![warn(missing_docs)]

pub mod clock;
pub mod chance;
pub mod id;
pub mod json;
pub mod wording;
pub mod event;
pub mod network;
pub mod origin;
pub mod signature;
pub mod egress;
pub mod body;
pub mod provenance;
pub mod retry;
pub mod delivery;
pub mod circuit;
pub mod filter;
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
#[cfg(feature = "http")]
pub use transport::http::{HttpConfig, HttpTransport};
pub use transport::{
    WebhookTransport,
    callback::{CallbackTransport, HTTPWebhookTransport},
};
pub use webhook_event::{WebhookEvent, WebhookEventType};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
