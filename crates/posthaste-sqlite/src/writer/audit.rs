//! The audit log: appended to with the change that an entry tells of, and let go of by age.

use posthaste::{
    clock::Timestamp,
    id::{AuditId, Place},
};
use posthaste_store::{StoreError, audit::AuditEntry, change::Change};

use super::{catalogue, configuration, group::Group, inboxes, passes, removal};
use crate::{
    fault::{Fault, Result},
    row::number,
};

/// Makes a change, and keeps its entry behind it: a refused change leaves none.
pub fn change(group: &mut Group<'_>, change: &Change, entry: Option<&AuditEntry>) -> Result<()> {
    carry_out(group, change)?;
    append(group, entry)
}

fn carry_out(group: &mut Group<'_>, change: &Change) -> Result<()> {
    match change {
        Change::InsertTenant(tenant) => configuration::insert_tenant(group, tenant),
        Change::UpdateTenant(tenant) => configuration::update_tenant(group, tenant),
        Change::DeleteTenant { tenant, now } => removal::delete_tenant(group, tenant, *now),
        Change::PutEventType(entry) => catalogue::put_event_type(group, entry),
        Change::DeleteEventType { tenant, name } => {
            found(catalogue::delete_event_type(group, tenant, name)?)
        }
        Change::InsertSubscription(subscription) => {
            configuration::insert_subscription(group, subscription)
        }
        Change::UpdateSubscription {
            subscription,
            forgive,
        } => configuration::update_subscription(group, subscription, *forgive),
        Change::DeleteSubscription { tenant, id, now } => {
            configuration::delete_subscription(group, tenant, *id, *now)
        }
        Change::InsertKey(key) => configuration::insert_key(group, key),
        Change::DeleteKey { tenant, id } => {
            found(configuration::delete_key(group, tenant.as_ref(), *id)?)
        }
        Change::InsertPass(pass) => passes::insert_pass(group, pass),
        Change::DeletePass(digest) => found(passes::delete_pass(group, *digest)?),
        Change::DeletePortalLink { tenant, id } => {
            found(passes::delete_portal_link(group, tenant, *id)?)
        }
        Change::InsertInbox(inbox) => inboxes::insert_inbox(group, inbox),
        Change::UpdateInbox(inbox) => inboxes::update_inbox(group, inbox),
        Change::DeleteInbox { tenant, id } => found(inboxes::delete_inbox(group, tenant, *id)?),
    }
}

fn found(found: bool) -> Result<()> {
    match found {
        true => Ok(()),
        false => Err(Fault::Refused(StoreError::Missing)),
    }
}

pub fn append(group: &mut Group<'_>, entry: Option<&AuditEntry>) -> Result<()> {
    let Some(entry) = entry else { return Ok(()) };
    let tenant = match &entry.tenant {
        Some(tenant) => Some(group.tenants.number(group.connection, tenant)?),
        None => None,
    };
    let (actor, key) = (&entry.actor, entry.actor.key.as_ref());
    let sql = include_str!("../../sql/insert_audit.sql");
    group.connection.prepare_cached(sql)?.execute((
        number(entry.id.as_u64()),
        tenant.map(number),
        key.map(|key| number(key.id.as_u64())),
        key.map(|key| &key.name),
        key.map(|key| key.platform),
        actor.address.map(|address| address.to_string()),
        &actor.request_id,
        &entry.action,
        &entry.object,
        entry.details.as_str(),
        actor.portal_link.map(|link| number(link.as_u64())),
    ))?;
    Ok(())
}

pub fn prune_audit(group: &mut Group<'_>, before: Timestamp, at_most: usize) -> Result<usize> {
    let first = AuditId::at(Place::at(before, 0));
    let sql = include_str!("../../sql/prune_audit.sql");
    let mut delete = group.connection.prepare_cached(sql)?;
    let key = (number(first.as_u64()), number(at_most as u64));
    Ok(delete.execute(key)?)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::migrate::migrate;

    #[test]
    fn the_database_itself_refuses_to_change_an_entry() {
        let mut connection = Connection::open_in_memory().unwrap();
        let transaction = connection.transaction().unwrap();
        migrate(&transaction).unwrap();
        transaction.commit().unwrap();
        let insert = "INSERT INTO audit (id, action, details) VALUES (1, 'key.create', '{}')";
        connection.execute(insert, []).unwrap();
        let update = connection.execute("UPDATE audit SET action = 'key.delete'", []);
        let refusal = update.unwrap_err().to_string();
        assert!(refusal.contains("never changed"), "{refusal}");
    }
}
