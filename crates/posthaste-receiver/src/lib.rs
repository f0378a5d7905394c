//! A receiver that misbehaves at the socket, for tests and for `posthaste receiver`.
//!
//! It speaks its own small HTTP/1.1 straight on TCP, because a proper server library refuses to
//! reset, stall and lie as real receivers do. It decides nothing about deliveries: it records what
//! came, and answers as its script says.

mod request;
mod behaviour;
mod script;
mod record;
mod verification;
mod answer;
mod receiver;

pub use behaviour::{Behaviour, BehaviourError, Reply};
pub use receiver::{Options, Receiver};
pub use record::Recorded;
pub use script::Script;
pub use verification::Verification;
