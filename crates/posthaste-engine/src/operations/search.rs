//! Searching payloads for text, and adding up dead letters: what no index answers, in stretches that
//! are bounded and say how far they came (decision 0026).

use posthaste::{
    clock::Timestamp,
    delivery::DeliveryStatus,
    event::TenantId,
    id::{DeliveryId, EventId},
};
use posthaste_store::{
    dead_letter::DeadLetters,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Delivery, EventSummary, StoredEvent},
};

use super::OperationError;
use crate::Engine;

/// Events whose payloads one call reads, at most.
const EVENTS_MAX: u64 = 2000;
/// Bytes of payloads that one call reads, at most, and one event more.
const BYTES_MAX: usize = 16 << 20;
/// Events that are listed at once.
const STEP: usize = 200;
/// Dead letters that one call adds up.
const DEAD_MAX: usize = 20_000;
/// Deliveries that are counted at most, in pages of [`PAGE`].
const PAGES_MAX: usize = 10;
const PAGE: usize = 1000;

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Newest first.
    pub items: Vec<EventSummary>,
    /// Events whose payloads were read.
    pub scanned: u64,
    bytes: usize,
    /// For [`Stretch::before`], to go on; none where there is nothing left to search.
    pub next: Option<u64>,
}

impl Searched {
    /// Everything that was accepted at or after this was searched; none is everything there is.
    #[must_use]
    pub fn back_to(&self) -> Option<Timestamp> {
        self.next.map(|next| EventId::from_u64(next).time())
    }

    fn is_spent(&self) -> bool {
        self.scanned >= EVENTS_MAX || self.bytes >= BYTES_MAX
    }
}

/// How many a change would be made to, of all that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub count: u64,
    /// Of those, the ones whose subscription is paused.
    pub held: u64,
    /// Pending or held: they would be left as they are.
    pub already_waiting: u64,
    /// Of subscriptions that are disabled or deleted.
    pub skipped: u64,
    /// Whether there may be more.
    pub more: bool,
    /// When they stood so, for [`DeliveryQuery::as_of`]: what comes later was not counted.
    pub at: Timestamp,
}

impl Counted {
    /// Nothing so far.
    fn begin(at: Timestamp) -> Self {
        Self {
            count: 0,
            held: 0,
            already_waiting: 0,
            skipped: 0,
            more: false,
            at,
        }
    }

    /// By its status, and by whether its subscription takes it and is paused.
    fn add_again(&mut self, status: DeliveryStatus, is_open: bool, is_paused: bool) {
        match status {
            _ if !is_open => self.skipped += 1,
            DeliveryStatus::Pending | DeliveryStatus::Held => self.already_waiting += 1,
            DeliveryStatus::Retrying
            | DeliveryStatus::Delivered
            | DeliveryStatus::Failed
            | DeliveryStatus::Discarded => {
                self.count += 1;
                self.held += u64::from(is_paused);
            }
        }
    }
}

/// Text that is looked for, whatever the case of its ASCII letters.
struct Needle(Vec<u8>);

impl Needle {
    fn is_in(&self, data: &[u8]) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return true;
        };
        let ends = data.len().saturating_sub(rest.len());
        let begins = |byte: &u8| byte.eq_ignore_ascii_case(first);
        let mut at = 0;
        while let Some(found) = data[at..ends].iter().position(begins) {
            at += found + 1;
            if data[at..at + rest.len()].eq_ignore_ascii_case(rest) {
                return true;
            }
        }
        false
    }
}

impl Engine {
    /// Events that a query wants and whose payload, as it was published, has this text in it: newest
    /// first, at most a page of them, out of at most 2,000 events or 16 MiB.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn search_events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        text: &str,
        stretch: Stretch,
    ) -> Result<Searched, OperationError> {
        let (mut found, needle) = (Searched::default(), Needle(text.into()));
        let Stretch { mut before, limit } = stretch;
        loop {
            let step = Stretch {
                before,
                limit: STEP,
            };
            let page = self.events(tenant, query, step).await?;
            let is_sparse = page.items.len() < STEP; // the store has looked at many for these
            let ended = self
                .look_through(tenant, page.items, &needle, limit, &mut found)
                .await?;
            before = ended.or(page.next);
            if ended.is_some() || is_sparse || before.is_none() {
                found.next = before;
                return Ok(found);
            }
        }
    }

    /// Says where it ended if that is before the end of the list.
    async fn look_through(
        &self,
        tenant: &TenantId,
        mut listed: Vec<EventSummary>,
        needle: &Needle,
        limit: usize,
        found: &mut Searched,
    ) -> Result<Option<u64>, OperationError> {
        while !listed.is_empty() {
            let ids = listed.iter().map(|event| event.id).collect();
            let page = self.0.store.events_of(tenant, ids).await?;
            let looked_at = page.next.map_or(listed.len(), |next| next as usize);
            let mut stored = page.items.iter().peekable();
            for event in listed.drain(..looked_at) {
                let own = |stored: &&StoredEvent| stored.event.id == event.id;
                let (id, data) = (event.id.as_u64(), stored.next_if(own));
                found.scanned += 1;
                found.bytes += data.map_or(0, |stored| stored.event.data.len());
                if data.is_some_and(|stored| needle.is_in(stored.event.data.as_bytes())) {
                    found.items.push(event);
                }
                if found.items.len() >= limit || found.is_spent() {
                    return Ok(Some(id));
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    /// A tenant's dead letters by subscription and reason: of the newest 20,000 below `before`.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        before: Option<DeliveryId>,
    ) -> Result<DeadLetters, OperationError> {
        let stretch = Stretch {
            before: before.map(DeliveryId::as_u64),
            limit: DEAD_MAX,
        };
        Ok(self.0.store.dead_letters(tenant, stretch).await?)
    }

    /// How many of those that match would be sent again, of up to 10,000: what someone is told
    /// before they send them all.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn count_redeliverable(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
    ) -> Result<Counted, OperationError> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let add = |counted: &mut Counted, one: &Delivery| {
            let (status, to) = (one.state.status(), one.subscription);
            let is_open = view.is_some_and(|view| view.is_open(to));
            let is_paused = view.is_some_and(|view| view.is_paused(to));
            counted.add_again(status, is_open, is_paused);
        };
        self.counted(tenant, query, add).await
    }

    /// How many of those that match are dead letters, as [`Self::count_redeliverable`].
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn count_discardable(
        &self,
        tenant: &TenantId,
        query: DeliveryQuery,
    ) -> Result<Counted, OperationError> {
        let Some(query) = super::again::dead(query) else {
            return Ok(Counted::begin(self.now()));
        };
        let add = |counted: &mut Counted, _: &Delivery| counted.count += 1;
        self.counted(tenant, &query, add).await
    }

    async fn counted(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        add: impl Fn(&mut Counted, &Delivery),
    ) -> Result<Counted, OperationError> {
        let (mut counted, mut before) = (Counted::begin(self.now()), None);
        for _ in 0..PAGES_MAX {
            let limit = PAGE;
            let page = self.deliveries(tenant, query, Stretch { before, limit });
            let page = page.await?;
            for one in &page.items {
                add(&mut counted, one);
                // A clock that was set back does not hide what was before it.
                let stood_at = one.outcome_at().max(Some(one.created_at()));
                counted.at = stood_at.map_or(counted.at, |at| at.max(counted.at));
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        counted.more = before.is_some();
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, data: &str, expected: bool) {
        let found = Needle(text.into()).is_in(data.as_bytes());
        assert_eq!(found, expected, "{text} in {data}");
    }

    #[test]
    fn text_is_found_anywhere_in_any_case_of_ascii() {
        check("", "", true);
        check("", "x", true);
        check("a", "", false);
        check("ab", "a", false);
        check("ab", "AB", true);
        check("ord-7", r#"{"id":"ORD-7"}"#, true);
        check("aab", "aaab", true);
        check("abc", "ababab", false);
        check("}", r#"{"a":1}"#, true);
        check("é", "É", false);
        check("é", "café", true);
        check("\u{0}", "a", false);
    }
}
