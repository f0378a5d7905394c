//! One step of a replay: a page is read, what to send is decided, and one transaction sends it and
//! moves the cursor. A crash may fall between any two of these.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use posthaste::{
    clock::Timestamp,
    event::Origin,
    id::{EventId, SubscriptionId},
};
use posthaste_store::{
    Store, StoreError,
    again::{Again, SentAgain},
    record::{Delivery, StoredEvent},
    replay::{Only, Progress, Replay, ReplayCursor, ReplayStep},
};

use super::choice::{Choice, choices, is_wanted};
use crate::{
    again::{Places, Target, late, targets},
    subscribers::TenantView,
};

/// Events that a step looks at, at most, where many of them may have nothing to send.
const EVENTS: usize = 100;

/// A step that was made.
#[derive(Debug)]
pub struct Stepped {
    /// What was to be sent, and what came of each: for the scheduler to be told.
    pub targets: Vec<Target>,
    pub sent: SentAgain,
    /// Nothing is left.
    pub over: bool,
}

/// Takes a replay on by at most so many deliveries.
///
/// # Errors
/// [`StoreError::Stale`] where it was stopped or moved meanwhile. On any error nothing was sent.
pub async fn step(
    store: &dyn Store,
    view: &TenantView,
    replay: &Replay,
    at_most: usize,
    now: Timestamp,
) -> Result<Stepped, StoreError> {
    let events = match replay.plan.only {
        Only::All => at_most.min(EVENTS),
        Only::Failed | Only::Missing => EVENTS,
    };
    let page = Page::read(store, replay, replay.cursor.after, events).await?;
    let draft = Draft::of(&page, view, replay, at_most);
    let mut places = Places::reserve(store, now, draft.make.len());
    let make = places
        .deliveries()
        .zip(&draft.make)
        .filter_map(|(id, (event, to))| {
            let to = &view.subscribers.get(to)?.subscription;
            Some(late(id, &event.event, to, Origin::Replay, now))
        });
    let again = Again {
        tenant: replay.tenant.clone(),
        at: now,
        origin: Origin::Replay,
        reopen: draft.open.iter().map(|(id, _)| *id).collect(),
        only_failed: replay.plan.only == Only::Failed,
        make: make.collect(),
        step: Some(draft.step(replay, page.next)),
        entry: None,
    };
    let targets = targets(&draft.open, &again);
    let over = again.step.as_ref().is_some_and(|step| step.last);
    places.hand_over(&again.make);
    let sent = store.send_again(again).await?;
    Ok(Stepped {
        targets,
        sent,
        over,
    })
}

/// Events of the window, with their deliveries.
pub struct Page {
    pub events: Vec<StoredEvent>,
    deliveries: HashMap<EventId, Vec<Delivery>>,
    /// Where the next page begins; none at the end of the window.
    pub next: Option<EventId>,
}

impl Page {
    pub async fn read(
        store: &dyn Store,
        replay: &Replay,
        after: EventId,
        at_most: usize,
    ) -> Result<Self, StoreError> {
        let (tenant, end) = (&replay.tenant, replay.end());
        let page = store.events_between(tenant, after, end, at_most).await?;
        let wanted = page.items.iter();
        let wanted = wanted.filter(|stored| is_wanted(&replay.plan, &stored.event));
        let ids: Vec<EventId> = wanted.map(|stored| stored.event.id).collect();
        let mut deliveries: HashMap<EventId, Vec<Delivery>> = HashMap::new();
        for delivery in store.deliveries_of(tenant, ids).await? {
            deliveries.entry(delivery.event).or_default().push(delivery);
        }
        Ok(Self {
            events: page.items,
            deliveries,
            next: page.next.map(EventId::from_u64),
        })
    }

    /// What a replay does with one of its events; none where it is not about it.
    pub fn choices(
        &self,
        stored: &StoredEvent,
        replay: &Replay,
        view: &TenantView,
    ) -> Option<BTreeMap<SubscriptionId, Choice>> {
        let found = self.deliveries.get(&stored.event.id);
        let found = found.map_or(&[][..], Vec::as_slice);
        is_wanted(&replay.plan, &stored.event).then(|| choices(&replay.plan, view, stored, found))
    }
}

/// A step as it is decided.
struct Draft {
    at_most: usize,
    cursor: ReplayCursor,
    seen: Progress,
    open: Vec<Target>,
    make: Vec<(StoredEvent, SubscriptionId)>,
    /// It stopped before the page's end.
    full: bool,
}

impl Draft {
    fn of(page: &Page, view: &TenantView, replay: &Replay, at_most: usize) -> Self {
        let mut draft = Self {
            at_most,
            cursor: replay.cursor,
            seen: Progress::default(),
            open: Vec::new(),
            make: Vec::new(),
            full: false,
        };
        for stored in &page.events {
            if let Some(choices) = page.choices(stored, replay, view) {
                draft.take(stored, &choices);
                draft.seen.events += u64::from(!draft.full);
            }
            if draft.full {
                break;
            }
            draft.cursor = past(stored.event.id);
        }
        draft
    }

    /// Goes on with an event, behind what is done of it.
    fn take(&mut self, stored: &StoredEvent, choices: &BTreeMap<SubscriptionId, Choice>) {
        let from = self.cursor.within.map_or(Bound::Unbounded, Bound::Excluded);
        for (&to, &choice) in choices.range((from, Bound::Unbounded)) {
            if choice.sends() && self.open.len() + self.make.len() >= self.at_most {
                self.full = true;
                return;
            }
            match choice {
                Choice::Open(id) => self.open.push((id, to)),
                Choice::Make => self.make.push((stored.clone(), to)),
                Choice::Waits => self.seen.already_waiting += 1,
                Choice::Skip => self.seen.skipped += 1,
            }
            self.cursor.within = Some(to);
        }
    }

    fn step(&self, replay: &Replay, next: Option<EventId>) -> ReplayStep {
        let to = match next {
            Some(next) if !self.full => past(next),
            _ => self.cursor,
        };
        ReplayStep {
            id: replay.id,
            from: replay.cursor,
            to,
            seen: self.seen,
            last: !self.full && next.is_none(),
        }
    }
}

fn past(event: EventId) -> ReplayCursor {
    ReplayCursor {
        after: event,
        within: None,
    }
}

/// How many deliveries a replay would send now, by subscription. It reads its way through the
/// window and writes nothing.
///
/// # Errors
/// When the store cannot be read.
pub async fn count(
    store: &dyn Store,
    view: &TenantView,
    replay: &Replay,
) -> Result<BTreeMap<SubscriptionId, u64>, StoreError> {
    let (mut counts, mut after) = (BTreeMap::new(), replay.cursor.after);
    loop {
        let page = Page::read(store, replay, after, EVENTS).await?;
        let events = page.events.iter();
        let chosen = events.filter_map(|stored| page.choices(stored, replay, view));
        for (to, _) in chosen.flatten().filter(|(_, choice)| choice.sends()) {
            *counts.entry(to).or_default() += 1;
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(counts),
        }
    }
}
