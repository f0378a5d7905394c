//! Slow duties, in small steps beside the hot path.

pub mod discard;
pub mod recovery;
pub mod replay;
