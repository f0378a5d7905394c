//! The loop around the scheduler: gives it what happened and the time, and carries out what it
//! says. It decides nothing itself.

use std::{sync::Arc, time::Duration};

use posthaste::{clock::Clock, id::SubscriptionId};
use posthaste_store::{Page, Store, StoreError, record::Waiting};
use tokio::sync::{oneshot, watch};

use super::{
    alert::Alerts,
    attempt::Sender,
    group::Decided,
    mailbox::{Dispatch, Mailbox, Message},
    settle::Outcomes,
};
use crate::scheduler::{Effect, Input, Scheduler, ShelfPart};

/// Messages that one turn takes in before effects are carried out.
const TURN: usize = 256;
/// The wait before a store that refused is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// The loop's own.
pub struct DispatchLoop {
    pub scheduler: Scheduler,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub sender: Arc<Sender>,
    pub outcomes: Arc<Outcomes>,
    pub alerts: Alerts,
    pub dispatch: Dispatch,
    /// Becomes true when the loop drains and no attempt is under way.
    pub idle: watch::Sender<bool>,
}

impl DispatchLoop {
    pub async fn run(mut self, mut mailbox: Mailbox) {
        let mut messages = Vec::with_capacity(TURN);
        let mut effects = Vec::new();
        let mut waiting_for_room = Vec::new();
        let mut draining = false;
        self.turn(Input::Tick, &mut effects);
        loop {
            self.carry_out(&mut effects);
            self.after_turn(draining, &mut waiting_for_room);
            let received = mailbox.0.recv_many(&mut messages, TURN);
            if let Ok(0) = tokio::time::timeout(self.until_tick(), received).await {
                return;
            }
            for message in messages.drain(..) {
                match message {
                    Message::Input(input) => {
                        draining |= matches!(input, Input::Drain);
                        self.turn(input, &mut effects);
                    }
                    Message::WhenRoom(sender) => waiting_for_room.push(sender),
                }
            }
            // Also where messages never cease.
            if self.until_tick().is_zero() {
                self.turn(Input::Tick, &mut effects);
            }
        }
    }

    fn turn(&mut self, input: Input, effects: &mut Vec<Effect>) {
        self.scheduler.handle(self.clock.now(), input, effects);
    }

    fn until_tick(&self) -> Duration {
        let now = self.clock.now();
        self.scheduler.wake_at(now).since(now)
    }

    fn after_turn(&self, draining: bool, waiting_for_room: &mut Vec<oneshot::Sender<()>>) {
        let load = self.scheduler.load();
        self.dispatch.gauges.set(load);
        if load.has_room {
            for sender in waiting_for_room.drain(..) {
                sender.send(()).ok();
            }
        }
        if draining && load.in_flight == 0 {
            self.idle.send_replace(true);
        }
    }

    fn carry_out(&self, effects: &mut Vec<Effect>) {
        let mut decided = Decided::default();
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(assignment) => self.sender.clone().spawn(assignment),
                Effect::Settle(settlement) => decided.settlements.push(*settlement),
                Effect::Form(settlements) => {
                    decided.form(&*self.store, self.clock.now(), settlements);
                }
                Effect::Health { subscriber, change } => {
                    subscriber.set_health(change.health);
                    decided.health.push(*change);
                }
                Effect::Alert(alert) => decided.alerts.extend(self.alerts.event(&alert)),
                Effect::TakeDue { at_most } => self.take_due(at_most),
                Effect::TakeShelved {
                    subscription,
                    part,
                    at_most,
                } => self.take_shelved(subscription, part, at_most),
            }
        }
        // Together: what an attempt did to its subscription is written with it.
        self.outcomes.push(decided);
    }

    fn take_due(&self, at_most: usize) {
        let (store, clock, dispatch) = self.asking();
        tokio::spawn(async move {
            let page = ask(|| store.take_due(clock.now(), at_most)).await;
            let next_at = page.next.and_then(|ms| i64::try_from(ms).ok());
            dispatch.tell(Input::Due {
                at_most,
                taken: page.items,
                next_at: next_at.map(posthaste::clock::Timestamp::from_millis),
            });
        });
    }

    fn take_shelved(&self, subscription: SubscriptionId, part: ShelfPart, at_most: usize) {
        let (store, _, dispatch) = self.asking();
        tokio::spawn(async move {
            let page = ask(|| take(&*store, subscription, &part, at_most)).await;
            dispatch.tell(Input::Shelf {
                subscription,
                part,
                at_most,
                next: page.next,
                taken: page.items,
            });
        });
    }

    fn asking(&self) -> (Arc<dyn Store>, Arc<dyn Clock>, Dispatch) {
        (
            self.store.clone(),
            self.clock.clone(),
            self.dispatch.clone(),
        )
    }
}

/// The part of a shelf that the scheduler asked for.
///
/// # Errors
/// As the store's.
pub async fn take(
    store: &dyn Store,
    from: SubscriptionId,
    part: &ShelfPart,
    at_most: usize,
) -> Result<Page<Waiting>, StoreError> {
    match part {
        ShelfPart::Any => store.take_shelved(from, at_most).await,
        ShelfPart::Line(line) => store.take_line(from, *line, at_most).await,
        ShelfPart::After { after, except } => {
            let taken = store.take_shelved_after(from, *after, except, at_most);
            taken.await
        }
    }
}

/// Asks until the store answers.
async fn ask<'a, F>(question: impl Fn() -> F) -> Page<Waiting>
where
    F: Future<Output = Result<Page<Waiting>, StoreError>> + 'a,
{
    loop {
        match question().await {
            Ok(page) => return page,
            Err(error) => tracing::error!(%error, "delivery.take"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
