//! A random walk over all verbs, with crashes, beside the model: at every step the store and the
//! model answer alike, and nothing that was ever owed is lost or counted twice.
//!
//! The seed is printed; `POSTHASTE_SEED` walks it again.

mod keeping;
mod takes;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use posthaste::{
    chance::Chance,
    circuit::Circuit,
    delivery::{Discard, Health, PauseReason},
    event::{Line, Origin, TenantId},
    id::{BatchId, DeliveryId, EventId, SubscriptionId},
    subscription::SubscriptionStatus,
};

use super::{
    World,
    fixtures::{self, delivered, discarded, failed, ids, late, owed, parked, retrying},
};
use crate::{
    MemoryStore, Store,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{
        Acceptance, Accepted, Delivery, HealthChange, Idempotency, Parking, SettleBatch,
        Settlement, StoredEvent, Waiting,
    },
    rollup::{Level, Minute},
};

const STEPS: usize = 330;

pub async fn accepted_equals_delivered_plus_failed_plus_discarded_plus_waiting_at_every_step(
    world: &mut World,
) {
    let given = std::env::var("POSTHASTE_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTHASTE_SEED is a number"));
    let seed = given.unwrap_or_else(|| Chance::from_system().bits());
    eprintln!("POSTHASTE_SEED={seed}");
    let mut walk = Walk::new(world, seed).await;
    for _ in 0..STEPS {
        walk.step().await;
        walk.check().await;
    }
}

struct Walk<'a> {
    world: &'a mut World,
    model: MemoryStore,
    chance: Chance,
    tenants: Vec<TenantId>,
    subscriptions: Vec<(TenantId, SubscriptionId)>,
    /// What the engine would have in its memory.
    hands: BTreeMap<DeliveryId, Waiting>,
    /// Deliveries that were ever made, by tenant.
    made: BTreeMap<TenantId, u64>,
    mark: EventId,
}

impl<'a> Walk<'a> {
    async fn new(world: &'a mut World, seed: u64) -> Self {
        let model = MemoryStore::new(world.now);
        world.become_tenant("acme").await;
        let acme = fixtures::tenant("acme", world.now);
        model.insert_tenant(acme).await.unwrap();
        let tenants = vec![TenantId::default_tenant(), world.tenant.clone()];
        let mut walk = Self {
            world,
            model,
            chance: Chance::seeded(seed),
            tenants,
            subscriptions: Vec::new(),
            hands: BTreeMap::new(),
            made: BTreeMap::new(),
            mark: EventId::from_u64(0),
        };
        for _ in 0..5 {
            walk.subscribe().await;
        }
        walk
    }

    async fn step(&mut self) {
        match self.below(38) {
            0..8 => self.publish().await,
            8..16 => self.settle_some().await,
            16..18 => self.take_due().await,
            18..20 => self.take_shelved().await,
            20 => self.change_status().await,
            21 => self.change_health().await,
            22 => self.reopen_some().await,
            23 => self.discard().await,
            24 => self.make_late().await,
            25 => self.replace_subscription().await,
            26..28 => self.crash().await,
            28 => self.batch_some().await,
            29 => self.take_line().await,
            30 | 31 => self.take_past().await,
            32 => self.prune().await,
            33 => self.prune_keys().await,
            34 => self.expire().await,
            35 => self.tell().await,
            _ => self.world.pass(self.chance.bits() % 20),
        }
    }

    /// A draw from 0 to `n` - 1.
    fn below(&self, n: usize) -> usize {
        usize::try_from(self.chance.bits() % n as u64).expect("less than n")
    }

    fn pick<T: Clone>(&self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.world.store()
    }

    fn become_someone(&mut self) {
        self.world.tenant = self.pick(&self.tenants);
    }

    async fn subscribe(&mut self) {
        self.become_someone();
        let subscription = self.world.fresh_subscription();
        let (tenant, id) = (subscription.tenant.clone(), subscription.id);
        self.subscriptions.push((tenant, id));
        let inserted = self.store().insert_subscription(subscription.clone()).await;
        assert_eq!(inserted, self.model.insert_subscription(subscription).await);
    }

    fn draft(&self) -> Acceptance {
        let own = self.subscriptions.iter();
        let own = own.filter(|(tenant, _)| *tenant == self.world.tenant);
        let own: Vec<SubscriptionId> = own.map(|&(_, id)| id).collect();
        let width = match (own.len(), self.below(100)) {
            (0, _) => 0,
            (_, 0) => 1100,
            (_, n) => n % 5,
        };
        let to: Vec<SubscriptionId> = (0..width).map(|_| self.pick(&own)).collect();
        let key = u8::try_from(self.below(12)).expect("less than 12");
        let body = u8::from(self.below(5) == 0);
        let idempotency = (key < 8).then(|| Idempotency {
            key: [key; 32],
            body: [body; 32],
            expires_at: self.world.after(30),
        });
        Acceptance {
            idempotency,
            ..self.world.draft(&to)
        }
    }

    async fn publish(&mut self) {
        let mut requests = Vec::new();
        for _ in 0..=self.below(3) {
            self.become_someone();
            let drafts = 0..self.below(4);
            requests.push(drafts.map(|_| self.draft()).collect::<Vec<_>>());
        }
        let now = self.world.now;
        let answers = self.store().accept(now, requests.clone()).await.unwrap();
        let expected = self.model.accept(now, requests.clone()).await.unwrap();
        assert_eq!(answers, expected);
        for (request, answer) in requests.into_iter().zip(answers) {
            let Ok(answers) = answer else { continue };
            let new = request.into_iter().zip(answers);
            for (item, _) in new.filter(|(_, answer)| *answer == Accepted::New) {
                self.accepted(item);
            }
        }
    }

    fn accepted(&mut self, item: Acceptance) {
        let owed = owed(&StoredEvent {
            event: item.event,
            subscriptions: item.subscriptions,
        });
        for waiting in owed {
            *self.made.entry(waiting.event.tenant.clone()).or_default() += 1;
            self.hands.insert(waiting.id, waiting);
        }
    }

    async fn settle_some(&mut self) {
        let all: Vec<Waiting> = self.hands.values().cloned().collect();
        let most = all.len().min(1 + self.below(300));
        let mut settlements = BTreeMap::new();
        for _ in 0..most {
            let waiting = self.pick(&all);
            settlements.insert(waiting.id, self.outcome(&waiting));
        }
        self.settle(settlements.into_values().collect()).await;
    }

    fn outcome(&mut self, waiting: &Waiting) -> Settlement {
        Settlement {
            line: self.line(),
            ..self.outcome_in_no_line(waiting)
        }
    }

    fn line(&self) -> Option<Line> {
        let key = self.pick(&[None, Some("a"), Some("b"), Some("c")]);
        key.map(|key| Line::of(Some(key)))
    }

    fn outcome_in_no_line(&mut self, waiting: &Waiting) -> Settlement {
        let now = self.world.now;
        let later = self.world.after(self.chance.bits() % 60);
        if self.below(10) == 0 {
            return parked(waiting, now, Parking::Taken);
        }
        self.hands.remove(&waiting.id);
        match self.below(9) {
            0..3 => delivered(waiting, now),
            3 => failed(waiting, now),
            4 | 5 => retrying(waiting, now, later),
            6 => parked(waiting, now, Parking::Due(later)),
            7 => parked(waiting, now, Parking::Shelved),
            _ => discarded(waiting, now, self.pick(Discard::ALL)),
        }
    }

    /// Commits a batch of what is in hand; what becomes of its deliveries is drawn for each alone.
    async fn batch_some(&mut self) {
        let all: Vec<Waiting> = self.hands.values().cloned().collect();
        let batch = BatchId::at(self.world.fresh_id().place());
        let mut members = BTreeMap::new();
        for _ in 0..all.len().min(self.below(8)) {
            let mut member = self.pick(&all);
            member.batch = Some(batch);
            members.insert(member.id, member);
        }
        let now = self.world.now;
        let row = |member| parked(member, now, Parking::Taken);
        let rows = members.values().map(row).collect();
        self.hands.extend(members);
        self.settle(rows).await;
    }

    /// With alerts, sometimes.
    async fn settle(&mut self, settlements: Vec<Settlement>) {
        let alerts = self.below(12).saturating_sub(9);
        let alerts: Vec<Acceptance> = (0..alerts).map(|_| self.alert()).collect();
        let batch = SettleBatch {
            settlements,
            health: Vec::new(),
            alerts: alerts.clone(),
        };
        self.store().settle(batch.clone()).await.unwrap();
        self.model.settle(batch).await.unwrap();
        alerts.into_iter().for_each(|alert| self.accepted(alert));
    }

    fn alert(&mut self) -> Acceptance {
        self.become_someone();
        Acceptance {
            idempotency: None,
            ..self.draft()
        }
    }

    async fn change_status(&mut self) {
        let (tenant, id) = self.pick(&self.subscriptions);
        let found = self.model.subscription(&tenant, id).await.unwrap();
        let Some(mut subscription) = found else {
            return;
        };
        subscription.status = self.pick(&[
            SubscriptionStatus::Active,
            SubscriptionStatus::Paused(PauseReason::Manual),
            SubscriptionStatus::Disabled,
        ]);
        subscription.updated_at = self.world.now;
        let (stale, forgive) = (self.below(5) == 0, self.below(2) == 0);
        subscription.revision += u64::from(!stale);
        let store = self.store();
        let updated = store.update_subscription(subscription.clone(), forgive);
        let expected = self.model.update_subscription(subscription, forgive);
        assert_eq!(updated.await, expected.await);
    }

    async fn change_health(&mut self) {
        let (tenant, subscription) = self.pick(&self.subscriptions);
        let health = Health {
            consecutive_failures: u32::try_from(self.below(5)).expect("small"),
            circuit: self.pick(&[Circuit::Closed, fixtures::OPEN]),
            wait_until: self.pick(&[None, Some(self.world.after(9))]),
            last_failure_at: Some(self.world.now),
            ..Health::default()
        };
        let change = HealthChange {
            tenant,
            subscription,
            health,
            pause: self.pick(&[None, Some(PauseReason::Gone)]),
            at: self.world.now,
        };
        let batch = SettleBatch {
            settlements: Vec::new(),
            health: vec![change],
            alerts: Vec::new(),
        };
        self.store().settle(batch.clone()).await.unwrap();
        self.model.settle(batch).await.unwrap();
    }

    async fn reopen_some(&mut self) {
        self.become_someone();
        let known = self.listed(&DeliveryQuery::default()).await;
        let mut ids: Vec<DeliveryId> = self.hands.keys().copied().take(2).collect();
        for _ in 0..known.len().min(10) {
            ids.push(self.pick(&known).id);
        }
        let (tenant, now) = (self.pick(&self.tenants), self.world.now);
        let origin = self.pick(&[Origin::Redeliver, Origin::Replay]);
        let store = self.store();
        let opened = store.reopen(&tenant, ids.clone(), origin, now).await;
        let expected = self.model.reopen(&tenant, ids, origin, now).await;
        assert_eq!(opened, expected);
    }

    async fn discard(&mut self) {
        let (_, from) = self.pick(&self.subscriptions);
        let (why, now) = (self.pick(Discard::ALL), self.world.now);
        let store = self.store();
        let discarded = store.discard_parked(from, why, now, 10_000).await;
        let expected = self.model.discard_parked(from, why, now, 10_000).await;
        assert_eq!(discarded, expected);
    }

    async fn make_late(&mut self) {
        let (tenant, to) = self.pick(&self.subscriptions);
        let (query, stretch) = (EventQuery::default(), everything());
        let events = self.model.events(&tenant, &query, stretch).await.unwrap();
        if events.items.is_empty() {
            return;
        }
        let event = self.pick(&events.items).id;
        let stored = self.model.event(&tenant, event).await.unwrap();
        let stored = stored.expect("a listed event");
        let waiting = late(self.world.fresh_id(), to, &stored);
        *self.made.entry(tenant).or_default() += 1;
        let row = parked(&waiting, self.world.now, Parking::Due(self.world.now));
        self.settle(vec![row]).await;
    }

    async fn replace_subscription(&mut self) {
        let (tenant, id) = self.pick(&self.subscriptions);
        let now = self.world.now;
        let deleted = self.store().delete_subscription(&tenant, id, now).await;
        let expected = self.model.delete_subscription(&tenant, id, now).await;
        assert_eq!(deleted, expected);
        self.subscribe().await;
    }

    async fn crash(&mut self) {
        // A start takes a millisecond: an id that was handed out and came to nothing may be made
        // anew where the clock stood still, and the model's mark has passed it.
        self.world.pass(1);
        self.world.crash().await;
        self.model = self.model.after_crash();
        self.hands.clear();
        self.mark = EventId::from_u64(0);
        let expected = self.model.recover(None, 1_000_000).await.unwrap().items;
        let recovered = self.world.recover(1 + self.below(2000)).await;
        assert_eq!(ids(&recovered), ids(&expected));
        self.hold(recovered, &expected);
    }

    async fn check(&mut self) {
        for tenant in &self.tenants {
            let counts = self.store().counts(tenant).await.unwrap();
            assert_eq!(counts, self.model.counts(tenant).await.unwrap());
            let backlog = self.store().backlog(tenant, None).await;
            assert_eq!(backlog, self.model.backlog(tenant, None).await);
            let waiting = counts.pending + counts.retrying + counts.held;
            let ended = counts.delivered + counts.failed + counts.discarded;
            let made = self.made.get(tenant).copied().unwrap_or(0);
            assert_eq!(waiting + ended, made);
        }
        assert_eq!(self.store().unparked(), self.model.unparked());
        let mark = self.store().settled_mark();
        assert!(mark >= self.mark, "the mark never goes back");
        self.mark = mark;
        if self.below(8) == 0 {
            self.check_lists().await;
            self.check_rollups().await;
        }
    }

    async fn check_rollups(&self) {
        let (from, to) = (Minute::from_u32(0), Minute::from_u32(u32::MAX));
        for (tenant, subscription) in &self.subscriptions {
            let backlog = self.store().backlog(tenant, Some(*subscription)).await;
            let expected = self.model.backlog(tenant, Some(*subscription)).await;
            assert_eq!(backlog, expected);
            for level in [Level::Minute, Level::Hour] {
                for of in [None, Some(*subscription)] {
                    let found = self.store().rollups(tenant, of, from, to, level).await;
                    let expected = self.model.rollups(tenant, of, from, to, level).await;
                    assert_eq!(found, expected, "{tenant} {of:?}");
                }
            }
        }
    }

    async fn listed(&self, query: &DeliveryQuery) -> Vec<Delivery> {
        let tenant = &self.world.tenant;
        let list = self.model.deliveries(tenant, query, everything()).await;
        list.unwrap().items
    }

    async fn check_lists(&mut self) {
        self.become_someone();
        let query = self.query();
        let expected = self.listed(&query).await;
        let found = self.world.list(&query, 1 + self.below(1000)).await;
        assert_eq!(found, expected, "{query:?}");
        for delivery in expected.iter().take(3) {
            let (tenant, id) = (&self.world.tenant, delivery.id);
            let attempts = self.store().attempts(tenant, id).await;
            assert_eq!(attempts, self.model.attempts(tenant, id).await);
            let found = self.store().delivery(tenant, id).await.unwrap();
            assert_eq!(found.as_ref(), Some(delivery));
        }
        let mut found = self.store().subscriptions().await.unwrap();
        found.sort_by_key(|subscription| subscription.id);
        let expected = self.model.subscriptions().await.unwrap();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    fn query(&self) -> DeliveryQuery {
        let status = self.pick(posthaste::delivery::DeliveryStatus::ALL);
        let (_, subscription) = self.pick(&self.subscriptions);
        let error = self.pick(&["http", "timeout", "deleted", "dis"]);
        let recently = Duration::from_secs(self.chance.bits() % 3000);
        let maybe = |odds| self.below(odds) == 0;
        DeliveryQuery {
            status: maybe(2).then_some(status),
            subscription: maybe(3).then_some(subscription),
            error: maybe(5).then(|| error.to_owned()),
            since: maybe(4).then(|| super::START + recently),
            outcome_since: maybe(6).then(|| super::START + recently),
            outcome_until: maybe(6).then(|| super::START + recently),
            ..DeliveryQuery::default()
        }
    }
}

fn everything() -> Stretch {
    Stretch {
        before: None,
        limit: usize::MAX,
    }
}
