//! Replays: what each has to send again, that it does so once, and that it leaves nothing out.

use std::{collections::BTreeSet, ops::RangeInclusive};

use posthaste::{
    clock::Timestamp,
    event::{Event, Origin},
    id::{DeliveryId, EventId, ReplayId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::{
    Store,
    again::{Again, SentAgain},
    record::{Reopened, Settlement},
    replay::{Only, Replay, ReplayPlan, ReplayStatus},
};

use super::{
    Model,
    endpoint::Endpoint,
    owed::{Owed, Standing},
};
use crate::disk::ready;

/// A job, and what it has done.
#[derive(Debug)]
pub struct Job {
    asked: Replay,
    /// What was there before that moment is its business; what came later may be.
    begun: u64,
    pub running: bool,
    opened: BTreeSet<DeliveryId>,
    made: u64,
    missing: u64,
}

impl Job {
    fn plan(&self) -> &ReplayPlan {
        &self.asked.plan
    }

    /// Whether it is about this event.
    fn wants(&self, event: &Event) -> bool {
        let (plan, time) = (self.plan(), event.id.time());
        let before = event.id.as_u64() < EventId::at(self.asked.id.place()).as_u64();
        let typed = plan.types.is_empty() || !event.event_type.is_platforms();
        let theirs = event.tenant == self.asked.tenant && !event.details.test;
        (plan.since..plan.until).contains(&time) && before && typed && theirs
    }

    fn is_for(&self, to: SubscriptionId) -> bool {
        let narrowed = &self.plan().subscriptions;
        narrowed.is_empty() || narrowed.contains(&to)
    }

    /// Whether a delivery that stands so is to be sent again.
    fn opens(&self, standing: Standing) -> bool {
        match self.plan().only {
            Only::All => standing != Standing::Waiting,
            Only::Failed => standing == Standing::Failed,
            Only::Missing => false,
        }
    }
}

impl Model {
    pub fn replay_begun(&mut self, replay: &Replay) {
        let job = Job {
            asked: replay.clone(),
            begun: self.moment(),
            running: true,
            opened: BTreeSet::new(),
            made: 0,
            missing: 0,
        };
        self.jobs.insert(replay.id, job);
    }

    /// Deliveries that all replays have sent.
    pub fn replayed_in_all(&self) -> u64 {
        let sent = self
            .jobs
            .values()
            .map(|job| job.opened.len() as u64 + job.made);
        sent.sum()
    }

    pub fn replay_stopped(&mut self, replay: &Replay) {
        if let Some(job) = self.jobs.get_mut(&replay.id) {
            job.running = false;
        }
    }

    /// A step of a replay is on disk.
    pub fn sent_again(&mut self, again: &Again, sent: &SentAgain, store: &dyn Store) {
        let Some(step) = &again.step else { return };
        let running = self.jobs.get(&step.id).is_some_and(|job| job.running);
        self.must(running, format_args!("{} has ended and sends", step.id));
        for (&delivery, &came) in again.reopen.iter().zip(&sent.reopened) {
            self.opens(step.id, delivery, came, again.at);
        }
        for (late, &came) in again.make.iter().zip(&sent.made) {
            self.makes(step.id, late, came);
        }
        if step.last {
            self.is_complete(step.id, store);
        }
    }

    fn opens(&mut self, replay: ReplayId, id: DeliveryId, came: Reopened, now: Timestamp) {
        let (Some(job), owed) = (self.jobs.get_mut(&replay), self.deliveries.get(&id)) else {
            return;
        };
        let live = |owed: &&Owed| {
            let endpoint = self.endpoints.get(&owed.subscription);
            endpoint.is_some_and(|endpoint| !endpoint.deleted)
        };
        let expected = match owed.filter(live) {
            None => Reopened::Missing,
            Some(owed) if job.opens(owed.kept.standing) => Reopened::Redelivered,
            Some(_) => Reopened::AlreadyWaiting,
        };
        let event = owed.and_then(|owed| self.bodies.get(&owed.event));
        let wanted = event.is_none_or(|(_, event)| job.wants(event));
        let wanted = wanted && owed.is_none_or(|owed| job.is_for(owed.subscription));
        let sends = came == Reopened::Redelivered;
        job.missing += u64::from(came == Reopened::Missing);
        let twice = sends && !job.opened.insert(id);
        self.must(wanted, format_args!("{id} is none of {replay}'s"));
        self.must(!twice, format_args!("{replay} sends {id} twice"));
        self.must(
            came == expected,
            format_args!("{replay}: {id} was {came:?}, should be {expected:?}"),
        );
        if sends {
            self.reopened(id, Origin::Replay, now);
        }
    }

    fn makes(&mut self, replay: ReplayId, late: &Settlement, came: Reopened) {
        let (event, to) = (late.event, late.subscription);
        let there = self.bodies.get(&event).filter(|_| self.is_live(to));
        let expected = match there {
            None => Reopened::Missing,
            Some(_) if self.owing.contains_key(&(event, to)) => Reopened::AlreadyWaiting,
            Some(_) => Reopened::Redelivered,
        };
        let body = there.map(|(_, event)| event.clone());
        let Some(job) = self.jobs.get_mut(&replay) else {
            return;
        };
        let missing = job.plan().only == Only::Missing;
        let wanted = missing && body.iter().all(|event| job.wants(event)) && job.is_for(to);
        job.missing += u64::from(came == Reopened::Missing);
        job.made += u64::from(came == Reopened::Redelivered);
        self.must(wanted, format_args!("{} is none of {replay}'s", late.id));
        self.must(
            came == expected,
            format_args!("{replay}: {event} to {to} was {came:?}, should be {expected:?}"),
        );
        if let Some(event) = body.filter(|_| came == Reopened::Redelivered) {
            self.made_late(late.id, &event, to);
        }
    }

    fn made_late(&mut self, id: DeliveryId, event: &Event, to: SubscriptionId) {
        let moment = self.moment();
        let owed = Owed::late(event, to, moment);
        self.owing.insert((event.id, to), id);
        self.open += 1;
        if let Some(endpoint) = self.endpoints.get_mut(&to) {
            endpoint.waits(owed.line, id);
        }
        let known = self.deliveries.insert(id, owed);
        self.must(known.is_none(), format_args!("{id} is made twice"));
    }

    /// It says that nothing is left.
    fn is_complete(&mut self, id: ReplayId, store: &dyn Store) {
        let Some(job) = self.jobs.get_mut(&id) else {
            return;
        };
        job.running = false;
        let tenant = job.asked.tenant.clone();
        let job = &self.jobs[&id];
        let found = ready(store.replay(&tenant, id)).ok().flatten();
        let Some(found) = found else {
            return self.wrong(format_args!("{id} is not stored"));
        };
        let counts = found.progress;
        let told = (counts.redelivered, counts.created, counts.expired);
        let done = (job.opened.len() as u64, job.made, job.missing);
        let events = self.events_of(job);
        let left_out = match job.plan().only {
            Only::All | Only::Failed => self.not_opened(job),
            Only::Missing => self.not_made(job),
        };
        let completed = matches!(found.status, ReplayStatus::Completed { .. });
        if let Some(left_out) = left_out {
            self.wrong(format_args!("{id} leaves out {left_out}"));
        }
        self.must(completed, format_args!("{id} is {:?}", found.status));
        self.must(
            told == done,
            format_args!("{id} tells {counts:?}, done was {done:?}"),
        );
        self.must(
            events.contains(&counts.events),
            format_args!("{id} tells {counts:?}, events are {events:?}"),
        );
    }

    /// How many events it has been through, at least and at most.
    fn events_of(&self, job: &Job) -> RangeInclusive<u64> {
        let stored = self.bodies.values();
        let wanted = stored.filter(|(_, event)| job.wants(event));
        let (before, later): (Vec<_>, Vec<_>) = wanted.partition(|(born, _)| *born < job.begun);
        let least = before.len() as u64;
        let gone = self.gone.values().filter(|event| job.wants(event));
        least..=least + (later.len() + gone.count()) as u64
    }

    /// One that stood there all the time and was not opened.
    fn not_opened(&self, job: &Job) -> Option<String> {
        let all = self.deliveries.iter();
        let mut left_out = all.filter(|(id, owed)| {
            let body = self.bodies.get(&owed.event);
            let wanted = body.is_some_and(|(_, event)| job.wants(event));
            let endpoint = self.endpoints.get(&owed.subscription);
            let open = endpoint.is_some_and(|endpoint| endpoint.was_open_since(job.begun));
            let stood = owed.changed < job.begun && job.opens(owed.kept.standing);
            stood && wanted && open && job.is_for(owed.subscription) && !job.opened.contains(id)
        });
        left_out.next().map(|(id, _)| id.to_string())
    }

    /// One that there should have been all the time, and is not.
    fn not_made(&self, job: &Job) -> Option<String> {
        let wanted = self.bodies.values();
        let wanted = wanted.filter(|(born, event)| *born < job.begun && job.wants(event));
        let takers: Vec<&Endpoint> = self.endpoints.values().collect();
        for (_, event) in wanted {
            let mut missing = takers.iter().filter(|endpoint| {
                let open = endpoint.was_open_since(job.begun) && endpoint.takes(event);
                let theirs = job.is_for(endpoint.id) && endpoint.tenant == event.tenant;
                open && theirs && !self.owing.contains_key(&(event.id, endpoint.id))
            });
            if let Some(endpoint) = missing.next() {
                return Some(format!("{} to {}", event.id, endpoint.id));
            }
        }
        None
    }
}

impl Endpoint {
    /// Whether nothing about it has changed since, and it takes deliveries.
    fn was_open_since(&self, moment: u64) -> bool {
        let told = self.told.as_ref().map(|told| told.status);
        let open = self.status != SubscriptionStatus::Disabled && told == Some(self.status);
        self.changed < moment && open && !self.deleted
    }

    fn takes(&self, event: &Event) -> bool {
        self.alerts || !event.event_type.is_platforms()
    }
}
