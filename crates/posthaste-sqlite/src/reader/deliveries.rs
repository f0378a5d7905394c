//! Deliveries, by id and in lists: rows where there are rows, and what events imply beside them.

use std::collections::{HashMap, hash_map::Entry};

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, DeliveryStatus, Discard, Tries},
    event::TenantId,
    id::{DeliveryId, EventId, ReplayId, SLOTS, SubscriptionId},
};
use posthaste_store::{
    Page,
    query::{DeliveryQuery, Stretch},
    record::Delivery,
};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::{
    Moment,
    page::{Found, Range, SCAN, page},
};
use crate::{
    fault::{Fault, Result},
    live::{self, Implied},
    row::{Coded, Columns, State, number},
    tenant,
};

/// The columns of a delivery and of what it hangs on, each by primary key.
const DELIVERIES: &str = include_str!("../../sql/deliveries.sql");

pub fn delivery(
    moment: &Moment<'_>,
    tenant: &TenantId,
    id: DeliveryId,
) -> Result<Option<Delivery>> {
    let (connection, implied) = moment.begin(|_, state| Ok(state.implied.get(&id).cloned()))?;
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(None);
    };
    if let Some(implied) = implied.filter(|implied| implied.tenant == tenant) {
        return Ok(Some(shown(connection, id, &implied)?));
    }
    let sql = format!("{DELIVERIES} WHERE d.id = ?1 AND d.tenant = ?2");
    let found = rows(connection, &sql, (number(id.as_u64()), number(tenant)))?;
    Ok(found.into_iter().next())
}

pub fn deliveries(
    moment: &Moment<'_>,
    tenant: &TenantId,
    query: &DeliveryQuery,
    stretch: Stretch,
) -> Result<Page<Delivery>> {
    let range = Range::new(query.since, query.until, stretch);
    let (connection, list) = moment.begin(|connection, state| {
        let tenant = tenant::find(connection, tenant)?;
        Ok(tenant.map(|tenant| List::copy(state, tenant, query, range)))
    })?;
    let Some(mut list) = list else {
        let (items, next) = (Vec::new(), None);
        return Ok(Page { items, next });
    };
    let wants = |delivery: &Delivery| query.wants(delivery);
    page(range, stretch.limit, id_of, wants, |below, at_most| {
        list.fetch(connection, below, at_most)
    })
}

/// All deliveries of some events, by id.
pub fn deliveries_of(
    moment: &Moment<'_>,
    tenant: &TenantId,
    events: &[EventId],
) -> Result<Vec<Delivery>> {
    let (connection, implied) = moment.begin(|_, state| {
        let events = events.iter();
        Ok(events
            .flat_map(|id| implied_by(state, *id))
            .collect::<Vec<_>>())
    })?;
    let Some(tenant) = tenant::find(connection, tenant)? else {
        return Ok(Vec::new());
    };
    let of_tenant = implied.iter().filter(|(_, one)| one.tenant == tenant);
    let shown = of_tenant.map(|(id, one)| shown(connection, *id, one));
    let mut all = shown.collect::<Result<Vec<_>>>()?;
    for event in events {
        all.extend(of_event(connection, tenant, *event, u64::MAX, usize::MAX)?.items);
    }
    all.sort_by_key(|delivery| delivery.id);
    Ok(all)
}

/// Ids between those of an event's deliveries are nobody else's.
fn implied_by(state: &live::State, event: EventId) -> impl Iterator<Item = (DeliveryId, Implied)> {
    let from = state.implied.range(DeliveryId::from_u64(event.as_u64())..);
    let own = from.take_while(move |(_, implied)| implied.event == event);
    own.map(|(id, implied)| (*id, implied.clone()))
}

fn id_of(delivery: &Delivery) -> u64 {
    delivery.id.as_u64()
}

/// Which index leads to the rows.
#[derive(Clone, Copy)]
enum Way {
    Event(EventId),
    /// All but delivered are few.
    States(&'static [State]),
    Subscription(SubscriptionId),
    Tenant,
}

impl Way {
    fn of(query: &DeliveryQuery) -> Self {
        let states: &[State] = match query.status {
            Some(DeliveryStatus::Pending | DeliveryStatus::Retrying | DeliveryStatus::Held) => {
                &[State::Waiting]
            }
            Some(DeliveryStatus::Discarded) => &[State::Discarded, State::Waiting],
            Some(DeliveryStatus::Failed) => &[State::Failed],
            Some(DeliveryStatus::Delivered) | None => &[],
        };
        match (query.event, query.subscription) {
            (Some(event), _) => Self::Event(event),
            _ if !states.is_empty() => Self::States(states),
            (None, Some(subscription)) => Self::Subscription(subscription),
            (None, None) => Self::Tenant,
        }
    }
}

/// A list as it was at one moment, apart from what is on disk.
struct List {
    tenant: u64,
    way: Way,
    status: Option<DeliveryStatus>,
    subscription: Option<SubscriptionId>,
    /// Of the subscriptions that were met.
    shades: HashMap<SubscriptionId, Shade>,
    /// Newest first.
    implied: Found<(DeliveryId, Implied)>,
    /// What the index on the way may still lack: deliveries, or places; newest first.
    tail: Vec<u64>,
}

impl List {
    fn copy(state: &live::State, tenant: u64, query: &DeliveryQuery, range: Range) -> Self {
        let way = Way::of(query);
        let tail = match way {
            Way::Event(_) | Way::States(_) => Vec::new(),
            Way::Subscription(id) => state.by_subscription.of(id.as_u64(), range.below),
            Way::Tenant => state.by_tenant.of(tenant, range.below),
        };
        Self {
            tenant,
            way,
            status: query.status,
            subscription: query.subscription,
            shades: HashMap::new(),
            implied: implied(state, tenant, query, range),
            tail,
        }
    }

    fn fetch(
        &mut self,
        connection: &Connection,
        below: u64,
        at_most: usize,
    ) -> Result<Found<Delivery>> {
        let rows = self.rows(connection, below, at_most)?;
        let floor = rows.floor.max(self.implied.floor);
        let implied = self
            .implied
            .items
            .iter()
            .map(|(id, implied)| (*id, implied));
        let within = implied
            .skip_while(|(id, _)| id.as_u64() >= below)
            .take_while(|(id, _)| floor.is_none_or(|floor| id.as_u64() >= floor));
        let shown = within.map(|(id, implied)| shown(connection, id, implied));
        let items = shown.collect::<Result<Vec<_>>>()?;
        Ok(rows.and(Found { items, floor }, id_of))
    }

    fn rows(
        &mut self,
        connection: &Connection,
        below: u64,
        at_most: usize,
    ) -> Result<Found<Delivery>> {
        match self.way {
            Way::Event(event) => of_event(connection, self.tenant, event, below, at_most),
            Way::States(states) => self.of_states(connection, states, below, at_most),
            Way::Subscription(id) => self.of_subscription(connection, id, below, at_most),
            Way::Tenant => self.of_tenant(connection, below, at_most),
        }
    }

    fn of_states(
        &mut self,
        connection: &Connection,
        states: &[State],
        below: u64,
        at_most: usize,
    ) -> Result<Found<Delivery>> {
        let mut ids = Found {
            items: Vec::new(),
            floor: None,
        };
        for state in states {
            let of_state = self.in_state(connection, *state, below, at_most)?;
            ids = ids.and(of_state, |&id| id);
        }
        self.read(connection, &ids)
    }

    /// Of those in a state, what shows as the status that is asked for.
    fn in_state(
        &mut self,
        connection: &Connection,
        state: State,
        below: u64,
        at_most: usize,
    ) -> Result<Found<u64>> {
        let mut query = connection.prepare_cached(include_str!("../../sql/by_state.sql"))?;
        let limit = number(at_most as u64);
        let mut rows = query.query((number(self.tenant), state.code(), number(below), limit))?;
        let (mut items, mut looked, mut last) = (Vec::new(), 0, None);
        while let Some(row) = rows.next()? {
            let (id, to) = (row.number(0)?, row.subscription_id(1)?);
            (looked, last) = (looked + 1, Some(id));
            let is_theirs = self.subscription.is_none_or(|wanted| wanted == to);
            if is_theirs && (state != State::Waiting || self.waits(connection, to, row.time(2)?)?) {
                items.push(id);
            }
        }
        let floor = last.filter(|_| looked >= at_most);
        Ok(Found { items, floor })
    }

    /// Whether a delivery that waits shows as what is asked for.
    fn waits(
        &mut self,
        connection: &Connection,
        to: SubscriptionId,
        retry_at: Option<Timestamp>,
    ) -> Result<bool> {
        let shade = match self.shades.entry(to) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(Shade::of(connection, to)?),
        };
        let shown = shade.over(waiting(retry_at)).status();
        Ok(self.status.is_none_or(|status| status == shown))
    }

    fn of_subscription(
        &self,
        connection: &Connection,
        subscription: SubscriptionId,
        below: u64,
        at_most: usize,
    ) -> Result<Found<Delivery>> {
        let sql = include_str!("../../sql/by_subscription.sql");
        let ids = indexed(connection, sql, subscription.as_u64(), below, at_most)?;
        let ids = ids.and(tail(&self.tail, below, at_most), |&id| id);
        self.read(connection, &ids)
    }

    fn read(&self, connection: &Connection, ids: &Found<u64>) -> Result<Found<Delivery>> {
        let sql = format!("{DELIVERIES} WHERE d.id = ?1 AND d.tenant = ?2");
        let mut items = Vec::with_capacity(ids.items.len());
        for &id in &ids.items {
            items.extend(rows(connection, &sql, (number(id), number(self.tenant)))?);
        }
        let floor = ids.floor;
        Ok(Found { items, floor })
    }

    fn of_tenant(
        &self,
        connection: &Connection,
        below: u64,
        at_most: usize,
    ) -> Result<Found<Delivery>> {
        let places = places(connection, self.tenant, &self.tail, below, at_most)?;
        let order = "d.id < ?2 AND d.tenant = ?3 ORDER BY d.id DESC";
        let sql = format!("{DELIVERIES} WHERE d.id > ?1 AND d.id <= ?1 + {SLOTS} AND {order}");
        let mut items = Vec::new();
        for &place in &places.items {
            let key = (number(place), number(below), number(self.tenant));
            items.extend(rows(connection, &sql, key)?);
            if items.len() >= at_most {
                let floor = Some(place);
                return Ok(Found { items, floor });
            }
        }
        let floor = places.floor;
        Ok(Found { items, floor })
    }
}

fn of_event(
    connection: &Connection,
    tenant: u64,
    event: EventId,
    below: u64,
    at_most: usize,
) -> Result<Found<Delivery>> {
    let (first, tenant) = (number(event.as_u64()), number(tenant));
    let (below, limit) = (number(below), number(at_most as u64));
    let order = "d.tenant = ?2 AND d.id < ?3 ORDER BY d.id DESC LIMIT ?4";
    let elsewhere = "d.event = ?1 AND (d.id >> 10) <> (d.event >> 10)";
    let sql = format!("{DELIVERIES} WHERE {elsewhere} AND {order}");
    let elsewhere = rows(connection, &sql, (first, tenant, below, limit))?;
    let sql = format!("{DELIVERIES} WHERE d.id > ?1 AND d.id <= ?1 + {SLOTS} AND {order}");
    let beside = rows(connection, &sql, (first, tenant, below, limit))?;
    let elsewhere = Found::limited(elsewhere, at_most, id_of);
    Ok(elsewhere.and(Found::limited(beside, at_most, id_of), id_of))
}

/// Where a tenant has events or deliveries, newest first.
pub fn places(
    connection: &Connection,
    tenant: u64,
    in_memory: &[u64],
    below: u64,
    at_most: usize,
) -> Result<Found<u64>> {
    let sql = include_str!("../../sql/by_tenant.sql");
    let places = indexed(connection, sql, tenant, below, at_most)?;
    Ok(places.and(tail(in_memory, below, at_most), |&place| place))
}

fn indexed(
    connection: &Connection,
    sql: &str,
    owner: u64,
    below: u64,
    at_most: usize,
) -> Result<Found<u64>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query((number(owner), number(below), number(at_most as u64)))?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(row.number(0)?);
    }
    Ok(Found::limited(ids, at_most, |&id| id))
}

fn tail(ids: &[u64], below: u64, at_most: usize) -> Found<u64> {
    let begin = ids.partition_point(|&id| id >= below);
    let ids = ids[begin..].iter().copied().take(at_most).collect();
    Found::limited(ids, at_most, |&id| id)
}

fn rows(connection: &Connection, sql: &str, key: impl Params) -> Result<Vec<Delivery>> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(key)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(row)?);
    }
    Ok(items)
}

/// What a subscription does to how a waiting delivery shows.
#[derive(Clone, Copy, Default)]
pub struct Shade {
    pub paused: bool,
    pub deleted: bool,
}

impl Shade {
    pub fn of(connection: &Connection, subscription: SubscriptionId) -> Result<Self> {
        let query = "SELECT status >= 2, deleted_at IS NOT NULL FROM subscriptions WHERE id = ?1";
        let mut query = connection.prepare_cached(query)?;
        let shade = query.query_row([number(subscription.as_u64())], |row| {
            let (paused, deleted) = (row.get(0)?, row.get(1)?);
            Ok(Self { paused, deleted })
        });
        Ok(shade.optional()?.unwrap_or_default())
    }

    pub fn over(self, waiting: DeliveryState) -> DeliveryState {
        let why = Discard::Deleted;
        match self {
            Self { deleted: true, .. } => DeliveryState::Discarded { why },
            Self { paused: true, .. } => DeliveryState::Held,
            _ => waiting,
        }
    }
}

fn read(row: &Row<'_>) -> Result<Delivery> {
    let state = read_state(row)?;
    Ok(Delivery {
        id: row.delivery_id(0)?,
        event: row.event_id(1)?,
        subscription: row.subscription_id(2)?,
        event_type: row.event_type(3)?,
        state,
        tries: Tries {
            made: row.get(8)?,
            spent: row.get(9)?,
        },
        last_status_code: row.get(10)?,
        last_error: match state {
            DeliveryState::Discarded { why } => Some(why.to_string()),
            _ => row.get(11)?,
        },
        origin: row.coded(12)?,
        replay: row.optional_number(19)?.map(ReplayId::from_u64),
        sent_at: row.time(13)?,
        delivered_at: row.time(14)?,
        format: row.format(17)?,
        link: row.link(18)?,
    })
}

fn read_state(row: &Row<'_>) -> Result<DeliveryState> {
    let at = row.time(7)?;
    let ended = || at.ok_or_else(|| Fault::Corrupt("an ended delivery has no time".into()));
    Ok(match row.coded(4)? {
        State::Delivered => DeliveryState::Delivered { at: ended()? },
        State::Failed => DeliveryState::Failed { at: ended()? },
        State::Discarded => DeliveryState::Discarded { why: row.coded(5)? },
        State::Waiting => {
            let (paused, deleted) = (row.get(15)?, row.get(16)?);
            Shade { paused, deleted }.over(waiting(row.time(6)?))
        }
    })
}

fn waiting(retry_at: Option<Timestamp>) -> DeliveryState {
    retry_at.map_or(DeliveryState::Pending, |at| DeliveryState::Retrying { at })
}

/// What events imply of a list, before any shade of a subscription.
fn implied(
    state: &live::State,
    tenant: u64,
    query: &DeliveryQuery,
    range: Range,
) -> Found<(DeliveryId, Implied)> {
    let waits = !matches!(
        query.status,
        Some(DeliveryStatus::Delivered | DeliveryStatus::Failed | DeliveryStatus::Retrying)
    );
    let wants = |implied: &Implied| {
        waits
            && implied.tenant == tenant
            && query.event.is_none_or(|id| implied.event == id)
            && query
                .subscription
                .is_none_or(|id| implied.subscription == id)
            && query
                .event_type
                .as_ref()
                .is_none_or(|of| implied.event_type == *of)
    };
    let ids = DeliveryId::from_u64(range.from)..DeliveryId::from_u64(range.below.max(range.from));
    let newest_first = state.implied.range(ids).rev();
    let wanted = newest_first.filter(|(_, implied)| wants(implied));
    let items = wanted
        .map(|(id, implied)| (*id, implied.clone()))
        .take(SCAN);
    Found::limited(items.collect(), SCAN, |(id, _)| id.as_u64())
}

fn shown(connection: &Connection, id: DeliveryId, implied: &Implied) -> Result<Delivery> {
    let shade = Shade::of(connection, implied.subscription)?;
    let state = shade.over(DeliveryState::Pending);
    Ok(Delivery {
        id,
        event: implied.event,
        subscription: implied.subscription,
        event_type: implied.event_type.clone(),
        state,
        tries: Tries::default(),
        last_status_code: None,
        last_error: match state {
            DeliveryState::Discarded { why } => Some(why.to_string()),
            _ => None,
        },
        origin: implied.origin(),
        replay: None,
        sent_at: None,
        delivered_at: None,
        format: None,
        link: None,
    })
}
