//! The part of a lazily fed index that is still in memory.
//!
//! An index by owner (tenant, subscription) that is fed with every row dirties a page a row. Here
//! entries gather until there are many, are sorted, and go to disk slice by slice, many to a page.
//! Until then a reader adds what is here to what is on disk, so that no list is ever behind. What
//! a crash takes from here is made again from the rows above the mark.

use std::{collections::HashSet, mem};

use crate::row::place_of;

/// Entries that are sorted and fed together; also what an idle store holds at most.
const RUN: usize = if cfg!(test) { 64 } else { 50_000 };

/// Of which owner, and which id.
pub type Entry = (u64, u64);

#[derive(Debug, Default)]
pub struct Tail {
    /// In the order they came.
    growing: Vec<Entry>,
    /// A sorted run, on disk up to `fed`.
    feeding: Vec<Entry>,
    fed: usize,
}

impl Tail {
    pub fn push(&mut self, owner: u64, id: u64) {
        self.growing.push((owner, id));
    }

    /// Begins the next run when the last one is on disk and enough has gathered.
    pub fn sort(&mut self) {
        if self.rest().is_empty() && self.growing.len() >= RUN {
            self.sort_all();
        }
    }

    /// Begins a run with all there is where something of a place below an id would wait for one.
    pub fn sort_old(&mut self, below: u64) {
        if self.growing.iter().any(|&(_, id)| place_of(id) < below) {
            self.sort_all();
        }
    }

    /// What these stand for is gone: they are not fed any more.
    pub fn forget(&mut self, gone: &HashSet<Entry>) {
        if !gone.is_empty() {
            self.growing.retain(|entry| !gone.contains(entry));
            self.feeding.drain(..self.fed);
            self.fed = 0;
            self.feeding.retain(|entry| !gone.contains(entry));
        }
    }

    /// Begins a run with all there is: for a store that closes.
    pub fn sort_all(&mut self) {
        let mut run = self.feeding.split_off(self.fed);
        run.append(&mut self.growing);
        run.sort_unstable();
        run.dedup();
        self.fed = 0;
        self.feeding = run;
    }

    /// The next entries of the run for the disk.
    pub fn slice(&self, at_most: usize) -> &[Entry] {
        let rest = self.rest();
        &rest[..at_most.min(rest.len())]
    }

    /// So many entries of the run are on disk.
    pub fn fed(&mut self, entries: usize) {
        self.fed += entries;
        if self.rest().is_empty() {
            self.fed = 0;
            mem::take(&mut self.feeding);
        }
    }

    /// Ids of an owner below `below` that may not be on disk yet, newest first.
    pub fn of(&self, owner: u64, below: u64) -> Vec<u64> {
        let rest = self.rest();
        let begin = rest.partition_point(|&(other, _)| other < owner);
        let sorted = rest[begin..].iter().take_while(|(of, _)| *of == owner);
        let growing = self.growing.iter().filter(|(of, _)| *of == owner);
        let ids = sorted.chain(growing).map(|&(_, id)| id);
        let mut ids: Vec<u64> = ids.filter(|&id| id < below).collect();
        ids.sort_unstable_by(|one, two| two.cmp(one));
        ids.dedup();
        ids
    }

    /// The smallest id that may not be on disk yet.
    pub fn lowest(&self) -> Option<u64> {
        let entries = self.rest().iter().chain(&self.growing);
        entries.map(|&(_, id)| id).min()
    }

    fn rest(&self) -> &[Entry] {
        &self.feeding[self.fed..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_seen_until_it_is_on_disk() {
        let mut tail = Tail::default();
        for id in [5, 3, 4] {
            tail.push(1, id);
            tail.push(2, id + 10);
        }
        assert_eq!(tail.of(1, u64::MAX), [5, 4, 3]);
        tail.sort_all();
        tail.push(1, 6);
        assert_eq!(tail.of(1, u64::MAX), [6, 5, 4, 3]);
        assert_eq!(tail.of(1, 5), [4, 3]);
        assert_eq!(tail.slice(2), [(1, 3), (1, 4)]);
        tail.fed(2);
        assert_eq!(tail.of(1, u64::MAX), [6, 5]);
        assert_eq!(tail.lowest(), Some(5));
        tail.fed(4);
        assert_eq!(tail.lowest(), Some(6));
        assert!(tail.slice(9).is_empty());
    }

    #[test]
    fn what_is_gone_is_not_fed() {
        let mut tail = Tail::default();
        (1..6).for_each(|id| tail.push(1, id));
        tail.sort_all();
        tail.fed(1);
        (6..9).for_each(|id| tail.push(1, id));
        tail.forget(&HashSet::from([(1, 1), (1, 3), (1, 7), (2, 4)]));
        assert_eq!(tail.of(1, u64::MAX), [8, 6, 5, 4, 2]);
        assert_eq!(tail.slice(9), [(1, 2), (1, 4), (1, 5)]);
    }

    #[test]
    fn a_run_begins_when_enough_has_gathered_and_the_last_one_is_on_disk() {
        let mut tail = Tail::default();
        (0..RUN as u64 - 1).for_each(|id| tail.push(1, id));
        tail.sort();
        assert!(tail.slice(1).is_empty());
        tail.push(1, RUN as u64);
        tail.sort();
        assert_eq!(tail.slice(1), [(1, 0)]);
    }
}
