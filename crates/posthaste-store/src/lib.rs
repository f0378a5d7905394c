//! The seam between the engine and its stores.
//!
//! A store is the queue: what it has accepted is durable, memory and notifications are hints. Its
//! verbs are batches, each one transaction, and every promise they make is a case in
//! [`conformance`], which the model in memory and every real store pass.

pub mod ledger;
pub mod record;
pub mod audit;
pub mod again;
pub mod replay;
pub mod query;
pub mod rollup;
pub mod timings;
pub mod dead_letter;
pub mod settings;
pub mod keeping;
pub mod event_type;
pub mod inbox;
pub mod keyring;
pub mod theme;
pub mod pass;
pub mod change;
mod store;
pub mod memory;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;

pub use event_type::EventTypeEntry;
pub use memory::MemoryStore;
pub use store::{Horizon, Page, Store, StoreError};
