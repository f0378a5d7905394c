//! The keys that this store's secrets are sealed with: a row for each tenant that has some, wrapped
//! by the master key, which only memory holds.
//!
//! A store knows its master key by a check value and opens with no other. One from before secrets
//! were sealed has none, and is sealed when it is opened.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use posthaste::event::TenantId;
use posthaste_store::keyring::{
    Context, DataKey, Fingerprint, MasterKey, MasterKeyError, MasterKeySource, SealError, What,
    sealed_by,
};
use rusqlite::{Connection, OptionalExtension, Row};
use zeroize::Zeroizing;

use crate::{
    fault::{Fault, Result},
    meta,
    open::OpenError,
    row::number,
    tenant, unsealed,
};

/// Sealed with the master key, so that it names it and opens under it alone.
const CHECK: &str = "master_key_check";
/// The tenant number of the server itself.
const SERVER: u64 = 0;

/// Why the secrets of a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("its check value does not open with its master key: {0}")]
    Check(#[from] SealError),
    #[error("the master key {0} is the one in use")]
    SameKey(Fingerprint),
}

/// Seals and opens the values of one store.
pub struct Vault {
    master: MasterKey,
}

/// An owner of secrets: a tenant with its number, or the server.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    tenant: Option<&'a TenantId>,
    no: u64,
}

impl<'a> Owner<'a> {
    pub fn tenant(tenant: &'a TenantId, no: u64) -> Self {
        let tenant = Some(tenant);
        Self { tenant, no }
    }

    pub const SERVER: Owner<'static> = Owner {
        tenant: None,
        no: SERVER,
    };

    fn context(self, (what, row): (What, u64)) -> Context<'a> {
        let tenant = self.tenant;
        Context { what, tenant, row }
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant {
            Some(tenant) => write!(f, "the tenant {tenant}"),
            None => f.write_str("the server"),
        }
    }
}

impl Vault {
    /// With the master key that the store knows; a store that knows none yet is sealed with it.
    pub fn unlock(
        connection: &Connection,
        source: &MasterKeySource,
    ) -> std::result::Result<Self, OpenError> {
        let check: Option<Vec<u8>> = meta::get(connection, CHECK)?;
        let wanted = check.as_deref().map(sealed_by).transpose();
        let wanted = wanted.map_err(VaultError::Check)?;
        let master = source.key(wanted).map_err(VaultError::MasterKey)?;
        let vault = Self { master };
        match check {
            Some(check) => vault.master.check(&check).map_err(VaultError::Check)?,
            None => {
                meta::set(connection, CHECK, vault.master.check_value())?;
                unsealed::seal(connection, &vault)?;
            }
        }
        Ok(vault)
    }

    pub fn master_key(&self) -> Fingerprint {
        self.master.fingerprint()
    }

    /// Seals a value; its owner is given a data key with the first one.
    pub fn seal(
        &self,
        connection: &Connection,
        owner: Owner<'_>,
        place: (What, u64),
        plain: &[u8],
    ) -> Result<Vec<u8>> {
        let key = match self.data_key(connection, owner)? {
            Some(key) => key,
            None => self.new_data_key(connection, owner)?,
        };
        Ok(key.seal(owner.context(place), plain))
    }

    fn data_key(&self, connection: &Connection, owner: Owner<'_>) -> Result<Option<DataKey>> {
        let mut query =
            connection.prepare_cached("SELECT wrapped FROM data_keys WHERE tenant = ?1")?;
        let wrapped: Option<Vec<u8>> = query
            .query_row([number(owner.no)], |row| row.get(0))
            .optional()?;
        let key = wrapped.map(|wrapped| self.master.data_key(owner.tenant, &wrapped));
        key.transpose().map_err(|error| unopened(owner, error))
    }

    fn new_data_key(&self, connection: &Connection, owner: Owner<'_>) -> Result<DataKey> {
        let key = DataKey::generate();
        let wrapped = self.master.wrap(owner.tenant, &key);
        let mut insert = connection.prepare_cached("INSERT INTO data_keys VALUES (?1, ?2)")?;
        insert.execute((number(owner.no), wrapped))?;
        Ok(key)
    }

    /// Wraps every data key with another master key, which the store knows from then on.
    pub fn rewrap(self, connection: &Connection, master: &MasterKey) -> Result<usize> {
        let sql = "SELECT k.tenant, t.id, k.wrapped FROM data_keys k LEFT JOIN tenants t ON t.no = k.tenant";
        let mut query = connection.prepare(sql)?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let rows = query.query_map([], read)?;
        let rows: Vec<(i64, Option<String>, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;
        for (no, tenant, wrapped) in &rows {
            let tenant = tenant.as_deref().map(tenant::parse).transpose()?;
            let key = self.master.data_key(tenant.as_ref(), wrapped);
            let key = key.map_err(|error| Fault::Corrupt(format!("a data key: {error}")))?;
            let update = "UPDATE data_keys SET wrapped = ?2 WHERE tenant = ?1";
            connection.execute(update, (no, master.wrap(tenant.as_ref(), &key)))?;
        }
        meta::set(connection, CHECK, master.check_value())?;
        Ok(rows.len())
    }
}

/// Opens values one after another; a data key is unwrapped once for all of its owner's.
pub struct Opener<'a> {
    vault: &'a Vault,
    connection: &'a Connection,
    keys: HashMap<u64, DataKey>,
}

impl<'a> Opener<'a> {
    pub fn new(vault: &'a Vault, connection: &'a Connection) -> Self {
        let keys = HashMap::new();
        Self {
            vault,
            connection,
            keys,
        }
    }

    pub fn open(
        &mut self,
        owner: Owner<'_>,
        place: (What, u64),
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let key = match self.keys.entry(owner.no) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let key = self.vault.data_key(self.connection, owner)?;
                vacant.insert(key.ok_or_else(|| without_key(owner))?)
            }
        };
        let opened = key.open(owner.context(place), sealed);
        opened.map_err(|error| unopened(owner, error))
    }
}

fn without_key(owner: Owner<'_>) -> Fault {
    Fault::Corrupt(format!("{owner} has secrets and no data key"))
}

fn unopened(owner: Owner<'_>, error: SealError) -> Fault {
    Fault::Corrupt(format!("a secret of {owner} cannot be opened: {error}"))
}
