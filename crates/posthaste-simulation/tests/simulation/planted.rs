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

#[test]
fn every_planted_mistake_is_noticed() {
    for (bug, expected) in [
        (Bug::AckBeforeCommit, "I1"),
        (Bug::LostWakeUp, "I2"),
        (Bug::RetryOutsideTransaction, "its retry is due"),
        (Bug::OrderNotKept, "I6"),
        (Bug::DroppedOnPause, "I2"),
        (Bug::JitterMissing, "without jitter"),
        (Bug::KeyNotScopedByTenant, "I7"),
        (Bug::OutcomeNotFenced, ""),
        (Bug::RetryAfterIgnored, "becomes Waiting"),
        (Bug::RateLimitNotCounted, "over its rate"),
        (Bug::TimeoutIsSuccess, "becomes Delivered"),
        (Bug::BudgetNotSpent, "becomes Waiting"),
    ] {
        check(bug, expected);
    }
    assert_eq!(Bug::ALL.len(), 12, "each has a row");
}
