//! Rollups: what became of deliveries in a minute, small enough to be kept for each subscription
//! and added up to any stretch of time, so that whoever asks for figures never scans deliveries.
//!
//! What is counted here is what stores write with the settlement itself; nothing is sampled and
//! nothing is counted later. A test ([`Origin::Test`]) is never counted. A delivery that failed,
//! was sent again and arrived has failed once and was delivered once: it counts as both.

mod encoding;
mod histogram;
mod minute;
mod tally;

use std::{collections::BTreeMap, fmt, time::Duration};

use posthaste::{
    clock::Timestamp,
    delivery::FailureClass,
    event::{Origin, TenantId},
    id::SubscriptionId,
};

pub use self::{
    encoding::{Garbled, read_varint, write_varint},
    histogram::Histogram,
    minute::{Level, Minute},
    tally::Tally,
};
use crate::record::{Attempt, Settlement, Standing};

/// A delivery that arrives within this of its event's accept was not late.
const IN_TIME: Duration = Duration::from_secs(24 * 3600);

/// What became of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    pub delivered: u64,
    /// Dead letters.
    pub failed: u64,
    pub discarded: u64,
    /// Attempts, of deliveries that ended and of those that are to be tried again.
    pub attempts: u64,
    /// Of the delivered ones, those that arrived within 24 h of their event's accept.
    pub within_24h: u64,
    /// From the accept to the 2xx, of what was delivered with its first attempt. What was sent
    /// again by someone is in neither: its accept is long ago.
    pub latency: Histogram,
    /// The same of what took more than one attempt.
    pub retried: Histogram,
    /// Why attempts failed.
    pub reasons: BTreeMap<Reason, u64>,
}

/// Why an attempt failed: the class, and of an answer that is no 2xx its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason {
    pub class: FailureClass,
    pub status: Option<u16>,
}

impl Reason {
    /// Why this attempt failed; none if it did not.
    #[must_use]
    pub fn of(attempt: &Attempt) -> Option<Self> {
        let told = Self::named(attempt.error.as_deref()?);
        let status = attempt
            .status_code
            .filter(|_| told.class == FailureClass::Http);
        Some(Self { status, ..told })
    }

    /// What an error says that it is.
    #[must_use]
    pub fn named(error: &str) -> Self {
        let (word, rest) = error.split_once([' ', ':']).unwrap_or((error, ""));
        let class = FailureClass::named(word).unwrap_or(FailureClass::Internal);
        let status = rest.parse().ok().filter(|_| class == FailureClass::Http);
        Self { class, status }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} {status}", self.class),
            None => self.class.fmt(f),
        }
    }
}

/// Whether deliveries that go out for this reason are counted.
#[must_use]
pub fn counts(origin: Origin) -> bool {
    origin != Origin::Test
}

/// Whether there is anything to count: an attempt, or an end.
#[must_use]
pub fn matters(settlement: &Settlement) -> bool {
    let waits = matches!(settlement.standing, Standing::Waiting { .. });
    counts(settlement.origin) && (settlement.attempt.is_some() || !waits)
}

/// What settlements come to, by whose they are and the minute they were made in.
#[must_use]
pub fn of(settlements: &[Settlement]) -> BTreeMap<(TenantId, SubscriptionId, Minute), Rollup> {
    let mut rollups = BTreeMap::<_, Rollup>::new();
    for settlement in settlements.iter().filter(|one| matters(one)) {
        let minute = Minute::of(settlement.at);
        let key = (settlement.tenant.clone(), settlement.subscription, minute);
        rollups.entry(key).or_default().count(settlement);
    }
    rollups
}

impl Rollup {
    /// Counts a settlement that [`matters`].
    pub fn count(&mut self, settlement: &Settlement) {
        if let Some(attempt) = settlement.attempt.as_deref() {
            self.attempts += 1;
            if let Some(reason) = Reason::of(attempt) {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
        match settlement.standing {
            Standing::Delivered => self.arrived(settlement),
            Standing::Failed => self.failed += 1,
            Standing::Discarded(_) => self.discarded += 1,
            Standing::Waiting { .. } => {}
        }
    }

    fn arrived(&mut self, settlement: &Settlement) {
        let accepted = settlement.event.time();
        let latency_us = latency_us(settlement, accepted);
        self.delivered += 1;
        self.within_24h += u64::from(u128::from(latency_us) <= IN_TIME.as_micros());
        match (settlement.origin, settlement.tries.made) {
            (Origin::Publish, 0 | 1) => self.latency.add(latency_us),
            (Origin::Publish, _) => self.retried.add(latency_us),
            (Origin::Redeliver | Origin::Replay | Origin::Test, _) => {}
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (mine, more) in [
            (&mut self.delivered, other.delivered),
            (&mut self.failed, other.failed),
            (&mut self.discarded, other.discarded),
            (&mut self.attempts, other.attempts),
            (&mut self.within_24h, other.within_24h),
        ] {
            *mine = mine.saturating_add(more);
        }
        self.latency.merge(&other.latency);
        self.retried.merge(&other.retried);
        for (&reason, &more) in &other.reasons {
            let mine = self.reasons.entry(reason).or_default();
            *mine = mine.saturating_add(more);
        }
    }
}

/// From the accept to the answer of the attempt that was answered.
fn latency_us(settlement: &Settlement, accepted: Timestamp) -> u64 {
    let (sent, answered_after) = match settlement.attempt.as_deref() {
        Some(attempt) => (attempt.started_at, attempt.latency_us),
        None => (settlement.at, 0),
    };
    let waited = u64::try_from(sent.since(accepted).as_micros()).unwrap_or(u64::MAX);
    waited.saturating_add(answered_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: Option<&str>, status_code: Option<u16>, expected: Option<&str>) {
        let attempt = Attempt {
            error: error.map(str::to_owned),
            status_code,
            ..Attempt::default()
        };
        let found = Reason::of(&attempt).map(|reason| reason.to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_reason_is_what_the_error_begins_with_and_the_status_of_an_answer() {
        check(None, Some(200), None);
        check(Some("http 500"), Some(500), Some("http 500"));
        check(Some("timeout: after 10 s"), None, Some("timeout"));
        check(Some("timeout"), Some(200), Some("timeout"));
        check(
            Some("response_too_large: a head"),
            None,
            Some("response_too_large"),
        );
        check(Some("nobody knows"), None, Some("internal"));
    }
}
