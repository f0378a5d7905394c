//! Working the chains of a stretch of the log out anew, and finding the first record that does not
//! fit. It shows what was changed or taken out of the middle; not what was cut off at the end, nor
//! a delivery that is gone as a whole.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{DeliveryId, Place},
    provenance::Link,
};
use posthaste_store::record::History;

use super::OperationError;
use crate::{Engine, delivery::chain::first_link};

/// Deliveries that one step looks at, at most.
const STEP: usize = 500;

/// What a stretch of the log came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Those that were attempted.
    pub deliveries: u64,
    pub attempts: u64,
    /// Of these, the ones that were made before there were chains.
    pub without: u64,
    /// In the order of the log.
    pub first_mismatch: Option<Mismatch>,
    /// Where the next stretch begins; none at the end.
    pub next: Option<DeliveryId>,
}

/// A record that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub delivery: DeliveryId,
    /// None where every attempt that is there fits, and the delivery says that there was another.
    pub attempt: Option<u32>,
    /// By all that the record says.
    pub expected: Link,
    /// As it is stored.
    pub found: Option<Link>,
}

impl Engine {
    /// Checks the next stretch of a tenant's deliveries that were created at or after `since` and
    /// before `until`, the oldest first, from behind `after` on.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn audit(
        &self,
        tenant: &TenantId,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        after: Option<DeliveryId>,
    ) -> Result<Audit, OperationError> {
        let first = |time| DeliveryId::at(Place::at(time, 0));
        let begin = since.map_or(DeliveryId::from_u64(0), first);
        let end = until.map_or(DeliveryId::from_u64(u64::MAX), first);
        let after = after.unwrap_or(begin).max(begin);
        let page = self.0.store.histories(tenant, after, end, STEP).await?;
        Ok(Audit {
            next: page.next.map(DeliveryId::from_u64),
            ..Audit::of(&page.items)
        })
    }
}

impl Engine {
    /// Checks one delivery's chain; of one that was not attempted there is nothing to check.
    ///
    /// # Errors
    /// [`OperationError::Storage`].
    pub async fn audit_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Audit, OperationError> {
        let below = DeliveryId::from_u64(id.as_u64().saturating_sub(1));
        let above = DeliveryId::from_u64(id.as_u64().saturating_add(1));
        let page = self.0.store.histories(tenant, below, above, 1).await?;
        Ok(Audit::of(&page.items))
    }
}

impl Audit {
    /// Of these alone.
    #[must_use]
    pub fn of(histories: &[History]) -> Self {
        let mut audit = Self::default();
        for history in histories {
            audit.add(history);
        }
        audit
    }

    fn add(&mut self, history: &History) {
        let attempts = &history.attempts;
        // A chain begins with the first attempt that was made since there are chains.
        let without = attempts.iter().take_while(|made| made.link.is_none());
        let without = without.count();
        self.deliveries += 1;
        self.attempts += attempts.len() as u64;
        self.without += without as u64;
        if self.first_mismatch.is_none() {
            self.first_mismatch = mismatch(history, without);
        }
    }
}

/// The first record of a delivery that does not fit, behind those that have no link.
fn mismatch(history: &History, without: usize) -> Option<Mismatch> {
    let chained = &history.attempts[without..];
    if chained.is_empty() && history.link.is_none() {
        return None;
    }
    let event = history.event.as_deref();
    let format = history.format.unwrap_or_default();
    let mut last = first_link(history.event_id, event, history.subscription, format);
    let differs = |attempt, expected, found| {
        (found != Some(expected)).then_some(Mismatch {
            delivery: history.id,
            attempt,
            expected,
            found,
        })
    };
    for attempt in chained {
        last = last.after(&attempt.record());
        let found = differs(Some(attempt.number), last, attempt.link);
        if found.is_some() {
            return found;
        }
    }
    differs(None, last, history.link)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use posthaste::{
        body::BodyFormat,
        event::{Event, EventDetails},
        id::SubscriptionId,
        json::RawJson,
    };
    use posthaste_store::record::Attempt;

    use super::*;

    const TO: SubscriptionId = SubscriptionId::from_u64(1024);

    /// A delivery with four attempts, of which the first was made before there were chains.
    fn history() -> History {
        let id = Place::at(Timestamp::from_millis(1_795_293_360_123), 0).event();
        let event = Event {
            id,
            tenant: TenantId::default_tenant(),
            event_type: "memory.created".parse().unwrap(),
            details: EventDetails::default(),
            data: RawJson::empty_object(),
        };
        let mut last = first_link(id, Some(&event), TO, BodyFormat::Raw);
        let attempts = (1..=4).map(|number| {
            let mut attempt = Attempt {
                number,
                status_code: Some(500),
                error: Some("http 500".to_owned()),
                ..Attempt::default()
            };
            if number > 1 {
                last = last.after(&attempt.record());
                attempt.link = Some(last);
            }
            attempt
        });
        let attempts: Vec<Attempt> = attempts.collect();
        History {
            id: id.delivery(0),
            event_id: id,
            event: Some(Arc::new(event)),
            subscription: TO,
            format: Some(BodyFormat::Raw),
            link: attempts[3].link,
            attempts,
        }
    }

    #[test]
    fn a_chain_that_fits_is_counted() {
        let expected = Audit {
            deliveries: 1,
            attempts: 4,
            without: 1,
            ..Audit::default()
        };
        assert_eq!(Audit::of(&[history()]), expected);
    }

    #[track_caller]
    fn check(tamper: impl FnOnce(&mut History), expected: Option<u32>) {
        let mut history = history();
        tamper(&mut history);
        let found = Audit::of(std::slice::from_ref(&history)).first_mismatch;
        let found = found.expect("a mismatch");
        assert_eq!((found.delivery, found.attempt), (history.id, expected));
    }

    #[test]
    fn what_was_changed_or_taken_out_does_not_fit() {
        check(|it| it.event = None, Some(2));
        check(|it| it.subscription = SubscriptionId::from_u64(1), Some(2));
        check(|it| it.format = Some(BodyFormat::Envelope), Some(2));
        check(|it| it.attempts[1].error = None, Some(2));
        check(|it| it.attempts[2].status_code = Some(200), Some(3));
        check(|it| it.attempts[2].link = None, Some(3));
        check(|it| drop(it.attempts.remove(1)), Some(3));
        check(|it| drop(it.attempts.remove(2)), Some(4));
        check(|it| it.attempts.swap(1, 2), Some(3));
        check(|it| drop(it.attempts.pop()), None);
        check(|it| it.attempts.truncate(1), None);
        check(|it| it.link = None, None);
    }
}
