//! Commands that translate arguments into requests, a file per resource, as the API has them.

pub mod subscriptions;
pub mod events;
pub mod deliveries;
pub mod replays;
pub mod keys;
pub mod tenants;
