//! Inboxes as they are known in memory, each with a gate: what passes it is bounded, so that a token
//! that got about costs its server little.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use posthaste::{clock::Timestamp, event::TenantId, id::InboxId};
use posthaste_store::{
    inbox::{Bin, Inbox},
    settings::EventRate,
};
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::allowance::Allowance;

/// Requests that an inbox takes in a second; so many may come at once.
const PER_S: f64 = 100.0;
/// Requests to an inbox that are under way at once, being read or waiting for their answer.
const UNDER_WAY: usize = 100;
/// How long one waits who found all places taken.
const TRY_AGAIN: Duration = Duration::from_secs(1);

type TokenDigest = [u8; 32];

fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}

/// An inbox, and what comes and goes there.
#[derive(Debug)]
pub struct KnownInbox {
    pub inbox: Arc<Inbox>,
    /// Shared by all versions of it.
    pub(super) gate: Arc<Gate>,
}

/// What is under way to an inbox, and what was told of it.
#[derive(Debug)]
pub(super) struct Gate {
    allowance: Mutex<Allowance>,
    under_way: Arc<Semaphore>,
    /// The number of the newest request that was kept since the start.
    pub newest: watch::Sender<u64>,
}

impl Gate {
    fn new() -> Self {
        Self {
            allowance: Mutex::default(),
            under_way: Arc::new(Semaphore::new(UNDER_WAY)),
            newest: watch::Sender::new(0),
        }
    }

    /// A place for one request.
    ///
    /// # Errors
    /// How long to wait before the next one is tried.
    pub fn enter(&self, now: Timestamp) -> Result<OwnedSemaphorePermit, Duration> {
        let place = self.under_way.clone().try_acquire_owned();
        let place = place.map_err(|_| TRY_AGAIN)?;
        let rate = EventRate::try_from(PER_S).expect("it is a rate");
        let mut allowance = self
            .allowance
            .lock()
            .expect("nothing panics while it holds an allowance");
        allowance.charge(now, rate, 1)?;
        Ok(place)
    }
}

#[derive(Default)]
struct Table {
    by_id: BTreeMap<InboxId, Arc<KnownInbox>>,
    by_token: HashMap<TokenDigest, Arc<KnownInbox>>,
}

impl Table {
    fn put(&mut self, inbox: Inbox) {
        let before = self.by_id.get(&inbox.id);
        let gate = before.map_or_else(|| Arc::new(Gate::new()), |known| known.gate.clone());
        let inbox = Arc::new(inbox);
        let known = Arc::new(KnownInbox { inbox, gate });
        if let Bin::Own { token, .. } = &known.inbox.bin {
            self.by_token.insert(digest(token.expose()), known.clone());
        }
        self.by_id.insert(known.inbox.id, known);
    }

    fn retain(&mut self, stays: impl Fn(&Inbox) -> bool) {
        self.by_id.retain(|_, known| stays(&known.inbox));
        self.by_token.retain(|_, known| stays(&known.inbox));
    }
}

/// All inboxes.
#[derive(Default)]
pub struct Inboxes(RwLock<Table>);

impl Inboxes {
    #[must_use]
    pub fn load(inboxes: Vec<Inbox>) -> Self {
        let mut table = Table::default();
        inboxes.into_iter().for_each(|inbox| table.put(inbox));
        Self(RwLock::new(table))
    }

    /// The look-up goes by the token's digest, so that its time says nothing about other tokens.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<Arc<KnownInbox>> {
        self.read().by_token.get(&digest(token)).cloned()
    }

    #[must_use]
    pub fn get(&self, tenant: &TenantId, id: InboxId) -> Option<Arc<KnownInbox>> {
        let table = self.read();
        let known = table.by_id.get(&id);
        known.filter(|known| known.inbox.tenant == *tenant).cloned()
    }

    /// A tenant's, newest first.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> Vec<Arc<Inbox>> {
        let table = self.read();
        let all = table.by_id.values().rev().map(|known| &known.inbox);
        all.filter(|inbox| inbox.tenant == *tenant)
            .cloned()
            .collect()
    }

    /// Adds or replaces one.
    pub fn put(&self, inbox: Inbox) {
        self.write().put(inbox);
    }

    pub fn remove(&self, id: InboxId) {
        self.write().retain(|inbox| inbox.id != id);
    }

    pub fn remove_tenant(&self, tenant: &TenantId) {
        self.write().retain(|inbox| inbox.tenant != *tenant);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0
            .read()
            .expect("nothing panics while it holds the inboxes")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0
            .write()
            .expect("nothing panics while it holds the inboxes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

    #[test]
    fn what_comes_at_once_and_in_a_second_is_bounded_and_begins_anew() {
        let gate = Gate::new();
        let mut inside: Vec<_> = (0..100).map(|_| gate.enter(START).unwrap()).collect();
        assert_eq!(gate.enter(START).unwrap_err(), TRY_AGAIN);
        inside.clear();
        let wait = gate.enter(START).unwrap_err();
        assert!(wait <= Duration::from_millis(10), "{wait:?}");
        assert!(gate.enter(START + wait).is_ok());
    }
}
