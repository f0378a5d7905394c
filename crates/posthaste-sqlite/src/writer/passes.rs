//! Passes: given, taken back, and let go of when their time is past.

use posthaste::{clock::Timestamp, event::TenantId, id::PortalLinkId};
use posthaste_store::pass::{Pass, TokenDigest};

use super::group::Group;
use crate::{fault::Result, pass_row, reader, row::number};

pub fn insert_pass(group: &mut Group<'_>, pass: &Pass) -> Result<()> {
    let tenant = match pass.tenant() {
        Some(tenant) => Some(group.tenants.number(group.connection, tenant)?),
        None => None,
    };
    let sql = include_str!("../../sql/insert_pass.sql");
    let mut insert = group.connection.prepare_cached(sql)?;
    pass_row::write(&mut insert, pass, tenant)
}

/// Says whether there was one.
pub fn delete_pass(group: &mut Group<'_>, digest: TokenDigest) -> Result<bool> {
    let sql = "DELETE FROM passes WHERE digest = ?1";
    let mut delete = group.connection.prepare_cached(sql)?;
    Ok(delete.execute([digest])? > 0)
}

pub fn take_pass(
    group: &mut Group<'_>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<Pass>> {
    let found = reader::pass_on(group.connection, digest, now)?;
    delete_pass(group, digest)?;
    Ok(found)
}

/// Says whether the tenant had one.
pub fn delete_portal_link(
    group: &mut Group<'_>,
    tenant: &TenantId,
    id: PortalLinkId,
) -> Result<bool> {
    let Some(no) = group.tenants.find(group.connection, tenant)? else {
        return Ok(false);
    };
    let sql = "DELETE FROM passes WHERE link = ?1 AND tenant = ?2";
    let mut delete = group.connection.prepare_cached(sql)?;
    Ok(delete.execute((number(id.as_u64()), number(no)))? > 0)
}

pub fn prune_passes(group: &mut Group<'_>, now: Timestamp, at_most: usize) -> Result<usize> {
    let sql = include_str!("../../sql/prune_passes.sql");
    let mut delete = group.connection.prepare_cached(sql)?;
    Ok(delete.execute((now.as_millis(), number(at_most as u64)))?)
}
