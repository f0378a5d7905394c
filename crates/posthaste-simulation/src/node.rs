//! One life of the server: all that a crash forgets.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use posthaste::{
    clock::Timestamp,
    id::{EventId, SubscriptionId},
};
use posthaste_engine::{
    Bounds,
    delivery::{alert::Alerts, group::Gathered},
    scheduler::{Effect, Scheduler},
    subscribers::{Subscriber, Subscribers},
};
use posthaste_store::{Store, record::Acceptance};

use crate::{
    bug::Bug,
    clock::{NodeClock, Told, Wall},
    disk::ready,
    duties::Job,
    operator::Change,
};

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
    pub subscribers: Arc<Subscribers>,
    pub effects: Vec<Effect>,
    /// Publishes that wait for the next group.
    pub intake: VecDeque<Request>,
    pub committing: bool,
    pub gathered: Gathered,
    pub settling: Settling,
    pub alerts: Alerts,
    pub recovery: Recovery,
    /// Changes of the configuration, one at a time.
    pub changes: VecDeque<Change>,
    pub changing: bool,
    /// When the next tick is written down for, in the world's time.
    pub tick_at: Option<Timestamp>,
    /// Steps of slow duties under way, by number.
    pub jobs: BTreeMap<u64, Job>,
    clock: NodeClock,
    /// What the clock said last, for those who cannot be told the time.
    shown: Arc<AtomicI64>,
}

impl Node {
    /// Starts over what the store holds. Says what is on shelves there.
    #[must_use]
    pub fn start(
        life: u64,
        store: &Arc<dyn Store>,
        bounds: Bounds,
        world: Timestamp,
        wall: Wall,
        bug: Option<Bug>,
    ) -> (Self, Vec<SubscriptionId>) {
        let mut clock = NodeClock::start(world, wall);
        let tenants = ready(store.tenants()).expect("it answers at start");
        let subscriptions = ready(store.subscriptions()).expect("it answers at start");
        let subscribers = Arc::new(Subscribers::load(
            tenants,
            subscriptions,
            Vec::new(),
            Vec::new(),
        ));
        let shelved = ready(store.shelved()).expect("it answers at start");
        let snapshot = subscribers.now();
        let all = snapshot.all_subscribers();
        let all = all.map(|one| match bug {
            Some(bug) => bug.blind(one),
            None => one,
        });
        let mut all: Vec<Arc<Subscriber>> = all.collect();
        all.sort_by_key(|subscriber| subscriber.subscription.id);
        let now = clock.now(world, wall);
        let scheduler = Scheduler::new(bounds, now, all, &shelved);
        let shown = Arc::new(AtomicI64::new(now.as_millis()));
        let node = Self {
            life,
            scheduler,
            effects: Vec::new(),
            intake: VecDeque::new(),
            committing: false,
            gathered: Gathered::default(),
            settling: Settling::Idle,
            alerts: Alerts {
                store: store.clone(),
                subscribers: subscribers.clone(),
                clock: Arc::new(Told(shown.clone())),
            },
            shown,
            subscribers,
            recovery: Recovery::Asked,
            changes: VecDeque::new(),
            changing: false,
            tick_at: None,
            jobs: BTreeMap::new(),
            clock,
        };
        (node, shelved)
    }

    pub fn now(&mut self, world: Timestamp, wall: Wall) -> Timestamp {
        let now = self.clock.now(world, wall);
        self.shown.store(now.as_millis(), Ordering::Relaxed);
        now
    }

    /// How long until the scheduler wants to be told the time.
    #[must_use]
    pub fn until_tick(&self, now: Timestamp) -> Duration {
        self.scheduler.wake_at(now).since(now)
    }
}
