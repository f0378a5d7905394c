//! Another master key: every data key is wrapped anew, in one transaction, and the key's file is
//! replaced. A crash at any point leaves a store whose master key is in one of its three files.
//!
//! Nothing is sealed anew: who has the old master key and an old copy of the store can still read
//! that copy.

use std::path::Path;

use posthaste::clock::Timestamp;
use posthaste_store::keyring::{Fingerprint, MasterKey, MasterKeySource};
use rusqlite::Connection;

use crate::{
    checkpoint, connection,
    open::{OpenError, Options, lock, prepare},
    store::SqliteStore,
    vault::{Vault, VaultError},
};

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    pub from: Fingerprint,
    pub to: Fingerprint,
    /// Tenants with secrets, and the server.
    pub data_keys: usize,
}

impl SqliteStore {
    /// Gives a store that nobody runs on another master key.
    ///
    /// # Errors
    /// See [`OpenError`]; the store then has the key that it had.
    pub fn rotate_master(
        path: impl AsRef<Path>,
        options: &Options,
        new: &MasterKey,
        now: Timestamp,
    ) -> Result<Rotated, OpenError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(OpenError::Missing);
        }
        let _lock = lock(path)?;
        let source = options.master_key_of(path);
        let mut connection = connection::writing(path)?;
        let (vault, _) = prepare(&mut connection, &source, now)?;
        if vault.master_key() == new.fingerprint() {
            return Err(VaultError::SameKey(new.fingerprint()).into());
        }
        stage(&source, new)?;
        let rotated = rewrap(&mut connection, vault, new)?;
        drop(connection);
        promote(&source)?;
        // What was wrapped with the old key leaves the WAL, too.
        checkpoint::empty(path)?;
        Ok(rotated)
    }
}

pub(crate) fn stage(source: &MasterKeySource, new: &MasterKey) -> Result<(), VaultError> {
    match source {
        MasterKeySource::File(file) => Ok(file.stage(new)?),
        MasterKeySource::Given { .. } => Ok(()),
    }
}

pub(crate) fn promote(source: &MasterKeySource) -> Result<(), VaultError> {
    match source {
        MasterKeySource::File(file) => Ok(file.promote()?),
        MasterKeySource::Given { .. } => Ok(()),
    }
}

pub(crate) fn rewrap(
    connection: &mut Connection,
    vault: Vault,
    new: &MasterKey,
) -> Result<Rotated, OpenError> {
    // Zeroes what it replaces.
    connection.pragma_update(None, "secure_delete", "ON")?;
    let transaction = connection.transaction()?;
    let (from, to) = (vault.master_key(), new.fingerprint());
    let data_keys = vault.rewrap(&transaction, new)?;
    transaction.commit()?;
    Ok(Rotated {
        from,
        to,
        data_keys,
    })
}
