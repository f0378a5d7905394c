//! The scheduler: who is sent to next, and what becomes of it. A pure state machine.
//!
//! It is told what happened and says what to do; it reads no clock, draws no chance, knows no
//! runtime and no store. It holds a bounded number of deliveries; what is over the bound it parks
//! in the store and asks for again when there is room.

mod admit;
mod finish;
mod held;
mod lane;

use std::{sync::Arc, time::Duration};

use posthaste::{
    clock::Timestamp,
    delivery::{Discard, Outcome},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::record::{Attempt, HealthChange, Parking, Settlement, Standing, Waiting};

use crate::{config::Bounds, subscribers::Subscriber};
use held::HeldDeliveries;
use lane::Lanes;

/// How many deliveries are taken from the store at once.
const TAKE: usize = 500;
/// Outcomes that may wait to be written before nothing more is sent: where the store refuses them,
/// memory would fill with them.
const UNSETTLED_MAX: usize = 10_000;
/// Memory is scarce when so many thousandths of it are taken.
const SCARCE: usize = 875;
/// A queue is large when it takes so many thousandths of it.
const LARGE: usize = 62;
/// The store is asked this often, whether or not a hint said so.
const POLL: Duration = Duration::from_secs(1);

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Accepted or recovered: deliveries that have no row yet.
    Accepted(Vec<Waiting>),
    /// Answer to [`Effect::TakeDue`]; and when the next one that stays behind is due.
    Due {
        at_most: usize,
        taken: Vec<Waiting>,
        next_at: Option<Timestamp>,
    },
    /// Something is parked as due by then.
    DueAt(Timestamp),
    /// So many deliveries were put on a subscription's shelf.
    Shelved {
        subscription: SubscriptionId,
        count: usize,
    },
    /// Answer to [`Effect::TakeShelved`].
    Shelf {
        subscription: SubscriptionId,
        at_most: usize,
        taken: Vec<Waiting>,
        more: bool,
    },
    /// An attempt ended.
    Finished(Box<Finished>),
    /// So many settlements are written.
    Settled(usize),
    /// A subscription is new or another than before. `resumed`: its failures are forgiven.
    Changed {
        subscriber: Arc<Subscriber>,
        resumed: bool,
    },
    /// A subscription was deleted.
    Removed(SubscriptionId),
    /// Time has passed.
    Tick,
    /// Nothing new is sent from now on.
    Drain,
}

/// An attempt that ended.
#[derive(Debug)]
pub struct Finished {
    pub delivery: DeliveryId,
    pub outcome: Outcome,
    pub attempt: Box<Attempt>,
    /// The chance of the jitter, in [0, 1).
    pub draw: f64,
}

/// What to do.
#[derive(Debug)]
pub enum Effect {
    Send(Assignment),
    Settle(Box<Settlement>),
    Health {
        subscriber: Arc<Subscriber>,
        change: Box<HealthChange>,
    },
    TakeDue {
        at_most: usize,
    },
    TakeShelved {
        subscription: SubscriptionId,
        at_most: usize,
    },
}

/// One attempt to make.
#[derive(Debug)]
pub struct Assignment {
    pub waiting: Waiting,
    pub subscriber: Arc<Subscriber>,
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
    in_flight: usize,
    /// Settlements that were decided and are not written yet.
    unsettled: usize,
    /// Deliveries that the store was asked for and has not answered.
    asked: usize,
    due: DueWatch,
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
            lanes.add(subscriber, has_shelf);
        }
        let due = DueWatch {
            ask_at: now,
            asking: false,
        };
        Self {
            bounds,
            held: HeldDeliveries::default(),
            lanes,
            in_flight: 0,
            unsettled: 0,
            asked: 0,
            due,
            draining: false,
        }
    }

    /// Takes in what happened and says what to do about it.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        let before = effects.len();
        match input {
            Input::Accepted(fresh) => self.admit(now, fresh, false, effects),
            Input::Due {
                at_most,
                taken,
                next_at,
            } => {
                self.due.asking = false;
                self.asked = self.asked.saturating_sub(at_most);
                next_at.into_iter().for_each(|at| self.due.hint(at));
                self.admit(now, taken, true, effects);
            }
            Input::DueAt(at) => self.due.hint(at),
            Input::Shelved {
                subscription,
                count,
            } => {
                // Nobody else would fetch what a subscription left that is deleted by now.
                if !self.lanes.shelved(subscription, count) {
                    effects.push(self.fetch(subscription));
                }
            }
            Input::Shelf {
                subscription,
                at_most,
                taken,
                more,
            } => {
                self.asked = self.asked.saturating_sub(at_most);
                let known = self.lanes.unshelved(subscription, more);
                self.admit(now, taken, true, effects);
                if more && !known {
                    effects.push(self.fetch(subscription));
                }
            }
            Input::Finished(finished) => self.finish(now, *finished, effects),
            Input::Changed {
                subscriber,
                resumed,
            } => self.change(now, subscriber, resumed, effects),
            Input::Removed(subscription) => {
                let queue = self.lanes.remove(subscription);
                self.discard(now, queue, Discard::Deleted, effects);
            }
            Input::Settled(count) => self.unsettled = self.unsettled.saturating_sub(count),
            Input::Tick => self.give_rows(now, effects),
            Input::Drain => self.draining = true,
        }
        self.relieve(now, effects);
        let settles = |effect: &&Effect| matches!(effect, Effect::Settle(_));
        self.unsettled += effects[before..].iter().filter(settles).count();
        self.send(effects);
        self.ask(now, effects);
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
        row_at.map_or(ask_at, |at| at.min(ask_at))
    }

    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            held: self.held.len(),
            in_flight: self.in_flight,
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
        if self.share((self.held.len(), self.held.bytes())) < SCARCE {
            return;
        }
        let longest = self.lanes.longest(|queued| self.share(queued));
        if let Some((id, share)) = longest
            && share > LARGE
        {
            let tail = self.lanes.cut_in_half(id);
            self.shelve(now, tail, effects);
        }
    }

    /// Whether outcomes pile up faster than they are written.
    fn is_behind(&self) -> bool {
        self.unsettled >= UNSETTLED_MAX
    }

    /// Sends what the limits allow, one of each subscription in turn.
    fn send(&mut self, effects: &mut Vec<Effect>) {
        let closed = self.draining || self.is_behind();
        while !closed && self.in_flight < self.bounds.in_flight {
            let Some((id, subscriber)) = self.lanes.next() else {
                return;
            };
            let held = self.held.get_mut(id).expect("queued deliveries are held");
            held.in_flight = Some(subscriber.clone());
            self.in_flight += 1;
            effects.push(Effect::Send(Assignment {
                waiting: held.waiting.clone(),
                subscriber,
            }));
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
            && let Some(subscription) = self.lanes.next_shelf(self.fetch_at_most())
        {
            effects.push(self.fetch(subscription));
        }
    }

    fn fetch(&mut self, subscription: SubscriptionId) -> Effect {
        let at_most = self.fetch_at_most().max(1);
        self.asked += at_most;
        Effect::TakeShelved {
            subscription,
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
        let status = subscriber.subscription.status;
        let queue = self.lanes.change(subscriber, resumed);
        match status {
            SubscriptionStatus::Disabled => self.discard(now, queue, Discard::Disabled, effects),
            SubscriptionStatus::Active | SubscriptionStatus::Paused(_) => {
                self.shelve(now, queue, effects);
            }
        }
    }

    /// What has been in memory for long without a row gets one, so that the settled mark moves on.
    fn give_rows(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(held) = self.held.give_row(now, self.bounds.unparked_for) {
            effects.push(settle(
                &held.waiting,
                park(&held.waiting, Parking::Taken),
                now,
            ));
        }
    }
}

fn park(waiting: &Waiting, parking: Parking) -> Standing {
    Standing::Waiting {
        retry_at: waiting.retry_at,
        parking,
    }
}

/// The settlement of a delivery without an attempt.
fn settle(waiting: &Waiting, standing: Standing, now: Timestamp) -> Effect {
    Effect::Settle(Box::new(Settlement {
        id: waiting.id,
        tenant: waiting.event.tenant.clone(),
        event: waiting.event.id,
        event_type: waiting.event.event_type.clone(),
        subscription: waiting.subscription,
        origin: waiting.origin,
        format: waiting.format,
        line: None,
        batch: waiting.batch,
        tries: waiting.tries,
        standing,
        at: now,
        attempt: None,
    }))
}

#[cfg(test)]
mod tests;
