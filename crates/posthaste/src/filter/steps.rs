//! What judging may cost. A filter of 8 KiB with some hundred conditions, each of which looks at
//! every item of an array of a hundred thousand, would hold a thread for seconds; so what is looked
//! at is counted, in steps and not in time, and the same filter and event always end alike.

use std::cell::Cell;

use super::pattern::Place;
use crate::json::{Kind, Tree, Value};

/// Values of an event that a filter may look at, each time one condition does: some ten milliseconds.
/// A long text counts as several.
pub const FILTER_STEPS_MAX: u64 = 1 << 19;
/// Bytes of a text that are one step.
const STEP_BYTES: usize = 16;

/// One judgement under way: a filter, and what may still be looked at for it.
pub(super) struct Judging<'t> {
    pub(super) filter: &'t Tree,
    left: Cell<u64>,
}

impl<'t> Judging<'t> {
    pub(super) fn new(filter: &'t Tree) -> Self {
        Self {
            filter,
            left: Cell::new(FILTER_STEPS_MAX),
        }
    }

    /// Goes so many steps, if there are as many left; else none are, and whoever asks comes to an
    /// end with any answer.
    pub(super) fn goes(&self, steps: usize) -> bool {
        let left = self.left.get().checked_sub(steps as u64);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether the steps did not suffice: then no answer means anything.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    pub(super) fn gone(&self) -> u64 {
        FILTER_STEPS_MAX - self.left.get()
    }

    /// Whether it holds for a value, or for an item of the array that it is, each as often looked at
    /// as `times` says.
    pub(super) fn itself_or_item(
        &self,
        place: Place<'_>,
        times: impl Fn(Value<'_>) -> usize,
        holds: impl Fn(Value<'_>) -> bool,
    ) -> bool {
        let looked = |value: Value<'_>| !self.goes(length(value) * times(value)) || holds(value);
        place.is_some_and(|value| looked(value) || value.items().any(looked))
    }
}

/// The steps of one look at a value.
fn length(value: Value<'_>) -> usize {
    match value.kind() < Kind::Array {
        true => text_length(value.raw()),
        false => 1,
    }
}

pub(super) fn text_length(text: &[u8]) -> usize {
    1 + text.len() / STEP_BYTES
}
