//! Slow duties, in small steps beside the hot path.

pub mod discard;
pub mod recovery;
pub mod spoilt;
pub mod rounds;
pub mod retention;
pub mod audit;
pub mod arrivals;
pub mod passes;
pub mod expiry;
pub mod key_use;
pub mod removal;
pub mod replay;
