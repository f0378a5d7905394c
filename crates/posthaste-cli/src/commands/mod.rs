//! Commands that translate arguments into requests, a file per resource, as the API has them.

mod access;
pub mod subscriptions;
pub mod inboxes;
pub mod events;
mod audit;
pub mod deliveries;
pub mod trail;
pub mod event_types;
pub mod replays;
mod rotate_master;
pub mod keys;
pub mod portal_links;
pub mod tenants;
mod figures;
pub mod stats;
