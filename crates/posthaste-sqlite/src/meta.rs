//! The store's own few values: its identity and the mark.

use posthaste::chance;
use posthaste_store::{keyring::What, settings::Identity};
use rusqlite::{Connection, OptionalExtension, ToSql, types::FromSql};
use zeroize::Zeroizing;

use crate::{
    fault::{Fault, Result},
    vault::{Opener, Owner, Vault},
};

/// Nothing at or below this id has to be looked at when the store is opened.
pub const MARK: &str = "mark";
/// An id in the last place of what was let go of: ids begin above it.
pub const NEWEST: &str = "newest";
/// The largest number of a tenant that was removed.
pub const NEWEST_TENANT: &str = "newest_tenant";
/// Log rows up to this one are in the rollups.
pub const FOLDED: &str = "rollups_folded";
/// Log rows up to this one are being folded.
pub const CLOSED: &str = "rollups_closed";
/// Of what those hold, so many counts are in the rollups; 0: none is being folded.
pub const FOLDED_OF_CLOSED: &str = "rollups_folded_of_closed";
const SERVER: &str = "server";
const CURSOR_KEY: &str = "sealed_cursor_key";

pub fn get<T: FromSql>(connection: &Connection, name: &str) -> Result<Option<T>> {
    let mut query = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}

pub fn number(connection: &Connection, name: &str) -> Result<Option<u64>> {
    let value: Option<i64> = get(connection, name)?;
    Ok(value.and_then(|value| u64::try_from(value).ok()))
}

pub fn set(connection: &Connection, name: &str, value: impl ToSql) -> Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?;
    insert.execute((name, value))?;
    Ok(())
}

/// The identity that the store was given when it was made; none before.
pub fn identity(connection: &Connection, vault: &Vault) -> Result<Option<Identity>> {
    let server = get(connection, SERVER)?;
    let sealed: Option<Vec<u8>> = get(connection, CURSOR_KEY)?;
    let Some((server, sealed)) = server.zip(sealed) else {
        return Ok(None);
    };
    let place = (What::CursorKey, 0);
    let opened = Opener::new(vault, connection).open(Owner::SERVER, place, &sealed)?;
    let cursor_key = opened.as_slice().try_into();
    Ok(Some(Identity {
        server: u64::from_be_bytes(server),
        cursor_key: cursor_key
            .map(Zeroizing::new)
            .map_err(|_| Fault::Corrupt("the cursor key cannot be read".into()))?,
    }))
}

pub fn make_identity(connection: &Connection, vault: &Vault) -> Result<Identity> {
    let server = chance::secure::<8>();
    let cursor_key = Zeroizing::new(chance::secure());
    set(connection, SERVER, server)?;
    set_cursor_key(connection, vault, &cursor_key)?;
    Ok(Identity {
        server: u64::from_be_bytes(server),
        cursor_key,
    })
}

pub fn set_cursor_key(connection: &Connection, vault: &Vault, key: &[u8; 32]) -> Result<()> {
    let place = (What::CursorKey, 0);
    let sealed = vault.seal(connection, Owner::SERVER, place, key)?;
    set(connection, CURSOR_KEY, sealed)
}
