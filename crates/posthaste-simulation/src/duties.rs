//! Slow duties: the engine's own steps, let go on from one call to the store to the next.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use posthaste::{clock::Timestamp, event::TenantId, id::ReplayId};
use posthaste_engine::{
    Retention,
    delivery::alert::Alerts,
    scheduler::Input,
    upkeep::{expiry, replay, retention},
};
use posthaste_store::{Store, StoreError};

use crate::{
    halting::{Deed, Halting},
    world::{Own, World},
};

/// From a pass of retention or expiry to the next.
const REST: Duration = Duration::from_secs(30);

/// A step of a duty, under way.
pub type Job = Pin<Box<dyn Future<Output = Ended>>>;

/// What a step came to.
pub enum Ended {
    Replay(TenantId, ReplayId, Result<replay::Gone, StoreError>),
    /// A pass of retention is over.
    Pruned(Result<(), StoreError>),
    Expiry(Box<expiry::Pass>, Result<Option<expiry::Step>, StoreError>),
    /// A pass of expiry did not come to be.
    NoExpiry(StoreError),
}

impl World {
    /// The store as duties see it.
    fn halting(&self) -> Arc<dyn Store> {
        Arc::new(Halting {
            store: self.disk.store.clone(),
            weather: self.disk.weather.clone(),
            bug: self.bug,
        })
    }

    fn begin_job(&mut self, job: Job) {
        let number = self.totals.steps;
        let Some(node) = self.node.as_mut() else {
            return;
        };
        node.jobs.insert(number, job);
        self.soon(Duration::ZERO, Own::GoOn(number));
    }

    /// A job goes on to its next call, or from there.
    pub fn go_on(&mut self, number: u64) -> Result<(), String> {
        let weather = self.disk.weather.clone();
        let refuses = self.disk.refuses(self.agenda.now);
        let may_lose = self.disk.answers_to_lose > 0;
        weather.refuses.store(refuses, Ordering::Relaxed);
        weather.loses.store(may_lose, Ordering::Relaxed);
        self.node_now();
        let job = self
            .node
            .as_mut()
            .and_then(|node| node.jobs.get_mut(&number));
        let Some(job) = job else { return Ok(()) };
        let polled = job.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if may_lose && !weather.loses.load(Ordering::Relaxed) {
            self.totals.faults += 1;
            self.disk.loses_answer();
        }
        let deeds = weather.deeds();
        deeds.into_iter().for_each(|deed| self.watch(deed));
        match polled {
            Poll::Pending => self.store_answers(Own::GoOn(number)),
            Poll::Ready(ended) => {
                self.node.as_mut().expect("its job").jobs.remove(&number);
                self.ended(ended);
            }
        }
        Ok(())
    }

    fn watch(&mut self, deed: Deed) {
        match deed {
            Deed::SentAgain(again, sent) => {
                self.note(format_args!("store sends {again:?}: {sent:?}"));
                self.model.sent_again(&again, &sent, &*self.disk.store);
            }
            Deed::Pruned(tenant, before) => {
                self.model.pruned(&tenant, before, &*self.disk.store);
            }
            Deed::Told(hold, alert, now) => {
                self.note(format_args!("store tells of {hold:?}"));
                self.model.told_expiring(&hold, now);
                if let Some(alert) = alert {
                    self.model.committed(now, &alert);
                }
            }
            Deed::Expired(of, count, before, now) => {
                self.note(format_args!("store expires {count} of {of}"));
                let terms = (before, self.scenario.retention.notice());
                let store = &*self.disk.store;
                self.model.expired((of, count), terms, now, store);
            }
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Replay(tenant, id, gone) => self.replay_went(tenant, id, gone),
            Ended::Pruned(result) => {
                self.note(format_args!("pruned: {result:?}"));
                self.soon(REST, Own::Prunes);
            }
            Ended::Expiry(pass, step) => self.expiry_went(*pass, step),
            Ended::NoExpiry(error) => {
                self.note(format_args!("no expiry: {error}"));
                self.soon(REST, Own::Expires);
            }
        }
    }

    /// A replay's next turn.
    pub fn replay(&mut self, tenant: TenantId, id: ReplayId) {
        let store = self.halting();
        let Some(node) = self.node.as_ref() else {
            return;
        };
        let (subscribers, clock) = (node.subscribers.clone(), node.alerts.clock.clone());
        self.begin_job(Box::pin(async move {
            let gone = replay::go_on(&*store, &subscribers, &*clock, &tenant, id).await;
            Ended::Replay(tenant, id, gone)
        }));
    }

    fn replay_went(
        &mut self,
        tenant: TenantId,
        id: ReplayId,
        gone: Result<replay::Gone, StoreError>,
    ) {
        let wait = match gone {
            Ok(gone) => {
                for input in gone.told {
                    self.soon(Duration::ZERO, Own::Tell(input));
                }
                gone.next_after
            }
            Err(error) => {
                self.note(format_args!("{id}: {error}"));
                Some(replay::wait_after(&error))
            }
        };
        if let Some(wait) = wait {
            self.soon(wait.max(replay::BREATH), Own::Replay(tenant, id));
        }
    }

    /// Where days are short, retention and expiry begin after a rest.
    pub fn rest(&mut self) {
        if self.scenario.classes.retention {
            self.soon(REST, Own::Prunes);
            self.soon(REST, Own::Expires);
        }
    }

    /// A pass of retention through all tenants.
    pub fn prune(&mut self) {
        let (store, retention) = (self.halting(), self.scenario.retention);
        let Some(node) = self.node.as_ref() else {
            return;
        };
        let clock = node.alerts.clock.clone();
        self.begin_job(Box::pin(async move {
            let pass = async {
                let mut pass = retention::Pass::begin(&*store).await?;
                while pass.step(&*store, retention, clock.now()).await?.is_some() {}
                Ok(())
            };
            Ended::Pruned(pass.await)
        }));
    }

    /// A pass of expiry through all that is paused.
    pub fn expire(&mut self) {
        let (store, alerts) = (self.halting(), self.alerts());
        let (retention, now) = (self.scenario.retention, self.node_now());
        self.begin_job(Box::pin(async move {
            match expiry::Pass::begin(&*store).await {
                Ok(pass) => step(pass, &alerts, retention, now).await,
                Err(error) => Ended::NoExpiry(error),
            }
        }));
    }

    fn expiry_went(&mut self, pass: expiry::Pass, went: Result<Option<expiry::Step>, StoreError>) {
        match went {
            Ok(Some(expiry::Step::Told(owed))) => {
                self.soon(Duration::ZERO, Own::Tell(Input::Accepted(owed)));
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return self.soon(REST, Own::Expires),
        }
        let alerts = self.alerts();
        let (retention, now) = (self.scenario.retention, self.node_now());
        self.begin_job(Box::pin(async move {
            step(pass, &alerts, retention, now).await
        }));
    }

    fn alerts(&self) -> Alerts {
        let node = self.node.as_ref().expect("a node has duties");
        Alerts {
            store: self.halting(),
            ..node.alerts.clone()
        }
    }
}

async fn step(
    mut pass: expiry::Pass,
    alerts: &Alerts,
    retention: Retention,
    now: Timestamp,
) -> Ended {
    let went = pass.step(alerts, retention, now).await;
    Ended::Expiry(Box::new(pass), went)
}
