//! A scheduler in a test's hands, and what it is fed with.

use super::*;

pub(super) const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

pub(super) fn subscription(n: u64) -> Subscription {
    Subscription {
        id: SubscriptionId::from_u64(n),
        tenant: TenantId::default_tenant(),
        external_id: None,
        url: "https://example.com/hook".parse().unwrap(),
        description: String::new(),
        events: Vec::new(),
        filter: None,
        status: SubscriptionStatus::Active,
        schemes: Vec::new(),
        algorithm: Default::default(),
        secrets: Secrets::new(Secret::trusted("0123456789abcdef".to_owned())),
        access: Default::default(),
        retry: RetryPolicy::schedule(&[1.0, 2.0], 0.0).unwrap(),
        timeout: Duration::from_secs(10),
        max_in_flight: 2,
        rate_limit: None,
        ordering: Default::default(),
        batch: None,
        auto_pause_after: 2,
        format: Default::default(),
        versions: Default::default(),
        metadata: RawJson::empty_object(),
        health: Default::default(),
        created_at: START,
        updated_at: START,
        revision: 1,
    }
}

pub(super) fn subscriber(n: u64) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(subscription(n)))
}

pub(super) fn with_status(n: u64, status: SubscriptionStatus) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        status,
        ..subscription(n)
    }))
}

pub(super) fn waiting(subscription: u64, n: u64) -> Waiting {
    let event = Event {
        id: Place::at(START, 0).forward(n).event(),
        tenant: TenantId::default_tenant(),
        event_type: "memory.created".parse().unwrap(),
        details: EventDetails::default(),
        data: RawJson::empty_object(),
    };
    Waiting {
        id: event.id.delivery(0),
        subscription: SubscriptionId::from_u64(subscription),
        event: Arc::new(event),
        origin: Origin::Publish,
        tries: Tries::default(),
        retry_at: None,
        format: None,
        batch: None,
        link: None,
    }
}

/// A scheduler, what it said last, and the attempts under way.
pub(super) struct World {
    pub(super) scheduler: Scheduler,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl World {
    pub(super) fn new(bounds: Bounds, subscribers: Vec<Arc<Subscriber>>) -> Self {
        let mut world = Self {
            scheduler: Scheduler::new(bounds, START, subscribers, &[]),
            now: START,
            effects: Vec::new(),
        };
        world.tell(Input::Tick);
        assert!(
            matches!(world.effects[..], [Effect::TakeDue { .. }]),
            "asks at start"
        );
        world.tell(Input::Due {
            at_most: TAKE,
            taken: Vec::new(),
            next_at: None,
        });
        world
    }

    pub(super) fn tell(&mut self, input: Input) {
        self.effects.clear();
        self.scheduler.handle(self.now, input, &mut self.effects);
    }

    pub(super) fn accept(&mut self, deliveries: impl IntoIterator<Item = Waiting>) {
        self.tell(Input::Accepted(deliveries.into_iter().collect()));
    }

    pub(super) fn pass(&mut self, wait: Duration) {
        self.now = self.now + wait;
        self.tell(Input::Tick);
    }

    pub(super) fn sent(&self) -> Vec<DeliveryId> {
        let sent = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(assignment) => Some(assignment.waiting.id),
            _ => None,
        });
        sent.collect()
    }

    pub(super) fn settled(&self) -> Vec<(DeliveryId, Standing)> {
        let settled = self.effects.iter().filter_map(|effect| match effect {
            Effect::Settle(settlement) => Some((settlement.id, settlement.standing)),
            _ => None,
        });
        settled.collect()
    }

    pub(super) fn finish(&mut self, delivery: DeliveryId, outcome: Outcome) {
        self.tell(Input::Finished(Box::new(Finished {
            delivery,
            outcome,
            attempt: Box::new(Attempt {
                started_at: self.now,
                ..Attempt::default()
            }),
            links: Default::default(),
            draw: 0.0,
        })));
    }

    pub(super) fn fetched(&self) -> Vec<(SubscriptionId, usize)> {
        let fetched = self.effects.iter().filter_map(|effect| match effect {
            Effect::TakeShelved {
                subscription,
                at_most,
                ..
            } => Some((*subscription, *at_most)),
            _ => None,
        });
        fetched.collect()
    }

    pub(super) fn asks_for_due(&self) -> bool {
        self.effects
            .iter()
            .any(|effect| matches!(effect, Effect::TakeDue { .. }))
    }
}

pub(super) const OK: Outcome = Outcome::Accepted { status: 200 };
pub(super) const REFUSED: Outcome = Outcome::Refused {
    class: FailureClass::Http,
    status: Some(500),
    retry_after: None,
};

pub(super) fn delivery(n: u64) -> DeliveryId {
    waiting(1, n).id
}

pub(super) fn shelved(retry_at: Option<Timestamp>) -> Standing {
    Standing::Waiting {
        retry_at,
        parking: Parking::Shelved,
    }
}
