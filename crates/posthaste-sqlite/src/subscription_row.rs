//! A subscription as a row: what SQL asks about in columns, what is secret as one sealed value, the
//! rest as one JSON text.

use std::{collections::BTreeMap, time::Duration};

use posthaste::{
    body::BodyFormat,
    circuit::Circuit,
    delivery::Health,
    event::EventType,
    filter::Filter,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme},
    subscription::{BatchLimits, EventPattern, Ordering, RateLimit, Subscription},
};
use posthaste_store::keyring::What;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Fault, Result},
    row::Columns,
    subscription_secrets, tenant,
    vault::{Opener, Owner},
};

#[derive(Serialize, Deserialize)]
struct Settings {
    url: String,
    description: String,
    events: Vec<EventPattern>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
    schemes: Vec<Scheme>,
    algorithm: Algorithm,
    retry: RetryPolicy,
    timeout_ms: u64,
    max_in_flight: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate_limit: Option<RateLimit>,
    #[serde(default)]
    ordering: Ordering,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchLimits>,
    auto_pause_after: u32,
    format: BodyFormat,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    versions: BTreeMap<EventType, u32>,
    metadata: RawJson,
}

/// The part of a subscription that is one JSON text.
pub fn settings(subscription: &Subscription) -> Result<String> {
    let settings = Settings {
        url: subscription.url.as_str().to_owned(),
        description: subscription.description.clone(),
        events: subscription.events.clone(),
        filter: subscription.filter.clone(),
        schemes: subscription.schemes.clone(),
        algorithm: subscription.algorithm,
        retry: subscription.retry.clone(),
        timeout_ms: u64::try_from(subscription.timeout.as_millis()).unwrap_or(u64::MAX),
        max_in_flight: subscription.max_in_flight,
        rate_limit: subscription.rate_limit,
        ordering: subscription.ordering,
        batch: subscription.batch,
        auto_pause_after: subscription.auto_pause_after,
        format: subscription.format,
        versions: subscription.versions.clone(),
        metadata: subscription.metadata.clone(),
    };
    serde_json::to_string(&settings).map_err(|error| Fault::Corrupt(error.to_string()))
}

/// A row of `sql/subscriptions.sql`.
pub fn read(row: &Row<'_>, opener: &mut Opener<'_>) -> Result<Subscription> {
    let json = row.get_ref(7)?.as_str()?;
    let settings: Settings = serde_json::from_str(json).map_err(|_| corrupt("settings"))?;
    let (id, tenant) = (
        row.subscription_id(0)?,
        tenant::parse(row.get_ref(1)?.as_str()?)?,
    );
    let owner = Owner::tenant(&tenant, row.number(16)?);
    let sealed = row.get_ref(17)?.as_blob()?;
    let opened = opener.open(owner, (What::Subscription, id.as_u64()), sealed)?;
    let secret = subscription_secrets::read(&opened);
    let (secrets, access) = secret.ok_or_else(|| corrupt("secrets"))?;
    Ok(Subscription {
        id,
        tenant,
        external_id: row.get(6)?,
        url: settings.url.parse().map_err(|_| corrupt("url"))?,
        description: settings.description,
        events: settings.events,
        filter: settings.filter,
        status: row.coded(2)?,
        schemes: settings.schemes,
        algorithm: settings.algorithm,
        secrets,
        access,
        retry: settings.retry,
        timeout: Duration::from_millis(settings.timeout_ms),
        max_in_flight: settings.max_in_flight,
        rate_limit: settings.rate_limit,
        ordering: settings.ordering,
        batch: settings.batch,
        auto_pause_after: settings.auto_pause_after,
        format: settings.format,
        versions: settings.versions,
        metadata: settings.metadata,
        health: health(row)?,
        created_at: row.time(4)?.unwrap_or_default(),
        updated_at: row.time(5)?.unwrap_or_default(),
        revision: row.number(3)?,
    })
}

fn health(row: &Row<'_>) -> Result<Health> {
    Ok(Health {
        unhealthy: row.get(8)?,
        consecutive_failures: row.get(9)?,
        failed_attempts_in_a_row: row.get(10)?,
        circuit: circuit(row)?,
        wait_until: row.time(15)?,
        last_success_at: row.time(11)?,
        last_failure_at: row.time(12)?,
    })
}

fn circuit(row: &Row<'_>) -> Result<Circuit> {
    let Some(probe_at) = row.time(13)? else {
        return Ok(Circuit::Closed);
    };
    let wait = Duration::from_millis(row.number(14)?);
    Ok(Circuit::Open { probe_at, wait })
}

/// Names the column alone: what stands in it may be a secret.
fn corrupt(column: &str) -> Fault {
    Fault::Corrupt(format!("a subscription's {column} cannot be read"))
}
