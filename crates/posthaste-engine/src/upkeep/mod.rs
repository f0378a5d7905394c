//! Slow duties, in small steps beside the hot path.

pub mod discard;
pub mod recovery;
pub mod rounds;
pub mod retention;
pub mod expiry;
pub mod removal;
pub mod replay;
