//! One life of the server: all that a crash forgets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use posthaste::{
    clock::Timestamp,
    id::{EventId, SubscriptionId},
};
use posthaste_engine::{
    Bounds,
    scheduler::{Effect, Scheduler},
    subscribers::{Subscriber, Subscribers},
};
use posthaste_store::{
    Store,
    record::{Acceptance, HealthChange, SettleBatch, Settlement},
};

use crate::{
    clock::{NodeClock, Wall},
    disk::ready,
    operator::Change,
};

/// Outcomes that are written without waiting for more.
pub const ENOUGH: usize = 500;
/// Outcomes that one transaction takes at most.
const GROUP: usize = 2000;

/// What a publisher handed in.
#[derive(Clone, Debug)]
pub struct Request {
    pub publishing: u64,
    pub events: Vec<Acceptance>,
}

/// How far the settler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settling {
    #[default]
    Idle,
    Gathering,
    Writing,
}

/// Outcomes on their way to the store.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub settlements: Vec<Settlement>,
    pub health: BTreeMap<SubscriptionId, HealthChange>,
    pub settling: Settling,
}

impl Outcomes {
    /// The latest health of a subscription stands for all of a group's; a pause stays.
    pub fn push_health(&mut self, change: HealthChange) {
        let known = self.health.remove(&change.subscription);
        let pause = change.pause.or(known.and_then(|known| known.pause));
        let change = HealthChange { pause, ..change };
        self.health.insert(change.subscription, change);
    }

    pub fn take(&mut self) -> SettleBatch {
        let rest = match self.settlements.len() {
            0..=GROUP => Vec::new(),
            _ => self.settlements.split_off(GROUP),
        };
        SettleBatch {
            settlements: std::mem::replace(&mut self.settlements, rest),
            health: std::mem::take(&mut self.health).into_values().collect(),
            alerts: Vec::new(),
        }
    }
}

/// Where recovery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The store was asked for a page.
    Asked,
    /// The next page is to be asked for when there is room.
    WantsRoom(EventId),
    Done,
}

/// A running server.
pub struct Node {
    pub life: u64,
    pub scheduler: Scheduler,
    pub subscribers: Subscribers,
    pub effects: Vec<Effect>,
    /// Publishes that wait for the next group.
    pub intake: VecDeque<Request>,
    pub committing: bool,
    pub outcomes: Outcomes,
    pub recovery: Recovery,
    /// Changes of the configuration, one at a time.
    pub changes: VecDeque<Change>,
    pub changing: bool,
    /// When the next tick is written down for, in the world's time.
    pub tick_at: Option<Timestamp>,
    clock: NodeClock,
}

impl Node {
    /// Starts over what the store holds. Says what is on shelves there.
    #[must_use]
    pub fn start(
        life: u64,
        store: &dyn Store,
        bounds: Bounds,
        world: Timestamp,
        wall: Wall,
    ) -> (Self, Vec<SubscriptionId>) {
        let mut clock = NodeClock::start(world, wall);
        let load = |store: &dyn Store| {
            let tenants = ready(store.tenants()).expect("it answers at start");
            let subscriptions = ready(store.subscriptions()).expect("it answers at start");
            Subscribers::load(tenants, subscriptions, Vec::new())
        };
        let subscribers = load(store);
        let shelved = ready(store.shelved()).expect("it answers at start");
        let snapshot = subscribers.now();
        let mut all: Vec<Arc<Subscriber>> = snapshot.all_subscribers().collect();
        all.sort_by_key(|subscriber| subscriber.subscription.id);
        let scheduler = Scheduler::new(bounds, clock.now(world, wall), all, &shelved);
        let node = Self {
            life,
            scheduler,
            subscribers,
            effects: Vec::new(),
            intake: VecDeque::new(),
            committing: false,
            outcomes: Outcomes::default(),
            recovery: Recovery::Asked,
            changes: VecDeque::new(),
            changing: false,
            tick_at: None,
            clock,
        };
        (node, shelved)
    }

    pub fn now(&mut self, world: Timestamp, wall: Wall) -> Timestamp {
        self.clock.now(world, wall)
    }

    /// How long until the scheduler wants to be told the time.
    #[must_use]
    pub fn until_tick(&self, now: Timestamp) -> Duration {
        self.scheduler.wake_at(now).since(now)
    }
}
