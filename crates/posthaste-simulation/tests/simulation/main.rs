//! Worlds by the hundred, the same world twice, and worlds with a mistake in them.

mod planted;
mod same;
mod seeds;

/// Worlds at once.
const THREADS: usize = 2;
