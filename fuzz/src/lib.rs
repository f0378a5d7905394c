//! What has to hold of whatever reads strangers' bytes: an oracle for each reader, which takes any
//! bytes and panics where the reader has judged them wrongly.
//!
//! The fuzzer calls them with bytes that it looks for, and the suite with the seeds and what chance
//! makes of them (`crates/posthaste-cli/tests/fuzzing`). An oracle says more than "it did not fall
//! over": it knows the answer from elsewhere, mostly from a slow and simple reading of the same
//! bytes. None reads a clock, keeps anything between two calls that would change a judgement, or
//! knows anything but what is public.

mod parts;
mod naive;

pub mod json_scan;
pub mod json_sorted;
pub mod filter;
pub mod event_pattern;
pub mod target_url;
pub mod signature;
pub mod secret;
pub mod retry_policy;
pub mod retry_after;
pub mod id;
pub mod schema;
pub mod rollup;
pub mod provenance;
pub mod event_stream;
pub mod configuration;
mod world;
pub mod publish;
pub mod batch;
pub mod subscription;
pub mod query;
