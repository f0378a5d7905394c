//! Reading figures of 30 days and a million deliveries: how long windows of hours and minutes take.
//!
//! `cargo run --release -p posthaste-sqlite --example figures`, with another number of deliveries
//! behind `--` if wanted.

use posthaste::{
    clock::{Clock, SystemClock},
    event::TenantId,
    id::{EventId, SubscriptionId},
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    conformance::{START, fixtures},
    record::{Acceptance, SettleBatch},
    rollup::{Level, Minute, Rollup},
};

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1);
    let deliveries = given.map_or(1_000_000, |n| n.parse().expect("a number of deliveries"));
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(path, START).expect("a new store opens");
    fill(&store, deliveries).await;
    // What fills faster than any clock is folded later than in life: each of these folds a slice.
    for _ in 0..deliveries / 100 {
        store.settle(SettleBatch::default()).await.unwrap();
    }
    let now = Minute::of(START);
    for of in [None, Some(SubscriptionId::from_u64(7))] {
        for (name, days, level) in [
            ("30 days of hours", 30, Level::Hour),
            ("90 days of hours", 90, Level::Hour),
            ("a day of minutes", 1, Level::Minute),
            ("30 days of minutes", 30, Level::Minute),
        ] {
            let window = now.minus(days * 24 * 60)..now.plus(1);
            measure(&store, name, of, window, level).await;
        }
    }
}

/// So many deliveries of 50 subscriptions, evenly over the last 30 days.
async fn fill(store: &SqliteStore, deliveries: u32) {
    const GROUP: u32 = 500;
    let span = 30 * 24 * 60;
    for group in 0..deliveries / GROUP {
        let at = |n: u32| {
            let minute = u64::from(group * GROUP + n) * u64::from(span) / u64::from(deliveries);
            Minute::of(START)
                .minus(span)
                .plus(u32::try_from(minute).unwrap())
                .start()
        };
        let to: Vec<_> = (0..u64::from(GROUP))
            .map(|n| SubscriptionId::from_u64(n % 50))
            .collect();
        let id: EventId = store.reserve(START, &[GROUP])[0];
        let item = Acceptance {
            event: fixtures::event(id, TenantId::default_tenant()).into(),
            subscriptions: to.into(),
            idempotency: None,
        };
        let owed: Vec<_> = item.owed().collect();
        store.accept(START, vec![vec![item]]).await.unwrap();
        let settlements = owed.iter().zip(0..).map(|(waiting, n)| match n % 20 {
            0 => fixtures::failed(waiting, at(n)),
            _ => fixtures::delivered(waiting, at(n)),
        });
        let batch = SettleBatch {
            settlements: settlements.collect(),
            ..SettleBatch::default()
        };
        store.settle(batch).await.unwrap();
    }
}

async fn measure(
    store: &SqliteStore,
    name: &str,
    of: Option<SubscriptionId>,
    window: std::ops::Range<Minute>,
    level: Level,
) {
    let tenant = TenantId::default_tenant();
    let stopwatch = SystemClock::new();
    let (mut sum, mut rows, mut slowest_ms) = (Rollup::default(), 0, 0.0_f64);
    for _ in 0..5 {
        let began = stopwatch.elapsed();
        let found = store.rollups(&tenant, of, window.start, window.end, level);
        let found = found.await.unwrap();
        sum = Rollup::default();
        found.iter().for_each(|(_, rollup)| sum.merge(rollup));
        let took = stopwatch.elapsed() - began;
        (rows, slowest_ms) = (found.len(), slowest_ms.max(took.as_secs_f64() * 1000.0));
    }
    let (delivered, whose) = (sum.delivered, of.map_or("tenant", |_| "subscription"));
    println!("{whose}, {name}: {rows} rows, {delivered} delivered, {slowest_ms:.1} ms at most");
}
