//! Figures of a window of time: what became of a tenant's deliveries, or of one subscription's.
//!
//! A window ends with the minute that is under way. It is read as hours in its middle and minutes
//! at its edges, so that a month costs little more than a day; never by deliveries.

use std::{collections::BTreeMap, ops::Range};

use posthaste::{clock::Timestamp, event::TenantId, id::SubscriptionId};
use posthaste_store::rollup::{Level, Minute, Rollup};

use super::OperationError;
use crate::Engine;

const HOUR: u32 = Level::Hour.minutes();
const DAY: u32 = 24 * HOUR;
/// The longest window, in minutes: 90 days.
pub const WINDOW_MAX: u32 = 90 * DAY;
/// Points of a series at most.
pub const POINTS_MAX: u32 = 1500;
/// Points that a series has where nothing else is asked for, at most.
const POINTS: u32 = 60;
/// What people divide time by, in minutes.
const STEPS: [u32; 12] = [
    1,
    2,
    5,
    10,
    15,
    30,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
];

/// What became of deliveries in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    pub total: Rollup,
    /// By step, the oldest first, the empty ones too; none where no step was asked for. Steps are
    /// counted from 1970, so the first and the last one may lie in the window in part.
    pub series: Option<Vec<(Minute, Rollup)>>,
}

/// The finest step that a window of so many minutes may have, in minutes.
#[must_use]
pub fn finest_step(window: u32) -> u32 {
    window.div_ceil(POINTS_MAX).max(1)
}

/// The step of a window of so many minutes where none is asked for, in minutes.
#[must_use]
pub fn usual_step(window: u32) -> u32 {
    let fits = |step: &u32| window.div_ceil(*step) <= POINTS;
    STEPS.into_iter().find(fits).unwrap_or(2 * DAY)
}

impl Engine {
    /// What became of deliveries in the last `window` minutes (up to [`WINDOW_MAX`]), by steps of
    /// so many minutes (from [`finest_step`] up).
    ///
    /// # Errors
    /// [`OperationError::NotFound`] where the tenant has no such subscription.
    pub async fn stats(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
        window: u32,
        step: Option<u32>,
    ) -> Result<Stats, OperationError> {
        if subscription.is_some_and(|id| self.subscription(tenant, id).is_none()) {
            return Err(OperationError::NotFound("subscription"));
        }
        let window = window_of(self.now(), window);
        let mut total = Rollup::default();
        let mut series = step.map(|step| empty(&window, step));
        for (part, level) in parts(&window, step) {
            let store = &self.0.store;
            let found = store.rollups(tenant, subscription, part.start, part.end, level);
            for (at, rollup) in found.await? {
                total.merge(&rollup);
                if let (Some(series), Some(step)) = (&mut series, step) {
                    series.entry(at.aligned(step)).or_default().merge(&rollup);
                }
            }
        }
        let series = series.map(|series| series.into_iter().collect());
        Ok(Stats { total, series })
    }
}

/// The last so many minutes, the one under way included.
pub(super) fn window_of(now: Timestamp, minutes: u32) -> Range<Minute> {
    let end = Minute::of(now).plus(1);
    end.minus(minutes)..end
}

/// A window's steps, with nothing in them.
fn empty(window: &Range<Minute>, step: u32) -> BTreeMap<Minute, Rollup> {
    let first = window.start.aligned(step);
    let begins = std::iter::successors(Some(first), |at| Some(at.plus(step)));
    let begins = begins.take_while(|at| *at < window.end);
    begins.map(|at| (at, Rollup::default())).collect()
}

/// What a window is read in: whole hours where each lies in one step, minutes elsewhere, of a day at
/// most at once.
pub(super) fn parts(window: &Range<Minute>, step: Option<u32>) -> Vec<(Range<Minute>, Level)> {
    let first = window.start.plus(HOUR - 1).aligned(HOUR);
    let hours = first..window.end.aligned(HOUR).max(first);
    if hours.is_empty() || step.is_some_and(|step| step % HOUR != 0) {
        return days(window.clone()).collect();
    }
    let before = days(window.start..hours.start);
    let after = days(hours.end..window.end);
    before.chain([(hours, Level::Hour)]).chain(after).collect()
}

fn days(minutes: Range<Minute>) -> impl Iterator<Item = (Range<Minute>, Level)> {
    let end = minutes.end;
    let begins = std::iter::successors(Some(minutes.start), |at| Some(at.plus(DAY)));
    let begins = begins.take_while(move |at| *at < end);
    begins.map(move |at| (at..end.min(at.plus(DAY)), Level::Minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: Range<u32>, step: Option<u32>, expected: &[(Range<u32>, Level)]) {
        let range = |of: &Range<u32>| Minute::from_u32(of.start)..Minute::from_u32(of.end);
        let expected: Vec<_> = expected
            .iter()
            .map(|(part, at)| (range(part), *at))
            .collect();
        assert_eq!(parts(&range(&window), step), expected);
    }

    #[test]
    fn a_window_is_hours_in_the_middle_and_minutes_at_its_edges() {
        use Level::{Hour, Minute};
        check(
            50..310,
            None,
            &[(50..60, Minute), (60..300, Hour), (300..310, Minute)],
        );
        check(
            50..310,
            Some(120),
            &[(50..60, Minute), (60..300, Hour), (300..310, Minute)],
        );
        check(60..120, None, &[(60..120, Hour)]);
        check(50..110, None, &[(50..110, Minute)]);
        check(61..62, None, &[(61..62, Minute)]);
        check(50..310, Some(45), &[(50..310, Minute)]);
        check(
            0..3000,
            Some(90),
            &[
                (0..1440, Minute),
                (1440..2880, Minute),
                (2880..3000, Minute),
            ],
        );
    }

    #[test]
    fn steps_are_what_people_divide_time_by_and_points_are_bounded() {
        let found = [1, 15, 60, 24 * 60, 7 * DAY, 30 * DAY, WINDOW_MAX].map(usual_step);
        assert_eq!(found, [1, 1, 1, 30, 180, 720, 2880]);
        for window in 1..=WINDOW_MAX {
            assert!(usual_step(window) >= finest_step(window), "{window}");
        }
        assert_eq!([1, 1500, 1501].map(finest_step), [1, 1, 2]);
    }

    #[test]
    fn empty_steps_cover_the_window() {
        let window = Minute::from_u32(7)..Minute::from_u32(21);
        let begins: Vec<u32> = empty(&window, 5).keys().map(|at| at.as_u32()).collect();
        assert_eq!(begins, [5, 10, 15, 20]);
    }
}
