//! I8: a tenant that is quiet beside one that floods dead receivers does not wait for it.
//!
//! The bound: a tenant holds at most eight times the slots, and eight times the memory, that it
//! leaves free, and retries never hold more than four fifths of the slots. With 16 slots and one
//! noisy tenant some of both are free whenever a quiet tenant's event comes, so its first attempt
//! begins in the very turn in which the scheduler hears of it. [`PATIENCE`] allows for a way over
//! the shelf.

use std::{collections::BTreeMap, time::Duration};

use posthaste::{clock::Timestamp, event::TenantId, id::DeliveryId};
use posthaste_store::record::Waiting;

/// What TRUST asks for.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Fair {
    quiet: Option<TenantId>,
    /// When the scheduler heard of those that have not left.
    since: BTreeMap<DeliveryId, Timestamp>,
    measured: u64,
}

impl Fair {
    /// Where there is a quiet tenant, its deliveries are watched.
    #[must_use]
    pub fn of(quiet: Option<TenantId>) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    pub fn came(&mut self, now: Timestamp, all: &[Waiting]) {
        let Some(quiet) = &self.quiet else {
            return;
        };
        let its = all.iter().filter(|waiting| waiting.event.tenant == *quiet);
        self.since.extend(its.map(|waiting| (waiting.id, now)));
    }

    /// How long one of these has waited, where that is too long.
    pub fn left(&mut self, now: Timestamp, ids: &[DeliveryId]) -> Option<Duration> {
        let since = ids.iter().filter_map(|id| self.since.remove(id)).min()?;
        self.measured += 1;
        let waited = now.since(since);
        (waited > PATIENCE).then_some(waited)
    }

    pub fn verdict(&self) -> Result<(), String> {
        let silent = self.quiet.is_some() && self.measured == 0;
        match silent {
            true => Err(String::from("the quiet tenant was never heard")),
            false => Ok(()),
        }
    }
}
