//! Moving the WAL into the database, away from the writer's commits: done inside them it stalls
//! the 202s behind it for a tenth of a second and more.
//!
//! The thread does the bulk while the writer goes on, so it never quite catches up; the writer
//! then does the small rest between two commits, and the next one begins the WAL anew.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use posthaste_store::StoreError;
use rusqlite::Connection;

use crate::connection::{self, ConnectionError};

/// Pages of WAL (4 KiB each) from which on it is moved: 64 MiB.
const LONG: i32 = 64 * 256;

/// Does what it can without waiting for anybody.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Waits for readers, and empties the file.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// What writer and checkpoint thread tell each other.
#[derive(Clone)]
pub struct Checkpoints {
    wake: SyncSender<()>,
    signs: Arc<Signs>,
}

#[derive(Default)]
struct Signs {
    pages: AtomicI32,
    caught_up: AtomicBool,
}

impl Checkpoints {
    /// Starts the thread; it ends when the last of these is gone.
    pub fn start(path: &Path) -> Result<(Self, JoinHandle<()>), ConnectionError> {
        let connection = connection::writing(path)?;
        let (wake, woken) = sync_channel(1);
        let signs = Arc::new(Signs::default());
        let theirs = signs.clone();
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".into())
            .spawn(move || run(&connection, &woken, &theirs))
            .expect("the operating system starts threads at start-up");
        Ok((Self { wake, signs }, thread))
    }

    /// Learns from a writing connection how long the WAL is after each commit.
    pub fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let this = self.clone();
        connection.wal_hook(Some(move |_: &mut _, pages| {
            this.signs.pages.store(pages, Ordering::Relaxed);
            if pages >= LONG {
                let _already_awake = this.wake.try_send(());
            }
            Ok(())
        }))
    }

    /// The writer's part, between two commits.
    pub fn finish(&self, connection: &Connection) {
        if self.signs.caught_up.swap(false, Ordering::Relaxed) {
            checkpoint(connection, PASSIVE);
        }
    }

    /// Moves all of it and empties the file: for a store that is idle or closes.
    pub fn truncate(&self, connection: &Connection) {
        if self.signs.pages.swap(0, Ordering::Relaxed) > 0 {
            checkpoint(connection, TRUNCATE);
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, signs: &Signs) {
    while woken.recv().is_ok() {
        checkpoint(connection, PASSIVE);
        signs.caught_up.store(true, Ordering::Relaxed);
    }
}

/// Moves all of a WAL that nobody writes to any more.
pub fn empty(path: &Path) -> Result<(), StoreError> {
    let unavailable = |error: &dyn std::error::Error| StoreError::Unavailable(error.to_string());
    let connection = connection::writing(path).map_err(|error| unavailable(&error))?;
    let emptied = run_mode(&connection, TRUNCATE);
    emptied.map_err(|error| unavailable(&error))
}

/// One that fails leaves the WAL as it was, and the next one does all of it again.
fn checkpoint(connection: &Connection, mode: &str) {
    if let Err(error) = run_mode(connection, mode) {
        tracing::warn!(%error, "checkpoint failed");
    }
}

fn run_mode(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(mode, [], |_| Ok(()))
}
