//! What was accepted before the store was opened, and has no row yet.

use std::{collections::HashMap, sync::Arc};

use posthaste::{
    delivery::Tries,
    event::Event,
    id::{DeliveryId, EventId},
};
use posthaste_store::{Page, record::Waiting};
use rusqlite::Connection;

use super::{Moment, events::stored};
use crate::{
    fault::{Fault, Result},
    live::{Implied, State},
};

pub fn recover(
    moment: &Moment<'_>,
    after: Option<EventId>,
    at_most: usize,
) -> Result<Page<Waiting>> {
    let after = after.unwrap_or(EventId::from_u64(0));
    let (connection, (implied, next)) =
        moment.begin(|_, state| Ok(of_events_above(state, after, at_most)))?;
    let mut events = HashMap::new();
    let mut items = Vec::with_capacity(implied.len());
    for (id, implied) in implied {
        match load(connection, implied.event, &mut events) {
            Ok(event) => items.push(waiting(id, &implied, event)),
            // It keeps no other from leaving.
            Err(Fault::Corrupt(why)) => moment.spoils.implied(connection, (id, &implied), &why),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Page { items, next })
}

/// Whole events, until there are enough deliveries.
fn of_events_above(
    state: &State,
    after: EventId,
    at_most: usize,
) -> (Vec<(DeliveryId, Implied)>, Option<u64>) {
    let range = DeliveryId::from_u64(after.as_u64())..;
    let above = state.implied.range(range);
    let recovered = above
        .filter(|(_, implied)| implied.event > after)
        .take_while(|(_, implied)| implied.event <= state.opened_at);
    let mut found: Vec<(DeliveryId, Implied)> = Vec::new();
    for (&id, implied) in recovered {
        if let Some((_, last)) = found.last()
            && found.len() >= at_most
            && last.event != implied.event
        {
            let next = last.event.as_u64();
            return (found, Some(next));
        }
        found.push((id, implied.clone()));
    }
    (found, None)
}

fn load(
    connection: &Connection,
    id: EventId,
    events: &mut HashMap<EventId, Arc<Event>>,
) -> Result<Arc<Event>> {
    if let Some(known) = events.get(&id) {
        return Ok(known.clone());
    }
    let found = stored(connection, id)?;
    let found = found.ok_or_else(|| Fault::Corrupt(format!("{id} owes and is not stored")))?;
    events.insert(id, found.event.clone());
    Ok(found.event)
}

fn waiting(id: DeliveryId, implied: &Implied, event: Arc<Event>) -> Waiting {
    Waiting {
        id,
        subscription: implied.subscription,
        event,
        origin: implied.origin(),
        tries: Tries::default(),
        retry_at: None,
        format: None,
        batch: None,
        link: None,
    }
}
