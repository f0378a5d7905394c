//! A tenant that was removed has no row left in any table, whatever the store holds in memory for
//! later. A new table is covered by itself, or asks to be. (Runs and slices are small here.)

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_store::{
    Store,
    conformance::{Harness, START, World, belongings::filled},
};
use rusqlite::Connection;

use crate::{SqliteStore, writer};

struct Kept(Arc<dyn Store>);

#[async_trait]
impl Harness for Kept {
    async fn start(_: Timestamp) -> Self {
        unreachable!("a trial opens its store itself")
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn crash(&mut self, _: Timestamp) {
        unreachable!("nothing crashes in a trial")
    }
}

fn open(directory: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(directory.join("a.db"), START).unwrap())
}

/// Tables whose rows are a tenant's by what they belong to: the rows of each that have no owner.
const OWNED: &[(&str, &str)] = &[
    ("attempts", "delivery NOT IN (SELECT id FROM deliveries)"),
    ("deliveries", "event NOT IN (SELECT id FROM events)"),
    (
        "deliveries_by_subscription",
        "subscription NOT IN (SELECT id FROM subscriptions)
            OR delivery NOT IN (SELECT id FROM deliveries)",
    ),
    (
        "subscription_health",
        "subscription NOT IN (SELECT id FROM subscriptions)",
    ),
];
/// Tables that are the store's own. The log of counts has tenants' numbers inside its rows, and goes
/// with the next fold.
const OWN: &[&str] = &["meta", "migrations", "rollup_log", "tenants"];

fn count(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Every table, and whether it has a column `tenant`.
fn tables(connection: &Connection) -> Vec<(String, bool)> {
    let sql = "SELECT name, EXISTS (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'tenant')
        FROM sqlite_master t WHERE type = 'table' ORDER BY name";
    let mut query = connection.prepare(sql).unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn check_no_orphan(connection: &Connection) {
    for (table, has_tenant) in tables(connection) {
        let owned = OWNED.iter().find(|(name, _)| *name == table);
        let known = has_tenant || owned.is_some() || OWN.contains(&table.as_str());
        assert!(
            known,
            "{table}: say in OWNED whose its rows are, and remove them with a tenant"
        );
        // The server itself is tenant 0.
        let nobodys = "tenant <> 0 AND tenant NOT IN (SELECT no FROM tenants)";
        let by_tenant = has_tenant.then_some(nobodys);
        for orphan in owned.map(|(_, sql)| *sql).into_iter().chain(by_tenant) {
            let sql = format!("SELECT count(*) FROM {table} WHERE {orphan}");
            assert_eq!(count(connection, &sql), 0, "{table}");
        }
    }
}

/// So that nothing is overlooked: each table with a tenant has rows of this one.
fn check_all_filled(connection: &Connection, tenant: i64) {
    for (table, _) in tables(connection).iter().filter(|(_, has)| *has) {
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = {tenant}");
        assert!(
            count(connection, &sql) > 0,
            "{table}: fill it in belongings.rs"
        );
    }
}

async fn inside(store: &SqliteStore, look: impl FnOnce(&Connection) + Send + 'static) {
    let looked = store.write(0, move |group| {
        look(group.connection);
        Ok(())
    });
    looked.await.unwrap();
}

/// Fills both tenants with so many rounds of everything, until all tables have something of it.
async fn fill(world: &mut World, rounds: std::ops::Range<u8>, store: &SqliteStore) {
    for round in rounds {
        for (name, hash) in [("default", round), ("acme", round + 100)] {
            world.become_tenant(name).await;
            filled(world, hash).await;
        }
        world.pass(60);
    }
    for _ in 0..200 {
        inside(store, |_| ()).await;
    }
}

#[tokio::test]
async fn no_table_has_a_row_of_a_tenant_that_was_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut world = World::over(Kept(store.clone()));
    fill(&mut world, 0..4, &store).await;
    store.write(0, writer::feed_all).await.unwrap();
    inside(&store, |connection| check_all_filled(connection, 2)).await;
    // What is not in the indexes and the rollups yet is to go too.
    world.become_tenant("acme").await;
    filled(&mut world, 90).await;
    let acme: TenantId = "acme".parse().unwrap();
    store.delete_tenant(&acme, world.now).await.unwrap();
    while store.remove_tenant(&acme, 3).await.unwrap() {}
    inside(&store, check_no_orphan).await;
    // Its number is not given again: what is still counted for it would be another's.
    fill(&mut world, 10..14, &store).await;
    store.write(0, writer::feed_all).await.unwrap();
    inside(&store, |connection| check_all_filled(connection, 3)).await;
    store.shutdown().await.unwrap();
    check_no_orphan(&Connection::open(directory.path().join("a.db")).unwrap());
}
