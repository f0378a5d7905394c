//! What retention costs those who publish: accepts at a steady rate over a store of old events, with
//! retention off and on, and whether the file stops growing.
//!
//! `cargo run --release -p posthaste-cli --example retention -- [events] [seconds]`

use std::{path::Path, sync::Arc, time::Duration};

use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    event::{EventDetails, TenantId},
    id::SubscriptionId,
    json::RawJson,
    transport::callback::CallbackTransport,
};
use posthaste_engine::{
    Engine, EngineConfig, Retention,
    operations::{NewEvent, NewSubscription},
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    conformance::fixtures,
    record::{Acceptance, SettleBatch, StoredEvent},
};

/// Old events of one transaction.
const BATCH: usize = 2000;
/// Published each second.
const RATE: u32 = 1000;
const AGE: Duration = Duration::from_secs(40 * 24 * 3600);
const DATA: &[u8] =
    br#"{"order":4711,"text":"about as much as an event has to say, on the whole"}"#;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|arg| arg.parse::<usize>());
    let mut argument = |usual| arguments.next().map_or(usual, |arg| arg.expect("a number"));
    let (events, seconds) = (argument(5_000_000), argument(120));
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Arc::new(SystemClock::new());
    for days in [3650, 30] {
        // A store of its own: the engine of the run before may still be closing.
        let path = directory.path().join(format!("{days}.db"));
        fill(&path, &clock, events).await;
        println!("{events} old events: {} MB", megabytes(&path));
        run(&path, &clock, days, seconds).await;
    }
}

async fn fill(path: &Path, clock: &SystemClock, events: usize) {
    let then = clock.now().as_millis() - i64::try_from(AGE.as_millis()).expect("40 days");
    let at = Timestamp::from_millis(then);
    let store = SqliteStore::open(path, clock.now()).expect("a store");
    for _ in 0..events.div_ceil(BATCH) {
        let ids = store.reserve(at, &[1; BATCH]);
        let drafts = ids.into_iter().map(|id| Acceptance {
            event: Arc::new(fixtures::event(id, TenantId::default_tenant())),
            subscriptions: [SubscriptionId::from_u64(1024)].into(),
            idempotency: None,
        });
        let drafts: Vec<Acceptance> = drafts.collect();
        let stored = drafts.iter().map(|draft| StoredEvent {
            event: draft.event.clone(),
            subscriptions: draft.subscriptions.clone(),
        });
        let owed = stored.flat_map(|stored| fixtures::owed(&stored));
        let settlements = owed.map(|waiting| fixtures::delivered(&waiting, at));
        let batch = SettleBatch {
            settlements: settlements.collect(),
            ..SettleBatch::default()
        };
        store.accept(at, vec![drafts]).await.expect("a disk");
        store.settle(batch).await.expect("a disk");
    }
    store.close().await.expect("closed");
}

async fn run(path: &Path, clock: &Arc<SystemClock>, days: u32, seconds: usize) {
    let store = Arc::new(SqliteStore::open(path, clock.now()).expect("a store"));
    let config = EngineConfig {
        retention: Retention {
            days,
            ..Retention::default()
        },
        transport: Arc::new(CallbackTransport::no_op()),
        clock: clock.clone(),
        ..EngineConfig::default()
    };
    let engine = Engine::over(store.clone(), config).await.expect("started");
    let tenant = TenantId::default_tenant();
    let new = NewSubscription::to("https://example.com/".parse().expect("a url"));
    let hook = engine.subscribe(&tenant, new).await.expect("subscribed");
    let mut took = publish(&engine, &tenant, clock, seconds).await;
    took.sort_unstable();
    let metrics = engine.metrics();
    let pruned = metrics
        .lines()
        .find(|line| line.starts_with("posthaste_events_pruned_total"));
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!(
        "retention of {days} days: accepts p50 {:.1?} p99 {:.1?} p99.9 {:.1?} max {:.1?}; {}; {} MB",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
        pruned.unwrap_or_default(),
        megabytes(path)
    );
    engine.unsubscribe(&tenant, hook.id).await.expect("deleted");
    engine.drain(Duration::from_secs(30)).await;
    store.shutdown().await.expect("closed");
}

/// At a steady rate, whatever the answers take; how long each took.
async fn publish(
    engine: &Engine,
    tenant: &TenantId,
    clock: &SystemClock,
    seconds: usize,
) -> Vec<Duration> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut under_way = Vec::new();
    for _ in 0..seconds * RATE as usize {
        ticks.tick().await;
        let (engine, tenant) = (engine.clone(), tenant.clone());
        let begun = clock.elapsed();
        under_way.push(tokio::spawn(async move {
            let published = engine.publish(&tenant, vec![event()]).await;
            published.expect("accepted");
            engine.clock().elapsed() - begun
        }));
    }
    let mut took = Vec::with_capacity(under_way.len());
    for one in under_way {
        took.push(one.await.expect("no publisher panics"));
    }
    took
}

fn event() -> NewEvent {
    NewEvent {
        event_type: "order.created".parse().expect("a type"),
        data: RawJson::trusted(bytes::Bytes::from_static(DATA)),
        details: EventDetails::default(),
        subscriptions: None,
        idempotency: None,
    }
}

fn megabytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len() / 1_000_000)
}
