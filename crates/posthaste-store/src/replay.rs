//! Replays: durable jobs that send the events of a window of time again.
//!
//! What a job has done is its cursor and its counts, and they move in the transaction that sends: a
//! crash finds the job where it was, and sends nothing twice.

use std::ops::RangeInclusive;

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{EventId, Place, ReplayId, SubscriptionId},
    subscription::EventPattern,
};
use serde::{Deserialize, Serialize};

use crate::{again::SentAgain, record::Reopened};

/// Event types that one may be narrowed to.
pub const TYPES_MAX: usize = 100;
/// Subscriptions that one may be narrowed to.
pub const SUBSCRIPTIONS_MAX: usize = 1000;
/// Deliveries a second of one that says nothing else.
pub const RATE_PER_S: f64 = 1000.0;
/// What it may say.
pub const RATES_PER_S: RangeInclusive<f64> = 0.1..=100_000.0;

/// A replay, asked for and as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    pub id: ReplayId,
    pub tenant: TenantId,
    pub plan: ReplayPlan,
    pub status: ReplayStatus,
    pub cursor: ReplayCursor,
    pub progress: Progress,
    /// The key under which it was asked for.
    pub claim: Option<ReplayClaim>,
}

impl Replay {
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.time()
    }

    /// Where the window begins: before its first event.
    #[must_use]
    pub fn begin(plan: &ReplayPlan) -> ReplayCursor {
        let first = EventId::at(Place::at(plan.since, 0)).as_u64();
        ReplayCursor {
            after: EventId::from_u64(first.saturating_sub(1)),
            within: None,
        }
    }

    /// How much of its window it has been through, 0 to 1, by the window's time.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a share, of milliseconds
    pub fn passed(&self) -> f64 {
        let ms = |of: Timestamp| of.as_millis() as f64;
        let (begin, end) = (ms(self.plan.since), ms(self.end().time()));
        let at = ms(self.cursor.after.time());
        match end > begin {
            true => ((at - begin) / (end - begin)).clamp(0.0, 1.0),
            false => 1.0,
        }
    }

    /// No event from here on is in the window: those that came after the replay are not.
    #[must_use]
    pub fn end(&self) -> EventId {
        let until = EventId::at(Place::at(self.plan.until, 0));
        until.min(EventId::at(self.id.place()))
    }
}

/// What is to be sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayPlan {
    /// Accepted at or after.
    pub since: Timestamp,
    /// Accepted before.
    pub until: Timestamp,
    /// Of these types; empty: of all, the platform's own too.
    pub types: Vec<EventPattern>,
    /// To these; empty: to all.
    pub subscriptions: Vec<SubscriptionId>,
    pub only: Only,
    /// Deliveries a second, 0.1 to 100,000.
    pub rate_per_s: f64,
}

/// Which deliveries of the window's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    /// Every one that there is.
    #[default]
    All,
    /// Dead letters.
    Failed,
    /// Those that there are not, though a subscription of today wants the event.
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayStatus {
    Running,
    Completed { at: Timestamp },
    Stopped { at: Timestamp },
}

impl ReplayStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed { .. } => "completed",
            Self::Stopped { .. } => "stopped",
        }
    }

    #[must_use]
    pub const fn finished_at(self) -> Option<Timestamp> {
        match self {
            Self::Running => None,
            Self::Completed { at } | Self::Stopped { at } => Some(at),
        }
    }
}

/// How far it has come, in the order of events and, within one, of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayCursor {
    /// This event and all before it are done.
    pub after: EventId,
    /// Of the next event, this subscription and all before it.
    pub within: Option<SubscriptionId>,
}

/// What it has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Events of the window that it has been through.
    pub events: u64,
    /// Deliveries that were opened again.
    pub redelivered: u64,
    /// Deliveries that waited anyway.
    pub already_waiting: u64,
    /// Deliveries that were made.
    pub created: u64,
    /// Deliveries to subscriptions that are disabled or deleted.
    pub skipped: u64,
    /// Deliveries whose event was no longer stored when their turn came.
    pub expired: u64,
}

impl Progress {
    /// With what a step has seen, and with what came of what it sent.
    #[must_use]
    pub fn with(self, seen: &Self, sent: &SentAgain) -> Self {
        let count = |of: &[Reopened], came| of.iter().filter(|one| **one == came).count() as u64;
        let both = |came| count(&sent.reopened, came) + count(&sent.made, came);
        Self {
            events: self.events + seen.events,
            redelivered: self.redelivered
                + seen.redelivered
                + count(&sent.reopened, Reopened::Redelivered),
            already_waiting: self.already_waiting
                + seen.already_waiting
                + both(Reopened::AlreadyWaiting),
            created: self.created + seen.created + count(&sent.made, Reopened::Redelivered),
            skipped: self.skipped + seen.skipped,
            expired: self.expired + seen.expired + both(Reopened::Missing),
        }
    }
}

/// An idempotency key, and what was asked for under it; both SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayClaim {
    pub key: [u8; 32],
    pub body: [u8; 32],
}

/// A step of a replay, written with what it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStep {
    pub id: ReplayId,
    /// Where it was when the step was decided.
    pub from: ReplayCursor,
    pub to: ReplayCursor,
    /// What the step has seen, besides what comes of what it sends.
    pub seen: Progress,
    /// Nothing is left: it is completed.
    pub last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_stored_is_counted_as_expired() {
        let sent = SentAgain {
            reopened: vec![Reopened::Redelivered, Reopened::Missing],
            made: vec![Reopened::Missing, Reopened::AlreadyWaiting],
        };
        let progress = Progress::default().with(&Progress::default(), &sent);
        let expected = Progress {
            redelivered: 1,
            already_waiting: 1,
            expired: 2,
            ..Progress::default()
        };
        assert_eq!(progress, expected);
    }
}
