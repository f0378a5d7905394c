//! The catalogue of what is measured. Names follow Prometheus: a unit last, `_total` on counters.

use std::sync::atomic::AtomicU64;

use posthaste_store::record::{Settlement, Standing};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::{scheduler::Load, upkeep::retention::Gone};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

/// Counters and gauges of one engine.
pub struct Telemetry {
    registry: Registry,
    events: Counter,
    deliveries: Counter,
    attempts: Family<Result, Counter>,
    settled: Family<Result, Counter>,
    latency: Histogram,
    held: Gauge<u64, AtomicU64>,
    in_flight: Gauge<u64, AtomicU64>,
    pruned: Counter,
    expired: Counter,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    #[must_use]
    pub fn new() -> Self {
        let telemetry = Self {
            registry: Registry::with_prefix("posthaste"),
            events: Counter::default(),
            deliveries: Counter::default(),
            attempts: Family::default(),
            settled: Family::default(),
            // 1 ms to 65 s.
            latency: Histogram::new(exponential_buckets(0.001, 2.0, 17)),
            held: Gauge::default(),
            in_flight: Gauge::default(),
            pruned: Counter::default(),
            expired: Counter::default(),
        };
        telemetry.registered()
    }

    fn registered(mut self) -> Self {
        let r = &mut self.registry;
        r.register("events_accepted", "Events on disk", self.events.clone());
        let owed = "Deliveries that accepted events owe";
        r.register("deliveries_accepted", owed, self.deliveries.clone());
        let attempts = "Attempts, by ok or the failure's class";
        r.register("attempts", attempts, self.attempts.clone());
        let ended = "Deliveries that ended, by how";
        r.register("deliveries_ended", ended, self.settled.clone());
        let latency = "Duration of attempts";
        r.register_with_unit(
            "attempt_latency",
            latency,
            Unit::Seconds,
            self.latency.clone(),
        );
        let held = "Deliveries in memory, waiting or under way";
        r.register("deliveries_held", held, self.held.clone());
        let under_way = "Attempts under way";
        r.register("attempts_in_flight", under_way, self.in_flight.clone());
        let pruned = "Events past their retention that were deleted";
        r.register("events_pruned", pruned, self.pruned.clone());
        let expired = "Deliveries that were held too long and discarded";
        r.register("deliveries_expired", expired, self.expired.clone());
        self
    }

    pub fn event_accepted(&self, deliveries: usize) {
        self.events.inc();
        self.deliveries.inc_by(deliveries as u64);
    }

    pub fn settled(&self, settlements: &[Settlement]) {
        for settlement in settlements {
            if let Some(attempt) = &settlement.attempt {
                let error = attempt.error.as_deref();
                self.attempts
                    .get_or_create(&Result {
                        result: class(error),
                    })
                    .inc();
                #[allow(clippy::cast_precision_loss)]
                self.latency.observe(attempt.latency_us as f64 / 1e6);
            }
            let result = match settlement.standing {
                Standing::Delivered => "delivered",
                Standing::Failed => "failed",
                Standing::Discarded(_) => "discarded",
                Standing::Waiting { .. } => continue,
            };
            self.settled.get_or_create(&Result { result }).inc();
        }
    }

    pub fn pruned(&self, gone: Gone) {
        self.pruned.inc_by(gone.events);
    }

    pub fn expired(&self, deliveries: u64) {
        self.expired.inc_by(deliveries);
        let result = "discarded";
        let ended = self.settled.get_or_create(&Result { result });
        ended.inc_by(deliveries);
    }

    /// Prometheus text.
    #[must_use]
    pub fn text(&self, load: Load) -> String {
        self.held.set(load.held as u64);
        self.in_flight.set(load.in_flight as u64);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

/// The failure class that an attempt's error begins with.
fn class(error: Option<&str>) -> &'static str {
    let Some(error) = error else { return "ok" };
    let word = error.split([' ', ':']).next().unwrap_or_default();
    posthaste::delivery::FailureClass::named(word).map_or("internal", |class| class.as_str())
}
