//! The scheduler: who is sent to next, and what becomes of it. A pure state machine.
//!
//! It is told what happened and says what to do; it reads no clock, draws no chance, knows no
//! runtime and no store. It holds a bounded number of deliveries; what is over the bound it parks
//! in the store and asks for again when there is room.

mod admit;
mod batch;
mod class;
mod finish;
mod held;
mod lane;
mod lanes;
mod line;
mod lines;
mod loose;
mod message;
mod on_the_way;
mod pace;
mod parcel;
mod queue;
mod scan;

use std::{collections::HashMap, sync::Arc, time::Duration};

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Parking, Settlement, Standing, Waiting};

use crate::{config::Bounds, subscribers::Subscriber};
use class::Class;
use held::{Flight, HeldDeliveries};
use lane::Outgoing;
use lanes::{Lanes, Slots};
use lines::Arrival;
pub use message::{Alert, Assignment, Effect, Finished, Input, News, ShelfPart};
use parcel::Parcel;

/// How many deliveries are taken from the store at once.
const TAKE: usize = 500;
/// Outcomes that may wait to be written before nothing more is sent: where the store refuses them,
/// memory would fill with them.
const UNSETTLED_MAX: usize = 10_000;
/// Memory is scarce when so many thousandths of it are taken.
const SCARCE: usize = 875;
/// A queue is large when it takes so many thousandths of it.
const LARGE: usize = 62;
/// The wait before one that is large is looked for again where none was.
const RELIEVE_AGAIN: Duration = Duration::from_millis(100);
/// Of so many slots, heavy attempts leave one to new events: more than the fifth that these are
/// promised, since a tenant has to leave some to the others too.
const LIGHT_SHARE: usize = 3;
/// The store is asked this often, whether or not a hint said so.
const POLL: Duration = Duration::from_secs(1);

/// Attempts under way.
#[derive(Clone, Copy, Debug, Default)]
struct InFlight {
    all: usize,
    heavy: usize,
}

impl InFlight {
    fn take(&mut self, class: Class) {
        self.all += 1;
        self.heavy += usize::from(class == Class::Heavy);
    }

    fn free(&mut self, class: Class) {
        self.all -= 1;
        self.heavy -= usize::from(class == Class::Heavy);
    }

    fn slots(self, of: usize) -> Slots {
        let heavy = (of - of / LIGHT_SHARE).saturating_sub(self.heavy);
        Slots {
            free: of.saturating_sub(self.all),
            heavy,
        }
    }
}

/// What it holds, for gauges and back pressure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Deliveries in memory.
    pub held: usize,
    pub in_flight: usize,
    /// Deliveries in memory that have no row in the store.
    pub without_row: usize,
    /// Whether more may be handed to it without its parking them.
    pub has_room: bool,
}

#[derive(Debug)]
pub struct Scheduler {
    bounds: Bounds,
    held: HeldDeliveries,
    lanes: Lanes,
    in_flight: InFlight,
    /// The others of a batch under way, by its first.
    together: HashMap<DeliveryId, Vec<DeliveryId>>,
    /// Outcomes of attempts that are not written yet.
    unsettled: usize,
    /// Deliveries that the store was asked for and has not answered.
    asked: usize,
    due: DueWatch,
    relieve_at: Timestamp,
    draining: bool,
}

/// When the store is to be asked for what is due: hints say so, and where one was lost, the poll.
#[derive(Debug)]
struct DueWatch {
    ask_at: Timestamp,
    asking: bool,
}

impl DueWatch {
    fn hint(&mut self, at: Timestamp) {
        self.ask_at = self.ask_at.min(at);
    }
}

impl Scheduler {
    /// A scheduler for a store that may hold anything: it asks for what is due, and for the
    /// shelves of `shelved`, as soon as it is told the time.
    #[must_use]
    pub fn new(
        bounds: Bounds,
        now: Timestamp,
        subscribers: impl IntoIterator<Item = Arc<Subscriber>>,
        shelved: &[SubscriptionId],
    ) -> Self {
        let mut lanes = Lanes::default();
        for subscriber in subscribers {
            let has_shelf = shelved.contains(&subscriber.subscription.id);
            lanes.add(subscriber, has_shelf, now);
        }
        let due = DueWatch {
            ask_at: now,
            asking: false,
        };
        Self {
            bounds,
            held: HeldDeliveries::default(),
            lanes,
            in_flight: InFlight::default(),
            together: HashMap::new(),
            unsettled: 0,
            asked: 0,
            due,
            relieve_at: now,
            draining: false,
        }
    }

    /// Takes in what happened and says what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        let before = effects.len();
        self.lanes.wake(now);
        self.take_in(now, input, effects);
        self.relieve(now, effects);
        self.unsettled += effects[before..]
            .iter()
            .filter(|one| one.is_outcome())
            .count();
        self.send(now, effects);
        self.ask(now, effects);
    }

    fn take_in(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Accepted(fresh) => self.admit(now, &fresh, Arrival::Fresh, effects),
            Input::Recovered => self.lanes.settle(now),
            Input::Due {
                at_most,
                taken,
                next_at,
            } => {
                self.due.asking = false;
                self.asked = self.asked.saturating_sub(at_most);
                next_at.into_iter().for_each(|at| self.due.hint(at));
                self.admit(now, &taken, Arrival::Due, effects);
            }
            Input::DueAt(at) => self.due.hint(at),
            Input::Shelved { subscription, ids } => {
                // Nobody else would fetch what a subscription left that is deleted by now.
                if !self.lanes.shelved(subscription, &ids, now) {
                    effects.push(self.fetch(subscription, ShelfPart::Any, usize::MAX));
                }
            }
            Input::Shelf {
                subscription,
                part,
                at_most,
                taken,
                next,
            } => {
                self.asked = self.asked.saturating_sub(at_most);
                self.unshelve(now, subscription, &part, (&taken, next), effects);
            }
            Input::Formed { leader, batch } => self.formed(now, leader, batch, effects),
            Input::Finished(finished) => self.finish(now, *finished, effects),
            Input::Reopened {
                subscription,
                delivery,
            } => {
                self.due.hint(now);
                match self.held.contains(delivery) {
                    true => self.hurry(now, delivery),
                    false => {
                        self.lanes
                            .with(subscription, now, |lane| lane.queue.reopened(delivery));
                    }
                }
            }
            Input::Changed {
                subscriber,
                resumed,
            } => self.change(now, subscriber, resumed, effects),
            Input::Removed(subscription) => {
                let queue = self.lanes.remove(subscription);
                self.discard(now, subscription, &queue, Discard::Deleted, effects);
            }
            Input::Settled(count) => self.unsettled = self.unsettled.saturating_sub(count),
            Input::Tick => self.give_rows(now, effects),
            Input::Drain => self.draining = true,
        }
    }

    /// When [`Input::Tick`] is wanted at the latest: something is due then, or old enough to be
    /// given a row.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Timestamp {
        let oldest = self.held.oldest_arrival();
        let row_at = oldest.map(|since| since + self.bounds.unparked_for);
        // Where it cannot ask now, room or an answer comes with an input of its own.
        let asks = !self.due.asking && self.has_room();
        let ask_at = if asks { self.due.ask_at } else { now + POLL };
        let times = [row_at, self.lanes.wakes_at()];
        times.into_iter().flatten().fold(ask_at, Timestamp::min)
    }

    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            held: self.held.len(),
            in_flight: self.in_flight.all,
            without_row: self.held.without_row(),
            has_room: self.has_room(),
        }
    }

    /// The deliveries with an attempt under way, by id.
    #[cfg(test)]
    fn held_in_flight(&self) -> Vec<DeliveryId> {
        self.held.in_flight()
    }

    /// Deliveries for which there is room, not counting those that the store was asked for.
    fn free(&self) -> usize {
        let taken = self.held.len() + self.asked;
        self.bounds.deliveries.saturating_sub(taken)
    }

    /// Whether anything may be fetched from the store.
    fn has_room(&self) -> bool {
        !self.draining && !self.is_behind() && self.fetch_at_most() > 0
    }

    /// How many deliveries may be fetched so that all of them find room.
    fn fetch_at_most(&self) -> usize {
        let by_bytes = self.held.bytes() < self.bounds.bytes / 4 * 3;
        if by_bytes {
            TAKE.min(self.free() / 2)
        } else {
            0
        }
    }

    /// Thousandths of the memory that so many deliveries with so many bytes take.
    fn share(&self, (count, bytes): (usize, usize)) -> usize {
        let of = |part: usize, whole: usize| part.saturating_mul(1000) / whole.max(1);
        of(count, self.bounds.deliveries).max(of(bytes, self.bounds.bytes))
    }

    /// Where memory is scarce and one queue has much of it, half of that queue goes to its shelf:
    /// the backlog of one must not keep the others' deliveries out.
    fn relieve(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.share((self.held.len(), self.held.bytes())) < SCARCE || now < self.relieve_at {
            return;
        }
        match self.lanes.longest(|queued| self.share(queued)) {
            Some((id, share)) if share > LARGE => {
                let tail = self.lanes.with(id, now, |lane| lane.queue.cut());
                self.shelve(now, &tail.unwrap_or_default(), effects);
            }
            _ => self.relieve_at = now + RELIEVE_AGAIN,
        }
    }

    /// Whether outcomes pile up faster than they are written.
    fn is_behind(&self) -> bool {
        self.unsettled >= UNSETTLED_MAX
    }

    /// Sends what the limits allow.
    fn send(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let closed = self.draining || self.is_behind();
        while !closed && self.in_flight.all < self.bounds.in_flight {
            let slots = self.in_flight.slots(self.bounds.in_flight);
            let Some((outgoing, subscriber, class)) = self.lanes.next(now, slots) else {
                return;
            };
            let flight = Flight { subscriber, class };
            match outgoing {
                Outgoing::Form(parcels) => self.form(now, &parcels, flight, effects),
                Outgoing::Send(parcel) => {
                    let Parcel { first, rest, .. } = parcel;
                    self.depart(first, &rest, &flight, effects);
                    self.take_off(first, rest, flight);
                }
            }
        }
    }

    /// These are under way from now on, in one request.
    fn take_off(&mut self, first: DeliveryId, rest: Vec<DeliveryId>, flight: Flight) {
        self.in_flight.take(flight.class);
        let held = self.held.get_mut(first);
        held.expect("queued deliveries are held").in_flight = Some(flight);
        if !rest.is_empty() {
            self.together.insert(first, rest);
        }
    }

    /// Asks the store for what is due and for shelves, where there is room.
    fn ask(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.due.ask_at <= now && !self.due.asking && self.has_room() {
            self.due = DueWatch {
                ask_at: now + POLL,
                asking: true,
            };
            let at_most = self.fetch_at_most();
            self.asked += at_most;
            effects.push(Effect::TakeDue { at_most });
        }
        // A queue that is shorter than what one fetch brings has room for it.
        while self.has_room()
            && let Some((subscription, part, appetite)) = self.next_shelf(now)
        {
            effects.push(self.fetch(subscription, part, appetite));
        }
    }

    fn next_shelf(&mut self, now: Timestamp) -> Option<(SubscriptionId, ShelfPart, usize)> {
        let (low, free) = (self.fetch_at_most(), self.free());
        let (bounds, held) = (&self.bounds, &self.held);
        let has_room = |lane: &lane::Lane| admit::room(bounds, held, free, lane, Class::Heavy);
        self.lanes.next_shelf(low, free, now, has_room)
    }

    fn fetch(&mut self, subscription: SubscriptionId, part: ShelfPart, appetite: usize) -> Effect {
        let at_most = self.fetch_at_most().min(appetite).max(1);
        self.asked += at_most;
        Effect::TakeShelved {
            subscription,
            part,
            at_most,
        }
    }

    fn change(
        &mut self,
        now: Timestamp,
        subscriber: Arc<Subscriber>,
        resumed: bool,
        effects: &mut Vec<Effect>,
    ) {
        let (id, status) = (subscriber.subscription.id, subscriber.subscription.status);
        let under_way = || self.held.lines_under_way(id);
        let queue = self.lanes.change(subscriber, resumed, under_way, now);
        match status {
            SubscriptionStatus::Disabled => {
                self.discard(now, id, &queue, Discard::Disabled, effects);
            }
            SubscriptionStatus::Active | SubscriptionStatus::Paused(_) => {
                self.shelve(now, &queue, effects);
            }
        }
    }

    /// One that stands in a line to be tried again later is due now.
    fn hurry(&mut self, now: Timestamp, delivery: DeliveryId) {
        let Some(held) = self.held.get_mut(delivery) else {
            return;
        };
        held.waiting.retry_at = held.waiting.retry_at.map(|at| at.min(now));
        let (id, line) = (held.waiting.subscription, held.waiting.event.line());
        self.lanes
            .with(id, now, |lane| lane.queue.hurry(line, delivery, now));
    }

    /// What has been in memory for long without a row gets one, so that the settled mark moves on;
    /// with it what soon will have been, so that they are few commits and not one for each.
    fn give_rows(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let age = self.bounds.unparked_for;
        let is_due = |since: Timestamp| since + age <= now;
        if !self.held.oldest_arrival().is_some_and(is_due) {
            return;
        }
        while let Some(waiting) = self.held.give_row(now, age / 2) {
            let standing = park(&waiting, Parking::Taken);
            effects.push(self.settle(&waiting, standing, now));
        }
    }

    /// The settlement of a delivery without an attempt.
    fn settle(&self, waiting: &Waiting, standing: Standing, now: Timestamp) -> Effect {
        Effect::Settle(Box::new(self.settlement(waiting, standing, now)))
    }

    fn settlement(&self, waiting: &Waiting, standing: Standing, now: Timestamp) -> Settlement {
        Settlement {
            id: waiting.id,
            tenant: waiting.event.tenant.clone(),
            event: waiting.event.id,
            event_type: waiting.event.event_type.clone(),
            subscription: waiting.subscription,
            origin: waiting.origin,
            format: waiting.format,
            line: self.line_of(waiting),
            batch: waiting.batch,
            tries: waiting.tries,
            standing,
            at: now,
            attempt: None,
        }
    }
}

fn park(waiting: &Waiting, parking: Parking) -> Standing {
    Standing::Waiting {
        retry_at: waiting.retry_at,
        parking,
    }
}

#[cfg(test)]
mod tests;
