//! The product from outside: the real binary as a process, spoken to over real sockets, with
//! receivers that misbehave. Nothing here knows how the inside is built; CONTRACT's words alone.

mod wait;
mod http;
mod server;
mod sink;
mod signature;
mod api;

mod access;
mod again;
mod alerts;
mod backlog;
mod bad_input;
mod batch;
mod batch_mode;
mod cli;
mod concurrent_change;
mod crash;
mod demo;
mod failing_endpoints;
mod filters;
mod fairness;
mod fifo;
mod health;
mod hostile_events;
mod hostile_receivers;
mod idempotency;
mod lists;
mod not_available_yet;
mod pausing;
mod publish;
mod quick;
mod retries;
mod retry_after;
mod retry_policies;
mod replays;
mod rotation;
mod shutdown;
mod simulate;
mod storage_full;
mod test_route;
