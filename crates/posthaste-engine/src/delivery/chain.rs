//! What an attempt adds to the chains of its deliveries: worked out by whoever makes the attempt,
//! who has the body in hand, and written with its outcome.

use std::{collections::BTreeMap, panic::catch_unwind};

use posthaste::{
    body::{BodyFormat, body},
    event::Event,
    id::{DeliveryId, EventId, SubscriptionId},
    provenance::{AttemptRecord, Link},
};
use posthaste_store::record::{Attempt, Waiting};

use crate::scheduler::Assignment;

/// A delivery's own body; none where it brings our own code down.
#[must_use]
pub fn own_body(format: BodyFormat, event: &Event) -> Option<Vec<u8>> {
    catch_unwind(|| body(format, event)).ok()
}

/// The first link of a chain. Without an event, or a body of it, the body counts as empty.
#[must_use]
pub fn first_link(
    id: EventId,
    event: Option<&Event>,
    subscription: SubscriptionId,
    format: BodyFormat,
) -> Link {
    let body = event.and_then(|event| own_body(format, event));
    Link::of_delivery(id, subscription, body.as_deref().unwrap_or_default())
}

/// The deliveries of an assignment, its first one first.
pub fn deliveries(assignment: &Assignment) -> impl Iterator<Item = &Waiting> {
    std::iter::once(&assignment.waiting).chain(&assignment.rest)
}

/// The body of each delivery, in the format that it was first sent in.
#[must_use]
pub fn bodies(assignment: &Assignment) -> Vec<Option<Vec<u8>>> {
    let format = assignment.subscriber.subscription.format;
    let body = |waiting: &Waiting| own_body(waiting.format.unwrap_or(format), &waiting.event);
    deliveries(assignment).map(body).collect()
}

/// Where the chains of an assignment's deliveries stand before its attempt.
#[derive(Clone, Debug)]
pub struct Chains(Vec<Chain>);

#[derive(Clone, Debug)]
struct Chain {
    delivery: DeliveryId,
    /// Of the attempt, in this delivery's own record.
    number: u32,
    last: Link,
}

impl Chains {
    /// With the [`bodies`] of the deliveries.
    #[must_use]
    pub fn before(assignment: &Assignment, bodies: &[Option<Vec<u8>>]) -> Self {
        let chain = |(waiting, body): (&Waiting, &Option<Vec<u8>>)| {
            let body = body.as_deref().unwrap_or_default();
            let first = || Link::of_delivery(waiting.event.id, waiting.subscription, body);
            Chain {
                delivery: waiting.id,
                number: waiting.tries.one_more().made,
                last: waiting.link.unwrap_or_else(first),
            }
        };
        Self(deliveries(assignment).zip(bodies).map(chain).collect())
    }

    /// The link that the attempt is, of each delivery.
    #[must_use]
    pub fn after(&self, attempt: &Attempt) -> BTreeMap<DeliveryId, Link> {
        let link = |chain: &Chain| {
            let number = chain.number;
            let record = AttemptRecord {
                number,
                ..attempt.record()
            };
            (chain.delivery, chain.last.after(&record))
        };
        self.0.iter().map(link).collect()
    }
}
