//! What one `take_*` hands out, as it gathers: rows with their events, and batches whole.

use std::{collections::HashMap, sync::Arc};

use posthaste::{
    delivery::Tries,
    event::Event,
    id::{BatchId, DeliveryId, EventId},
};
use posthaste_store::{Page, record::Waiting};
use rusqlite::{Connection, Rows};

use super::group::Group;
use crate::{
    event_row,
    fault::{Fault, Result},
    row::{Columns, number},
};

pub struct Hand<'a, 'g> {
    pub group: &'a mut Group<'g>,
    events: HashMap<EventId, Arc<Event>>,
    items: Vec<Waiting>,
    at_most: usize,
}

impl<'a, 'g> Hand<'a, 'g> {
    pub fn of(group: &'a mut Group<'g>, at_most: usize) -> Self {
        Self {
            group,
            events: HashMap::new(),
            items: Vec::new(),
            at_most,
        }
    }

    pub fn is_full(&self) -> bool {
        self.items.len() >= self.at_most
    }

    /// Takes rows that begin with the delivery's id until it is full; the first that is left.
    pub fn fill(&mut self, rows: &mut Rows<'_>) -> Result<Option<u64>> {
        while let Some(row) = rows.next()? {
            let id = row.delivery_id(0)?;
            if self.group.taken.contains(id) {
                continue;
            }
            if self.is_full() {
                return Ok(Some(id.as_u64()));
            }
            self.take(id)?;
        }
        Ok(None)
    }

    /// With those that leave in one batch with it.
    pub fn take(&mut self, id: DeliveryId) -> Result<()> {
        let Some(waiting) = self.read(id)? else {
            return Ok(());
        };
        let Some(batch) = waiting.batch else {
            self.items.push(waiting);
            return Ok(());
        };
        for member in members(self.group.connection, batch)? {
            if member == id {
                self.items.push(waiting.clone());
            } else if !self.group.taken.contains(member) {
                let other = self.read(member)?;
                self.items.extend(other);
            }
        }
        Ok(())
    }

    /// One that is corrupt is told of, and keeps no other from leaving.
    fn read(&mut self, id: DeliveryId) -> Result<Option<Waiting>> {
        self.group.taken.take(id);
        match waiting(self.group, id, &mut self.events) {
            Ok(waiting) => Ok(Some(waiting)),
            Err(Fault::Corrupt(why)) => {
                self.group.spoils.row(self.group.connection, id, &why);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    pub fn page(self, next: Option<u64>) -> Page<Waiting> {
        let items = self.items;
        Page { items, next }
    }
}

fn members(connection: &Connection, batch: BatchId) -> Result<Vec<DeliveryId>> {
    let mut query = connection.prepare_cached(include_str!("../../sql/batch.sql"))?;
    let mut rows = query.query([number(batch.as_u64())])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        members.push(row.delivery_id(0)?);
    }
    Ok(members)
}

/// A row with its event; deliveries of one event share it.
fn waiting(
    group: &Group<'_>,
    id: DeliveryId,
    events: &mut HashMap<EventId, Arc<Event>>,
) -> Result<Waiting> {
    let sql = include_str!("../../sql/waiting.sql");
    let mut query = group.connection.prepare_cached(sql)?;
    let mut rows = query.query([number(id.as_u64())])?;
    let Some(row) = rows.next()? else {
        return Err(Fault::Corrupt(format!("{id} has no event")));
    };
    let event_id = row.event_id(8)?;
    let event = match events.get(&event_id) {
        Some(event) => event.clone(),
        None => Arc::new(event_row::read(group.connection, row, 8)?),
    };
    events.insert(event_id, event.clone());
    Ok(Waiting {
        id,
        subscription: row.subscription_id(0)?,
        event,
        origin: row.coded(1)?,
        tries: Tries {
            made: row.get(2)?,
            spent: row.get(3)?,
        },
        retry_at: row.time(4)?,
        format: row.format(5)?,
        batch: row.optional_number(6)?.map(BatchId::from_u64),
        link: row.link(7)?,
    })
}
