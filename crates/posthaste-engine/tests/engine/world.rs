//! An engine over the model store, its receivers, and virtual time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use posthaste::{
    chance::Chance,
    clock::{Clock, Timestamp},
    delivery::{DeliveryState, FailureClass},
    egress::{EgressRules, TargetUrl},
    event::{EventDetails, TenantId},
    id::{DeliveryId, SubscriptionId},
    json::RawJson,
    retry::RetryPolicy,
    subscription::SubscriptionStatus,
    transport::{Answer, Headers, TransportError, WebhookTransport},
};
use posthaste_engine::{
    Bounds, Engine, EngineConfig, Limits, Retention,
    operations::{NewEvent, NewSubscription, Published},
};
use posthaste_store::{MemoryStore, record::Counts};

pub const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

/// Time as tokio's paused runtime tells it.
pub struct VirtualClock {
    started: tokio::time::Instant,
    /// Whether what a signature asks it brings the asker down.
    pub poisoned: AtomicBool,
}

impl VirtualClock {
    #[allow(clippy::disallowed_methods)] // paused: this reads no clock
    pub fn new() -> Self {
        Self {
            started: tokio::time::Instant::now(),
            poisoned: AtomicBool::new(false),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        START + self.started.elapsed()
    }

    fn wall(&self) -> Timestamp {
        assert!(!self.poisoned.load(Relaxed), "a bug in making a request");
        self.now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// What a receiver does with the next request.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    Answer(u16),
    /// After so many milliseconds, 200.
    Slow(u64),
    /// 429, to come back after so many seconds.
    Busy(u64),
    Hang,
    Panic,
}

/// Receivers by path, and the ids of the deliveries that came, in order.
#[derive(Default)]
pub struct Receivers {
    behaviours: Mutex<HashMap<String, Behaviour>>,
    arrived: Mutex<Vec<(Timestamp, String)>>,
    pub clock: Option<Arc<VirtualClock>>,
}

impl Receivers {
    pub fn behave(&self, url: &str, behaviour: Behaviour) {
        self.behaviours
            .lock()
            .unwrap()
            .insert(url.to_owned(), behaviour);
    }

    pub fn arrived(&self) -> Vec<String> {
        self.arrived
            .lock()
            .unwrap()
            .iter()
            .map(|(_, id)| id.clone())
            .collect()
    }

    /// Milliseconds since the start at which requests came.
    pub fn times(&self) -> Vec<i64> {
        let arrived = self.arrived.lock().unwrap();
        arrived
            .iter()
            .map(|(at, _)| at.as_millis() - START.as_millis())
            .collect()
    }
}

#[async_trait]
impl WebhookTransport for Receivers {
    async fn send(
        &self,
        url: &TargetUrl,
        _payload: Bytes,
        headers: &Headers,
        timeout: Duration,
    ) -> Result<Answer, TransportError> {
        let id = headers
            .iter()
            .find(|(name, _)| name == "x-webhook-id")
            .unwrap()
            .1
            .clone();
        let now = self.clock.as_ref().map_or(START, |clock| clock.now());
        self.arrived.lock().unwrap().push((now, id));
        let behaviour = self.behaviours.lock().unwrap().get(url.as_str()).copied();
        match behaviour.unwrap_or(Behaviour::Answer(200)) {
            Behaviour::Answer(status) => Ok(Answer {
                status,
                ..Answer::default()
            }),
            Behaviour::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(Answer {
                    status: 200,
                    ..Answer::default()
                })
            }
            Behaviour::Busy(wait_s) => Ok(Answer {
                status: 429,
                retry_after: Some(Duration::from_secs(wait_s)),
                ..Answer::default()
            }),
            Behaviour::Panic => panic!("a bug in the transport"),
            Behaviour::Hang => {
                tokio::time::sleep(timeout).await;
                Err(TransportError {
                    class: FailureClass::Timeout,
                    detail: "no answer".to_owned(),
                })
            }
        }
    }
}

pub struct World {
    pub engine: Engine,
    pub store: Arc<MemoryStore>,
    pub clock: Arc<VirtualClock>,
    pub receivers: Arc<Receivers>,
    pub tenant: TenantId,
}

pub const URL: &str = "https://example.com/hook";

impl World {
    pub async fn new() -> Self {
        Self::with_bounds(Bounds::default()).await
    }

    pub async fn with_bounds(bounds: Bounds) -> Self {
        Self::over(
            MemoryStore::new(START),
            Arc::new(VirtualClock::new()),
            bounds,
        )
        .await
    }

    /// Another process over what this one left on disk; its receivers answer 200.
    pub async fn after_crash(&self) -> Self {
        Self::over(
            self.store.after_crash(),
            self.clock.clone(),
            Bounds::default(),
        )
        .await
    }

    pub async fn over(store: MemoryStore, clock: Arc<VirtualClock>, bounds: Bounds) -> Self {
        let store = Arc::new(store);
        let receivers = Arc::new(Receivers {
            clock: Some(clock.clone()),
            ..Receivers::default()
        });
        let config = EngineConfig {
            inboxes: posthaste_engine::inboxes::InboxConfig::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            bounds,
            egress: Arc::new(EgressRules::default()),
            transport: receivers.clone(),
            clock: clock.clone(),
            chance: Arc::new(Chance::seeded(7)),
        };
        Self {
            engine: Engine::over(store.clone(), config).await.unwrap(),
            store,
            clock,
            receivers,
            tenant: TenantId::default_tenant(),
        }
    }

    pub async fn subscribe(&self, url: &str, schedule_s: &[f64]) -> SubscriptionId {
        let subscription = NewSubscription {
            retry: RetryPolicy::schedule(schedule_s, 0.0).unwrap(),
            ..NewSubscription::to(url.parse().unwrap())
        };
        self.engine
            .subscribe(&self.tenant, subscription)
            .await
            .unwrap()
            .id
    }

    pub fn event(&self) -> NewEvent {
        NewEvent {
            event_type: "memory.created".parse().unwrap(),
            data: RawJson::parse(r#"{"a":1}"#, 8).unwrap(),
            details: EventDetails::default(),
            subscriptions: None,
            idempotency: None,
        }
    }

    pub async fn publish(&self) -> Published {
        let event = self.event();
        self.engine
            .publish(&self.tenant, vec![event])
            .await
            .unwrap()
            .remove(0)
    }

    pub async fn publish_many(&self, count: usize) -> Vec<DeliveryId> {
        let mut deliveries = Vec::new();
        for _ in 0..count {
            deliveries.extend(self.publish().await.delivery_ids());
        }
        deliveries
    }

    /// Lets virtual time pass, and everything that is due in it happen.
    pub async fn pass(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    pub async fn state(&self, id: DeliveryId) -> DeliveryState {
        self.engine.delivery(&self.tenant, id).await.unwrap().state
    }

    pub async fn counts(&self) -> Counts {
        self.engine.counts(&self.tenant).await.unwrap()
    }

    pub async fn status(&self, id: SubscriptionId) -> SubscriptionStatus {
        self.engine.subscription(&self.tenant, id).unwrap().status
    }
}

pub const A_MOMENT: Duration = Duration::from_millis(50);
