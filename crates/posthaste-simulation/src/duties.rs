//! Slow duties: the engine's own steps, let go on from one call to the store to the next.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use posthaste::{event::TenantId, id::ReplayId};
use posthaste_engine::upkeep::replay;
use posthaste_store::{Store, StoreError};

use crate::{
    halting::{Deed, Halting},
    world::{Own, World},
};

/// A step of a duty, under way.
pub type Job = Pin<Box<dyn Future<Output = Ended>>>;

/// What a step came to.
pub enum Ended {
    Replay(TenantId, ReplayId, Result<replay::Gone, StoreError>),
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
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Replay(tenant, id, gone) => self.replay_went(tenant, id, gone),
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
}
