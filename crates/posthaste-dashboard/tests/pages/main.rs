//! Pages over a store in memory: what is asked for, and what is shown.

mod site;

mod portal;
mod event_types;
mod log;
mod live;
mod signing_in;
mod astray;
mod overview;
mod replays;
mod subscriptions;
mod inboxes;
mod keys;
mod tenants;
mod audit;
