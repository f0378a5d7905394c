//! What this store promises of its rollups beyond the suite: they leave the log, keep no delivery
//! waiting, and do not grow for ever. (Generations and slices are small here.)

use std::path::Path;

use posthaste::{clock::Timestamp, event::TenantId, id::SubscriptionId};
use posthaste_store::{
    Store, StoreError,
    conformance::{START, fixtures},
    record::{Acceptance, SettleBatch, Settlement, StoredEvent},
    rollup::{Level, Minute},
};

use crate::{SqliteStore, fault::Fault};

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory.join("a.db"), START).unwrap()
}

/// Failed deliveries of so many subscriptions, at a time.
async fn failures(store: &SqliteStore, subscriptions: u64, at: Timestamp) -> SettleBatch {
    let to: Vec<_> = (1..=subscriptions).map(SubscriptionId::from_u64).collect();
    let id = store.reserve(START, &[u32::try_from(subscriptions).unwrap()])[0];
    let item = Acceptance {
        event: fixtures::event(id, TenantId::default_tenant()).into(),
        subscriptions: to.into(),
        idempotency: None,
    };
    let stored = StoredEvent {
        event: item.event.clone(),
        subscriptions: item.subscriptions.clone(),
    };
    store.accept(START, vec![vec![item]]).await.unwrap();
    let owed = fixtures::owed(&stored);
    let settlements: Vec<Settlement> = owed
        .iter()
        .map(|waiting| fixtures::failed(waiting, at))
        .collect();
    SettleBatch {
        settlements,
        ..SettleBatch::default()
    }
}

fn minutes(after: u32) -> Timestamp {
    Minute::of(START).plus(after).start()
}

async fn failed(store: &SqliteStore, of: Option<u64>, level: Level) -> u64 {
    let (tenant, of) = (TenantId::default_tenant(), of.map(SubscriptionId::from_u64));
    let (from, to) = (Minute::from_u32(0), Minute::from_u32(u32::MAX));
    let found = store.rollups(&tenant, of, from, to, level).await.unwrap();
    found.iter().map(|(_, rollup)| rollup.failed).sum()
}

async fn number(store: &SqliteStore, sql: &'static str) -> i64 {
    let read = store.write(0, move |group| {
        Ok(group.connection.query_row(sql, [], |row| row.get(0))?)
    });
    read.await.unwrap()
}

#[tokio::test]
async fn what_is_folded_leaves_the_log_and_stays_exact_at_every_step_and_crash() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for round in 0..20 {
        let batch = failures(&store, 5, minutes(round * 7)).await;
        store.settle(batch).await.unwrap();
    }
    for step in 0..200 {
        // Each write is a transaction, and a step of the fold.
        number(&store, "SELECT 1").await;
        if step % 7 == 0 {
            drop(store);
            store = open(directory.path());
        }
        for level in [Level::Minute, Level::Hour] {
            assert_eq!(failed(&store, None, level).await, 100);
            assert_eq!(failed(&store, Some(3), level).await, 20);
        }
    }
    assert_eq!(number(&store, "SELECT count(*) FROM rollup_log").await, 0);
    let rows = "SELECT count(*) FROM rollups WHERE level = 0";
    assert_eq!(number(&store, rows).await, 6 * 20);
    let hours = "SELECT count(*) FROM rollups WHERE level = 1 AND subscription = -1";
    assert_eq!(number(&store, hours).await, 3);
}

#[tokio::test]
async fn a_transaction_that_fails_counts_nothing_and_its_repetition_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let batch = failures(&store, 9, START).await;
    for round in 1..9 {
        let again = failures(&store, 9, START).await;
        let (go, wait) = std::sync::mpsc::channel::<()>();
        // While the first piece of work is under way the others gather into one transaction.
        let (_, settled, _, ()) = tokio::join!(
            store.write(usize::MAX, move |_| Ok(wait.recv().is_ok())),
            store.settle(again.clone()),
            store.write(0, |_| Err::<(), _>(Fault::Sqlite(
                rusqlite::Error::InvalidQuery
            ))),
            async { go.send(()).unwrap() },
        );
        assert!(matches!(settled, Err(StoreError::Unavailable(_))));
        store.settle(again).await.unwrap();
        assert_eq!(failed(&store, None, Level::Hour).await, round * 9);
    }
    store.settle(batch).await.unwrap();
    assert_eq!(failed(&store, Some(9), Level::Minute).await, 9);
}

#[tokio::test]
async fn spoilt_counts_are_lost_alone_and_nothing_waits_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    for _ in 0..2 {
        let batch = failures(&store, 1, START).await;
        store.settle(batch).await.unwrap();
    }
    let spoil = store.write(0, |group| {
        let sql = "UPDATE rollup_log SET counts = x'01ff' WHERE seq = 1";
        Ok(group.connection.execute(sql, [])?)
    });
    assert_eq!(spoil.await.unwrap(), 1);
    drop(store);
    store = open(directory.path());
    assert_eq!(failed(&store, None, Level::Minute).await, 1);
    let batch = failures(&store, 12, START).await;
    store.settle(batch).await.unwrap();
    for _ in 0..99 {
        number(&store, "SELECT 1").await;
    }
    let spoil = store.write(0, |group| {
        let sql = "UPDATE rollups SET counts = x'07' WHERE subscription = 1 AND level = 0";
        Ok(group.connection.execute(sql, [])?)
    });
    assert_eq!(spoil.await.unwrap(), 1);
    for _ in 0..2 {
        let batch = failures(&store, 12, START).await;
        store.settle(batch).await.unwrap();
        for _ in 0..99 {
            number(&store, "SELECT 1").await;
        }
    }
    assert_eq!(failed(&store, Some(1), Level::Minute).await, 2);
    assert_eq!(failed(&store, None, Level::Minute).await, 37);
}

#[tokio::test]
async fn what_is_older_than_anyone_can_ask_for_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let day = 24 * 60;
    for minute in [0, 1, 2 * day, 89 * day, 92 * day] {
        let batch = failures(&store, 12, minutes(minute)).await;
        store.settle(batch).await.unwrap();
        for _ in 0..99 {
            number(&store, "SELECT 1").await;
        }
    }
    assert_eq!(failed(&store, None, Level::Minute).await, 3 * 12);
    assert_eq!(failed(&store, Some(7), Level::Minute).await, 3);
    assert_eq!(failed(&store, Some(7), Level::Hour).await, 3);
}
