//! The model: what must hold, in plain maps. It watches what enters and leaves the engine and the
//! store, knows nothing of how either works, and says what was wrong.

mod chains;
mod fair;
mod keys;
mod owed;
mod endpoint;
mod accepted;
mod configured;
mod leaving;
mod ending;
mod stored;
mod replays;
mod figures;
mod gone;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use posthaste::{
    clock::Timestamp,
    event::{Event, TenantId},
    id::{BatchId, DeliveryId, EventId, ReplayId, SubscriptionId},
    subscription::Subscription,
    transport::{Answer, TransportError},
};
use posthaste_engine::{
    Bounds,
    scheduler::{Input, Load},
};
use posthaste_store::Store;

use self::{
    ending::{Expected, Jitter, Judgement},
    endpoint::Endpoint,
    fair::Fair,
    figures::Counted,
    keys::Keys,
    owed::Owed,
    replays::Job,
};

/// An attempt's end, as the world knows it.
#[derive(Clone, Copy, Debug)]
struct Truth {
    status: Option<u16>,
    retry_after_s: Option<u64>,
}

#[derive(Debug)]
pub struct Model {
    bounds: Bounds,
    deliveries: BTreeMap<DeliveryId, Owed>,
    /// Every event on disk, and whether its publisher knows.
    events: BTreeMap<EventId, bool>,
    /// What is in them, and the moment since which they are there.
    bodies: BTreeMap<EventId, (u64, Arc<Event>)>,
    /// To whom each event has a delivery.
    owing: BTreeMap<(EventId, SubscriptionId), DeliveryId>,
    /// Events past their retention.
    gone: BTreeMap<EventId, Arc<Event>>,
    gone_deliveries: Vec<(DeliveryId, TenantId)>,
    /// Deliveries that were held for too long.
    pub expired: u64,
    /// Changes so far, of whatever kind.
    moments: u64,
    jobs: BTreeMap<ReplayId, Job>,
    counted: Counted,
    endpoints: BTreeMap<SubscriptionId, Endpoint>,
    keys: Keys,
    in_flight: usize,
    /// Deliveries that wait, of subscriptions that are not deleted.
    open: usize,
    truth: Option<Truth>,
    /// Requests under way, by their first delivery.
    flights: BTreeMap<DeliveryId, Vec<DeliveryId>>,
    /// Batches as they were formed.
    batches: BTreeMap<BatchId, Vec<DeliveryId>>,
    /// The first deliveries of those that hold a slot and have not left.
    forming: BTreeSet<DeliveryId>,
    /// What the attempt that just ended must lead to.
    expected: BTreeMap<DeliveryId, Expected>,
    judgement: Option<Judgement>,
    jitter: Jitter,
    fair: Fair,
    verdict: Result<(), String>,
}

impl Model {
    #[must_use]
    pub fn new(bounds: Bounds, quiet: Option<TenantId>) -> Self {
        Self {
            bounds,
            deliveries: BTreeMap::new(),
            events: BTreeMap::new(),
            bodies: BTreeMap::new(),
            owing: BTreeMap::new(),
            gone: BTreeMap::new(),
            gone_deliveries: Vec::new(),
            expired: 0,
            moments: 0,
            jobs: BTreeMap::new(),
            counted: Counted::default(),
            endpoints: BTreeMap::new(),
            keys: Keys::default(),
            in_flight: 0,
            open: 0,
            truth: None,
            flights: BTreeMap::new(),
            batches: BTreeMap::new(),
            forming: BTreeSet::new(),
            expected: BTreeMap::new(),
            judgement: None,
            jitter: Jitter::default(),
            fair: Fair::of(quiet),
            verdict: Ok(()),
        }
    }

    /// What was wrong so far, if anything.
    pub fn verdict(&self) -> Result<(), String> {
        self.verdict.clone()
    }

    /// The first wrong is told; what follows from it is not.
    fn wrong(&mut self, what: std::fmt::Arguments<'_>) {
        if self.verdict.is_ok() {
            self.verdict = Err(what.to_string());
        }
    }

    fn must(&mut self, holds: bool, what: std::fmt::Arguments<'_>) {
        if !holds {
            self.wrong(what);
        }
    }

    /// The next one.
    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    // What the scheduler is told and says.

    pub fn started<'a>(&mut self, now: Timestamp, all: impl Iterator<Item = &'a Subscription>) {
        for endpoint in self.endpoints.values_mut() {
            endpoint.told = None;
        }
        for subscription in all {
            let Some(endpoint) = self.endpoints.get_mut(&subscription.id) else {
                return self.wrong(format_args!("{} is not known", subscription.id));
            };
            let as_written = endpoint.start(subscription, now);
            self.must(
                as_written,
                format_args!("health of {} did not survive", subscription.id),
            );
        }
    }

    pub fn told(&mut self, now: Timestamp, input: &Input) {
        let moment = self.moment();
        match input {
            Input::Changed {
                subscriber,
                resumed,
            } => {
                let subscription = &subscriber.subscription;
                if let Some(endpoint) = self.endpoints.get_mut(&subscription.id) {
                    endpoint.change(subscription, *resumed);
                    endpoint.changed = moment;
                }
            }
            Input::Removed(id) => {
                if let Some(endpoint) = self.endpoints.get_mut(id) {
                    endpoint.told = None;
                }
            }
            Input::Reopened { delivery, .. } => {
                if let Some(owed) = self.deliveries.get_mut(delivery) {
                    owed.hurried = true;
                }
            }
            Input::Accepted(all) => self.fair.came(now, all),
            Input::Finished(ended) => self.finished(now, ended.delivery),
            _ => {}
        }
    }

    /// What a request came to, before anyone may have misread it.
    pub fn answered(&mut self, result: &Result<Answer, TransportError>) {
        let answer = result.as_ref().ok();
        self.truth = Some(Truth {
            status: answer.map(|answer| answer.status),
            retry_after_s: answer
                .and_then(|a| a.retry_after)
                .map(|wait| wait.as_secs()),
        });
    }

    /// After a turn of the scheduler.
    pub fn loaded(&mut self, load: &Load) {
        let (held, bound) = (load.held, self.bounds.deliveries);
        self.must(
            held <= bound + 16,
            format_args!("I10: {held} held of {bound}"),
        );
        let in_flight = self.in_flight;
        self.must(
            load.in_flight == in_flight,
            format_args!("{} in flight, {in_flight} counted", load.in_flight),
        );
        if let Some((id, expected)) = self.expected.pop_first() {
            self.wrong(format_args!("{id} is not settled: {expected:?}"));
        }
        if let Some(judgement) = self.judgement.take() {
            self.wrong(format_args!("no health after {judgement:?}"));
        }
    }

    #[must_use]
    pub fn is_drained(&self) -> bool {
        let working = self.jobs.values().any(|job| job.running);
        self.open == 0 && self.in_flight == 0 && !working
    }

    /// When all is over.
    pub fn finale(&self, store: &dyn Store) -> Result<(), String> {
        self.fair.verdict()?;
        self.acked_are_there(store)?;
        self.counts(store)?;
        self.figures(store)?;
        chains::fit(store)?;
        self.jitter.verdict()
    }

    #[must_use]
    pub fn accepted(&self) -> u64 {
        (self.deliveries.len() + self.gone_deliveries.len()) as u64
    }

    /// I2: what should have ended.
    #[must_use]
    pub fn stuck(&self) -> String {
        let mut waiting = self
            .deliveries
            .iter()
            .filter(|(_, owed)| owed.kept.waits() && self.is_live(owed.subscription));
        let open = self.open;
        match waiting.next() {
            Some((id, owed)) => format!("I2: {open} are stuck, first {id}: {owed:?}"),
            None => match self.jobs.values().find(|job| job.running) {
                Some(job) => format!("I2: a replay does not end: {job:?}"),
                None => String::from("I2: publishers are not answered"),
            },
        }
    }
}
