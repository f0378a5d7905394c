//! Objects as the audit log names their members: by the names that the API has, less what is secret,
//! what the server keeps for itself, and what it does by itself.

use std::collections::BTreeMap;

use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::DeliveryStatus,
    egress::{DenyList, TargetUrl},
    event::EventType,
    filter::Filter,
    id::{EventId, SubscriptionId},
    json::RawJson,
    origin::Origin,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme},
    subscription::{BatchLimits, EventPattern, Ordering, RateLimit, Subscription},
};
use posthaste_store::{
    EventTypeEntry,
    inbox::{Bin, Inbox, InboxAnswer},
    query::DeliveryQuery,
    settings::{ApiKey, Catalogue, Scope, Tenant, TenantLimits},
};
use serde::Serialize;

#[derive(Serialize)]
pub struct SubscriptionMembers<'a> {
    external_id: Option<&'a str>,
    url: &'a TargetUrl,
    description: &'a str,
    events: &'a [EventPattern],
    filter: Option<&'a Filter>,
    status: &'static str,
    schemes: &'a [Scheme],
    algorithm: Algorithm,
    previous_secret_valid_until: Option<Timestamp>,
    retry: &'a RetryPolicy,
    timeout_ms: u128,
    rate_limit_per_s: Option<RateLimit>,
    max_in_flight: u32,
    auto_pause_after: u32,
    batch: Option<BatchLimits>,
    ordering: Ordering,
    format: BodyFormat,
    versions: &'a BTreeMap<EventType, u32>,
    metadata: &'a RawJson,
}

pub fn subscription(of: &Subscription) -> SubscriptionMembers<'_> {
    SubscriptionMembers {
        external_id: of.external_id.as_deref(),
        url: &of.url,
        description: &of.description,
        events: &of.events,
        filter: of.filter.as_ref(),
        status: of.status.as_str(),
        schemes: &of.schemes,
        algorithm: of.algorithm,
        previous_secret_valid_until: of.secrets.previous.as_ref().map(|(_, until)| *until),
        retry: &of.retry,
        timeout_ms: of.timeout.as_millis(),
        rate_limit_per_s: of.rate_limit,
        max_in_flight: of.max_in_flight,
        auto_pause_after: of.auto_pause_after,
        batch: of.batch,
        ordering: of.ordering,
        format: of.format,
        versions: &of.versions,
        metadata: &of.metadata,
    }
}

/// The secret members that are unlike between two states of a subscription.
pub fn unlike_secrets(old: &Subscription, new: &Subscription) -> Vec<&'static str> {
    let (before, after) = (&old.access, &new.access);
    let secrets = [
        ("secret", old.secrets.current != new.secrets.current),
        ("headers", before.headers != after.headers),
        ("auth", before.auth != after.auth),
        ("tls", before.tls != after.tls),
    ];
    let unlike = secrets.into_iter().filter(|(_, unlike)| *unlike);
    unlike.map(|(name, _)| name).collect()
}

#[derive(Serialize)]
pub struct KeyMembers<'a> {
    name: &'a str,
    scopes: Vec<&'static str>,
    expires_at: Option<Timestamp>,
    allowed_ips: Vec<String>,
}

pub fn key(of: &ApiKey) -> KeyMembers<'_> {
    KeyMembers {
        name: &of.name,
        scopes: of.scopes.iter().copied().map(Scope::as_str).collect(),
        expires_at: of.expires_at,
        allowed_ips: of.allowed_ips.iter().map(ToString::to_string).collect(),
    }
}

#[derive(Serialize)]
pub struct TenantMembers<'a> {
    name: &'a str,
    limits: &'a TenantLimits,
    catalogue: Catalogue,
    egress: EgressMembers<'a>,
    portal: PortalMembers<'a>,
}

#[derive(Serialize)]
struct PortalMembers<'a> {
    origins: &'a [Origin],
}

#[derive(Serialize)]
struct EgressMembers<'a> {
    deny: &'a DenyList,
}

pub fn tenant(of: &Tenant) -> TenantMembers<'_> {
    TenantMembers {
        name: &of.name,
        limits: &of.limits,
        catalogue: of.catalogue,
        egress: EgressMembers { deny: &of.denied },
        portal: PortalMembers {
            origins: &of.portal_origins,
        },
    }
}

#[derive(Serialize)]
pub struct InboxMembers<'a> {
    name: &'a str,
    answer: Option<&'a InboxAnswer>,
    /// At webhook.site.
    url: Option<&'a TargetUrl>,
    subscription: Option<SubscriptionId>,
}

/// Without its token.
pub fn inbox(of: &Inbox) -> InboxMembers<'_> {
    let (answer, url) = match &of.bin {
        Bin::Own { answer, .. } => (Some(answer), None),
        Bin::WebhookSite { url, .. } => (None, Some(url)),
    };
    InboxMembers {
        name: &of.name,
        answer,
        url,
        subscription: of.subscription(),
    }
}

#[derive(Serialize)]
pub struct EventTypeMembers<'a> {
    description: &'a str,
    example: Option<&'a RawJson>,
    versions: &'a BTreeMap<u32, RawJson>,
}

pub fn event_type(of: &EventTypeEntry) -> EventTypeMembers<'_> {
    EventTypeMembers {
        description: &of.description,
        example: of.example.as_ref(),
        versions: &of.versions,
    }
}

#[derive(Serialize)]
pub struct FilterMembers<'a> {
    status: Option<&'static str>,
    subscription: Option<SubscriptionId>,
    event: Option<EventId>,
    r#type: Option<&'a EventType>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    outcome_since: Option<Timestamp>,
    outcome_until: Option<Timestamp>,
    error: Option<&'a str>,
}

pub fn filter(of: &DeliveryQuery) -> FilterMembers<'_> {
    FilterMembers {
        status: of.status.map(DeliveryStatus::as_str),
        subscription: of.subscription,
        event: of.event,
        r#type: of.event_type.as_ref(),
        since: of.since,
        until: of.until,
        outcome_since: of.outcome_since,
        outcome_until: of.outcome_until,
        error: of.error.as_deref(),
    }
}
