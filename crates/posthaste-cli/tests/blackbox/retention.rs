//! What is old goes and what waits stays; what was held too long expires after an alert. The past is
//! made with the store itself, before the server is started on it.

use std::{sync::Arc, time::Duration};

use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    delivery::PauseReason,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::{Subscription, SubscriptionStatus},
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    conformance::fixtures,
    record::{Acceptance, Parking, SettleBatch, Settlement, StoredEvent, Waiting},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    api::{id, text},
    health::alert,
    http::Client,
    server::{Launch, posthaste},
    sink::Sink,
    wait::{SOON, until},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const PAUSED: SubscriptionStatus = SubscriptionStatus::Paused(PauseReason::Manual);

/// A store that was written to in the past.
struct Past {
    store: SqliteStore,
    runtime: Runtime,
    now: Timestamp,
    tenant: TenantId,
}

impl Past {
    fn of(launch: &Launch) -> Self {
        let data = launch.data_dir();
        std::fs::create_dir_all(&data).expect("a directory can be made");
        let now = SystemClock::new().now();
        let store = SqliteStore::open(data.join("posthaste.db"), now).expect("a store");
        Self {
            store,
            runtime: Runtime::new().expect("a runtime starts"),
            now,
            tenant: TenantId::default_tenant(),
        }
    }

    fn ago(&self, span: Duration) -> Timestamp {
        let span = i64::try_from(span.as_millis()).expect("some days");
        Timestamp::from_millis(self.now.as_millis() - span)
    }

    fn days_ago(&self, days: u32) -> Timestamp {
        self.ago(DAY * days)
    }

    /// One that became what it is so many days ago.
    fn subscribe(
        &self,
        sink: &Sink,
        days: u32,
        status: SubscriptionStatus,
        events: &str,
    ) -> SubscriptionId {
        let at = self.days_ago(days);
        let place = self.reserve(at, 0).place();
        let id = SubscriptionId::at(place);
        let subscription = Subscription {
            url: sink.url().parse().expect("a url"),
            status,
            events: vec![events.parse().expect("a pattern")],
            ..fixtures::subscription(id, self.tenant.clone(), at)
        };
        let inserted = self.store.insert_subscription(subscription);
        self.runtime.block_on(inserted).expect("it is new");
        id
    }

    fn reserve(&self, at: Timestamp, deliveries: u32) -> EventId {
        let id = self.store.reserve(at, &[deliveries])[0];
        if deliveries == 0 {
            self.store.release(&[id]);
        }
        id
    }

    /// Events of one delivery each, and what became of it.
    fn publish(
        &self,
        to: SubscriptionId,
        days: u32,
        count: usize,
        outcome: impl Fn(&Waiting, Timestamp) -> Settlement,
    ) -> Vec<DeliveryId> {
        let at = self.days_ago(days);
        let drafts = (0..count).map(|_| Acceptance {
            event: Arc::new(fixtures::event(self.reserve(at, 1), self.tenant.clone())),
            subscriptions: [to].into(),
            idempotency: None,
        });
        let drafts: Vec<Acceptance> = drafts.collect();
        let owed = drafts.iter().flat_map(|draft| {
            fixtures::owed(&StoredEvent {
                event: draft.event.clone(),
                subscriptions: draft.subscriptions.clone(),
            })
        });
        let settlements: Vec<_> = owed.map(|waiting| outcome(&waiting, at)).collect();
        let made = settlements.iter().map(|settlement| settlement.id).collect();
        let batch = SettleBatch {
            settlements,
            ..SettleBatch::default()
        };
        self.runtime.block_on(async {
            let accepted = self.store.accept(at, vec![drafts]).await.expect("a disk");
            assert!(accepted[0].is_ok());
            self.store.settle(batch).await.expect("a disk");
        });
        made
    }

    fn close(self) {
        self.runtime
            .block_on(self.store.close())
            .expect("it closes");
    }
}

fn shelved(waiting: &Waiting, at: Timestamp) -> Settlement {
    fixtures::parked(waiting, at, Parking::Shelved)
}

fn listed(client: &Client, query: &str) -> usize {
    client.list(&format!("{query}limit=1000")).len()
}

fn pruned(client: &Client) -> u64 {
    let metrics = client.send("GET", "/metrics", b"").text();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("posthaste_events_pruned_total "));
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[test]
fn what_is_old_goes_through_a_kill_and_what_waits_stays() {
    const OLD: usize = 4000;
    let (launch, sink) = (Launch::new(), Sink::start());
    let past = Past::of(&launch);
    let active = past.subscribe(&sink, 40, SubscriptionStatus::Active, "memory.*");
    let paused = past.subscribe(&sink, 40, PAUSED, "none.*");
    let gone = past.publish(active, 40, OLD, fixtures::delivered);
    past.publish(paused, 40, 20, shelved);
    let due = past.now + DAY;
    let retrying = |waiting: &Waiting, at| fixtures::retrying(waiting, at, due);
    past.publish(active, 40, 5, retrying);
    past.publish(active, 1, 10, fixtures::delivered);
    past.close();

    let server = launch.start();
    let client = server.client();
    until("some of it is gone", SOON, || {
        (pruned(&client) > 0).then_some(())
    });
    let server = server.kill().start();
    let client = server.client();
    until("all that is old is gone", SOON, || {
        (listed(&client, "/events?") == 35).then_some(())
    });
    let of = |id| format!("/deliveries?subscription={id}&");
    assert_eq!(listed(&client, &of(active)), 15);
    assert_eq!(listed(&client, "/deliveries?status=held&"), 20);
    assert_eq!(listed(&client, "/deliveries?status=retrying&"), 5);
    assert_eq!(listed(&client, "/deliveries?status=delivered&"), 10);
    for id in [gone[0], gone[OLD / 2], gone[OLD - 1]] {
        for path in [
            format!("/deliveries/{id}"),
            format!("/deliveries/{id}/attempts"),
        ] {
            assert_eq!(client.call("GET", &path, &Value::Null).status, 404);
        }
        let path = format!("/deliveries/{id}/redeliver");
        assert_eq!(client.call("POST", &path, &Value::Null).status, 404);
    }
    client.post(
        &format!("/subscriptions/{paused}/resume"),
        &Value::Null,
        200,
    );
    sink.wait_for(20);
    let server = server.kill().start();
    assert_eq!(listed(&server.client(), "/events?"), 35);
}

#[test]
fn what_is_held_too_long_is_told_first_and_not_yet_discarded() {
    let (launch, sink, watcher) = (Launch::new(), Sink::start(), Sink::start());
    let past = Past::of(&launch);
    let paused = past.subscribe(&sink, 100, PAUSED, "memory.*");
    past.publish(paused, 100, 3, shelved);
    past.subscribe(&watcher, 1, SubscriptionStatus::Active, "posthaste.*");
    let now = past.now;
    past.close();

    let server = launch.start();
    let (event_type, data) = alert(&watcher.wait_for(1)[0]);
    assert_eq!(event_type, "posthaste.subscription.expiring");
    let expires_at: Timestamp = text(&data, "expires_at").parse().expect("a time");
    assert!(expires_at >= now + DAY && expires_at <= now + DAY + 2 * SOON);
    let expected = json!({
        "subscription_id": paused.to_string(), "url": sink.url(), "reason": "held",
        "deliveries": 3, "expires_at": data["expires_at"],
    });
    assert_eq!(data, expected);
    let held = server.client().list("/deliveries?status=held");
    assert_eq!(held.len(), 3);
    let path = format!("/subscriptions/{paused}/resume");
    server.client().post(&path, &Value::Null, 200);
    sink.wait_for(3);
}

#[test]
fn what_was_told_of_a_day_ago_expires_and_is_not_told_again() {
    let (launch, sink, watcher) = (Launch::new(), Sink::start(), Sink::start());
    let past = Past::of(&launch);
    let paused = past.subscribe(&sink, 100, PAUSED, "memory.*");
    let old = past.publish(paused, 100, 3, shelved);
    let young = past.publish(paused, 10, 2, shelved);
    past.subscribe(&watcher, 1, SubscriptionStatus::Active, "posthaste.*");
    let told_at = past.ago(Duration::from_secs(25 * 3600));
    past.runtime.block_on(async {
        let hold = past.store.holds().await.expect("a disk").remove(0);
        let told = past.store.tell_expiring(&hold, None, told_at).await;
        assert_eq!(told, Ok(true));
    });
    past.close();

    let server = launch.start();
    let client = server.client();
    let discarded = client.deliveries_when("status=discarded", 3);
    for delivery in &discarded {
        assert!(old.iter().any(|known| known.to_string() == id(delivery)));
        assert_eq!(delivery["last_error"], "expired");
    }
    assert_eq!(
        listed(&client, "/events?type=posthaste.subscription.expiring&"),
        0
    );
    let server = server.kill().start();
    let client = server.client();
    assert_eq!(listed(&client, "/deliveries?error=expired&"), 3);
    client.post(
        &format!("/subscriptions/{paused}/resume"),
        &Value::Null,
        200,
    );
    sink.wait_for(2);
    for id in young {
        client.delivery_when(&id.to_string(), "delivered");
    }
}

#[test]
fn a_span_out_of_range_is_named_with_its_range() {
    for (variable, key) in [
        ("POSTHASTE_RETENTION_DAYS", "retention.days"),
        ("POSTHASTE_RETENTION_HOLD_DAYS", "retention.hold_days"),
    ] {
        for wrong in ["0", "3651", "a week"] {
            let mut command = posthaste();
            let refused = command
                .args(["serve", "--print-config"])
                .env(variable, wrong);
            let refused = refused.output().expect("the binary runs");
            let said = String::from_utf8_lossy(&refused.stderr);
            let expected = format!(
                "{key} = \"{wrong}\" (from {variable}): expected a whole number from 1 to 3650"
            );
            assert!(said.contains(&expected), "{said}");
        }
    }
    let shown = posthaste().args(["serve", "--print-config"]).output();
    let shown = String::from_utf8_lossy(&shown.expect("the binary runs").stdout).into_owned();
    assert!(shown.contains("[retention]\ndays = 30 ") && shown.contains("\nhold_days = 90 "));
}
