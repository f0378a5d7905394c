//! Faults: when they come, and what they do. At last all of it ends, and everything must drain.

use std::{sync::Arc, time::Duration};

use posthaste::delivery::Discard;
use posthaste_engine::scheduler::Input;
use posthaste_store::Store;

use crate::{
    bug::Bug,
    disk::ready,
    node::Node,
    settling::Writing,
    world::{Call, Own, Step, World},
};

/// Something that befalls the world from without.
#[derive(Debug)]
pub enum Trouble {
    StoreRefuses,
    StoreIsSlow,
    ClockJumps,
    Operates,
    Redelivers,
    Tries,
    Replays,
    Restarts,
    /// An outcome from another life reaches the store.
    Straggler(Box<Writing>),
    /// All figures are compared.
    Counts,
    Heals,
    /// What receivers put off for a day is asked for at once.
    Hurries,
    /// What is not through by now is stuck.
    Ends,
}

/// Steps between two crashes at most.
const CRASH_STEPS: u64 = 4000;
/// After the troubles: time for what may rightly wait.
const DRAIN: Duration = Duration::from_secs(4 * 3600);
/// Retries due later than this are made due at once when troubles end.
pub const PATIENCE: Duration = Duration::from_secs(600);

impl World {
    pub fn plan_trouble(&mut self, length: Duration) {
        let classes = self.scenario.classes;
        let minutes = length.as_secs() / 60;
        self.agenda.after(length, Step::Trouble(Trouble::Heals));
        self.agenda
            .after(length + DRAIN, Step::Trouble(Trouble::Ends));
        for at in (1..=minutes).step_by(3) {
            let at = Duration::from_secs(at * 60);
            self.agenda.after(at, Step::Trouble(Trouble::Counts));
        }
        self.plan(length, classes.failing_store, 6, || Trouble::StoreRefuses);
        self.plan(length, classes.slow_store, 5, || Trouble::StoreIsSlow);
        self.plan(length, classes.clock_jumps, 2, || Trouble::ClockJumps);
        self.plan(length, classes.edits, 40, || Trouble::Operates);
        self.plan(length, classes.redeliveries, 30, || Trouble::Redelivers);
        self.plan(length, classes.tests, 15, || Trouble::Tries);
        self.plan(length, classes.replays, 8, || Trouble::Replays);
        self.plan_crash();
    }

    fn plan(&mut self, length: Duration, on: bool, an_hour: u64, trouble: fn() -> Trouble) {
        let times = if on {
            an_hour * length.as_secs() / 3600
        } else {
            0
        };
        for _ in 0..times {
            let at = self.dice.trouble.seconds(0, length.as_secs());
            self.agenda.after(at, Step::Trouble(trouble()));
        }
    }

    fn plan_crash(&mut self) {
        let crashes = self.scenario.classes.crashes;
        self.crash_in = crashes.then(|| match self.dice.trouble.happens(200) {
            true => self.dice.trouble.between(1, 100),
            false => self.dice.trouble.between(100, CRASH_STEPS),
        });
    }

    pub fn befall(&mut self, trouble: Trouble) -> Result<(), String> {
        match trouble {
            Trouble::Operates => self.operate(),
            Trouble::Redelivers => self.redeliver(),
            Trouble::Tries => self.try_one(),
            Trouble::Replays => self.ask_for_replay(),
            Trouble::Restarts => self.start_node(),
            Trouble::Counts => {
                self.model.counts(&*self.disk.store)?;
                return self.model.figures(&*self.disk.store);
            }
            Trouble::Heals => self.heal(),
            Trouble::Hurries => self.hurry(),
            Trouble::Ends => return Err(self.model.stuck()),
            Trouble::Straggler(writing) => {
                let settled = self.disk.store.settle(writing.batch);
                ready(settled).map_err(|error| error.to_string())?;
            }
            Trouble::StoreRefuses | Trouble::StoreIsSlow | Trouble::ClockJumps => {
                self.totals.faults += 1;
                self.note(format_args!("{trouble:?}"));
                self.upset(&trouble);
            }
        }
        Ok(())
    }

    fn upset(&mut self, trouble: &Trouble) {
        let (now, dice) = (self.agenda.now, &mut self.dice.trouble);
        match trouble {
            Trouble::StoreRefuses if dice.happens(300) => self.disk.answers_to_lose += 1,
            Trouble::StoreRefuses => self.disk.refuses_until = now + dice.millis(10, 120_000),
            Trouble::StoreIsSlow => self.disk.slow_until = now + dice.millis(100, 120_000),
            _ => {
                const HOUR: i64 = 3_600_000;
                let jumps = [HOUR, -HOUR, 60_000, -60_000, 10 * 8766 * HOUR];
                self.wall.off_by_ms += dice.pick(&jumps);
            }
        }
    }

    /// A crash comes between any two steps.
    pub fn maybe_crash(&mut self) -> Result<(), String> {
        let Some(left) = self.crash_in.as_mut() else {
            return Ok(());
        };
        *left -= 1;
        if *left > 0 || self.healed || self.node.is_none() {
            *left = (*left).max(1);
            return Ok(());
        }
        self.plan_crash();
        self.crash()
    }

    fn crash(&mut self) -> Result<(), String> {
        self.totals.crashes += 1;
        self.note(format_args!("crash"));
        let mut node = self.node.take().expect("it crashes");
        if self.bug == Some(Bug::OutcomeNotFenced) {
            let writing = Writing::of(node.gathered.take().unwrap_or_default());
            let late = self.dice.trouble.seconds(1, 40);
            let straggler = Trouble::Straggler(Box::new(writing));
            self.agenda.after(late, Step::Trouble(straggler));
        }
        self.disk.crash(self.bug);
        self.lose_flights();
        self.hang_up();
        self.model.crashed(&*self.disk.store)?;
        let wait = self.dice.trouble.millis(10, 20_000);
        self.agenda.after(wait, Step::Trouble(Trouble::Restarts));
        Ok(())
    }

    /// What has not reached its receiver may reach it, or not.
    fn lose_flights(&mut self) {
        let dice = &mut self.dice.network;
        self.flights
            .retain(|_, flight| flight.result.is_none() && dice.happens(500));
    }

    pub fn start_node(&mut self) {
        self.lives += 1;
        let (life, bounds) = (self.lives, self.scenario.bounds);
        let store: Arc<dyn Store> = self.disk.store.clone();
        let (now, wall) = (self.agenda.now, self.wall);
        let (node, shelved) = Node::start(life, &store, bounds, now, wall, self.bug);
        self.note(format_args!("start {life}, shelved {shelved:?}"));
        let snapshot = node.subscribers.now();
        let clock = wall.at(now);
        self.node = Some(node);
        let mut all: Vec<_> = snapshot.all_subscribers().collect();
        all.sort_by_key(|subscriber| subscriber.subscription.id);
        self.model
            .started(clock, all.iter().map(|s| &s.subscription));
        self.soon(Duration::ZERO, Own::Tell(Input::Tick));
        self.ask_store(Call::Recover(None));
        self.resume_replays();
        self.rest();
        for id in shelved {
            if !snapshot.has_subscription(id) {
                self.ask_store(Call::Discard(id, Discard::Deleted));
            }
        }
        if self.healed {
            self.cure();
        }
    }

    fn heal(&mut self) {
        self.note(format_args!("troubles end"));
        self.healed = true;
        self.disk.refuses_until = self.agenda.now;
        self.disk.slow_until = self.agenda.now;
        self.disk.answers_to_lose = 0;
        for minutes in [0, 1, 10, 30] {
            let wait = Duration::from_secs(minutes * 60);
            self.agenda.after(wait, Step::Trouble(Trouble::Hurries));
        }
    }

    /// The rest must come by itself.
    fn hurry(&mut self) {
        if self.node.is_some() {
            self.cure();
        }
        let patient = self.node_now() + PATIENCE;
        for delivery in self.model.put_off_beyond(patient) {
            self.ask_store(Call::Reopen(delivery));
        }
    }

    /// Whether troubles are over and nothing waits any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.healed && self.publishing.is_empty() && self.model.is_drained()
    }
}
