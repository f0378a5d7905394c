//! Pages of a list, newest first, put together from what indexes and memory find.
//!
//! A filter without an index is applied to what comes by, for a bounded stretch: such a page may
//! be empty and still lead on.

use posthaste::{
    clock::Timestamp,
    id::{EventId, Place},
};
use posthaste_store::{Page, query::Stretch};

use crate::fault::Result;

/// Rows that one page looks at, at most, roughly.
pub const SCAN: usize = 10_000;
/// Rows that are fetched at a time, at most.
const CHUNK: usize = 1000;

/// Some of a list, newest first.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub items: Vec<T>,
    /// All there is from here up is among them; none: all there is.
    pub floor: Option<u64>,
}

impl<T> Found<T> {
    /// What a query with a limit found.
    pub fn limited(items: Vec<T>, limit: usize, id: impl Fn(&T) -> u64) -> Self {
        let full = items.len() >= limit;
        let floor = items.last().filter(|_| full).map(id);
        Self { items, floor }
    }

    /// What both found, down to where both have looked.
    pub fn and(mut self, other: Self, id: impl Fn(&T) -> u64) -> Self {
        let floor = self.floor.max(other.floor);
        self.items.extend(other.items);
        self.items
            .retain(|item| floor.is_none_or(|floor| id(item) >= floor));
        self.items.sort_by_key(|item| std::cmp::Reverse(id(item)));
        self.items.dedup_by_key(|item| id(item));
        Self { floor, ..self }
    }
}

/// Ids from `from` up and below `below`.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub from: u64,
    pub below: u64,
}

impl Range {
    /// The ids of a time window, further down than the page before.
    pub fn new(since: Option<Timestamp>, until: Option<Timestamp>, stretch: Stretch) -> Self {
        let first = |time| EventId::at(Place::at(time, 0)).as_u64();
        let below = until.map_or(u64::MAX >> 1, first);
        Self {
            from: since.map_or(0, first),
            below: stretch.before.map_or(below, |before| before.min(below)),
        }
    }
}

/// Fetches chunk after chunk until the page is full and one more is known, the list ends, or
/// enough was looked at. `fetch` finds what is below an id, about so many.
pub fn page<T>(
    range: Range,
    limit: usize,
    id: impl Fn(&T) -> u64,
    wants: impl Fn(&T) -> bool,
    mut fetch: impl FnMut(u64, usize) -> Result<Found<T>>,
) -> Result<Page<T>> {
    let (mut items, mut below, mut scanned) = (Vec::new(), range.below, 0);
    let mut chunk = limit + 1;
    loop {
        let found = fetch(below, chunk)?;
        scanned += found.items.len().max(chunk);
        for item in found.items.into_iter().filter(&wants) {
            if items.len() == limit {
                let next = items.last().map(&id);
                return Ok(Page { items, next });
            }
            items.push(item);
        }
        match found.floor.filter(|&floor| floor > range.from) {
            None => return Ok(Page { items, next: None }),
            next if scanned >= SCAN => return Ok(Page { items, next }),
            Some(floor) => below = floor,
        }
        chunk = (chunk * 2).min(CHUNK.max(limit + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Range = Range {
        from: 0,
        below: u64::MAX,
    };

    fn below(list: &[u64], below: u64, at_most: usize) -> Found<u64> {
        let found = list.iter().copied().filter(|&id| id < below);
        Found::limited(found.take(at_most).collect(), at_most, |&id| id)
    }

    #[test]
    fn two_lists_are_one_down_to_where_both_have_looked() {
        let (even, odd) = ([8, 6, 4, 2], [7, 5, 3, 1]);
        let both = below(&even, 9, 2).and(below(&odd, 9, 3), |&id| id);
        assert_eq!((both.items, both.floor), (vec![8, 7, 6], Some(6)));
        let both = below(&even, 9, 9).and(below(&odd, 9, 9), |&id| id);
        assert_eq!((both.items.len(), both.floor), (8, None));
    }

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let list: Vec<u64> = (1..=5000).rev().collect();
        let wants = |id: &u64| id.is_multiple_of(1000);
        let (mut range, mut seen) = (ALL, Vec::new());
        loop {
            let page = page(range, 2, |&id| id, wants, |at, n| Ok(below(&list, at, n))).unwrap();
            seen.extend(page.items);
            match page.next {
                Some(next) => range.below = next,
                None => break,
            }
        }
        assert_eq!(seen, [5000, 4000, 3000, 2000, 1000]);
    }

    #[test]
    fn a_page_that_finds_nothing_for_long_leads_on() {
        let list: Vec<u64> = (1..=100_000).rev().collect();
        let page = page(ALL, 2, |&id| id, |_| false, |at, n| Ok(below(&list, at, n))).unwrap();
        assert!(page.items.is_empty());
        assert!(page.next.is_some_and(|next| next > 80_000));
    }
}
