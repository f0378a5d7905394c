//! A store of an earlier schema opens with all it had.

use posthaste::{
    circuit::Circuit,
    delivery::Health,
    event::{Line, TenantId},
    id::{BatchId, DeliveryId, SubscriptionId},
    subscription::Ordering,
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    conformance::{START, fixtures},
    record::{Counts, Parking, SettleBatch, Settlement, Waiting},
};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const TO: SubscriptionId = SubscriptionId::from_u64(1024);

fn as_of_the_first_step() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let file = Connection::open(directory.path().join("a.db")).expect("a file");
    let step = include_str!("../migrations/0001_first.sql");
    file.execute_batch(step).expect("the step");
    let migrations =
        "CREATE TABLE migrations (step INTEGER PRIMARY KEY, sha256 BLOB NOT NULL) STRICT";
    file.execute_batch(migrations).expect("its table");
    let checksum = Sha256::digest(step).to_vec();
    let known = "INSERT INTO migrations VALUES (1, ?1)";
    file.execute(known, [checksum]).expect("that it ran");
    let rows = include_str!("first_step.sql");
    file.execute_batch(rows).expect("its rows");
    directory
}

fn ids(of: &[Waiting]) -> Vec<u64> {
    of.iter().map(|waiting| waiting.id.as_u64()).collect()
}

/// Remnants of it lie in a page that is in use, in free pages and in the WAL.
#[tokio::test]
async fn nothing_secret_of_an_earlier_store_is_left_in_its_files() {
    let directory = as_of_the_first_step();
    let path = directory.path().join("a.db");
    let file = Connection::open(&path).expect("a file");
    let sql = "PRAGMA journal_mode = WAL;
        UPDATE subscriptions SET settings = replace(settings, 'sixteen bytes', 'seventeen byte');
        CREATE TABLE big (text TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
        INSERT INTO big SELECT 'another secret of old ' || i FROM n;
        DROP TABLE big;";
    file.execute_batch(sql).expect("a past");
    let store = SqliteStore::open(&path, START).expect("it opens");
    for name in ["a.db", "a.db-wal"] {
        let bytes = std::fs::read(directory.path().join(name)).expect("its file");
        for secret in ["secret of s", "secret of old", "\"secret\""] {
            let mut windows = bytes.windows(secret.len());
            let found = windows.any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {name}");
        }
    }
    let known = store.subscription(&TenantId::default_tenant(), TO).await;
    let known = known.unwrap().expect("the subscription");
    assert_eq!(known.secrets.current.expose(), "a secret of seventeen byte");
    assert!(*store.identity().cursor_key == [0; 32], "cursors go on");
}

#[tokio::test]
async fn a_store_of_the_first_step_has_all_it_had_and_keeps_what_is_new() {
    let directory = as_of_the_first_step();
    let open = || SqliteStore::open(directory.path().join("a.db"), START).expect("it opens");
    let store = open();
    let tenant = TenantId::default_tenant();
    let known = store.subscription(&tenant, TO).await.unwrap();
    let known = known.expect("the subscription");
    let expected = Health {
        consecutive_failures: 2,
        failed_attempts_in_a_row: 3,
        unhealthy: true,
        circuit: Circuit::Closed,
        ..known.health
    };
    assert_eq!(known.health, expected);
    assert_eq!((known.ordering, known.batch), (Ordering::None, None));
    let counts = Counts {
        pending: 2,
        retrying: 1,
        delivered: 1,
        ..Counts::default()
    };
    assert_eq!(store.counts(&tenant).await, Ok(counts));
    let first = DeliveryId::from_u64(2049);
    let attempts = store.attempts(&tenant, first).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        attempts[0].link, None,
        "it was made before there were chains"
    );
    let delivery = store.delivery(&tenant, first).await.unwrap();
    assert_eq!(delivery.expect("the delivery").link, None);
    assert_eq!(ids(&store.recover(None, 9).await.unwrap().items), [2052]);
    let except = [Line::default()];
    let shelf = store.take_shelved_after(TO, None, &except, 9);
    let shelf = shelf.await.unwrap().items;
    assert_eq!(ids(&shelf), [2051], "it stands in no line");
    let due = store.take_due(START, 9).await.unwrap().items;
    assert_eq!(ids(&due), [2050]);
    let batch = Some(BatchId::from_u64(4096));
    let row = |waiting| Settlement {
        batch,
        ..fixtures::parked(waiting, START, Parking::Taken)
    };
    let settlements = due.iter().chain(&shelf).map(row).collect();
    let settled = store.settle(SettleBatch {
        settlements,
        ..SettleBatch::default()
    });
    settled.await.unwrap();
    drop(store);
    let due = open().take_due(START, 1).await.unwrap().items;
    assert_eq!(ids(&due), [2050, 2051]);
    assert!(due.iter().all(|waiting| waiting.batch == batch));
}
