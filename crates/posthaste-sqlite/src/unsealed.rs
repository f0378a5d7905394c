//! What a store from before secrets were sealed kept in plain: it is sealed, and its remnants are
//! wiped out of the files.

use std::collections::BTreeMap;

use posthaste_store::keyring::What;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{
    fault::{Fault, Result},
    meta,
    subscription_secrets::MEMBERS,
    tenant,
    vault::{Owner, Vault},
};

/// The cursor key, in plain.
const CURSOR_KEY: &str = "cursor_key";
/// Remnants of what was in plain may still lie in free pages.
const REMNANTS: &str = "plain_remnants";

/// Seals all that is in plain.
pub fn seal(connection: &Connection, vault: &Vault) -> Result<()> {
    let Some(cursor_key) = meta::get::<[u8; 32]>(connection, CURSOR_KEY)? else {
        return Ok(());
    };
    meta::set_cursor_key(connection, vault, &Zeroizing::new(cursor_key))?;
    connection.execute("DELETE FROM meta WHERE name = ?1", [CURSOR_KEY])?;
    meta::set(connection, REMNANTS, 1)?;
    let sql = "SELECT s.id, s.tenant, t.id, s.settings FROM subscriptions s
        JOIN tenants t ON t.no = s.tenant
        WHERE s.id > ?1 AND s.settings IS NOT NULL ORDER BY s.id LIMIT 1";
    let mut query = connection.prepare(sql)?;
    let mut last = -1;
    while let Some(found) = query.query_row([last], plain).optional()? {
        last = found.id;
        seal_one(connection, vault, &found)?;
    }
    Ok(())
}

/// A subscription with its secrets among its settings.
struct Plain {
    id: i64,
    tenant: u64,
    tenant_id: String,
    settings: Zeroizing<String>,
}

fn plain(row: &Row<'_>) -> rusqlite::Result<Plain> {
    Ok(Plain {
        id: row.get(0)?,
        tenant: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
        tenant_id: row.get(2)?,
        settings: Zeroizing::new(row.get(3)?),
    })
}

fn seal_one(connection: &Connection, vault: &Vault, plain: &Plain) -> Result<()> {
    let tenant = tenant::parse(&plain.tenant_id)?;
    let (settings, secrets) = parted(&plain.settings)
        .ok_or_else(|| Fault::Corrupt(String::from("a subscription's settings cannot be read")))?;
    let place = (What::Subscription, u64::try_from(plain.id).unwrap_or(0));
    let owner = Owner::tenant(&tenant, plain.tenant);
    let sealed = vault.seal(connection, owner, place, secrets.as_bytes())?;
    let update = "UPDATE subscriptions SET settings = ?2, sealed = ?3 WHERE id = ?1";
    connection.execute(update, (plain.id, settings, sealed))?;
    Ok(())
}

/// Settings without what is secret, and that by itself, each byte for byte.
fn parted(settings: &str) -> Option<(String, Zeroizing<String>)> {
    let mut settings: BTreeMap<&str, &RawValue> = serde_json::from_str(settings).ok()?;
    let secret = MEMBERS
        .iter()
        .filter_map(|name| settings.remove_entry(name));
    let secrets: BTreeMap<_, _> = secret.collect();
    let secrets = Zeroizing::new(serde_json::to_string(&secrets).ok()?);
    Some((serde_json::to_string(&settings).ok()?, secrets))
}

/// Wipes remnants, where there are any: every page is written anew. Until it has succeeded each
/// start tries again.
pub fn wipe(connection: &Connection) -> Result<()> {
    if meta::number(connection, REMNANTS)?.is_none() {
        return Ok(());
    }
    tracing::info!("store.wipe");
    // The copy that it makes may be larger than memory.
    connection.pragma_update(None, "temp_store", "FILE")?;
    let wiped = connection.execute_batch("VACUUM");
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    wiped?;
    let is_busy: bool =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if !is_busy {
        connection.execute("DELETE FROM meta WHERE name = ?1", [REMNANTS])?;
    }
    Ok(())
}
