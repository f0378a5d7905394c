//! What publishers see: I7, and what is on disk once they are answered.

use posthaste::{clock::Timestamp, id::EventId};
use posthaste_store::record::Acceptance;

use super::{Model, owed::Owed};

impl Model {
    /// The event is on disk, with what it owes.
    pub fn committed(&mut self, now: Timestamp, acceptance: &Acceptance) {
        let event = &acceptance.event;
        if let Some(used) = &acceptance.idempotency {
            let fresh = self.keys.first_use(now, &event.tenant, used, event.id);
            self.must(
                fresh,
                format_args!("I7: {} is a second event of its key", event.id),
            );
        }
        let given = self.gone.contains_key(&event.id);
        self.must(!given, format_args!("{} is given again", event.id));
        self.events.entry(event.id).or_insert(false);
        let moment = self.moment();
        self.bodies.insert(event.id, (moment, event.clone()));
        for (index, subscription) in (0..).zip(acceptance.subscriptions.iter()) {
            let owed = Owed::new(event, *subscription, moment);
            let id = event.id.delivery(index);
            self.open += usize::from(self.is_live(*subscription));
            if let Some(endpoint) = self.endpoints.get_mut(subscription) {
                endpoint.waits(owed.line, id);
            }
            self.owing.insert((event.id, *subscription), id);
            self.deliveries.insert(id, owed);
        }
    }

    pub fn replayed(&mut self, now: Timestamp, acceptance: &Acceptance, first: EventId) {
        let Some(used) = &acceptance.idempotency else {
            return self.wrong(format_args!("I7: a replay without a key"));
        };
        let known = self.keys.known(now, &acceptance.event.tenant, used);
        self.must(
            known == Some((first, true)),
            format_args!("I7: a key answers {first}, its tenant's first was {known:?}"),
        );
    }

    pub fn conflicted(&mut self, now: Timestamp, request: &[Acceptance], index: usize) {
        let refused = &request[index];
        let Some(used) = &refused.idempotency else {
            return self.wrong(format_args!("I7: a conflict without a key"));
        };
        let known = self.keys.known(now, &refused.event.tenant, used);
        self.must(
            known.is_some_and(|(_, same)| !same),
            format_args!("I7: a conflict with {known:?}"),
        );
    }

    /// Its publisher has its 2xx.
    pub fn acked(&mut self, event: EventId) {
        if !self.gone.contains_key(&event) {
            self.events.insert(event, true);
        }
    }
}
