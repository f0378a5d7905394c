//! What of a subscription waits in memory, with or without order, and what is known of its shelf.
//! Whether any of it may leave is the lane's to say.

use posthaste::{
    clock::Timestamp,
    event::Line,
    id::DeliveryId,
    subscription::{BatchLimits, Ordering, Subscription},
};
use posthaste_store::record::Waiting;

use super::{
    ShelfPart,
    class::Class,
    lines::{Arrival, Lines, Place},
    loose::Loose,
    on_the_way::{OnTheWay, Why},
    parcel::Parcel,
};

/// What waits in memory.
#[derive(Debug)]
pub enum Queue {
    Loose(Loose, Shelf),
    Fifo(Lines),
}

/// What the store has on the shelf for a subscription without order, as far as is known.
#[derive(Debug, Default)]
pub struct Shelf {
    /// On their way there: decided, and not written yet.
    on_the_way: OnTheWay,
    /// Something is there that was not asked for.
    filled: bool,
    asked: bool,
}

impl Shelf {
    fn leaves(&mut self, ids: impl Iterator<Item = DeliveryId>) {
        ids.for_each(|id| self.on_the_way.leaves(id, Why::Returning));
    }
}

impl Queue {
    /// An empty one; `shelved`: something may be on its shelf.
    pub fn of(subscription: &Subscription, shelved: bool) -> Self {
        match subscription.ordering {
            Ordering::Fifo => Self::Fifo(Lines::new(shelved, subscription.batch.as_ref())),
            Ordering::None => {
                let shelf = Shelf {
                    filled: shelved,
                    ..Shelf::default()
                };
                Self::Loose(Loose::default(), shelf)
            }
        }
    }

    pub fn keeps_order(&self) -> bool {
        matches!(self, Self::Fifo(_))
    }

    /// Deliveries in it, and the bytes that they count for.
    pub fn queued(&self) -> (usize, usize) {
        match self {
            Self::Loose(loose, _) => loose.queued(),
            Self::Fifo(lines) => lines.queued(),
        }
    }

    /// The same of one class, where order is not kept: a backlog and new events each have a queue of
    /// their own, so that neither keeps the other out.
    pub fn queued_of(&self, class: Class) -> (usize, usize) {
        match self {
            Self::Loose(loose, _) => loose.queued_of(class),
            Self::Fifo(lines) => lines.queued(),
        }
    }

    /// Whether it has fewer than `enough` that may leave, and less than `free` in all: where order
    /// is kept, many may stand behind a few heads that wait.
    pub fn is_low(&self, enough: usize, free: usize) -> bool {
        match self {
            Self::Loose(loose, _) => loose.older() < enough,
            Self::Fifo(lines) => lines.ready() < enough && lines.queued().0 < free,
        }
    }

    /// Queues a delivery, or says which ones go to the shelf instead.
    pub fn push(&mut self, parcel: Parcel, line: Line, from: Arrival, place: Place) -> Vec<Parcel> {
        match self {
            Self::Fifo(lines) => lines.place(line, parcel, from, place),
            Self::Loose(loose, _) if place.room => {
                loose.push(parcel, from.class());
                Vec::new()
            }
            Self::Loose(_, shelf) => {
                shelf.leaves(parcel.ids());
                vec![parcel]
            }
        }
    }

    /// A retry of a line's head stays at its head.
    pub fn push_retry(&mut self, parcel: Parcel, line: Line) {
        if let Self::Fifo(lines) = self {
            lines.put_back(line, parcel);
        }
    }

    /// These leave memory for the shelf.
    pub fn shelving(&mut self, ids: impl Iterator<Item = DeliveryId>) {
        match self {
            Self::Loose(_, shelf) => shelf.leaves(ids),
            Self::Fifo(lines) => lines.returning(ids),
        }
    }

    /// These are there.
    pub fn shelved(&mut self, ids: &[DeliveryId], now: Timestamp) {
        match self {
            Self::Loose(_, shelf) => {
                ids.iter().for_each(|id| {
                    shelf.on_the_way.told(*id);
                });
                shelf.filled = true;
            }
            Self::Fifo(lines) => lines.shelved(ids, now),
        }
    }

    /// One was opened again, and may be back on the shelf.
    pub fn reopened(&mut self, id: DeliveryId) {
        match self {
            Self::Loose(_, shelf) => shelf.filled = true,
            Self::Fifo(lines) => lines.reopened(id),
        }
    }

    /// Takes all that is queued out; it goes to the shelf.
    pub fn drain(&mut self) -> Vec<Parcel> {
        match self {
            Self::Loose(loose, shelf) => {
                let all = loose.drain();
                shelf.leaves(all.iter().flat_map(Parcel::ids));
                all
            }
            Self::Fifo(lines) => lines.drain(),
        }
    }

    /// Takes much of what is queued out; it goes to the shelf.
    pub fn cut(&mut self) -> Vec<Parcel> {
        match self {
            Self::Loose(loose, shelf) => {
                let tail = loose.cut_in_half();
                shelf.leaves(tail.iter().flat_map(Parcel::ids));
                tail
            }
            Self::Fifo(lines) => lines.drain(),
        }
    }

    /// Becomes the kind that a subscription wants now, with all that waits on its shelf.
    /// `under_way`: the lines of its requests under way.
    pub fn change(&mut self, subscription: &Subscription, under_way: Vec<Line>) {
        let (on_the_way, unanswered) = match self {
            Self::Loose(_, shelf) => {
                let unanswered = usize::from(shelf.asked);
                (std::mem::take(&mut shelf.on_the_way), unanswered)
            }
            Self::Fifo(lines) => (lines.give_over(), lines.unanswered()),
        };
        *self = Self::of(subscription, true);
        match self {
            Self::Loose(_, shelf) => shelf.on_the_way = on_the_way,
            Self::Fifo(lines) => {
                lines.take_over(on_the_way, unanswered);
                let under_way = under_way.into_iter();
                under_way.for_each(|line| lines.began_before(line));
            }
        }
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Timestamp) {
        if let Self::Fifo(lines) = self {
            lines.wake(now);
        }
    }

    /// When something of it may leave that may not yet.
    pub fn wakes_at(&self, batch: Option<&BatchLimits>) -> Option<Timestamp> {
        match self {
            Self::Loose(loose, _) => batch.and_then(|limits| loose.ripe_at(limits)),
            Self::Fifo(lines) => lines.wakes_at(),
        }
    }

    /// A request of this line ended.
    pub fn ended(&mut self, line: Line, now: Timestamp) {
        if let Self::Fifo(lines) = self {
            lines.ended(line, now);
        }
    }

    /// A head's retry is due at once.
    pub fn hurry(&mut self, line: Line, id: DeliveryId, now: Timestamp) {
        if let Self::Fifo(lines) = self {
            lines.hurry(line, id, now);
        }
    }

    /// Whether something is on the shelf that is to be fetched: for a probe, one is enough.
    pub fn wants_shelf(&self, probing: bool, probe_out: bool) -> bool {
        match self {
            Self::Loose(loose, shelf) => {
                let probed = probing && (!loose.is_empty() || probe_out);
                shelf.filled && !shelf.asked && !probed
            }
            Self::Fifo(lines) => lines.wants_shelf(),
        }
    }

    /// What is to be fetched; it counts as asked for.
    pub fn ask(&mut self) -> Option<ShelfPart> {
        match self {
            Self::Loose(_, shelf) => {
                (shelf.asked, shelf.filled) = (true, false);
                Some(ShelfPart::Any)
            }
            Self::Fifo(lines) => lines.ask(),
        }
    }

    /// An answer begins: how its deliveries came, or none where they go back.
    pub fn answered(&mut self, part: &ShelfPart, taken: &[Waiting], more: bool) -> Option<Arrival> {
        match self {
            Self::Loose(_, shelf) => {
                taken.iter().for_each(|waiting| {
                    shelf.on_the_way.came(waiting.id);
                });
                shelf.asked &= !matches!(part, ShelfPart::Any);
                shelf.filled |= more || !matches!(part, ShelfPart::Any);
                Some(Arrival::Scanned)
            }
            Self::Fifo(lines) => lines.answered(part, taken),
        }
    }

    /// An answer is placed; what does not fit goes to the shelf.
    pub fn placed(&mut self, part: &ShelfPart, next: Option<u64>, now: Timestamp) -> Vec<Parcel> {
        match self {
            Self::Loose(..) => Vec::new(),
            Self::Fifo(lines) => lines.placed(part, next, now),
        }
    }
}
