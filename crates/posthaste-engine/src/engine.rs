//! The engine: a store, the snapshot of its configuration, and the tasks that deliver.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use futures_util::FutureExt;
use posthaste::{
    clock::{Clock, Timestamp},
    delivery::Discard,
    event::TenantId,
    id::SubscriptionId,
};
use posthaste_store::{Store, StoreError, audit::Actor, record::HealthChange, settings::Identity};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    config::{EngineConfig, Limits, Retention},
    delivery::{
        alert::Alerts,
        attempt::Sender,
        dispatch::DispatchLoop,
        intake::Intake,
        mailbox::Dispatch,
        settle::{Outcomes, Settler},
    },
    inboxes::{Inboxes, Reception},
    live::Live,
    passes::Passes,
    scheduler::{Input, Scheduler},
    subscribers::{Snapshot, Subscribers},
    telemetry::Telemetry,
    upkeep::{
        self,
        arrivals::ArrivalPruning,
        audit::AuditPruning,
        expiry::Expiry,
        key_use::{self, KeyUses},
        passes::PassPruning,
        removal::Removal,
        replay::{Replays, Word},
        retention::Pruning,
        rounds::{rounds, when_asked},
    },
};

/// The wait before a store that refused is asked again.
const RELOAD_AGAIN: Duration = Duration::from_millis(250);

/// A running engine. Clones are the same engine, in the same hands.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Running>, pub(crate) Option<Arc<Actor>>);

pub(crate) struct Running {
    pub store: Arc<dyn Store>,
    pub config: EngineConfig,
    pub subscribers: Arc<Subscribers>,
    pub reception: Arc<Reception>,
    pub alerts: Alerts,
    /// Held by whoever changes the configuration.
    pub changing: Arc<tokio::sync::Mutex<()>>,
    pub intake: Intake,
    pub dispatch: Dispatch,
    pub live: Arc<Live>,
    /// Where replay jobs are spoken to.
    pub replays: mpsc::UnboundedSender<Word>,
    pub passes: Passes,
    /// Told when a tenant was deleted.
    pub removals: Arc<Notify>,
    /// Deliveries that publishes under way will owe once the store has them.
    pub owed: Arc<AtomicUsize>,
    /// The stopwatch at the start.
    pub started: Duration,
    outcomes: Arc<Outcomes>,
    telemetry: Arc<Telemetry>,
    draining: watch::Sender<bool>,
    idle: watch::Receiver<bool>,
    written: watch::Receiver<bool>,
    recovered: watch::Receiver<bool>,
    failed: watch::Receiver<bool>,
}

impl Engine {
    /// Starts delivering what the store holds and what is published from now on. What was accepted
    /// and has no outcome is scheduled again, page by page, while new events already flow.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(store: impl Store, config: EngineConfig) -> Result<Self, StoreError> {
        Self::over(Arc::new(store), config).await
    }

    /// As [`Self::start`], over a store that somebody else holds too: to close it, or to look.
    ///
    /// # Errors
    /// As there.
    pub async fn over(store: Arc<dyn Store>, config: EngineConfig) -> Result<Self, StoreError> {
        let subscribers = Arc::new(Subscribers::load(
            store.tenants().await?,
            store.subscriptions().await?,
            store.keys().await?,
            store.event_types().await?,
        ));
        let shelved = store.shelved().await?;
        let snapshot = subscribers.now();
        let scheduler = Scheduler::new(
            config.bounds,
            config.clock.now(),
            snapshot.all_subscribers(),
            &shelved,
        );
        let telemetry = Arc::new(Telemetry::new());
        let (draining, drains) = watch::channel(false);
        let reception = Arc::new(Reception {
            store: store.clone(),
            clock: config.clock.clone(),
            subscribers: subscribers.clone(),
            inboxes: Arc::new(Inboxes::load(store.inboxes().await?)),
            public_url: config.inboxes.public_url.clone(),
            listens_on: config.inboxes.listens_on.clone(),
            draining: drains.clone(),
        });
        let (outcomes, live) = (Arc::new(Outcomes::default()), Arc::new(Live::default()));
        let (dispatch, mailbox) = Dispatch::new();
        let (idle, is_idle) = watch::channel(false);
        let (done, is_written) = watch::channel(false);
        let (paused, pauses) = mpsc::unbounded_channel();
        let sender = Sender {
            transport: config.transport.clone(),
            clock: config.clock.clone(),
            chance: config.chance.clone(),
            subscribers: subscribers.clone(),
            reception: reception.clone(),
            dispatch: dispatch.clone(),
            server: server_name(&store.identity()),
        };
        let alerts = Alerts {
            store: store.clone(),
            subscribers: subscribers.clone(),
            clock: config.clock.clone(),
        };
        let dispatch_loop = DispatchLoop {
            scheduler,
            clock: config.clock.clone(),
            store: store.clone(),
            sender: Arc::new(sender),
            outcomes: outcomes.clone(),
            alerts: alerts.clone(),
            dispatch: dispatch.clone(),
            idle,
        };
        let settler = Settler {
            outcomes: outcomes.clone(),
            store: store.clone(),
            dispatch: dispatch.clone(),
            telemetry: telemetry.clone(),
            live: live.clone(),
            paused,
            done,
        };
        let (intake, groups) = Intake::new(
            store.clone(),
            config.clock.clone(),
            dispatch.clone(),
            telemetry.clone(),
            live.clone(),
        );
        let (replays, words) = mpsc::unbounded_channel();
        let jobs = Replays::new(
            store.clone(),
            subscribers.clone(),
            config.clock.clone(),
            dispatch.clone(),
            store.running_replays().await?,
        );
        let recovered = upkeep::recovery::start(store.clone(), dispatch.clone());
        let (failed, has_failed) = watch::channel(false);
        essential("intake", &failed, groups);
        essential("dispatch", &failed, dispatch_loop.run(mailbox));
        essential("settle", &failed, settler.run());
        essential("replays", &failed, jobs.run(words));
        let running = Running {
            started: config.clock.elapsed(),
            store,
            config,
            subscribers,
            reception,
            alerts,
            changing: Arc::default(),
            intake,
            dispatch,
            live,
            replays,
            passes: Passes::default(),
            removals: Arc::default(),
            owed: Arc::default(),
            outcomes,
            telemetry,
            draining,
            idle: is_idle,
            written: is_written,
            recovered,
            failed: has_failed,
        };
        let engine = Self(Arc::new(running), None);
        engine.sweep_tombstones(&shelved, &snapshot);
        engine.keep_up(&failed, drains);
        essential("pauses", &failed, engine.clone().follow_pauses(pauses));
        Ok(engine)
    }

    /// Stops sending, waits until the attempts under way have ended and everything is written, or
    /// until `deadline` has passed. Says whether all was done; what was not is recovered at the
    /// next start.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.0.draining.send_replace(true);
        self.0.replays.send(Word::End).ok();
        self.0.dispatch.tell(Input::Drain);
        let (mut idle, mut written) = (self.0.idle.clone(), self.0.written.clone());
        let drained = async {
            idle.wait_for(|idle| *idle).await.ok();
            self.0.outcomes.close();
            written.wait_for(|written| *written).await.ok();
            self.write_key_uses().await;
        };
        tokio::time::timeout(deadline, drained).await.is_ok()
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.config.clock.now()
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.config.clock
    }

    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.config.limits
    }

    /// How long things are kept where their tenant has no limit of its own.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.0.config.retention
    }

    /// What the store was given when it was made: the cursors' key and the server's name.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.0.store.identity()
    }

    /// This server's name to itself, as `posthaste-hop` carries it.
    #[must_use]
    pub fn server_name(&self) -> String {
        server_name(&self.identity())
    }

    /// Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.0.telemetry.text(self.0.dispatch.load())
    }

    /// Whether everything accepted before the start is scheduled, and nothing has failed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        *self.0.recovered.borrow() && !*self.0.failed.borrow()
    }

    /// Returns if one of the tasks that everything depends on panicked. The engine is of no use
    /// then; the process had better end, and start again from what is in the store.
    pub async fn failed(&self) {
        let mut failed = self.0.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Carries something out to its end, whether or not whoever asked for it is still there: what is
    /// in the store and what is in memory must not part.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match tokio::spawn(task).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.subscribers.now()
    }

    /// A group of outcomes paused subscriptions: the configuration follows.
    async fn follow_pauses(self, mut pauses: mpsc::UnboundedReceiver<HealthChange>) {
        while let Some(change) = pauses.recv().await {
            let reason = change.pause;
            tracing::warn!(subscription = %change.subscription, ?reason, "subscription.paused");
            let _changing = self.0.changing.lock().await;
            self.reload(&change.tenant, change.subscription).await;
        }
    }

    /// Takes a subscription from the store into the snapshot and the scheduler.
    async fn reload(&self, tenant: &TenantId, id: SubscriptionId) {
        loop {
            match self.0.store.subscription(tenant, id).await {
                Ok(Some(subscription)) => return self.publish_change(subscription, false),
                Ok(None) => return,
                Err(error) => tracing::error!(%error, subscription = %id, "subscription.reload"),
            }
            tokio::time::sleep(RELOAD_AGAIN).await;
        }
    }

    pub(crate) fn publish_change(
        &self,
        subscription: posthaste::subscription::Subscription,
        resumed: bool,
    ) {
        self.0.subscribers.put(subscription, |subscriber| {
            if resumed {
                subscriber.set_health(subscriber.health().resumed());
            }
            self.0.dispatch.tell(Input::Changed {
                subscriber,
                resumed,
            });
        });
    }

    /// Starts the slow duties.
    fn keep_up(&self, failed: &watch::Sender<bool>, draining: watch::Receiver<bool>) {
        let running = &self.0;
        let (store, retention) = (running.store.clone(), running.config.retention);
        let (clock, telemetry) = (&running.config.clock, &running.telemetry);
        let pruning = Pruning::new(store, retention, telemetry.clone());
        let uses = KeyUses {
            store: running.store.clone(),
            subscribers: running.subscribers.clone(),
        };
        let written = rounds(uses, clock.clone(), draining.clone());
        essential("key_uses", failed, written);
        let audit = AuditPruning::new(running.store.clone(), retention);
        essential(
            "audit",
            failed,
            rounds(audit, clock.clone(), draining.clone()),
        );
        let arrivals = ArrivalPruning {
            store: running.store.clone(),
            retention,
        };
        let passes = rounds(arrivals, clock.clone(), draining.clone());
        essential("arrivals", failed, passes);
        let passes = rounds(pruning, clock.clone(), draining.clone());
        essential("retention", failed, passes);
        let past = PassPruning(running.store.clone());
        essential(
            "passes",
            failed,
            rounds(past, clock.clone(), draining.clone()),
        );
        let outcomes = running.outcomes.clone();
        let watch = upkeep::spoilt::watch(running.alerts.clone(), outcomes, draining.clone());
        essential("spoilt", failed, watch);
        let (alerts, dispatch) = (running.alerts.clone(), running.dispatch.clone());
        let expiry = Expiry::new(alerts, retention, dispatch, telemetry.clone());
        let passes = rounds(expiry, clock.clone(), draining.clone());
        essential("expiry", failed, passes);
        let (removal, asked) = (
            Removal::new(running.store.clone()),
            running.removals.clone(),
        );
        let removing = when_asked(removal, clock.clone(), asked, draining);
        essential("removal", failed, removing);
    }

    /// Writes down when keys were last used.
    async fn write_key_uses(&self) {
        let (store, subscribers) = (&*self.0.store, &self.0.subscribers);
        loop {
            match key_use::write(store, subscribers).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::error!(%error, "key.touch"),
            }
        }
    }

    /// What deleted subscriptions left on their shelves is discarded, in small steps.
    fn sweep_tombstones(&self, shelved: &[SubscriptionId], snapshot: &Snapshot) {
        for id in shelved {
            if !snapshot.has_subscription(*id) {
                tokio::spawn(self.clone().discard_parked(*id, Discard::Deleted));
            }
        }
    }

    pub(crate) async fn discard_parked(self, id: SubscriptionId, why: Discard) {
        let (store, clock) = (&self.0.store, &self.0.config.clock);
        if let Err(error) = upkeep::discard::all_parked(store, clock, id, why).await {
            tracing::error!(%error, subscription = %id, "delivery.discard");
        }
    }
}

/// Runs a task that the engine cannot do without.
fn essential(
    name: &'static str,
    failed: &watch::Sender<bool>,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let failed = failed.clone();
    tokio::spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            tracing::error!(task = name, "engine.failed");
            failed.send_replace(true);
        }
    });
}

fn server_name(identity: &Identity) -> String {
    format!("{:016x}", identity.server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_an_essential_task_is_told_and_its_end_is_not() {
        let (failed, mut told) = watch::channel(false);
        essential("ends", &failed, async {});
        essential("panics", &failed, async { panic!("a bug") });
        assert!(told.wait_for(|failed| *failed).await.is_ok());
        let (failed, mut told) = watch::channel(false);
        essential("ends", &failed, async {});
        drop(failed);
        assert!(told.wait_for(|failed| *failed).await.is_err());
    }
}
