//! The suite that every store passes. A crash is the files as they are at that moment, copied
//! while the store still runs and opened elsewhere: what a killed process leaves behind.

use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use posthaste::clock::Timestamp;
use posthaste_sqlite::{Options, SqliteStore};
use posthaste_store::{Store, conformance::Harness};
use tempfile::TempDir;

const NAME: &str = "posthaste.db";

struct OnDisk {
    store: Arc<dyn Store>,
    directory: TempDir,
}

impl OnDisk {
    fn open(directory: TempDir, now: Timestamp) -> Self {
        let options = Options {
            ahead_of_the_clock: true,
            ..Options::default()
        };
        let path = directory.path().join(NAME);
        let store = SqliteStore::open_with(path, &options, now).expect("a store that opens");
        let store = Arc::new(store);
        Self { store, directory }
    }
}

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = format!("{NAME}{suffix}");
        fs::copy(from.join(&name), to.join(&name)).expect("a file of an open store");
    }
    let key = "master.key";
    fs::copy(from.join(key), to.join(key)).expect("the key of an open store");
}

#[async_trait]
impl Harness for OnDisk {
    async fn start(now: Timestamp) -> Self {
        Self::open(tempfile::tempdir().expect("a directory"), now)
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    async fn crash(&mut self, now: Timestamp) {
        let left = tempfile::tempdir().expect("a directory");
        copy(self.directory.path(), left.path());
        *self = Self::open(left, now);
    }
}

posthaste_store::conformance_suite!(OnDisk);
