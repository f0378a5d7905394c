//! Opening a store: one process at a time, files that nobody else may read, settings that keep
//! their promise, and a clock that is not behind what is stored.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_store::{
    StoreError,
    keyring::{MasterKeyFile, MasterKeySource},
    settings::{Identity, Tenant},
};
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    checkpoint::Checkpoints,
    connection::{self, ConnectionError},
    fault::Fault,
    live::Live,
    meta,
    migrate::{MigrationError, migrate},
    reader::Reader,
    rebuild::{newest, rebuild},
    spoilt::Spoils,
    store::SqliteStore,
    unsealed,
    vault::{Vault, VaultError},
    writer::{Desk, Writer, insert_tenant_on},
};

/// How far the newest stored id may be ahead of the clock.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// What an operator may decide about opening a store.
#[derive(Clone, Default)]
pub struct Options {
    /// Opens a store whose newest id is over five minutes ahead of the clock. Its next ids continue
    /// from there, so that their times are wrong until the clock has caught up.
    pub ahead_of_the_clock: bool,
    /// Where the key comes from that the secrets are sealed with; default: the file `master.key`
    /// beside the store.
    pub master_key: Option<MasterKeySource>,
}

impl Options {
    pub(crate) fn master_key_of(&self, path: &Path) -> MasterKeySource {
        let beside = || MasterKeyFile::at(path.with_file_name("master.key"));
        let source = self.master_key.clone();
        source.unwrap_or_else(|| MasterKeySource::File(beside()))
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open {path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    #[error("its newest id is of {newest}, but the clock says {now}: set the clock, or override")]
    AheadOfTheClock { newest: Timestamp, now: Timestamp },
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("there is no store")]
    Missing,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.into())
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(Fault::from(error).into())
    }
}

impl SqliteStore {
    /// Opens the store at `path`, or makes one there.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>, now: Timestamp) -> Result<Self, OpenError> {
        Self::open_with(path, &Options::default(), now)
    }

    /// As [`Self::open`], with an operator's decisions.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        path: impl AsRef<Path>,
        options: &Options,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        open(path.as_ref(), options, now)
    }
}

fn open(path: &Path, options: &Options, now: Timestamp) -> Result<SqliteStore, OpenError> {
    let lock = lock(path)?;
    create(path).map_err(|error| at(path, error))?;
    let mut connection = connection::writing(path)?;
    let (vault, identity) = prepare(&mut connection, &options.master_key_of(path), now)?;
    if let Err(error) = unsealed::wipe(&connection).map_err(StoreError::from) {
        tracing::warn!(%error, "store.wipe_failed");
    }
    if !options.ahead_of_the_clock {
        refuse_ahead(&connection, now)?;
    }
    let (state, ledger) = rebuild(&connection)?;
    let (live, ledger) = (Arc::new(Live::new(state)), Arc::new(ledger));
    let (vault, spoils) = (Arc::new(vault), Arc::new(Spoils::default()));
    let (checkpoints, checkpoint_thread) = Checkpoints::start(path)?;
    checkpoints.watch(&mut connection)?;
    let desk = Desk::new(
        path.to_owned(),
        connection,
        live.clone(),
        ledger.clone(),
        vault.clone(),
        spoils.clone(),
        checkpoints,
    );
    Ok(SqliteStore {
        path: path.to_owned(),
        identity,
        ledger,
        writer: Writer::start(desk),
        reader: Arc::new(Reader::new(path.to_owned(), live, vault, spoils.clone())),
        spoils,
        checkpoint_thread: Some(checkpoint_thread).into(),
        _lock: lock,
    })
}

fn at(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::Io { path, error }
}

/// Held by the operating system until the file is closed, however the process ends.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = private().open(&name).map_err(|error| at(&name, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(at(&name, error)),
    }
}

/// It holds secrets: its owner alone may read it. SQLite gives its other files the same mode.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A new file, and its name in the directory, durably.
fn create(path: &Path) -> io::Result<()> {
    private().open(path)?.sync_all()?;
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    #[cfg(unix)]
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// Brings the schema up to date and unlocks the secrets, all of it or nothing.
pub(crate) fn prepare(
    connection: &mut Connection,
    master_key: &MasterKeySource,
    now: Timestamp,
) -> Result<(Vault, Identity), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migrate(&transaction)?;
    let vault = Vault::unlock(&transaction, master_key)?;
    let identity = settle_in(&transaction, &vault, now)?;
    transaction.commit()?;
    Ok((vault, identity))
}

/// Its identity; a new store is given one, and the tenant that every server begins with.
fn settle_in(
    connection: &Connection,
    vault: &Vault,
    now: Timestamp,
) -> Result<Identity, OpenError> {
    if let Some(identity) = meta::identity(connection, vault)? {
        return Ok(identity);
    }
    let identity = meta::make_identity(connection, vault)?;
    let tenant = Tenant::new(TenantId::default_tenant(), "Default".into(), now);
    insert_tenant_on(connection, &tenant)?;
    Ok(identity)
}

fn refuse_ahead(connection: &Connection, now: Timestamp) -> Result<(), OpenError> {
    let newest = newest(connection)?.time();
    match newest.since(now) > AHEAD_MAX {
        true => Err(OpenError::AheadOfTheClock { newest, now }),
        false => Ok(()),
    }
}
