//! Configuration that lives in the store: tenants and keys (subscriptions are the library's).

use std::{fmt, str::FromStr};

use posthaste::{
    clock::Timestamp, egress::DenyList, event::TenantId, id::KeyId, network::Network,
    origin::Origin,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// One isolated customer of the platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    pub limits: TenantLimits,
    pub catalogue: Catalogue,
    /// Where it does not want to send, beside what the operator refuses.
    pub denied: DenyList,
    /// Whose pages may show its portal in a frame.
    pub portal_origins: Vec<Origin>,
    pub created_at: Timestamp,
}

impl Tenant {
    /// One without limits of its own, that takes any event type.
    #[must_use]
    pub fn new(id: TenantId, name: String, created_at: Timestamp) -> Self {
        Self {
            id,
            name,
            limits: TenantLimits::default(),
            catalogue: Catalogue::default(),
            denied: DenyList::default(),
            portal_origins: Vec::new(),
            created_at,
        }
    }
}

/// A tenant's own limits; what is none is the server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantLimits {
    /// How many events it may publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_s: Option<EventRate>,
    /// How many subscriptions it may have: 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<u32>,
    /// How long events, deliveries and attempts are kept, in days: 1 to 3,650.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// How long a delivery may be held before it is discarded, in days: 1 to 3,650.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_days: Option<u32>,
}

/// Events per second at most; 0.01 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct EventRate(f64);

/// Not an [`EventRate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0.01 to 1,000,000 events per second")]
pub struct EventRateError;

impl EventRate {
    /// Events per second.
    #[must_use]
    pub fn per_s(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for EventRate {
    type Error = EventRateError;

    fn try_from(per_s: f64) -> Result<Self, EventRateError> {
        let fits = (0.01..=1_000_000.0).contains(&per_s);
        fits.then_some(Self(per_s)).ok_or(EventRateError)
    }
}

impl From<EventRate> for f64 {
    fn from(rate: EventRate) -> Self {
        rate.0
    }
}

/// Which event types a tenant takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Catalogue {
    /// Any.
    #[default]
    Open,
    /// Those in its catalogue alone.
    Strict,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    EventsPublish,
    EventsRead,
    SubscriptionsRead,
    SubscriptionsWrite,
    DeliveriesRead,
    DeliveriesWrite,
    EventTypesWrite,
    KeysManage,
    PortalCreate,
    TenantsManage,
    /// All of them; in a tenant's key all but `tenants:manage`.
    All,
}

impl Scope {
    pub const EVERY: &[Self] = &[
        Self::EventsPublish,
        Self::EventsRead,
        Self::SubscriptionsRead,
        Self::SubscriptionsWrite,
        Self::DeliveriesRead,
        Self::DeliveriesWrite,
        Self::EventTypesWrite,
        Self::KeysManage,
        Self::PortalCreate,
        Self::TenantsManage,
        Self::All,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsPublish => "events:publish",
            Self::EventsRead => "events:read",
            Self::SubscriptionsRead => "subscriptions:read",
            Self::SubscriptionsWrite => "subscriptions:write",
            Self::DeliveriesRead => "deliveries:read",
            Self::DeliveriesWrite => "deliveries:write",
            Self::EventTypesWrite => "event-types:write",
            Self::KeysManage => "keys:manage",
            Self::PortalCreate => "portal:create",
            Self::TenantsManage => "tenants:manage",
            Self::All => "*",
        }
    }
}

/// Not the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a scope such as events:publish, or *")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let known = Self::EVERY.iter().copied();
        known
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(ScopeError)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An API key, without its value: that is shown once and kept as its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// None: the platform's.
    pub tenant: Option<TenantId>,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from; none is anywhere.
    pub allowed_ips: Vec<Network>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// What a store was given when it was made, the same for as long as it lives.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Names this server to itself, where an event comes back to it.
    pub server: u64,
    /// Authenticates page cursors.
    pub cursor_key: Zeroizing<[u8; 32]>,
}
