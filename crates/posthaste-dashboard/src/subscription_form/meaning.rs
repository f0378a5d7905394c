//! What a form asks for, as the operations take it.

use std::{collections::BTreeMap, ops::Not, time::Duration};

use posthaste::{
    body::BodyFormat,
    egress::{TargetUrl, UrlRefusal},
    event::EventType,
    filter::{Filter, FilterError},
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme, Secret},
    subscription::{Access, BatchLimits, EventPattern, Ordering, RateLimit, Subscription},
    wording,
};
use posthaste_engine::operations::{
    NewSubscription, OperationError, RequestedStatus, SubscriptionPatch, batching::Mode,
    credentials::AskedAccess,
};

use super::{
    Wrongs, access,
    reading::{Reading, named},
    retry, wrongs,
};
use crate::query::Query;

/// All that the fields say.
#[derive(Clone)]
pub(crate) struct Asked {
    url: TargetUrl,
    description: String,
    external_id: Option<String>,
    events: Vec<EventPattern>,
    filter: Option<Filter>,
    /// None where the form has no such field.
    status: Option<RequestedStatus>,
    schemes: Vec<Scheme>,
    algorithm: Algorithm,
    secret: Option<Secret>,
    access: AskedAccess,
    retry: RetryPolicy,
    timeout: Duration,
    rate_limit: Option<RateLimit>,
    max_in_flight: u32,
    auto_pause_after: Option<u32>,
    ordering: Ordering,
    batch: Option<BatchLimits>,
    format: BodyFormat,
    versions: BTreeMap<EventType, u32>,
    metadata: RawJson,
}

impl Asked {
    /// `judge` says whether a URL may be a target.
    pub(crate) fn read(
        form: &Query,
        judge: impl FnOnce(&TargetUrl) -> Result<(), UrlRefusal>,
    ) -> Result<Self, Wrongs> {
        let mut reading = Reading::of(form);
        let asked = asked(&mut reading, judge);
        let wrongs = reading.wrongs;
        asked.filter(|_| wrongs.is_empty()).ok_or(wrongs)
    }

    /// A subscription to be made.
    pub(crate) fn new(self) -> Result<NewSubscription, OperationError> {
        Ok(NewSubscription {
            url: self.url,
            external_id: self.external_id,
            description: self.description,
            events: self.events,
            filter: self.filter,
            schemes: self.schemes,
            algorithm: self.algorithm,
            access: self.access.applied(&Access::default())?,
            secret: self.secret,
            retry: self.retry,
            timeout: self.timeout,
            max_in_flight: self.max_in_flight,
            rate_limit: self.rate_limit,
            ordering: self.ordering,
            batch: self.batch,
            auto_pause_after: self.auto_pause_after,
            format: self.format,
            versions: self.versions,
            metadata: self.metadata,
        })
    }

    /// What it would change of one that there is: nothing that is so already, so that what someone
    /// leaves alone is not judged anew.
    pub(crate) fn changes(self, now: &Subscription) -> SubscriptionPatch {
        fn differs<T: PartialEq>(asked: T, now: &T) -> Option<T> {
            (asked != *now).then_some(asked)
        }
        let batch_differs = self.batch != now.batch;
        SubscriptionPatch {
            url: differs(self.url, &now.url),
            external_id: differs(self.external_id, &now.external_id),
            description: differs(self.description, &now.description),
            events: differs(self.events, &now.events),
            filter: differs(self.filter, &now.filter),
            status: self
                .status
                .filter(|asked| asked.as_str() != now.status.as_str()),
            // In whatever order they were given.
            schemes: same(&self.schemes, &now.schemes)
                .not()
                .then_some(self.schemes),
            algorithm: differs(self.algorithm, &now.algorithm),
            access: access::changed(self.access, &now.access),
            retry: differs(self.retry, &now.retry),
            timeout: differs(self.timeout, &now.timeout),
            max_in_flight: differs(self.max_in_flight, &now.max_in_flight),
            rate_limit: differs(self.rate_limit, &now.rate_limit),
            ordering: differs(self.ordering, &now.ordering),
            mode: batch_differs.then_some(Mode::of(self.batch.as_ref())),
            batch: batch_differs.then_some(self.batch),
            auto_pause_after: self.auto_pause_after.filter(|n| *n != now.auto_pause_after),
            format: differs(self.format, &now.format),
            versions: differs(self.versions, &now.versions),
            metadata: differs(self.metadata, &now.metadata),
        }
    }
}

fn same(asked: &[Scheme], now: &[Scheme]) -> bool {
    asked.len() == now.len() && asked.iter().all(|scheme| now.contains(scheme))
}

/// Every field is read before any is missed.
fn asked(
    reading: &mut Reading<'_>,
    judge: impl FnOnce(&TargetUrl) -> Result<(), UrlRefusal>,
) -> Option<Asked> {
    let url = reading.parsed("url").and_then(|url: TargetUrl| {
        let judged = judge(&url).map(|()| url);
        reading.take("url", judged)
    });
    let description = worded(
        reading,
        "description",
        0..=Subscription::DESCRIPTION_BYTES_MAX,
    );
    let external_id = match reading.text("external_id") {
        "" => Some(None),
        _ => worded(
            reading,
            "external_id",
            1..=Subscription::EXTERNAL_ID_BYTES_MAX,
        )
        .map(Some),
    };
    let events = events(reading);
    let filter = filter(reading);
    let status = match reading.text("status") {
        "" => None,
        name => reading.take(
            "status",
            RequestedStatus::named(name).ok_or("expected one of the list"),
        ),
    };
    let schemes = schemes(reading);
    let algorithm = reading.parsed("algorithm");
    let secret = secret(reading, algorithm);
    let access = access::read(reading);
    let retry = retry::read(reading);
    let timeout_ms = reading.whole("timeout_ms", Subscription::TIMEOUT_MS);
    let rate_limit = rate_limit(reading);
    let max_in_flight = reading.whole("max_in_flight", Subscription::IN_FLIGHT);
    let auto_pause_after = match reading.text("auto_pause_after") {
        "" => None,
        _ => reading.whole("auto_pause_after", 0..=u32::MAX),
    };
    let ordering = reading.named("ordering");
    let batch = batch(reading);
    let format = reading.named("format");
    let versions = reading.pairs("versions", Subscription::PATTERNS_MAX);
    let metadata = reading.object("metadata");
    Some(Asked {
        url: url?,
        description: description?,
        external_id: external_id?,
        events: events?,
        filter: filter?,
        status,
        schemes: schemes?,
        algorithm: algorithm?,
        secret,
        access: access?,
        retry: retry?,
        timeout: Duration::from_millis(timeout_ms?),
        rate_limit: rate_limit?,
        max_in_flight: max_in_flight?,
        auto_pause_after,
        ordering: ordering?,
        batch: batch?,
        format: format?,
        versions,
        metadata: metadata?,
    })
}

fn worded(
    reading: &mut Reading<'_>,
    field: &str,
    bytes: std::ops::RangeInclusive<usize>,
) -> Option<String> {
    let text = reading.text(field);
    let worded = wording::within(text, bytes).map(str::to_owned);
    reading.take(field, worded)
}

fn events(reading: &mut Reading<'_>) -> Option<Vec<EventPattern>> {
    let typed = wrongs::events(reading.form);
    let parsed = typed.map(|pattern| {
        pattern
            .parse::<EventPattern>()
            .map_err(|error| format!("{pattern:?}: {error}"))
    });
    let patterns: Vec<EventPattern> = reading.take("events", parsed.collect())?;
    let most = Subscription::PATTERNS_MAX;
    let few = patterns.len() <= most;
    reading.take(
        "events",
        few.then_some(patterns)
            .ok_or(format!("expected at most {most}")),
    )
}

/// Where it is wrong is said by JSON Pointers.
fn filter(reading: &mut Reading<'_>) -> Option<Option<Filter>> {
    let text = reading.lines("filter");
    if text.is_empty() {
        return Some(None);
    }
    let filter = text.parse::<Filter>().map_err(|error| told(&error));
    reading.take("filter", filter).map(Some)
}

/// All that is wrong with a filter, and where.
pub(crate) fn told(error: &FilterError) -> String {
    let each = error
        .faults()
        .iter()
        .map(|fault| match fault.pointer.as_str() {
            "" => fault.detail.to_string(),
            pointer => format!("{pointer}: {}", fault.detail),
        });
    each.collect::<Vec<_>>().join("; ")
}

fn schemes(reading: &mut Reading<'_>) -> Option<Vec<Scheme>> {
    let chosen: Vec<&str> = reading.form.all("schemes").collect();
    let known = Scheme::ALL.iter().copied();
    let known: Vec<Scheme> = known
        .filter(|scheme| chosen.contains(&scheme.as_str()))
        .collect();
    let unknown = chosen.iter().any(|name| named::<Scheme>(name).is_none());
    let any = (!known.is_empty() && !unknown).then_some(known);
    reading.take("schemes", any.ok_or("expected at least one of the list"))
}

/// What is wrong with it is said, and nothing of it.
fn secret(reading: &mut Reading<'_>, algorithm: Option<Algorithm>) -> Option<Secret> {
    let text = reading.form.text("secret")?;
    reading.take("secret", algorithm?.secret(text.trim()))
}

fn rate_limit(reading: &mut Reading<'_>) -> Option<Option<RateLimit>> {
    if reading.text("rate_limit_per_s").is_empty() {
        return Some(None);
    }
    let per_s = reading.number("rate_limit_per_s")?;
    reading
        .take("rate_limit_per_s", RateLimit::try_from(per_s))
        .map(Some)
}

/// In mode `single`, nobody reads the limits.
fn batch(reading: &mut Reading<'_>) -> Option<Option<BatchLimits>> {
    if reading.named::<Mode>("mode")? == Mode::Single {
        return Some(None);
    }
    let max_events = reading.whole("batch_max_events", BatchLimits::EVENTS);
    let max_wait_ms = reading.whole("batch_max_wait_ms", BatchLimits::WAIT_MS);
    let max_bytes = reading.whole("batch_max_bytes", BatchLimits::BYTES);
    Some(Some(BatchLimits {
        max_events: max_events?,
        max_wait_ms: max_wait_ms?,
        max_bytes: max_bytes?,
    }))
}
