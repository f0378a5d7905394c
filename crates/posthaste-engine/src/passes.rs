//! Passes as this node knows them: what was read of late, so that a page costs no read of the store.
//!
//! What is taken back here is forgotten here at once. What another node takes back is noticed when
//! the entry is next read, within [`FRESH`]; nothing is ever good past its own time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use posthaste::id::PortalLinkId;
use posthaste_store::pass::{Opens, Pass, TokenDigest};
use tokio::sync::watch;

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(5);
/// Bytes of all that is remembered, roughly.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// An entry without its logo.
const ENTRY_BYTES: usize = 1024;

/// What was read of late, shared by all requests.
#[derive(Default)]
pub struct Passes {
    known: Mutex<Known>,
    forgot: watch::Sender<()>,
}

#[derive(Default)]
struct Known {
    by_digest: HashMap<TokenDigest, (Arc<Pass>, Duration)>,
    bytes: usize,
    /// How often something was forgotten: what was read before may be gone since.
    turn: u64,
}

/// When a read of the store began.
#[must_use]
#[derive(Clone, Copy)]
pub struct Turn(u64);

impl Passes {
    /// What is known at this time since the start; else when to read it.
    pub fn get(&self, digest: &TokenDigest, elapsed: Duration) -> Result<Arc<Pass>, Turn> {
        let known = self.lock();
        let found = known.by_digest.get(digest);
        let fresh = found.filter(|(_, read_at)| elapsed.saturating_sub(*read_at) < FRESH);
        let pass = fresh.map(|(pass, _)| pass.clone());
        pass.ok_or(Turn(known.turn))
    }

    /// What was read, unless something was forgotten meanwhile.
    pub fn put(&self, turn: Turn, pass: Arc<Pass>, elapsed: Duration) {
        let mut known = self.lock();
        if known.turn != turn.0 {
            return;
        }
        known.drop_one(&pass.digest);
        known.bytes += bytes(&pass);
        known.by_digest.insert(pass.digest, (pass, elapsed));
        if known.bytes > BYTES_MAX {
            known.retain(|_, read_at| elapsed.saturating_sub(read_at) < FRESH);
        }
        if known.bytes > BYTES_MAX {
            known.retain(|_, _| false);
        }
    }

    pub fn forget(&self, digest: &TokenDigest) {
        let mut known = self.lock();
        known.turn += 1;
        known.drop_one(digest);
        self.forgot.send_replace(());
    }

    pub fn forget_link(&self, id: PortalLinkId) {
        let mut known = self.lock();
        known.turn += 1;
        known.retain(|pass, _| match &pass.opens {
            Opens::Portal { link, .. } => link.id != id,
            Opens::Session(_) | Opens::SignIn(_) => true,
        });
        self.forgot.send_replace(());
    }

    /// Tells whenever something is forgotten from now on.
    pub fn forgot(&self) -> watch::Receiver<()> {
        self.forgot.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("nothing panics while it holds it")
    }
}

impl Known {
    fn drop_one(&mut self, digest: &TokenDigest) {
        if let Some((pass, _)) = self.by_digest.remove(digest) {
            self.bytes -= bytes(&pass);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Pass, Duration) -> bool) {
        self.by_digest
            .retain(|_, (pass, read_at)| keep(pass, *read_at));
        self.bytes = self.by_digest.values().map(|(pass, _)| bytes(pass)).sum();
    }
}

fn bytes(pass: &Pass) -> usize {
    let logo = match &pass.opens {
        Opens::Portal { logo, .. } => logo.as_ref().map_or(0, |logo| logo.bytes.len()),
        Opens::Session(_) | Opens::SignIn(_) => 0,
    };
    ENTRY_BYTES + logo
}

#[cfg(test)]
mod tests {
    use posthaste::{clock::Timestamp, id::KeyId};
    use posthaste_store::{
        pass::{Holder, PortalLink},
        theme::{Logo, Theme},
    };

    use super::*;

    fn session(digest: u8) -> Arc<Pass> {
        let holder = Holder {
            key: KeyId::from_u64(1),
            hash: [0; 32],
            tenant: None,
            expires_at: Timestamp::from_millis(0),
        };
        Arc::new(Pass {
            digest: [digest; 32],
            opens: Opens::Session(holder),
        })
    }

    fn portal(digest: [u8; 32]) -> Arc<Pass> {
        let link = PortalLink {
            id: PortalLinkId::from_u64(digest[0].into()),
            tenant: "acme".parse().unwrap(),
            expires_at: Timestamp::from_millis(0),
            read_only: false,
            theme: Theme::default(),
            created_by: None,
        };
        let logo = Logo {
            media_type: "image/png",
            bytes: vec![0; 48 * 1024].into(),
        };
        let logo = Some(logo);
        let opens = Opens::Portal { link, logo };
        Arc::new(Pass { digest, opens })
    }

    fn read(passes: &Passes, pass: &Arc<Pass>, at: Duration) {
        if let Err(turn) = passes.get(&pass.digest, at) {
            passes.put(turn, pass.clone(), at);
        }
    }

    #[test]
    fn what_was_read_counts_for_five_seconds() {
        let (passes, at) = (Passes::default(), Duration::from_secs);
        read(&passes, &session(1), at(10));
        assert!(passes.get(&[1; 32], at(14)).is_ok());
        assert!(passes.get(&[1; 32], at(15)).is_err());
        assert!(passes.get(&[2; 32], at(10)).is_err());
    }

    #[test]
    fn what_is_taken_back_is_forgotten_also_while_it_is_being_read() {
        let (passes, now) = (Passes::default(), Duration::ZERO);
        read(&passes, &session(1), now);
        read(&passes, &portal([2; 32]), now);
        let turn = passes.get(&[3; 32], now).expect_err("it is to be read");
        passes.forget(&[1; 32]);
        passes.forget_link(PortalLinkId::from_u64(2));
        passes.put(turn, session(3), now);
        for digest in 1..=3 {
            assert!(passes.get(&[digest; 32], now).is_err(), "{digest}");
        }
        assert_eq!(passes.lock().bytes, 0);
    }

    #[test]
    fn what_is_remembered_is_bounded_by_its_bytes() {
        let passes = Passes::default();
        for n in 0..1000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&n.to_be_bytes());
            read(&passes, &portal(digest), Duration::from_millis(n.into()));
            assert!(passes.lock().bytes <= BYTES_MAX);
        }
    }
}
