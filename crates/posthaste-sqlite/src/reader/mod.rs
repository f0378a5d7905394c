//! Reading beside the writer: a few read-only connections, each query short, so that none holds
//! the WAL for long.

mod page;
mod deliveries;
mod dead_letters;
mod events;
mod attempts;
mod histories;
mod counts;
mod backlog;
mod rollups;
mod recover;
mod audit;
mod configuration;
mod catalogue;
mod old;
mod holds;
mod inboxes;
mod replays;
mod passes;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use posthaste_store::StoreError;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    connection,
    fault::Result,
    live::{Live, State},
    spoilt::Spoils,
    vault::Vault,
};

pub use self::{
    attempts::attempts,
    audit::audit,
    backlog::backlog,
    catalogue::event_types,
    configuration::{deleted_tenants, keys, subscription, subscriptions, tenants},
    counts::counts,
    dead_letters::dead_letters,
    deliveries::{deliveries, deliveries_of, delivery},
    events::{body_of_key, event, events, events_between, events_of},
    histories::histories,
    holds::{held, held_since, holds, made_after, paused_since},
    inboxes::{inbox_requests, inbox_requests_after, inboxes},
    old::{Old, old, old_keys, rows_of},
    passes::{pass, pass_on, portal_links},
    recover::recover,
    replays::{replay, replays, running_replays},
    rollups::{rollups, tallies},
};

/// Queries that run at the same time; more of them wait.
const CONNECTIONS: usize = 4;

pub struct Reader {
    path: PathBuf,
    live: Arc<Live>,
    vault: Arc<Vault>,
    spoils: Arc<Spoils>,
    permits: Arc<Semaphore>,
    spare: Mutex<Vec<Connection>>,
}

/// One moment of the store: a snapshot of the disk, and what `copy` took from memory as it was
/// then.
pub struct Moment<'a> {
    connection: &'a Connection,
    live: &'a Live,
    pub vault: &'a Vault,
    pub spoils: &'a Spoils,
}

impl Moment<'_> {
    /// Begins the moment. No commit falls between the copy and the snapshot.
    pub fn begin<C>(
        &self,
        copy: impl FnOnce(&Connection, &State) -> Result<C>,
    ) -> Result<(&Connection, C)> {
        let state = self.live.read();
        self.connection.execute_batch("BEGIN")?;
        // A snapshot begins with the first read.
        self.connection
            .prepare_cached("SELECT 1 FROM meta LIMIT 1")?
            .exists([])?;
        let copied = copy(self.connection, &state)?;
        Ok((self.connection, copied))
    }

    /// A moment of the disk alone.
    pub fn disk(&self) -> Result<&Connection> {
        self.begin(|_, _| Ok(())).map(|(connection, ())| connection)
    }
}

impl Reader {
    pub fn new(path: PathBuf, live: Arc<Live>, vault: Arc<Vault>, spoils: Arc<Spoils>) -> Self {
        Self {
            path,
            live,
            vault,
            spoils,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            spare: Mutex::new(Vec::new()),
        }
    }

    /// Runs a query on a thread that may block.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Moment<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let permit = self.permits.clone().acquire_owned().await.map_err(closed)?;
        let this = self.clone();
        let task = spawn_blocking(move || {
            let _permit = permit;
            this.query(query)
        });
        let panicked = |_| StoreError::Unavailable("a panic while reading".into());
        Ok(task.await.map_err(panicked)??)
    }

    /// A connection whose query failed is not used again.
    fn query<T>(&self, query: impl FnOnce(&Moment<'_>) -> Result<T>) -> Result<T> {
        let connection = match self.spare().pop() {
            Some(connection) => connection,
            None => connection::reading(&self.path)?,
        };
        let moment = Moment {
            connection: &connection,
            live: &self.live,
            vault: &self.vault,
            spoils: &self.spoils,
        };
        let answer = query(&moment)?;
        if !connection.is_autocommit() {
            connection.execute_batch("COMMIT")?;
        }
        self.spare().push(connection);
        Ok(answer)
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads no more and closes what it has.
    pub fn close(&self) {
        self.permits.close();
        self.spare().clear();
    }
}
