//! What waits for a subscription where order is kept: a line for each ordering key, of which only
//! the head may leave.
//!
//! Lines hold a stretch of what waits; the rest is on the subscription's shelf, and is brought in
//! by passing over the shelf once, in the order of ids (the *scan*). A line that has its fill is
//! passed over: what is left of it stays on the shelf and is fetched for itself. What is new while
//! a scan is under way waits *behind* it. So of one line nothing ever gets ahead of anything older,
//! and a key whose head fails for days keeps no other key waiting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use posthaste::{clock::Timestamp, event::Line, id::DeliveryId, subscription::BatchLimits};
use posthaste_store::record::Waiting;

use super::{
    ShelfPart,
    class::Class,
    line::{Queue, heads, ripe_at},
    on_the_way::{OnTheWay, Why, Word},
    parcel::Parcel,
    scan::Scan,
};

/// Deliveries of one line that are held in memory, at least; or two batches of them.
const LINE_MAX: usize = 64;
/// New deliveries that wait in memory behind a scan.
const BEHIND_MAX: usize = 1000;

/// How a delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Accepted just now, or recovered.
    Fresh,
    /// From the due index: opened again, or parked before order was kept.
    Due,
    /// From the shelf, in the order of ids.
    Scanned,
    /// From the shelf, for its line.
    Fetched,
}

impl Arrival {
    /// As what it is queued: what comes from the store is never new.
    pub fn class(self) -> Class {
        match self {
            Self::Fresh => Class::Light,
            Self::Due | Self::Scanned | Self::Fetched => Class::Heavy,
        }
    }
}

/// How things stand when a delivery comes.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// All that was accepted before the start is known.
    pub settled: bool,
    /// Memory has room for it.
    pub room: bool,
}

#[derive(Debug, Default)]
pub struct Lines {
    lines: BTreeMap<Line, Queue>,
    /// Lines whose head may leave, in turn.
    ready: VecDeque<Line>,
    /// Heads that wait for their time.
    later: BTreeSet<(Timestamp, Line)>,
    /// New ones behind the scan.
    behind: VecDeque<(Line, Parcel)>,
    scan: Scan,
    /// Lines that were asked for; whether the answer is of no use any more.
    fetches: BTreeMap<Line, bool>,
    /// Lines that have fewer in memory than they would like, and more on the shelf.
    hungry: BTreeSet<Line>,
    /// Questions that were asked before order was kept as it is now, and have no answer yet: what
    /// they bring goes back.
    foreign: usize,
    on_the_way: OnTheWay,
    count: usize,
    bytes: usize,
    /// Deliveries of one line that are held in memory.
    line_max: usize,
}

impl Lines {
    /// `shelved`: whether anything may be on the shelf.
    pub fn new(shelved: bool, limits: Option<&BatchLimits>) -> Self {
        let batches = limits.map_or(0, |limits| 2 * limits.max_events as usize);
        let scan = match shelved {
            true => Scan::default(),
            false => Scan::done(),
        };
        Self {
            scan,
            line_max: LINE_MAX.max(batches),
            ..Self::default()
        }
    }

    /// After another kind of queue: what that sent to the shelf, and the questions that it asked and
    /// that have no answer yet.
    pub fn take_over(&mut self, mut on_the_way: OnTheWay, unanswered: usize) {
        on_the_way.all_return();
        self.on_the_way = on_the_way;
        self.foreign = unanswered;
    }

    /// What it sent to the shelf.
    pub fn give_over(&mut self) -> OnTheWay {
        std::mem::take(&mut self.on_the_way)
    }

    /// Deliveries, and the bytes that they count for.
    pub fn queued(&self) -> (usize, usize) {
        (self.count, self.bytes)
    }

    /// Lines whose head may leave.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether older deliveries are still being brought in.
    pub fn is_catching_up(&self) -> bool {
        !self.scan.is_complete()
    }

    /// Takes a delivery in, or says which ones go to the shelf instead.
    pub fn place(&mut self, line: Line, parcel: Parcel, from: Arrival, now: Place) -> Vec<Parcel> {
        let complete = self.scan.is_complete();
        match from {
            Arrival::Fresh | Arrival::Due if !now.settled => self.give_back(vec![parcel]),
            Arrival::Fresh if !complete => self.stand_behind(line, parcel, now.room),
            Arrival::Due if !complete => self.give_back(vec![parcel]),
            Arrival::Fresh | Arrival::Due if !now.room => self.give_back(vec![parcel]),
            Arrival::Fresh | Arrival::Due | Arrival::Scanned | Arrival::Fetched => {
                let since = parcel.since;
                let left = self.join(line, parcel, from);
                self.refresh(line, since);
                left.into_iter().collect()
            }
        }
    }

    fn stand_behind(&mut self, line: Line, parcel: Parcel, room: bool) -> Vec<Parcel> {
        self.count += parcel.len();
        self.bytes += parcel.bytes;
        self.behind.push_back((line, parcel));
        if room && self.behind.len() <= BEHIND_MAX {
            return Vec::new();
        }
        self.spill()
    }

    /// All that stands behind the scan goes to the shelf: the scan will find it.
    fn spill(&mut self) -> Vec<Parcel> {
        let spilt: Vec<Parcel> = self.behind.drain(..).map(|(_, parcel)| parcel).collect();
        for parcel in &spilt {
            self.count -= parcel.len();
            self.bytes -= parcel.bytes;
            // Two publishers may commit in another order than they were given ids.
            match self.scan.is_below(parcel.first) {
                true => self.note(parcel, Why::Newest),
                false => self.returning(parcel.ids()),
            }
        }
        self.scan.grew();
        spilt
    }

    /// Into its line, in the order of ids; or left to the shelf.
    fn join(&mut self, line: Line, parcel: Parcel, from: Arrival) -> Option<Parcel> {
        let queue = self.lines.entry(line).or_default();
        let is_last = queue
            .parcels
            .back()
            .is_none_or(|last| last.first < parcel.first);
        let beyond = match queue.shelf {
            Some(shelf) if from != Arrival::Fetched => parcel.first > shelf,
            // What was fetched may stand behind what is still on its way there.
            Some(_) => queue.left.first().is_some_and(|left| parcel.first > *left),
            None => is_last && queue.parcels.len() >= self.line_max,
        };
        if beyond {
            queue.shelf = Some(
                queue
                    .shelf
                    .map_or(parcel.first, |shelf| shelf.min(parcel.first)),
            );
            queue.grew = true;
            queue.left.extend(parcel.ids());
            self.note(&parcel, Why::Left(line));
            return Some(parcel);
        }
        self.put_back(line, parcel);
        None
    }

    /// Into its line, in the order of ids, however full that is.
    pub fn put_back(&mut self, line: Line, parcel: Parcel) {
        let queue = self.lines.entry(line).or_default();
        let before = |known: &Parcel| known.first < parcel.first;
        let at = queue.parcels.partition_point(before);
        self.count += parcel.len();
        self.bytes += parcel.bytes;
        queue.parcels.insert(at, parcel);
    }

    fn note(&mut self, parcel: &Parcel, why: Why) {
        for id in parcel.ids() {
            self.on_the_way.leaves(id, why);
        }
    }

    /// These go back to the shelf, and the scan has to look for them again.
    pub fn give_back(&mut self, parcels: Vec<Parcel>) -> Vec<Parcel> {
        for parcel in &parcels {
            self.returning(parcel.ids());
        }
        parcels
    }

    /// These are on their way to the shelf from outside of the lines.
    pub fn returning(&mut self, ids: impl Iterator<Item = DeliveryId>) {
        for id in ids {
            self.on_the_way.leaves(id, Why::Returning);
            self.scan.goes_back_to(id);
        }
        self.scan.grew();
    }

    /// Takes out all that waits; it goes back to the shelf. Requests under way stay known.
    pub fn drain(&mut self) -> Vec<Parcel> {
        let behind = self.behind.drain(..).map(|(_, parcel)| parcel);
        let mut all: Vec<Parcel> = behind.collect();
        for queue in self.lines.values_mut() {
            all.extend(queue.parcels.drain(..));
            (queue.shelf, queue.dry, queue.ready) = (None, false, false);
            queue.left.clear();
        }
        self.lines.retain(|_, queue| !queue.is_idle());
        self.ready.clear();
        self.later.clear();
        self.hungry.clear();
        (self.count, self.bytes) = (0, 0);
        self.start_over();
        all.sort_by_key(|parcel| parcel.first);
        self.give_back(all)
    }

    /// The next scan begins at the beginning, once all is there that is on its way.
    fn start_over(&mut self) {
        self.scan.start_over();
        self.fetches.values_mut().for_each(|stale| *stale = true);
        self.on_the_way.all_return();
    }

    /// These are on the shelf now.
    pub fn shelved(&mut self, ids: &[DeliveryId], now: Timestamp) {
        for id in ids {
            match self.on_the_way.told(*id) {
                Word::Unknown => self.found(*id),
                Word::Old => {}
                Word::There(Why::Returning | Why::Newest) => self.grew(),
                Word::There(Why::Left(line)) => {
                    if let Some(queue) = self.lines.get_mut(&line) {
                        queue.left.remove(id);
                        queue.dry = false;
                        queue.grew = true;
                    }
                    self.refresh(line, now);
                }
            }
        }
    }

    /// One was opened again. Where it is on its way to the shelf it will be found there anyway.
    pub fn reopened(&mut self, id: DeliveryId) {
        if !self.on_the_way.has(id) {
            self.found(id);
        }
    }

    /// Questions under way may have been answered before it came there, whatever its line.
    fn grew(&mut self) {
        self.scan.grew();
        for line in self.fetches.keys() {
            if let Some(queue) = self.lines.get_mut(line) {
                queue.grew = true;
            }
        }
    }

    /// One was opened again and is back in its place, in whatever line: the shelf is passed over
    /// again, with what is left of any line.
    fn found(&mut self, id: DeliveryId) {
        self.scan.goes_back_to(id);
        let mut left = false;
        for queue in self.lines.values_mut() {
            left |= queue.shelf.take().is_some();
            queue.left.clear();
            queue.dry = false;
        }
        if left {
            self.hungry.clear();
            self.start_over();
        }
    }

    /// What is to be fetched next, if anything; it counts as asked for.
    pub fn ask(&mut self) -> Option<ShelfPart> {
        if let Some(line) = self.hungry.pop_first() {
            self.fetches.insert(line, false);
            if let Some(queue) = self.lines.get_mut(&line) {
                queue.grew = false;
            }
            return Some(ShelfPart::Line(line));
        }
        if !self.may_scan() {
            return None;
        }
        let after = self.scan.ask();
        let passed_over = self.lines.iter().filter(|(_, queue)| queue.shelf.is_some());
        Some(ShelfPart::After {
            after,
            except: passed_over.map(|(line, _)| *line).collect(),
        })
    }

    pub fn wants_shelf(&self) -> bool {
        !self.hungry.is_empty() || self.may_scan()
    }

    /// Questions without an answer yet.
    pub fn unanswered(&self) -> usize {
        self.foreign + self.fetches.len() + usize::from(self.scan.is_asked())
    }

    /// An answer that somebody else asked for.
    fn foreign(&mut self) -> Option<Arrival> {
        self.foreign = self.foreign.saturating_sub(1);
        None
    }

    fn may_scan(&self) -> bool {
        let in_the_air = |why: Why| why == Why::Returning;
        let stale_fetch = self.fetches.values().any(|stale| *stale);
        !self.scan.is_complete()
            && !self.scan.is_asked()
            && self.foreign == 0
            && !stale_fetch
            && !self.on_the_way.reasons().any(in_the_air)
    }

    /// An answer begins: how its deliveries came, or none where it was given up meanwhile and all
    /// of them go back.
    pub fn answered(&mut self, part: &ShelfPart, taken: &[Waiting]) -> Option<Arrival> {
        // They were written, though word of that may still be to come.
        for waiting in taken {
            if let Some(Why::Left(line)) = self.on_the_way.came(waiting.id)
                && let Some(queue) = self.lines.get_mut(&line)
            {
                queue.left.remove(&waiting.id);
            }
        }
        match part {
            ShelfPart::Any => self.foreign(),
            ShelfPart::Line(line) => match self.fetches.remove(line) {
                Some(false) => Some(Arrival::Fetched),
                Some(true) => None,
                None => self.foreign(),
            },
            ShelfPart::After { .. } if !self.scan.is_asked() => self.foreign(),
            ShelfPart::After { .. } => self.scan.answered().then_some(Arrival::Scanned),
        }
    }

    /// An answer's deliveries are placed; `next` as the store gave it. What stood behind a scan
    /// that is done now takes its place; what does not fit goes to the shelf.
    pub fn placed(&mut self, part: &ShelfPart, next: Option<u64>, now: Timestamp) -> Vec<Parcel> {
        match part {
            ShelfPart::Line(line) => {
                if let Some(queue) = self.lines.get_mut(line) {
                    queue.fetched(next.is_some());
                }
                self.refresh(*line, now);
            }
            ShelfPart::After { after, .. } => {
                let to_be_seen = |why| !matches!(why, Why::Left(_));
                let unseen = self.on_the_way.reasons().any(to_be_seen);
                if self.scan.placed(*after, next, unseen) {
                    return self.close_ranks(now);
                }
            }
            ShelfPart::Any => {}
        }
        Vec::new()
    }

    fn close_ranks(&mut self, now: Timestamp) -> Vec<Parcel> {
        let mut left = Vec::new();
        for (line, parcel) in std::mem::take(&mut self.behind) {
            self.count -= parcel.len();
            self.bytes -= parcel.bytes;
            left.extend(self.join(line, parcel, Arrival::Fresh));
            self.refresh(line, now);
        }
        left
    }

    /// A request of this line is under way that left before order was kept.
    pub fn began_before(&mut self, line: Line) {
        self.lines.entry(line).or_default().under_way += 1;
    }

    /// A request of this line has ended.
    pub fn ended(&mut self, line: Line, now: Timestamp) {
        if let Some(queue) = self.lines.get_mut(&line) {
            queue.under_way = queue.under_way.saturating_sub(1);
        }
        self.refresh(line, now);
    }

    /// The head of a line is wanted at once.
    pub fn hurry(&mut self, line: Line, id: DeliveryId, now: Timestamp) {
        let queue = self.lines.get_mut(&line);
        let waiting = queue.and_then(|queue| {
            let mut parcels = queue.parcels.iter_mut();
            parcels.find(|parcel| parcel.ids().any(|one| one == id))
        });
        if let Some(parcel) = waiting {
            parcel.not_before = None;
            self.refresh(line, now);
        }
    }

    /// Puts a line where it belongs now.
    pub fn refresh(&mut self, line: Line, now: Timestamp) {
        let Some(queue) = self.lines.get_mut(&line) else {
            return;
        };
        let asked = self.fetches.contains_key(&line);
        let low = queue.parcels.len() < self.line_max / 4;
        if queue.shelf.is_some() && low && !queue.dry && !asked {
            self.hungry.insert(line);
        }
        if queue.is_idle() {
            self.lines.remove(&line);
            return;
        }
        if queue.under_way > 0 || queue.ready {
            return;
        }
        match queue.parcels.front().map(|head| head.not_before) {
            None => {}
            Some(Some(at)) if at > now => {
                self.later.insert((at, line));
            }
            Some(_) => {
                queue.ready = true;
                self.ready.push_back(line);
            }
        }
    }

    /// Heads whose time has come.
    pub fn wake(&mut self, now: Timestamp) {
        while let Some(&(at, line)) = self.later.first()
            && at <= now
        {
            self.later.pop_first();
            self.refresh(line, now);
        }
    }

    /// When the next head's time comes, at the latest.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.later.first().map(|(at, _)| *at)
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The head of the next line, whose request is under way from now on; of a batch, what may
    /// leave with it.
    pub fn take(&mut self, now: Timestamp, limits: Option<&BatchLimits>) -> Option<Vec<Parcel>> {
        while let Some(line) = self.ready.pop_front() {
            let Some(queue) = self.lines.get_mut(&line) else {
                continue;
            };
            queue.ready = false;
            let ripe_at = limits.and_then(|limits| ripe_at(queue, limits));
            if let Some(at) = ripe_at.filter(|at| *at > now) {
                self.later.insert((at, line));
                continue;
            }
            let taken = heads(queue, now, limits);
            if taken.is_empty() {
                self.refresh(line, now);
                continue;
            }
            queue.under_way += 1;
            self.count -= taken.iter().map(Parcel::len).sum::<usize>();
            self.bytes -= taken.iter().map(|parcel| parcel.bytes).sum::<usize>();
            self.refresh(line, now);
            return Some(taken);
        }
        None
    }
}
