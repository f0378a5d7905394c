//! What a seed's world is made of: which faults it has, how large it is, who takes part.

use std::time::Duration;

use posthaste::{
    event::TenantId,
    retry::RetryPolicy,
    subscription::{BatchLimits, Ordering},
};
use posthaste_engine::{Bounds, Retention};

use crate::{dice::Dice, receiver::Profile};

/// Kinds of trouble, each switched on or off by the seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classes {
    pub crashes: bool,
    /// The store refuses for a while, and loses the answer to a commit.
    pub failing_store: bool,
    /// The store takes seconds.
    pub slow_store: bool,
    pub clock_jumps: bool,
    /// Subscriptions are made, edited, paused, disabled and deleted meanwhile.
    pub edits: bool,
    pub redeliveries: bool,
    pub tests: bool,
    pub lost_hints: bool,
    pub bursts: bool,
    pub idempotency: bool,
    /// Memory for a few deliveries only, so that shelves are used all the time.
    pub small_memory: bool,
    pub hostile_receivers: bool,
    pub order: bool,
    pub batches: bool,
    pub rate_limits: bool,
    /// Windows of the past are sent again, and some of these jobs stopped.
    pub replays: bool,
    /// Days of minutes: what is old is let go of, and what is held expires.
    pub retention: bool,
}

/// A retry policy in plain numbers, for a model that must not ask the code that it judges.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub waits_s: &'static [f64],
    pub jitter: f64,
}

/// The policies of the world.
pub const TERMS: &[Terms] = &[
    Terms {
        waits_s: &[1.0, 2.0, 4.0],
        jitter: 0.5,
    },
    Terms {
        waits_s: &[5.0, 30.0, 120.0],
        jitter: 0.2,
    },
    Terms {
        waits_s: &[0.05, 30.0],
        jitter: 1.0,
    },
    Terms {
        waits_s: &[2.0, 4.0, 8.0],
        jitter: 0.0,
    },
    Terms {
        waits_s: &[60.0, 600.0],
        jitter: 0.1,
    },
];

impl Terms {
    #[must_use]
    pub fn policy(self) -> RetryPolicy {
        RetryPolicy::schedule(self.waits_s, self.jitter).expect("terms within bounds")
    }

    /// The terms of a policy that was made from them.
    #[must_use]
    pub fn of(policy: &RetryPolicy) -> Self {
        let known = TERMS.iter().find(|terms| terms.policy() == *policy);
        *known.expect("the world knows its own policies")
    }
}

/// A subscription to be made, and the receiver behind it.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    pub tenant: usize,
    pub profile: Profile,
    pub terms: Terms,
    pub timeout: Duration,
    pub max_in_flight: u32,
    pub auto_pause_after: u32,
    pub ordering: Ordering,
    pub batch: Option<BatchLimits>,
    /// It wants the platform's own events too.
    pub alerts: bool,
    pub rate_limit_per_s: Option<f64>,
}

/// Someone who publishes.
#[derive(Clone, Copy, Debug)]
pub struct Producer {
    pub tenant: usize,
    /// On average.
    pub interval: Duration,
    /// Ordering keys that its events go round; 0 is none.
    pub lines: u64,
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub classes: Classes,
    pub bounds: Bounds,
    pub retention: Retention,
    pub tenants: Vec<TenantId>,
    pub endpoints: Vec<Endpoint>,
    pub producers: Vec<Producer>,
    /// A tenant whose first attempts must not wait, beside a noisy one.
    pub quiet: Option<TenantId>,
}

impl Scenario {
    /// The world of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "scenario");
        // One world in ten is about its neighbours alone.
        if dice.happens(100) {
            return Self::noisy(&mut dice);
        }
        let classes = Classes::drawn(&mut dice);
        let tenants = 1 + dice.index(3);
        let names = (0..tenants).map(|n| format!("tenant-{n}").parse().expect("a tenant's id"));
        let count = tenants + dice.index(6);
        let mut endpoints = Vec::new();
        for n in 0..count {
            endpoints.push(Endpoint::drawn(&mut dice, &classes, n % tenants));
        }
        let mut producers = Vec::new();
        for n in 0..tenants + dice.index(2) {
            producers.push(Producer::drawn(&mut dice, &classes, n % tenants));
        }
        Self {
            bounds: bounds(&mut dice, &classes),
            retention: retention(&mut dice),
            classes,
            tenants: names.collect(),
            endpoints,
            producers,
            quiet: None,
        }
    }

    /// A quiet tenant beside one with a hundred times its load, whose receivers are dead.
    fn noisy(dice: &mut Dice) -> Self {
        let classes = Classes {
            small_memory: true,
            bursts: true,
            ..Classes::default()
        };
        let endpoint = |tenant, profile| Endpoint {
            tenant,
            profile,
            terms: TERMS[0],
            timeout: Duration::from_secs(15),
            max_in_flight: 32,
            auto_pause_after: 0,
            ordering: Ordering::None,
            batch: None,
            alerts: false,
            rate_limit_per_s: None,
        };
        let mut endpoints = vec![endpoint(0, Profile::Healthy)];
        for _ in 0..3 {
            let dead = [Profile::Hangs, Profile::Slow, Profile::Refuses(500)];
            endpoints.push(endpoint(1, dice.pick(&dead)));
        }
        let producer = |tenant, interval| Producer {
            tenant,
            interval: Duration::from_millis(interval),
            lines: 0,
        };
        Self {
            bounds: Bounds {
                in_flight: dice.pick(&[16, 32, 64]),
                deliveries: dice.pick(&[500, 5000, 20_000]),
                ..Bounds::default()
            },
            retention: Retention::default(),
            classes,
            tenants: ["tenant-0", "tenant-1"]
                .map(|name| name.parse().expect("a tenant's id"))
                .into(),
            endpoints,
            producers: vec![producer(0, 150_000), producer(1, 1500)],
            quiet: Some("tenant-0".parse().expect("a tenant's id")),
        }
    }
}

impl Classes {
    fn drawn(dice: &mut Dice) -> Self {
        // One world in ten has no trouble at all: there, nothing excuses a repetition.
        let calm = dice.happens(100);
        let mut on = |thousandths| dice.happens(thousandths) && !calm;
        Self {
            crashes: on(500),
            failing_store: on(400),
            slow_store: on(250),
            clock_jumps: on(300),
            edits: on(500),
            redeliveries: on(400),
            tests: on(250),
            lost_hints: on(300),
            bursts: on(500),
            idempotency: on(600),
            small_memory: on(500),
            hostile_receivers: on(800),
            order: on(500),
            batches: on(350),
            rate_limits: on(300),
            replays: on(500),
            retention: on(400),
        }
    }
}

impl Endpoint {
    pub fn drawn(dice: &mut Dice, classes: &Classes, tenant: usize) -> Self {
        let fifo = classes.order && dice.happens(600);
        let batched = classes.batches && dice.happens(400);
        let limited = classes.rate_limits && dice.happens(500);
        Self {
            tenant,
            profile: Profile::drawn(dice, classes),
            terms: dice.pick(TERMS),
            timeout: dice.pick(&[2, 10, 15].map(Duration::from_secs)),
            max_in_flight: dice.pick(&[1, 2, 4, 8, 32]),
            auto_pause_after: dice.pick(&[0, 0, 3, 5, 20]),
            batch: batched.then(|| BatchLimits {
                max_events: dice.pick(&[2, 5, 20]),
                max_wait_ms: dice.pick(&[10, 1000, 5000]),
                max_bytes: dice.pick(&[2048, 1024 * 1024]),
            }),
            alerts: dice.happens(200),
            ordering: if fifo { Ordering::Fifo } else { Ordering::None },
            rate_limit_per_s: limited.then(|| dice.pick(&[0.5, 1.0, 2.5, 10.0])),
        }
    }
}

impl Producer {
    fn drawn(dice: &mut Dice, classes: &Classes, tenant: usize) -> Self {
        Self {
            tenant,
            interval: dice.millis(2000, 15_000),
            lines: if classes.order { dice.below(5) } else { 0 },
        }
    }
}

fn retention(dice: &mut Dice) -> Retention {
    Retention {
        days: dice.pick(&[1, 2, 5]),
        hold_days: dice.pick(&[1, 2, 4]),
        day: dice.pick(&[Duration::from_secs(120), Duration::from_secs(300)]),
        ..Retention::default()
    }
}

fn bounds(dice: &mut Dice, classes: &Classes) -> Bounds {
    let usual = Bounds::default();
    let small = Bounds {
        in_flight: dice.pick(&[4, 8, 16, 64]),
        deliveries: dice.pick(&[50, 100, 200, 500]),
        bytes: dice.pick(&[128 * 1024, 1024 * 1024, usual.bytes]),
        unparked_for: dice.pick(&[Duration::from_secs(1), usual.unparked_for]),
    };
    if classes.small_memory { small } else { usual }
}
