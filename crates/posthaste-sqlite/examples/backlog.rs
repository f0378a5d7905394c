//! How long a page takes out of a long backlog: due, on a shelf, in one line of it and past one.
//!
//! `cargo run --release -p posthaste-sqlite --example backlog -- [deliveries]`

use std::{sync::Arc, time::Duration};

use posthaste::{
    clock::{Clock, SystemClock},
    event::{Line, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Page, Store, StoreError,
    conformance::fixtures,
    record::{Acceptance, Parking, SettleBatch, Settlement, StoredEvent, Waiting},
};

const PAGE: usize = 500;
const PAGES: usize = 20;
const FAN_OUT: usize = 10;
/// In a transaction.
const EVENTS: usize = 500;
/// One due, one on the shelf.
const DUE: SubscriptionId = SubscriptionId::from_u64(1);
const SHELVED: SubscriptionId = SubscriptionId::from_u64(2);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let deliveries = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let deliveries = deliveries.unwrap_or(1_000_000);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backlog.db");
    let clock = SystemClock::new();
    let store = SqliteStore::open(&path, clock.now()).expect("a store");
    fill(&store, &clock, deliveries).await;
    store.close().await.expect("closed");
    let begun = clock.elapsed();
    let store = SqliteStore::open(&path, clock.now()).expect("a store");
    println!(
        "{deliveries} due and as many shelved: opened in {:.1?}",
        clock.elapsed() - begun
    );
    pages(&store, &clock).await;
}

fn common() -> Line {
    Line::of(Some("common"))
}

fn rare() -> Line {
    Line::of(Some("rare"))
}

/// Nine in ten on the shelf stand in one line, the rest in another.
async fn fill(store: &SqliteStore, clock: &SystemClock, deliveries: usize) {
    for _ in 0..deliveries.div_ceil(FAN_OUT * EVENTS) {
        for to in [DUE, SHELVED] {
            let now = clock.now();
            let ids = store.reserve(now, &[FAN_OUT as u32; EVENTS]);
            let events: Vec<StoredEvent> = ids.into_iter().map(|id| event(id, to)).collect();
            let accepted = events.iter().map(accepted).collect();
            let answers = store.accept(now, vec![accepted]).await;
            answers.expect("accepted")[0].as_ref().expect("no conflict");
            let owed: Vec<Waiting> = events.iter().flat_map(fixtures::owed).collect();
            let rows = owed.iter().zip(0..).map(|(waiting, n)| match to {
                DUE => fixtures::parked(waiting, now, Parking::Due(now)),
                _ => shelve(waiting, n),
            });
            let settlements = rows.collect();
            let batch = SettleBatch {
                settlements,
                ..SettleBatch::default()
            };
            store.settle(batch).await.expect("settled");
        }
    }
}

fn event(id: EventId, to: SubscriptionId) -> StoredEvent {
    StoredEvent {
        event: Arc::new(fixtures::event(id, TenantId::default_tenant())),
        subscriptions: vec![to; FAN_OUT].into(),
    }
}

fn accepted(stored: &StoredEvent) -> Acceptance {
    Acceptance {
        event: stored.event.clone(),
        subscriptions: stored.subscriptions.clone(),
        idempotency: None,
    }
}

fn shelve(waiting: &Waiting, n: u32) -> Settlement {
    let line = match n % 10 {
        0 => rare(),
        _ => common(),
    };
    fixtures::shelved_in(waiting, waiting.event.created_at(), Some(line))
}

async fn pages(store: &SqliteStore, clock: &SystemClock) {
    let now = clock.now();
    measure("due", clock, async |_| store.take_due(now, PAGE).await).await;
    let of = async |_| store.take_line(SHELVED, rare(), PAGE).await;
    measure("in a line", clock, of).await;
    let past = async |after| {
        let except = [common()];
        store
            .take_shelved_after(SHELVED, after, &except, PAGE)
            .await
    };
    measure("past a line", clock, past).await;
    let past = async |after| {
        let except = [common(), rare()];
        store
            .take_shelved_after(SHELVED, after, &except, PAGE)
            .await
    };
    measure("past all there are", clock, past).await;
    let of = async |_| store.take_shelved(SHELVED, PAGE).await;
    measure("on the shelf", clock, of).await;
}

async fn measure(
    what: &str,
    clock: &SystemClock,
    take: impl AsyncFn(Option<DeliveryId>) -> Result<Page<Waiting>, StoreError>,
) {
    let (mut slowest, mut taken, mut after) = (Duration::ZERO, 0, None);
    let begun = clock.elapsed();
    for _ in 0..PAGES {
        let asked = clock.elapsed();
        let page = take(after).await.expect("a page");
        slowest = slowest.max(clock.elapsed() - asked);
        taken += page.items.len();
        after = page.next.map(DeliveryId::from_u64);
    }
    let mean = (clock.elapsed() - begun) / PAGES as u32;
    println!("{what}: {taken} in {PAGES} pages, {mean:.1?} each, {slowest:.1?} at most");
}
