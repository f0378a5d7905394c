//! Posthaste's engine: what someone asks for (operations), who is sent to next (the scheduler),
//! the sending itself (delivery), and slow duties (upkeep), over any store.

pub mod config;
pub mod subscribers;
pub mod scheduler;
pub mod telemetry;
pub mod delivery;
pub mod upkeep;
mod engine;
pub mod operations;

pub use config::{Bounds, EngineConfig, Limits};
pub use engine::Engine;
