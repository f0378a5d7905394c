//! The only reader of randomness.
//!
//! What must not be guessed (secrets, keys) comes from [`secure`]; the draw of a jitter comes from
//! a [`Chance`], which a simulation seeds.

use std::sync::atomic::{AtomicU64, Ordering};

/// `N` bytes from the operating system's generator: for secrets and keys.
///
/// # Panics
/// When the operating system has no randomness to give: nothing may be made without it.
#[must_use]
#[allow(clippy::disallowed_methods)]
pub fn secure<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A UUID v4, in its hyphenated form.
#[must_use]
#[allow(clippy::disallowed_methods)]
pub fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A stream of draws for jitter; the same seed gives the same draws (SplitMix64).
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The stream of a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Seeded by the operating system.
    #[must_use]
    pub fn from_system() -> Self {
        Self::seeded(u64::from_le_bytes(secure()))
    }

    /// The next 64 bits.
    pub fn bits(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next draw, evenly in [0, 1).
    #[allow(clippy::cast_precision_loss)]
    pub fn draw(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_within_bounds() {
        let (one, two) = (Chance::seeded(7), Chance::seeded(7));
        for _ in 0..1000 {
            let draw = one.draw();
            assert!((0.0..1.0).contains(&draw));
            assert!((draw - two.draw()).abs() < f64::EPSILON);
        }
        assert_ne!(Chance::seeded(8).bits(), Chance::seeded(7).bits());
    }
}
