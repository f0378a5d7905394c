//! Posthaste's engine: what someone asks for (operations), who is sent to next (the scheduler),
//! the sending itself (delivery), and slow duties (upkeep), over any store.
//!
//! It is the durable form of the library's dispatcher, for a program of one's own: what `publish`
//! has answered is in the store, and is delivered however often the program falls over.
//!
//! ```
//! use posthaste::{
//!     clock::{Clock, SystemClock},
//!     event::{EventDetails, TenantId},
//!     json::RawJson,
//! };
//! use posthaste_engine::{
//!     Engine, EngineConfig,
//!     operations::{NewEvent, NewSubscription},
//! };
//! use posthaste_store::MemoryStore; // `SqliteStore::open("hooks.db", now)?` keeps it on disk
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new(SystemClock::new().now());
//! let engine = Engine::start(store, EngineConfig::default()).await?;
//!
//! let tenant = TenantId::default_tenant();
//! let hook = NewSubscription {
//!     events: vec!["order.*".parse()?],
//!     ..NewSubscription::to("https://example.com/hook".parse()?)
//! };
//! engine.subscribe(&tenant, hook).await?;
//!
//! let event = NewEvent {
//!     event_type: "invoice.paid".parse()?,
//!     data: RawJson::parse(r#"{"id":7}"#, 128)?,
//!     details: EventDetails::default(),
//!     subscriptions: None,
//!     idempotency: None,
//! };
//! let published = engine.publish(&tenant, vec![event]).await?;
//! assert_eq!(published[0].deliveries, 0, "nobody wants invoices");
//! # Ok(())
//! # }
//! ```

pub mod config;
pub mod catalogue;
pub mod allowance;
pub mod key_table;
mod passes;
pub mod subscribers;
pub mod scheduler;
pub mod telemetry;
pub mod live;
pub mod delivery;
pub mod inboxes;
pub mod again;
pub mod upkeep;
mod engine;
pub mod operations;
mod trail;

pub use config::{Bounds, EngineConfig, Limits, Retention};
pub use engine::Engine;
