//! What the engine is told at start. Every number has its default, and its unit in its type or name.

use std::{sync::Arc, time::Duration};

use crate::inboxes::InboxConfig;
use posthaste::{
    chance::Chance,
    clock::{Clock, SystemClock},
    egress::EgressRules,
    transport::{
        WebhookTransport,
        http::{HttpConfig, HttpTransport},
    },
};
use posthaste_store::settings::{EventRate, TenantLimits};

/// What producers may send at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// One event's JSON; default 256 KiB.
    pub event_bytes: usize,
    /// Events of a batch; default 10,000.
    pub batch_events: usize,
    /// A batch's whole body; default 16 MiB.
    pub batch_bytes: usize,
    /// How long an idempotency key is remembered; default 24 h.
    pub dedup_window: Duration,
    /// Events that a tenant may publish, where it has no limit of its own; default none.
    pub events_per_s: Option<EventRate>,
    /// Subscriptions of a tenant that has no limit of its own; default 10,000.
    pub subscriptions: usize,
    /// Deliveries in a row that spend their attempts before a subscription that says nothing else is
    /// paused; 0 is never. Default 5.
    pub auto_pause_after: u32,
}

impl Limits {
    /// How many events a tenant may publish; none: as many as it likes.
    #[must_use]
    pub fn events_per_s(&self, own: &TenantLimits) -> Option<EventRate> {
        own.events_per_s.or(self.events_per_s)
    }

    /// How many subscriptions a tenant may have.
    #[must_use]
    pub fn subscriptions(&self, own: &TenantLimits) -> usize {
        own.subscriptions
            .map_or(self.subscriptions, |own| own as usize)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 256 * 1024,
            batch_events: 10_000,
            batch_bytes: 16 * 1024 * 1024,
            dedup_window: Duration::from_secs(24 * 3600),
            events_per_s: None,
            subscriptions: 10_000,
            auto_pause_after: 5,
        }
    }
}

/// How long things are kept, where their tenant has no limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events, with their deliveries and attempts, in days: 1 to 3,650, default 30.
    pub days: u32,
    /// Deliveries of a paused subscription before they are discarded, in days: 1 to 3,650, default
    /// 90.
    pub hold_days: u32,
    /// Entries of the audit log, in days: 1 to 3,650, default 365.
    pub audit_days: u32,
    /// How long a day is: 24 hours, and less for whoever tries what happens after weeks.
    pub day: Duration,
}

impl Retention {
    /// How long a tenant's events are kept.
    #[must_use]
    pub fn kept(&self, limits: &TenantLimits) -> Duration {
        self.day * limits.retention_days.unwrap_or(self.days)
    }

    /// From the alert to the first delivery that expires, at least: a day.
    #[must_use]
    pub fn notice(&self) -> Duration {
        self.day
    }

    /// How long a tenant's deliveries may be held.
    #[must_use]
    pub fn held(&self, limits: &TenantLimits) -> Duration {
        self.day * limits.hold_days.unwrap_or(self.hold_days)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            days: 30,
            hold_days: 90,
            audit_days: 365,
            day: Duration::from_secs(24 * 3600),
        }
    }
}

/// What bounds the engine's memory and sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Attempts under way at once, over all subscriptions; default 1,024.
    pub in_flight: usize,
    /// Deliveries held in memory; what is over it waits in the store. Default 100,000.
    pub deliveries: usize,
    /// Bytes of events held in memory; default 256 MiB.
    pub bytes: usize,
    /// Age at which a delivery in memory that has no row is given one, so that a restart has
    /// little to look through; default 5 s.
    pub unparked_for: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            in_flight: 1024,
            deliveries: 100_000,
            bytes: 256 * 1024 * 1024,
            unparked_for: Duration::from_secs(5),
        }
    }
}

/// All that [`Engine::start`](crate::Engine::start) needs besides a store.
#[derive(Clone)]
pub struct EngineConfig {
    pub limits: Limits,
    pub retention: Retention,
    pub bounds: Bounds,
    pub inboxes: InboxConfig,
    pub egress: Arc<EgressRules>,
    pub transport: Arc<dyn WebhookTransport>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<Chance>,
}

impl EngineConfig {
    /// Real HTTP under these rules, on the machine's clock, with every other default.
    #[must_use]
    pub fn new(egress: EgressRules) -> Self {
        let (egress, clock) = (Arc::new(egress), Arc::new(SystemClock::new()));
        let transport = HttpTransport::new(HttpConfig {
            rules: egress.clone(),
            clock: clock.clone(),
            ..HttpConfig::default()
        });
        Self {
            limits: Limits::default(),
            retention: Retention::default(),
            bounds: Bounds::default(),
            inboxes: InboxConfig::default(),
            egress,
            transport: Arc::new(transport.expect("no extra certificate that could be bad")),
            clock,
            chance: Arc::new(Chance::from_system()),
        }
    }
}

impl Default for EngineConfig {
    /// As [`Self::new`] with strict rules: https to public addresses alone.
    fn default() -> Self {
        Self::new(EgressRules::default())
    }
}
