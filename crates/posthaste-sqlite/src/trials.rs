//! What this store promises beyond the suite: its files, its failures, and lists that are exact
//! however far the lazy indexes have been fed. (Runs and slices are small here.)

use std::{path::Path, sync::Arc, time::Duration};

use posthaste::{
    clock::Timestamp,
    event::{Line, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_store::{
    Store, StoreError,
    conformance::{START, fixtures},
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Acceptance, Parking, SettleBatch, Settlement, Spoilt, Standing},
};

use crate::{OpenError, Options, SqliteStore, fault::Fault, writer};

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory.join("a.db"), START).unwrap()
}

fn request(store: &SqliteStore, subscription: u64) -> Vec<Acceptance> {
    let id = store.reserve(START, &[1])[0];
    vec![Acceptance {
        event: Arc::new(fixtures::event(id, tenant())),
        subscriptions: [SubscriptionId::from_u64(subscription)].into(),
        idempotency: None,
    }]
}

async fn accept(store: &SqliteStore) -> Result<(), StoreError> {
    let request = request(store, 1);
    store.accept(START, vec![request]).await.map(drop)
}

fn delivered(item: &Acceptance) -> Settlement {
    Settlement {
        id: item.event.id.delivery(0),
        tenant: tenant(),
        event: item.event.id,
        event_type: item.event.event_type.clone(),
        subscription: item.subscriptions[0],
        origin: Default::default(),
        format: None,
        line: None,
        batch: None,
        tries: Default::default(),
        standing: Standing::Delivered,
        at: START,
        attempt: None,
    }
}

/// Of two parked and two implied deliveries the first of each is spoilt so.
async fn check_spoilt(how: &str) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let requests: Vec<_> = (0..4).map(|_| request(&store, 1)).collect();
    let items: Vec<Acceptance> = requests.iter().flatten().cloned().collect();
    store.accept(START, requests).await.unwrap();
    let parking = Parking::Due(START);
    let standing = Standing::Waiting {
        retry_at: None,
        parking,
    };
    let parked = items[..2].iter().map(delivered);
    let settlements = parked.map(|to| Settlement { standing, ..to }).collect();
    settle(&store, settlements).await;
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("a.db")).unwrap();
    for item in [&items[0], &items[2]] {
        let id = item.event.id.as_u64();
        let sql = format!("UPDATE events SET {how} WHERE id = {id}");
        file.execute_batch(&sql).unwrap();
    }
    drop(file);
    let store = open(directory.path());
    let due = store.take_due(START, 9).await.unwrap().items;
    let recovered = store.recover(None, 9).await.unwrap().items;
    let taken = due.iter().chain(&recovered);
    let taken: Vec<EventId> = taken.map(|waiting| waiting.event.id).collect();
    let spoilt = store.spoilt();
    let told: Vec<EventId> = spoilt.iter().map(|spoilt| spoilt.event).collect();
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|n| items[n].event.id);
    assert_eq!(taken, [second, fourth], "{how}");
    assert_eq!(told, [first, third], "{how}");
    assert_eq!(store.spoilt(), [], "each is told once");
    bury(&store, spoilt).await;
    drop(store);
    let store = open(directory.path());
    store.take_due(START, 9).await.unwrap();
    store.recover(None, 9).await.unwrap();
    assert_eq!(store.spoilt(), [], "they have ended: {how}");
    let counts = store.counts(&tenant()).await.unwrap();
    assert_eq!((counts.failed, counts.pending), (2, 2), "{how}");
}

async fn settle(store: &SqliteStore, settlements: Vec<Settlement>) {
    let batch = SettleBatch {
        settlements,
        ..SettleBatch::default()
    };
    store.settle(batch).await.unwrap();
}

async fn bury(store: &SqliteStore, spoilt: Vec<Spoilt>) {
    let dead = spoilt.into_iter().map(|spoilt| Settlement {
        id: spoilt.id,
        tenant: spoilt.tenant,
        event: spoilt.event,
        event_type: "a.b".parse().unwrap(),
        subscription: spoilt.subscription,
        origin: Default::default(),
        format: None,
        line: None,
        batch: None,
        tries: spoilt.tries.one_more(),
        standing: Standing::Failed,
        at: START,
        attempt: None,
    });
    settle(store, dead.collect()).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_keeps_no_other_from_being_taken_or_recovered() {
    check_spoilt("data = x'7b7e'").await;
    check_spoilt("data = x''").await;
    check_spoilt("details = x'00'").await;
    check_spoilt("details = x'7b7d'").await;
    check_spoilt("type = 'memory.changed'").await;
    check_spoilt("type = 'no type'").await;
    check_spoilt("checksum = checksum + 1").await;
    check_spoilt("checksum = -1").await;
}

#[tokio::test]
async fn an_event_of_an_earlier_schema_has_no_checksum_and_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store).await.unwrap();
    let forget = |group: &mut writer::Group<'_>| {
        let sql = "UPDATE events SET checksum = NULL";
        Ok(group.connection.execute_batch(sql)?)
    };
    store.write(0, forget).await.unwrap();
    drop(store);
    let recovered = open(directory.path()).recover(None, 9).await.unwrap();
    assert_eq!(recovered.items.len(), 1);
}

async fn listed(store: &SqliteStore, subscription: Option<SubscriptionId>) -> Vec<DeliveryId> {
    let query = DeliveryQuery {
        subscription,
        ..DeliveryQuery::default()
    };
    let (mut before, mut ids) = (None, Vec::new());
    loop {
        let stretch = Stretch { before, limit: 9 };
        let page = store.deliveries(&tenant(), &query, stretch).await.unwrap();
        ids.extend(page.items.iter().map(|delivery| delivery.id));
        before = page.next;
        if before.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn lists_are_exact_however_far_the_indexes_are_fed_and_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let mut owed: Vec<Acceptance> = Vec::new();
    let mut expected: Vec<(DeliveryId, SubscriptionId)> = Vec::new();
    for round in 0..120_u64 {
        let requests: Vec<_> = (0..5).map(|n| request(&store, (round + n) % 3)).collect();
        let items: Vec<Acceptance> = requests.iter().flatten().cloned().collect();
        store.accept(START, requests).await.unwrap();
        let made = items
            .iter()
            .map(|item| (item.event.id.delivery(0), item.subscriptions[0]));
        expected.extend(made);
        owed.extend(items);
        // The newest first: outcomes do not come in the order of ids.
        let settlements = (0..4)
            .filter_map(|_| owed.pop())
            .map(|item| delivered(&item));
        let settlements = settlements.collect();
        store
            .settle(SettleBatch {
                settlements,
                ..SettleBatch::default()
            })
            .await
            .unwrap();
        if round % 40 == 39 {
            drop(store);
            store = open(directory.path());
        }
        if round % 8 == 7 {
            check_lists(&store, &expected).await;
        }
    }
    store.close().await.unwrap();
    check_lists(&open(directory.path()), &expected).await;
}

async fn check_lists(store: &SqliteStore, expected: &[(DeliveryId, SubscriptionId)]) {
    for subscription in [None, Some(0), Some(1), Some(2)] {
        let subscription = subscription.map(SubscriptionId::from_u64);
        let wanted = expected.iter().rev();
        let wanted = wanted.filter(|(_, of)| subscription.is_none_or(|id| id == *of));
        let wanted: Vec<DeliveryId> = wanted.map(|(id, _)| *id).collect();
        assert_eq!(
            listed(store, subscription).await,
            wanted,
            "{subscription:?}"
        );
    }
    let stretch = Stretch {
        before: None,
        limit: 1000,
    };
    let events = store
        .events(&tenant(), &EventQuery::default(), stretch)
        .await;
    assert_eq!(events.unwrap().items.len(), expected.len());
}

#[tokio::test]
async fn a_transaction_that_fails_keeps_nothing_and_the_next_one_works() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    // While the first piece of work is under way the others gather into one transaction.
    let (_, accepted, failed, ()) = tokio::join!(
        store.write(usize::MAX, move |_| Ok(wait.recv().is_ok())),
        accept(&store),
        store.write(0, |_| Err::<(), _>(Fault::Sqlite(
            rusqlite::Error::InvalidQuery
        ))),
        async { go.send(()).unwrap() },
    );
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    assert!(
        matches!(accepted, Err(StoreError::Unavailable(_))),
        "{accepted:?}"
    );
    assert_eq!(store.counts(&tenant()).await.unwrap().pending, 0);
    accept(&store).await.unwrap();
    assert_eq!(store.counts(&tenant()).await.unwrap().pending, 1);
    let mark = store.settled_mark();
    let newest = store.reserve(START, &[0])[0];
    assert!(mark < newest);
}

#[tokio::test]
async fn a_panic_in_the_writer_answers_its_callers_and_the_next_one_works() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let panicked = store.write(0, |_| -> crate::fault::Result<()> { panic!("on purpose") });
    assert!(matches!(panicked.await, Err(StoreError::Unavailable(_))));
    accept(&store).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_and_is_well_again_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    // Each statement that needs a new page fails, on this connection.
    let full = store.write(0, |group| {
        let pages = "PRAGMA max_page_count = 1";
        Ok(group
            .connection
            .query_row(pages, [], |row| row.get::<_, i64>(0))?)
    });
    full.await.unwrap();
    let mut refused = 0;
    for _ in 0..1000 {
        match accept(&store).await {
            Ok(()) if refused == 0 => {}
            Ok(()) => return,
            Err(StoreError::Unavailable(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("refused {refused} times and never well again");
}

#[tokio::test]
async fn after_shutdown_every_verb_is_unavailable_and_the_wal_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    accept(&store).await.unwrap();
    store.shutdown().await.unwrap();
    assert!(matches!(
        accept(&store).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        store.tenants().await,
        Err(StoreError::Unavailable(_))
    ));
    let wal = std::fs::metadata(directory.path().join("a.db-wal"));
    assert!(wal.map_or(0, |wal| wal.len()) == 0);
}

#[tokio::test]
async fn its_size_is_that_of_its_files_and_what_is_accepted_adds_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let before = store.size_bytes().await.unwrap().unwrap();
    accept(&store).await.unwrap();
    let files = std::fs::read_dir(directory.path()).unwrap();
    let files = files.map(|file| file.unwrap());
    let kept = files.filter(|file| {
        !["a.db.lock", "master.key"]
            .map(Into::into)
            .contains(&file.file_name())
    });
    let bytes: u64 = kept.map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(store.size_bytes().await, Ok(Some(bytes)));
    assert!(bytes > before, "{bytes} > {before}");
}

#[test]
fn a_store_that_is_open_cannot_be_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let again = SqliteStore::open(directory.path().join("a.db"), START);
    assert!(matches!(again, Err(OpenError::InUse(_))));
    drop(store);
    open(directory.path());
}

#[tokio::test]
async fn a_store_ahead_of_the_clock_is_refused_unless_someone_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(directory.path());
    accept(&store).await.unwrap();
    drop(store);
    let earlier = Timestamp::from_millis(START.as_millis() - 300_001);
    let refused = SqliteStore::open(&path, earlier);
    assert!(matches!(refused, Err(OpenError::AheadOfTheClock { .. })));
    let options = Options {
        ahead_of_the_clock: true,
        ..Options::default()
    };
    SqliteStore::open_with(&path, &options, earlier).unwrap();
    SqliteStore::open(&path, earlier + Duration::from_secs(1)).unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let _store = open(directory.path());
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
}

#[tokio::test]
async fn the_identity_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let one = open(directory.path()).identity();
    let again = open(directory.path()).identity();
    assert!(one == again);
}

#[tokio::test]
async fn a_settlement_that_fails_keeps_nothing_of_its_alerts_and_may_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let item = request(&store, 1).remove(0);
    store.accept(START, vec![vec![item.clone()]]).await.unwrap();
    let alerts = request(&store, 2);
    let alert = alerts[0].event.id;
    let batch = SettleBatch {
        settlements: vec![delivered(&item)],
        alerts,
        ..SettleBatch::default()
    };
    let (go, wait) = std::sync::mpsc::channel::<()>();
    // They share one transaction, as above.
    let (_, settled, _, ()) = tokio::join!(
        store.write(usize::MAX, move |_| Ok(wait.recv().is_ok())),
        store.settle(batch.clone()),
        store.write(0, |_| Err::<(), _>(Fault::Sqlite(
            rusqlite::Error::InvalidQuery
        ))),
        async { go.send(()).unwrap() },
    );
    assert!(matches!(settled, Err(StoreError::Unavailable(_))));
    assert!(store.event(&tenant(), alert).await.unwrap().is_none());
    assert_eq!(store.unparked(), 1);
    assert!(store.settled_mark() < item.event.id);
    store.settle(batch).await.unwrap();
    assert!(store.event(&tenant(), alert).await.unwrap().is_some());
    assert!((item.event.id..alert).contains(&store.settled_mark()));
    drop(store);
    let recovered = open(directory.path()).recover(None, 9).await.unwrap().items;
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].event.id, alert);
}

#[tokio::test]
async fn a_shelf_is_read_in_short_stretches_and_an_empty_page_leads_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let items: Vec<Acceptance> = (0..21).flat_map(|_| request(&store, 1)).collect();
    store.accept(START, vec![items.clone()]).await.unwrap();
    let line = Line::of(Some("a"));
    let shelved = Standing::Waiting {
        retry_at: None,
        parking: Parking::Shelved,
    };
    let rows = items.iter().zip(1..).map(|(item, n)| Settlement {
        standing: shelved,
        line: (n < 21).then_some(line),
        ..delivered(item)
    });
    let settlements = rows.collect();
    let batch = SettleBatch {
        settlements,
        ..SettleBatch::default()
    };
    store.settle(batch).await.unwrap();
    let (to, mut after, mut pages) = (items[0].subscriptions[0], None, Vec::new());
    loop {
        let page = store.take_shelved_after(to, after, &[line], 5).await;
        let page = page.unwrap();
        pages.push(page.items.len());
        after = page.next.map(DeliveryId::from_u64);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [0, 0, 1]);
    assert_eq!(store.take_line(to, line, 50).await.unwrap().items.len(), 20);
}
