//! The one thread that writes.
//!
//! Callers send it work; it takes what has gathered, does all of it in one transaction with one
//! fsync, and then answers everyone. It never waits for more work to come. What a transaction
//! changes in memory is changed after its commit, and not at all if it fails; a connection that
//! failed is not used again.

mod used_keys;
mod group;
mod taken;
mod tenants;
mod accept;
mod settle;
mod hand;
mod take;
mod passes;
mod audit;
mod replays;
mod again;
mod configuration;
mod catalogue;
mod index_feed;
mod keeping;
mod inboxes;
mod removal;
mod fold;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use posthaste::{
    clock::{Clock, SystemClock},
    id::EventId,
};
use posthaste_store::{StoreError, ledger::Ledger};
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::{group::Changes, taken::Taken, tenants::Tenants};
use crate::{
    checkpoint::Checkpoints,
    connection,
    fault::{Fault, Result},
    live::Live,
    spoilt::Spoils,
    vault::Vault,
};

pub use self::{
    accept::accept,
    again::{discard_failed, discard_parked, send_again},
    audit::{append, change, prune_audit},
    configuration::{insert_tenant_on, touch_keys},
    group::Group,
    inboxes::{keep_arrival, prune_arrivals},
    index_feed::{feed_all, write_mark},
    keeping::{expire_held, prune, prune_keys, tell_expiring},
    passes::{prune_passes, take_pass},
    removal::remove_tenant,
    replays::{insert_replay, stop_replay},
    settle::settle,
    take::{shelved, take_due, take_line, take_shelved, take_shelved_after},
};

/// Rows that one transaction gathers before it commits, roughly: 1 to a few thousand.
const GROUP: usize = 4000;
/// How long it waits for work before it looks after itself.
const IDLE: Duration = Duration::from_secs(1);
/// Idle turns before the WAL is emptied.
const IDLE_TURNS: u32 = 30;

/// Something to be done in a transaction, and somebody who waits for it.
trait Work: Send {
    fn rows(&self) -> usize;
    /// An error fails the whole transaction; a refusal is kept for the answer.
    fn run(&mut self, group: &mut Group<'_>) -> Result<()>;
    /// After the commit, or after it failed.
    fn finish(self: Box<Self>, committed: std::result::Result<(), StoreError>, ledger: &Ledger);
}

struct Job<T, F> {
    rows: usize,
    run: Option<F>,
    outcome: Option<std::result::Result<T, StoreError>>,
    answer: oneshot::Sender<std::result::Result<T, StoreError>>,
    /// Ids to give back if it fails.
    reserved: Vec<EventId>,
}

impl<T, F> Work for Job<T, F>
where
    T: Send,
    F: FnOnce(&mut Group<'_>) -> Result<T> + Send,
{
    fn rows(&self) -> usize {
        self.rows
    }

    fn run(&mut self, group: &mut Group<'_>) -> Result<()> {
        let run = self.run.take().expect("work is run once");
        self.outcome = Some(match run(group) {
            Ok(value) => Ok(value),
            Err(Fault::Refused(why)) => Err(why),
            Err(fault) => return Err(fault),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, committed: std::result::Result<(), StoreError>, ledger: &Ledger) {
        if committed.is_err() {
            ledger.release(self.reserved.iter().copied());
        }
        let outcome = self.outcome.unwrap_or_else(|| Err(gone()));
        let _caller_left = self.answer.send(committed.and(outcome));
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

/// The callers' side of the thread.
pub struct Writer {
    inbox: Mutex<Option<Sender<Box<dyn Work>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ledger: Arc<Ledger>,
}

impl Writer {
    pub fn start(desk: Desk) -> Self {
        let (inbox, work) = channel();
        let ledger = desk.ledger.clone();
        let thread = thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || desk.run(&work))
            .expect("the operating system starts threads at start-up");
        Self {
            inbox: Mutex::new(Some(inbox)),
            thread: Mutex::new(Some(thread)),
            ledger,
        }
    }

    /// Does it in a transaction of the thread's, durable when this returns.
    pub async fn call<T: Send + 'static>(
        &self,
        rows: usize,
        reserved: Vec<EventId>,
        run: impl FnOnce(&mut Group<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            rows,
            run: Some(run),
            outcome: None,
            answer,
            reserved,
        };
        self.send(Box::new(job));
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, work: Box<dyn Work>) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = match &*inbox {
            Some(inbox) => inbox.send(work).err().map(|error| error.0),
            None => Some(work),
        };
        if let Some(work) = refused {
            work.finish(Err(gone()), &self.ledger);
        }
    }

    /// Ends the thread after what it has been sent, without tidying up: as a crash would, except
    /// that callers get their answers.
    pub fn stop(&self) {
        let inbox = self
            .inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(inbox);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer panicked");
        }
    }
}

/// The thread's own side.
pub struct Desk {
    path: PathBuf,
    /// None after a failure, until the next transaction opens a new one.
    connection: Option<Connection>,
    live: Arc<Live>,
    ledger: Arc<Ledger>,
    vault: Arc<Vault>,
    spoils: Arc<Spoils>,
    checkpoints: Checkpoints,
    tenants: Tenants,
    taken: Taken,
    stopwatch: SystemClock,
    marked_at: Duration,
}

impl Desk {
    pub fn new(
        path: PathBuf,
        connection: Connection,
        live: Arc<Live>,
        ledger: Arc<Ledger>,
        vault: Arc<Vault>,
        spoils: Arc<Spoils>,
        checkpoints: Checkpoints,
    ) -> Self {
        Self {
            path,
            connection: Some(connection),
            live,
            ledger,
            vault,
            spoils,
            checkpoints,
            tenants: Tenants::default(),
            taken: Taken::default(),
            stopwatch: SystemClock::new(),
            marked_at: Duration::ZERO,
        }
    }

    fn run(mut self, work: &Receiver<Box<dyn Work>>) {
        let mut idle = 0;
        loop {
            match work.recv_timeout(IDLE) {
                Ok(first) => {
                    idle = 0;
                    self.turn(gather(first, work));
                }
                Err(RecvTimeoutError::Timeout) => idle = self.rest(idle + 1),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks after itself; says how many turns it has been idle since it last wrote.
    fn rest(&mut self, turns: u32) -> u32 {
        let elapsed = self.stopwatch.elapsed();
        if turns == 1 || self.live.read().rollups.has_work(elapsed) {
            self.turn(Vec::new());
            return 1;
        }
        if let (IDLE_TURNS, Some(connection)) = (turns, &self.connection) {
            self.checkpoints.truncate(connection);
        }
        turns
    }

    /// One transaction, and the answers to it.
    fn turn(&mut self, mut works: Vec<Box<dyn Work>>) {
        let done = catch_unwind(AssertUnwindSafe(|| self.transact(&mut works)));
        let committed =
            done.unwrap_or_else(|_| Err(StoreError::Unavailable("a panic while writing".into())));
        match &committed {
            Ok(()) => self.taken.keep(),
            Err(error) => self.forget(error),
        }
        for work in works {
            work.finish(committed.clone(), &self.ledger);
        }
        if let Some(connection) = &self.connection {
            self.checkpoints.finish(connection);
        }
    }

    /// Nothing of the transaction happened. A connection whose fsync failed may lie about the
    /// next one, so none is used after a failure; closing it rolls back.
    fn forget(&mut self, error: &StoreError) {
        tracing::error!(%error, "a transaction failed");
        self.connection = None;
        self.taken.undo();
        self.tenants = Tenants::default();
    }

    fn transact(&mut self, works: &mut [Box<dyn Work>]) -> std::result::Result<(), StoreError> {
        self.connect()?;
        let connection = self.connection.as_ref().ok_or_else(gone)?;
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(Fault::from)?;
        let mut group = Group {
            connection,
            live: &self.live,
            ledger: &self.ledger,
            vault: &self.vault,
            spoils: &self.spoils,
            tenants: &mut self.tenants,
            taken: &mut self.taken,
            elapsed: self.stopwatch.elapsed(),
            idle: works.is_empty(),
            changes: Changes::default(),
        };
        for work in works {
            work.run(&mut group)?;
        }
        if group.elapsed - self.marked_at >= IDLE {
            write_mark(&group)?;
            self.marked_at = group.elapsed;
        }
        Ok(group.commit()?)
    }

    fn connect(&mut self) -> std::result::Result<(), StoreError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let unavailable =
            |error: &dyn std::error::Error| StoreError::Unavailable(error.to_string());
        let mut connection = connection::writing(&self.path).map_err(|e| unavailable(&e))?;
        let watched = self.checkpoints.watch(&mut connection);
        watched.map_err(|e| unavailable(&e))?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// The first piece of work and what has come behind it, up to a group's size.
fn gather(first: Box<dyn Work>, work: &Receiver<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
    let mut rows = first.rows();
    let mut works = vec![first];
    while rows < GROUP
        && let Ok(next) = work.try_recv()
    {
        rows += next.rows().max(1);
        works.push(next);
    }
    works
}
