//! The model is proved by mistakes that are made on purpose: it must notice each of them.

use std::{sync::Mutex, time::Duration};

use posthaste_simulation::{Bug, Options, simulate_all};

use crate::THREADS;

/// Worlds in which a mistake must show.
const SEEDS: u64 = 60;

#[track_caller]
fn check(bug: Bug, expected: &str) {
    let found = Mutex::new(None);
    let options = Options {
        length: Duration::from_secs(1800),
        bug: Some(bug),
        ..Options::default()
    };
    simulate_all(0..SEEDS, &options, THREADS, |report| {
        let violation = report.violation.map(|violation| violation.what);
        let noticed = violation.filter(|what| what.contains(expected));
        let goes_on = noticed.is_none();
        if let Some(what) = noticed {
            *found.lock().unwrap() = Some((report.seed, what));
        }
        goes_on
    });
    let found = found.into_inner().unwrap();
    println!("{bug:?}: {found:?}");
    assert!(found.is_some(), "{bug:?} goes unnoticed in {SEEDS} worlds");
}

macro_rules! noticed {
    ($($name:ident: $bug:ident, $expected:literal;)*) => {$(
        #[test]
        fn $name() {
            check(Bug::$bug, $expected);
        }
    )*};
}

noticed! {
    an_answer_before_the_commit: AckBeforeCommit, "I1";
    a_lost_wake_up: LostWakeUp, "I2";
    a_retry_that_is_written_later_than_its_attempt: RetryOutsideTransaction, "";
    order_that_is_not_kept: OrderNotKept, "I6";
    a_delivery_dropped_on_pause: DroppedOnPause, "I2";
    retries_without_jitter: JitterMissing, "without jitter";
    a_key_that_tenants_share: KeyNotScopedByTenant, "I7";
    an_outcome_of_another_life: OutcomeNotFenced, "";
    a_retry_after_that_is_ignored: RetryAfterIgnored, "health of";
    a_rate_limit_that_does_not_count: RateLimitNotCounted, "over its rate";
    a_timeout_taken_for_a_success: TimeoutIsSuccess, "health of";
    a_budget_that_is_not_spent: BudgetNotSpent, "spent";
    a_cursor_written_apart_from_what_it_sends: CursorWrittenApart, "twice";
    a_rollup_counted_twice_after_a_crash: CountedTwice, "rollups of";
    retention_that_takes_what_waits: WaitingPruned, "pruned while it waits";
    a_replay_that_skips_its_last_page: LastPageSkipped, "";
}
