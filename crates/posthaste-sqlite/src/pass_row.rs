//! A pass as its row has it.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{KeyId, PortalLinkId},
};
use posthaste_store::{
    pass::{Holder, Opens, Pass, PortalLink, TokenDigest},
    theme::{Logo, Theme},
};
use rusqlite::{Row, Statement, types::ValueRef};

use crate::{
    fault::{Fault, Result},
    row::{Coded, Columns, number},
    tenant,
};

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    SignIn,
    Portal,
}

impl Coded for Kind {
    const CODES: &[Self] = &[Self::Session, Self::SignIn, Self::Portal];
}

/// Of a tenant by its number.
pub fn write(insert: &mut Statement<'_>, pass: &Pass, tenant: Option<u64>) -> Result<()> {
    let held = |kind, holder: &Holder| (kind, Some(holder.key), Some(holder.hash), None);
    let (kind, key, hash, portal) = match &pass.opens {
        Opens::Session(holder) => held(Kind::Session, holder),
        Opens::SignIn(holder) => held(Kind::SignIn, holder),
        Opens::Portal { link, logo } => (Kind::Portal, link.created_by, None, Some((link, logo))),
    };
    let link = portal.map(|(link, _)| link);
    let theme = link.map(|link| serde_json::to_string(&link.theme));
    let corrupt = |error: serde_json::Error| Fault::Corrupt(error.to_string());
    insert.execute((
        pass.digest,
        kind.code(),
        tenant.map(number),
        pass.expires_at().as_millis(),
        key.map(|key| number(key.as_u64())),
        hash,
        link.map(|link| number(link.id.as_u64())),
        link.map(|link| link.read_only),
        theme.transpose().map_err(corrupt)?,
        portal.and_then(|(_, logo)| logo.as_ref().map(Logo::to_string)),
    ))?;
    Ok(())
}

pub fn read(row: &Row<'_>, digest: TokenDigest) -> Result<Pass> {
    let opens = match row.coded(0)? {
        Kind::Session => Opens::Session(holder(row)?),
        Kind::SignIn => Opens::SignIn(holder(row)?),
        Kind::Portal => Opens::Portal {
            link: link(row)?,
            logo: logo(row)?,
        },
    };
    Ok(Pass { digest, opens })
}

fn holder(row: &Row<'_>) -> Result<Holder> {
    Ok(Holder {
        key: row.number(3).map(KeyId::from_u64)?,
        hash: row.get(4)?,
        tenant: tenant_of(row)?,
        expires_at: expires_at(row)?,
    })
}

pub fn link(row: &Row<'_>) -> Result<PortalLink> {
    let nobody = || Fault::Corrupt("a portal link without a tenant".into());
    let theme: String = row.get(7)?;
    let corrupt = |error| Fault::Corrupt(format!("a theme cannot be read: {error}"));
    Ok(PortalLink {
        id: row.number(5).map(PortalLinkId::from_u64)?,
        tenant: tenant_of(row)?.ok_or_else(nobody)?,
        expires_at: expires_at(row)?,
        read_only: row.get(6)?,
        theme: serde_json::from_str::<Theme>(&theme).map_err(corrupt)?,
        created_by: row.optional_number(3)?.map(KeyId::from_u64),
    })
}

fn logo(row: &Row<'_>) -> Result<Option<Logo>> {
    let corrupt = |_| Fault::Corrupt("a logo cannot be read".into());
    match row.get_ref(8)? {
        ValueRef::Null => Ok(None),
        text => Ok(Some(text.as_str()?.parse().map_err(corrupt)?)),
    }
}

fn tenant_of(row: &Row<'_>) -> Result<Option<TenantId>> {
    match row.get_ref(1)? {
        ValueRef::Null => Ok(None),
        name => tenant::parse(name.as_str()?).map(Some),
    }
}

fn expires_at(row: &Row<'_>) -> Result<Timestamp> {
    let ended = || Fault::Corrupt("a pass without an end".into());
    row.time(2)?.ok_or_else(ended)
}
