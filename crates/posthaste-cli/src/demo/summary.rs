//! How the demo ended, in numbers that have to add up.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::{Tally, story::Told};
use crate::paint::{Ink, Paint};

/// # Errors
/// The numbers do not add up: something was lost, made twice, or not verified.
pub fn print(told: &Told, tally: Tally, took: Duration, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", as_json(told, tally, took));
    } else {
        print!("{}", text(told, tally, took, Paint::for_stdout()));
    }
    check(told, tally)
}

fn check(told: &Told, tally: Tally) -> anyhow::Result<()> {
    let ended = told.delivered + told.failed + told.discarded + told.held;
    ensure!(
        ended == tally.deliveries && ended == told.deliveries,
        "{} deliveries were promised and {ended} ended",
        tally.deliveries
    );
    ensure!(
        told.attempts == told.requests,
        "{} attempts were recorded and {} requests arrived",
        told.attempts,
        told.requests
    );
    ensure!(
        told.verified == told.requests,
        "{} of {} requests did not verify",
        told.requests - told.verified,
        told.requests
    );
    Ok(())
}

fn as_json(told: &Told, tally: Tally, took: Duration) -> serde_json::Value {
    json!({
        "events": tally.events,
        "deliveries": tally.deliveries,
        "delivered": told.delivered,
        "failed": told.failed,
        "discarded": told.discarded,
        "held": told.held,
        "attempts": told.attempts,
        "requests": told.requests,
        "verified": told.verified,
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn text(told: &Told, tally: Tally, took: Duration, paint: Paint) -> String {
    let bold = |n: u64| paint.ink(Ink::Bold, &format!("{n:>5}"));
    let mut parts = vec![
        paint.ink(Ink::Green, &format!("{} delivered", told.delivered)),
        paint.ink(Ink::Red, &format!("{} dead letters", told.failed)),
        paint.ink(Ink::Yellow, &format!("{} held", told.held)),
    ];
    if told.discarded > 0 {
        parts.push(format!("{} discarded", told.discarded));
    }
    let seconds = took.as_secs_f64();
    format!(
        "\n{} events published, on disk before they were answered\n\
         {} deliveries = {}\n\
         {} attempts = requests that arrived, {} of them with signatures that verify\n\
         {:>5} lost, in {seconds:.1} s\n",
        bold(tally.events),
        bold(tally.deliveries),
        parts.join(" + "),
        bold(told.attempts),
        told.verified,
        tally.deliveries.saturating_sub(told.deliveries),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: Told = Told {
        deliveries: 9,
        delivered: 5,
        failed: 3,
        discarded: 0,
        held: 1,
        waiting: 0,
        attempts: 14,
        requests: 14,
        verified: 14,
    };
    const TALLY: Tally = Tally {
        events: 3,
        deliveries: 9,
    };

    #[test]
    fn numbers_that_do_not_add_up_are_an_error() {
        assert!(check(&TOLD, TALLY).is_ok());
        for wrong in [
            Told { held: 0, ..TOLD },
            Told {
                requests: 15,
                ..TOLD
            },
            Told {
                verified: 13,
                ..TOLD
            },
        ] {
            assert!(check(&wrong, TALLY).is_err(), "{wrong:?}");
        }
    }
}
