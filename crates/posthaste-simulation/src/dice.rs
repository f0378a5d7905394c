//! Chance in the world: streams of draws, all of them a pure function of the seed.

use std::time::Duration;

use posthaste::chance::Chance;

/// One stream of draws. Each part of the world has its own, so that switching one part off leaves
/// the others' draws as they were.
#[derive(Debug)]
pub struct Dice(Chance);

impl Dice {
    /// The stream that a part of the world draws from.
    #[must_use]
    pub fn of(seed: u64, part: &str) -> Self {
        let named = part.bytes().fold(seed, |mixed, byte| {
            Chance::seeded(mixed ^ u64::from(byte)).bits()
        });
        Self(Chance::seeded(named))
    }

    /// 0 to `n - 1`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.bits() % n.max(1)
    }

    /// `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub fn seconds(&mut self, low: u64, high: u64) -> Duration {
        self.millis(low * 1000, high * 1000)
    }

    /// True in so many of a thousand draws.
    pub fn happens(&mut self, thousandths: u64) -> bool {
        self.below(1000) < thousandths
    }

    /// An index into something that long.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Evenly in [0, 1).
    pub fn draw(&mut self) -> f64 {
        self.0.draw()
    }
}
