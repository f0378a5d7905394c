//! Accepting events: the event row with the subscriptions it matched is the whole promise.

use posthaste::clock::Timestamp;
use posthaste_store::record::{Acceptance, Accepted, EventSummary, Idempotency, NotAccepted};
use rusqlite::{OptionalExtension, Row};

use super::{
    group::{Group, Owed},
    used_keys::{Keys, Used},
};
use crate::{
    event_row,
    fault::Result,
    row::{self, Columns, number},
};

type Answer = std::result::Result<Vec<Accepted>, NotAccepted>;

/// Each request all or nothing; all that can refuse one is looked at before it writes.
pub fn accept(
    group: &mut Group<'_>,
    now: Timestamp,
    requests: Vec<Vec<Acceptance>>,
) -> Result<Vec<Answer>> {
    let answers = requests.into_iter();
    answers
        .map(|request| accept_one(group, now, &request))
        .collect()
}

fn accept_one(group: &mut Group<'_>, now: Timestamp, request: &[Acceptance]) -> Result<Answer> {
    let (answers, keys) = match judge_all(group, now, request)? {
        Ok(judged) => judged,
        Err(refused) => {
            let ids = request.iter().map(|item| item.event.id);
            group.changes.released.extend(ids);
            return Ok(Err(refused));
        }
    };
    group.changes.keys.extend(keys);
    for (item, answer) in request.iter().zip(&answers) {
        match answer {
            Accepted::New => keep(group, item)?,
            Accepted::Replayed(_) => group.changes.released.push(item.event.id),
        }
    }
    Ok(Ok(answers))
}

/// What each item comes to, and the keys that they use up.
fn judge_all(
    group: &mut Group<'_>,
    now: Timestamp,
    request: &[Acceptance],
) -> Result<std::result::Result<(Vec<Accepted>, Keys), NotAccepted>> {
    let mut keys = Keys::new();
    let mut answers = Vec::with_capacity(request.len());
    for (index, item) in request.iter().enumerate() {
        let tenant = group.tenants.find(group.connection, &item.event.tenant)?;
        let Some(tenant) = tenant else {
            return Ok(Err(NotAccepted::NoTenant));
        };
        match judge(group, now, (tenant, item), &mut keys)? {
            Some(answer) => answers.push(answer),
            None => return Ok(Err(NotAccepted::IdempotencyConflict { index })),
        }
    }
    Ok(Ok((answers, keys)))
}

/// What an item comes to; none is a conflict. `keys` are those of the same request.
fn judge(
    group: &mut Group<'_>,
    now: Timestamp,
    (tenant, item): (u64, &Acceptance),
    keys: &mut Keys,
) -> Result<Option<Accepted>> {
    let Some(idempotency) = &item.idempotency else {
        return Ok(Some(Accepted::New));
    };
    let key = (tenant, idempotency.key);
    let known = match keys.get(&key).or_else(|| group.changes.keys.get(&key)) {
        Some(used) => Some(used.clone()),
        None => stored(group, key)?,
    };
    let same_request = keys.contains_key(&key);
    let known = known.filter(|used| same_request || used.expires_at > now.as_millis());
    Ok(match known {
        Some(used) if used.body != idempotency.body => None,
        Some(used) => Some(Accepted::Replayed(used.first)),
        None => {
            keys.insert(key, use_up(item, idempotency));
            Some(Accepted::New)
        }
    })
}

fn use_up(item: &Acceptance, idempotency: &Idempotency) -> Used {
    let event = &item.event;
    Used {
        body: idempotency.body,
        first: EventSummary {
            id: event.id,
            event_type: event.event_type.clone(),
            details: event.details.clone(),
            deliveries: u32::try_from(item.subscriptions.len()).unwrap_or(u32::MAX),
        },
        expires_at: idempotency.expires_at.as_millis(),
    }
}

fn stored(group: &Group<'_>, (tenant, key): (u64, [u8; 32])) -> Result<Option<Used>> {
    let mut query = group
        .connection
        .prepare_cached(include_str!("../../sql/idempotency.sql"))?;
    let read = |row: &Row<'_>| Ok(read_used(row));
    let used = query.query_row((number(tenant), key), read).optional()?;
    used.transpose()
}

fn read_used(row: &Row<'_>) -> Result<Used> {
    Ok(Used {
        body: row.get(0)?,
        expires_at: row.get(1)?,
        first: EventSummary {
            id: row.event_id(2)?,
            event_type: row.event_type(3)?,
            details: row.details(4)?,
            deliveries: row.get(5)?,
        },
    })
}

/// Writes an event: all that it owes is on disk with it. One of a tenant that is deleted is let go.
pub fn keep(group: &mut Group<'_>, item: &Acceptance) -> Result<()> {
    let connection = group.connection;
    let event = &item.event;
    let Some(tenant) = group.tenants.find(connection, &event.tenant)? else {
        group.changes.released.push(event.id);
        return Ok(());
    };
    let (event_type, data) = (event.event_type.as_str(), event.data.as_bytes());
    let details = row::details(&event.details)?;
    let checksum = event_row::checksum(event.id, event_type, details.as_deref(), data);
    let mut insert = connection.prepare_cached(include_str!("../../sql/insert_event.sql"))?;
    insert.execute((
        number(event.id.as_u64()),
        number(tenant),
        event_type,
        event.details.test,
        row::pack(&item.subscriptions),
        details,
        data,
        checksum,
    ))?;
    group.changes.accepted.push(Owed {
        event: event.clone(),
        tenant,
        subscriptions: item.subscriptions.clone(),
    });
    Ok(())
}
