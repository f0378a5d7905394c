//! The world: one node, its store, its publishers, receivers and operator, in virtual time.
//!
//! What the engine's loops do with the scheduler's effects, the world does step by step, so that
//! anything may happen between any two of them. It decides nothing that the engine decides.

use std::{collections::BTreeMap, time::Duration};

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{ReplayId, SubscriptionId},
};
use posthaste_engine::scheduler::{Input, ShelfPart};
use posthaste_store::{
    Page, Store,
    record::{Accepted, EventSummary, Waiting},
    replay::Replay,
    settings::Tenant,
};

use crate::{
    agenda::Agenda,
    bug::Bug,
    clock::Wall,
    dice::Dice,
    disk::{Disk, ready},
    model::Model,
    node::{Node, Request},
    operator::Change,
    publisher::Publishing,
    receiver::Receiver,
    report::{Report, Totals, Violation},
    scenario::Scenario,
    sending::Flight,
    settling::Writing,
    trace::Trace,
    trouble::Trouble,
};

/// When every world begins.
pub const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

/// One thing that happens.
pub enum Step {
    /// A producer publishes of its own accord.
    Publish(usize),
    /// A publisher asks again.
    PublishAgain(u64),
    /// A request reaches its receiver.
    Hears(u64),
    Trouble(Trouble),
    /// It happens in a node's life, and not after it.
    In(u64, Own),
}

/// What happens in a node's life.
pub enum Own {
    /// A message reaches the scheduler.
    Tell(Input),
    Tick,
    /// A request came to its end.
    Answered(u64),
    /// The outcomes have gathered for long enough.
    Gathered,
    Call(Call),
    /// A page of what was accepted before the start.
    Recovered(Page<Waiting>),
    /// A group of publishes is on disk, and the node hears of it.
    Accepted(Vec<Request>, Vec<Option<Vec<Accepted>>>),
    /// A group of outcomes is on disk, and the node hears of it.
    Written(Box<Writing>),
    /// A change is on disk, and the node hears of it.
    Changed(Change, bool),
    /// It is a replay's turn.
    Replay(TenantId, ReplayId),
    /// Retention, or expiry, begins a pass.
    Prunes,
    Expires,
    /// A slow duty goes on.
    GoOn(u64),
}

/// What the store does, at the moment when it does it.
pub enum Call {
    Accept(Vec<Request>),
    Settle(Box<Writing>),
    TakeDue(usize),
    TakeShelved(SubscriptionId, ShelfPart, usize),
    Recover(Option<posthaste::id::EventId>),
    Change(Change),
    Reopen(posthaste::id::DeliveryId),
    StartReplay(Box<Replay>),
    StopReplay(TenantId, ReplayId),
    Discard(SubscriptionId, posthaste::delivery::Discard),
}

/// Streams of draws, a stream a part.
pub struct Streams {
    pub producers: Dice,
    pub network: Dice,
    pub trouble: Dice,
    pub operator: Dice,
    pub jitter: Dice,
}

pub struct World {
    pub seed: u64,
    pub scenario: Scenario,
    pub agenda: Agenda<Step>,
    pub wall: Wall,
    pub disk: Disk,
    /// None between a crash and the restart.
    pub node: Option<Node>,
    pub lives: u64,
    pub receivers: BTreeMap<SubscriptionId, Receiver>,
    pub flights: BTreeMap<u64, Flight>,
    pub launched: u64,
    pub publishing: BTreeMap<u64, Publishing>,
    pub asked: u64,
    pub model: Model,
    pub trace: Trace,
    pub dice: Streams,
    pub totals: Totals,
    pub bug: Option<Bug>,
    /// What keys made, for the planted bug that lets tenants share them.
    pub shared_keys: BTreeMap<[u8; 32], EventSummary>,
    /// Steps to the next crash.
    pub crash_in: Option<u64>,
    /// Trouble is over: from now on everything must drain.
    pub healed: bool,
    pub violation: Option<Violation>,
}

impl World {
    #[must_use]
    pub fn new(seed: u64, length: Duration, keep_trace: bool, bug: Option<Bug>) -> Self {
        let scenario = Scenario::of(seed);
        let disk = Disk::new(START, Dice::of(seed, "disk"));
        let mut world = Self {
            seed,
            model: Model::new(scenario.bounds, scenario.quiet.clone()),
            scenario,
            agenda: Agenda::from(START),
            wall: Wall::default(),
            disk,
            node: None,
            lives: 0,
            receivers: BTreeMap::new(),
            flights: BTreeMap::new(),
            launched: 0,
            publishing: BTreeMap::new(),
            asked: 0,
            trace: Trace::new(keep_trace),
            dice: Streams {
                producers: Dice::of(seed, "producers"),
                network: Dice::of(seed, "network"),
                trouble: Dice::of(seed, "trouble"),
                operator: Dice::of(seed, "operator"),
                jitter: Dice::of(seed, "jitter"),
            },
            totals: Totals::default(),
            bug,
            shared_keys: BTreeMap::new(),
            crash_in: None,
            healed: false,
            violation: None,
        };
        world.populate();
        world.start_node();
        world.plan_trouble(length);
        for producer in 0..world.scenario.producers.len() {
            world.agenda.after(Duration::ZERO, Step::Publish(producer));
        }
        world
    }

    fn populate(&mut self) {
        for tenant in self.scenario.tenants.clone() {
            let name = tenant.to_string();
            let tenant = Tenant::new(tenant, name, START);
            ready(self.disk.store.insert_tenant(tenant)).expect("a new tenant");
        }
        for endpoint in self.scenario.endpoints.clone() {
            let subscription = self.subscription(&endpoint, START);
            self.model.stored(&subscription, false);
            ready(self.disk.store.insert_subscription(subscription)).expect("a new subscription");
        }
    }

    /// Lets things happen until all is over, or something that must not.
    pub fn run(&mut self) {
        while let Some(step) = self.agenda.next() {
            if let Err(what) = self.take(step) {
                self.violation = Some(Violation {
                    at: self.elapsed(),
                    what,
                });
                return;
            }
            if self.is_over() {
                return self.judge_the_end();
            }
        }
    }

    fn judge_the_end(&mut self) {
        if let Err(what) = self.model.finale(&*self.disk.store) {
            let at = self.elapsed();
            self.violation = Some(Violation { at, what });
        }
    }

    #[must_use]
    pub fn report(self) -> Report {
        Report {
            seed: self.seed,
            totals: Totals {
                deliveries: self.model.accepted(),
                replayed: self.model.replayed_in_all(),
                pruned: self.model.pruned_in_all(),
                expired: self.model.expired,
                ..self.totals
            },
            violation: self.violation,
            hash: self.trace.hash(),
            trace: self.trace.text(),
        }
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        self.totals.steps += 1;
        match step {
            Step::Publish(producer) => self.publish(producer),
            Step::PublishAgain(publishing) => self.publish_again(publishing),
            Step::Hears(flight) => self.hear(flight)?,
            Step::Trouble(trouble) => self.befall(trouble)?,
            Step::In(life, own) if self.life() == Some(life) => self.live(own)?,
            Step::In(..) => return Ok(()),
        }
        self.model.verdict()?;
        self.maybe_crash()
    }

    fn live(&mut self, own: Own) -> Result<(), String> {
        match own {
            Own::Tell(input) => self.tell(input),
            Own::Tick => self.tick(),
            Own::Answered(flight) => self.land(flight),
            Own::Gathered => self.write_outcomes(),
            Own::Call(call) => self.call(call)?,
            Own::Accepted(requests, answers) => self.accepted(&requests, answers),
            Own::Recovered(page) => self.recovered(page),
            Own::Written(writing) => self.written(&writing),
            Own::Changed(change, done) => self.changed(&change, done),
            Own::Replay(tenant, id) => self.replay(tenant, id),
            Own::Prunes => self.prune(),
            Own::Expires => self.expire(),
            Own::GoOn(job) => self.go_on(job)?,
        }
        Ok(())
    }

    fn call(&mut self, call: Call) -> Result<(), String> {
        match call {
            Call::Accept(requests) => self.commit_publishes(requests),
            Call::Settle(writing) => self.commit_outcomes(writing)?,
            Call::TakeDue(at_most) => self.take_due(at_most),
            Call::TakeShelved(from, part, at_most) => self.take_shelved(from, part, at_most),
            Call::Recover(after) => self.recover(after),
            Call::Change(change) => self.commit_change(change),
            Call::Reopen(delivery) => self.reopen(delivery),
            Call::StartReplay(replay) => self.commit_replay(replay),
            Call::StopReplay(tenant, id) => self.commit_stop(&tenant, id),
            Call::Discard(subscription, why) => self.discard_parked(subscription, why),
        }
        Ok(())
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.agenda.now.since(START)
    }

    #[must_use]
    pub fn life(&self) -> Option<u64> {
        self.node.as_ref().map(|node| node.life)
    }

    /// The node's steady time; the wall's where there is no node.
    pub fn node_now(&mut self) -> Timestamp {
        let (now, wall) = (self.agenda.now, self.wall);
        match &mut self.node {
            Some(node) => node.now(now, wall),
            None => wall.at(now),
        }
    }

    /// Writes down something that happens in this life of the node.
    pub fn soon(&mut self, wait: Duration, own: Own) {
        if let Some(life) = self.life() {
            self.agenda.after(wait, Step::In(life, own));
        }
    }

    /// The store does this a little later.
    pub fn ask_store(&mut self, call: Call) {
        let wait = self.disk.latency(self.agenda.now);
        self.soon(wait, Own::Call(call));
    }

    /// The node hears a little later what the store did.
    pub fn store_answers(&mut self, own: Own) {
        let wait = self.disk.latency(self.agenda.now);
        self.soon(wait, own);
    }

    pub fn note(&mut self, what: std::fmt::Arguments<'_>) {
        let at = self.agenda.now.since(START);
        self.trace.line(at, what);
    }

    #[must_use]
    pub fn tenant(&self, index: usize) -> TenantId {
        self.scenario.tenants[index].clone()
    }
}
