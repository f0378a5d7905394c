//! What memory must know when the store is opened: which deliveries are implied, what the lazy
//! indexes may lack, and what is counted and not in the rollups yet. All of it lies above a mark, so
//! that little is read however large the store; no payload is.

use posthaste::{
    event::EventType,
    id::{DeliveryId, EventId, Place, places},
};
use posthaste_store::ledger::Ledger;
use rusqlite::{Connection, Row};

use crate::{
    fault::Result,
    live::{Implied, State, places_of},
    meta::{self, MARK, NEWEST},
    rollup_log,
    row::{self, Columns, number, place_of},
    tail::Tail,
};

/// Ids of an embedded store are made by the one node there is.
const NODE: u32 = 0;

/// The last place that anything takes that is stored, or was.
pub fn newest(connection: &Connection) -> Result<EventId> {
    let sql = include_str!("../sql/newest.sql");
    let (event, deliveries, other): (i64, u32, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let place = |id: i64| Place::of(u64::try_from(id).unwrap_or(0));
    let event = place(event).forward(u64::from(places(deliveries)) - 1);
    let gone = EventId::from_u64(meta::number(connection, NEWEST)?.unwrap_or(0));
    Ok(event.max(place(other)).event().max(gone))
}

pub fn rebuild(connection: &Connection) -> Result<(State, Ledger)> {
    let mark = meta::number(connection, MARK)?.unwrap_or(0);
    // The mark may have passed ids that came to nothing; new ones are above it all the same.
    let newest = newest(connection)?.max(EventId::from_u64(mark));
    let mark = number(mark);
    let mut state = State {
        opened_at: newest,
        implied: Default::default(),
        by_subscription: Tail::default(),
        by_tenant: Tail::default(),
        rollups: rollup_log::read(connection)?,
    };
    let ledger = Ledger::new(NODE, newest, newest);
    let with_row = add_rows(connection, mark, &mut state)?;
    let mut query = connection.prepare(include_str!("../sql/events_above.sql"))?;
    let mut rows = query.query([mark])?;
    while let Some(row) = rows.next()? {
        add_event(row, &with_row, &mut state, &ledger)?;
    }
    state.by_subscription.sort();
    state.by_tenant.sort();
    Ok((state, ledger))
}

/// Delivery rows above the mark; their ids, in order.
fn add_rows(connection: &Connection, mark: i64, state: &mut State) -> Result<Vec<DeliveryId>> {
    let mut query = connection.prepare(include_str!("../sql/deliveries_above.sql"))?;
    let mut rows = query.query([mark])?;
    let (mut ids, mut last) = (Vec::new(), (0, 0));
    while let Some(row) = rows.next()? {
        let id = row.delivery_id(0)?;
        state.by_subscription.push(row.number(2)?, id.as_u64());
        let place = (row.number(1)?, place_of(id.as_u64()));
        if place != last {
            state.by_tenant.push(place.0, place.1);
            last = place;
        }
        ids.push(id);
    }
    Ok(ids)
}

/// In place of a type that cannot be read: the store opens, and who wants the event finds out.
fn unreadable() -> EventType {
    "unreadable".parse().expect("it is a type")
}

fn add_event(
    row: &Row<'_>,
    with_row: &[DeliveryId],
    state: &mut State,
    ledger: &Ledger,
) -> Result<()> {
    let (event, tenant) = (row.event_id(0)?, row.number(1)?);
    let subscriptions = row::unpack(row.get_ref(4)?.as_blob()?).unwrap_or_else(|fault| {
        // Nobody can say any more whom it was for.
        tracing::error!(%event, ?fault, "row is corrupt beyond an end");
        Vec::new()
    });
    let deliveries = u32::try_from(subscriptions.len()).unwrap_or(u32::MAX);
    for place in places_of(event, deliveries) {
        state.by_tenant.push(tenant, place.as_u64());
    }
    let event_type = row.event_type(2).unwrap_or_else(|_| unreadable());
    let test = row.get(3)?;
    let mut without_row = 0;
    for (index, subscription) in (0..).zip(subscriptions) {
        let id = event.delivery(index);
        if with_row.binary_search(&id).is_ok() {
            continue;
        }
        let implied = Implied {
            event,
            tenant,
            subscription,
            event_type: event_type.clone(),
            test,
        };
        state.implied.insert(id, implied);
        without_row += 1;
    }
    ledger.committed(event, without_row);
    Ok(())
}
