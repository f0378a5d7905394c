//! What a list of many subscriptions shows of each: the counts alone. Latencies are most of a
//! rollup, and are stepped over here without being read.

use super::{
    Histogram, Rollup,
    encoding::{Garbled, read_counts, read_varint},
};

/// What became of deliveries, in short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub delivered: u64,
    /// Dead letters.
    pub failed: u64,
    pub discarded: u64,
    pub attempts: u64,
    /// Of the attempts, those that failed.
    pub failed_attempts: u64,
}

impl Tally {
    #[must_use]
    pub fn of(rollup: &Rollup) -> Self {
        let reasons = rollup.reasons.values();
        Self {
            delivered: rollup.delivered,
            failed: rollup.failed,
            discarded: rollup.discarded,
            attempts: rollup.attempts,
            failed_attempts: reasons.fold(0, |sum, count| sum.saturating_add(*count)),
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (mine, more) in [
            (&mut self.delivered, other.delivered),
            (&mut self.failed, other.failed),
            (&mut self.discarded, other.discarded),
            (&mut self.attempts, other.attempts),
            (&mut self.failed_attempts, other.failed_attempts),
        ] {
            *mine = mine.saturating_add(more);
        }
    }

    /// Delivered / (delivered + failed), 0 to 1; none where there was neither.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact up to 2^53
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.delivered.saturating_add(self.failed);
        (ended > 0).then(|| self.delivered as f64 / ended as f64)
    }

    /// Takes that of a written [`Rollup`] from the front.
    ///
    /// # Errors
    /// [`Garbled`].
    pub fn read(from: &mut &[u8]) -> Result<Self, Garbled> {
        let [delivered, failed, discarded, attempts, _] = read_counts(from)?;
        Histogram::skip(from)?;
        Histogram::skip(from)?;
        let mut failed_attempts = 0_u64;
        for _ in 0..read_varint(from)? {
            let _reason = read_varint(from)?;
            failed_attempts = failed_attempts.saturating_add(read_varint(from)?);
        }
        Ok(Self {
            delivered,
            failed,
            discarded,
            attempts,
            failed_attempts,
        })
    }
}
