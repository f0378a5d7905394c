//! The API over a real engine and the model store: in process, in virtual time. Sockets are used
//! only for what is about sockets.

mod world;
mod access;
mod tenants;
mod browsers;
mod isolation;
mod catalogue;
mod bad_input;
mod document;
mod guessing;
mod lists;
mod publish;
mod sockets;
mod subscriptions;
mod receivers;
mod portal_links;
mod trail;
mod delivery_settings;
mod deliveries;
mod again;
mod streams;
mod inboxes;
mod stats;
mod replays;
