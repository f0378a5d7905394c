//! What is on its way to a shelf: decided, and not known to be there.
//!
//! Word that a delivery was written may come later than the delivery itself, when a question for the
//! shelf crosses it; and by then it may be on its way there again. So each decision is counted, and a
//! delivery has arrived when the word of the last one has come.

use std::collections::BTreeMap;

use posthaste::{event::Line, id::DeliveryId};

/// Why a delivery goes to the shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was in memory, or came out of order: no scan may begin until it is there.
    Returning,
    /// It is newer than all that is there.
    Newest,
    /// Its line had its fill.
    Left(Line),
}

#[derive(Debug, Default)]
struct Way {
    /// None once it came back from there.
    why: Option<Why>,
    /// Words that are still to come.
    words: u32,
}

#[derive(Debug, Default)]
pub struct OnTheWay(BTreeMap<DeliveryId, Way>);

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nobody sent it there: it was opened again.
    Unknown,
    /// It is there, or has come back from there since, or will be.
    Old,
    /// It is there.
    There(Why),
}

impl OnTheWay {
    /// It goes there.
    pub fn leaves(&mut self, id: DeliveryId, why: Why) {
        let way = self.0.entry(id).or_default();
        way.why = Some(why);
        way.words += 1;
    }

    /// It came back from there; says why it had gone, where it was not known to have arrived.
    pub fn came(&mut self, id: DeliveryId) -> Option<Why> {
        self.0.get_mut(&id)?.why.take()
    }

    /// Word comes that it was written, or is not wanted there any more.
    pub fn told(&mut self, id: DeliveryId) -> Word {
        let Some(way) = self.0.get_mut(&id) else {
            return Word::Unknown;
        };
        way.words -= 1;
        if way.words > 0 {
            return Word::Old;
        }
        let why = self.0.remove(&id).and_then(|way| way.why);
        why.map_or(Word::Old, Word::There)
    }

    /// Whether it is not known to be there yet.
    pub fn has(&self, id: DeliveryId) -> bool {
        self.0.get(&id).is_some_and(|way| way.why.is_some())
    }

    /// Why each goes there that is not known to have arrived.
    pub fn reasons(&self) -> impl Iterator<Item = Why> + '_ {
        self.0.values().filter_map(|way| way.why)
    }

    /// Nothing is known of lines and scans any more.
    pub fn all_return(&mut self) {
        let reasons = self.0.values_mut().filter_map(|way| way.why.as_mut());
        reasons.for_each(|why| *why = Why::Returning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: DeliveryId = DeliveryId::from_u64(7);

    #[test]
    fn a_delivery_is_there_when_word_of_it_comes() {
        let mut ways = OnTheWay::default();
        ways.leaves(ID, Why::Newest);
        assert!(ways.has(ID));
        assert_eq!(ways.told(ID), Word::There(Why::Newest));
        assert_eq!(ways.told(ID), Word::Unknown);
    }

    #[test]
    fn one_that_came_back_before_the_word_and_left_again_is_there_with_the_last_word() {
        let mut ways = OnTheWay::default();
        let why = Why::Left(Line::of(Some("a")));
        ways.leaves(ID, why);
        assert_eq!(ways.came(ID), Some(why));
        assert!(!ways.has(ID));
        ways.leaves(ID, Why::Returning);
        assert_eq!(ways.told(ID), Word::Old);
        assert!(ways.has(ID));
        assert_eq!(ways.told(ID), Word::There(Why::Returning));
    }

    #[test]
    fn the_word_for_one_that_came_back_and_stayed_says_nothing() {
        let mut ways = OnTheWay::default();
        ways.leaves(ID, Why::Newest);
        ways.came(ID);
        assert_eq!(ways.told(ID), Word::Old);
    }
}
