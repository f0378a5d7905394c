//! What a form asks for, as the operations take it.

use std::{ops::RangeInclusive, time::Duration};

use posthaste::{
    egress::{TargetUrl, UrlRefusal},
    filter::{Filter, FilterError},
    signature::{Algorithm, Scheme, Secret},
    subscription::{BatchLimits, EventPattern, RateLimit, Subscription},
    wording,
};
use posthaste_engine::operations::{
    NewSubscription, OperationError, RequestedStatus, SubscriptionPatch, batching::Mode,
};

use super::{access, refusal, retry};
use crate::{
    query::Query,
    reading::{Reading, named},
    wrongs::Wrongs,
};

/// All that the fields say.
#[derive(Clone)]
pub(crate) struct Asked {
    url: TargetUrl,
    /// Every member, unless the form has no field for it.
    chosen: SubscriptionPatch,
    secret: Option<Secret>,
}

impl Asked {
    /// `judge` says whether a URL may be a target.
    pub(crate) fn read(
        form: &Query,
        judge: impl FnOnce(&TargetUrl) -> Result<(), UrlRefusal>,
    ) -> Result<Self, Wrongs> {
        let mut reading = Reading::of(form);
        let url = reading.parsed("url").and_then(|url: TargetUrl| {
            let judged = judge(&url).map(|()| url);
            reading.take("url", judged)
        });
        let chosen = chosen(&mut reading);
        let secret = secret(&mut reading, chosen.algorithm);
        let wrongs = reading.wrongs;
        let asked = url.map(|url| Self {
            url,
            chosen,
            secret,
        });
        asked.filter(|_| wrongs.is_empty()).ok_or(wrongs)
    }

    /// A subscription to be made.
    pub(crate) fn into_new(self) -> Result<NewSubscription, OperationError> {
        let new = NewSubscription::to(self.url).with(self.chosen)?;
        let secret = self.secret;
        Ok(NewSubscription { secret, ..new })
    }

    /// What it would change of one that there is: nothing that is so already, so that what someone
    /// leaves alone is not judged anew.
    pub(crate) fn changes(self, now: &Subscription) -> SubscriptionPatch {
        fn unless_so<T: PartialEq>(asked: Option<T>, now: &T) -> Option<T> {
            asked.filter(|asked| asked != now)
        }
        let chosen = self.chosen;
        let mode = unless_so(chosen.mode, &Mode::of(now.batch.as_ref()));
        SubscriptionPatch {
            url: unless_so(Some(self.url), &now.url),
            external_id: unless_so(chosen.external_id, &now.external_id),
            description: unless_so(chosen.description, &now.description),
            events: unless_so(chosen.events, &now.events),
            filter: unless_so(chosen.filter, &now.filter),
            status: chosen
                .status
                .filter(|asked| asked.as_str() != now.status.as_str()),
            // In whatever order they were given.
            schemes: chosen
                .schemes
                .filter(|asked| !are_same(asked, &now.schemes)),
            algorithm: unless_so(chosen.algorithm, &now.algorithm),
            access: access::changed(chosen.access, &now.access),
            retry: unless_so(chosen.retry, &now.retry),
            timeout: unless_so(chosen.timeout, &now.timeout),
            max_in_flight: unless_so(chosen.max_in_flight, &now.max_in_flight),
            rate_limit: unless_so(chosen.rate_limit, &now.rate_limit),
            ordering: unless_so(chosen.ordering, &now.ordering),
            mode,
            batch: unless_so(chosen.batch, &now.batch),
            auto_pause_after: unless_so(chosen.auto_pause_after, &now.auto_pause_after),
            format: unless_so(chosen.format, &now.format),
            versions: unless_so(chosen.versions, &now.versions),
            metadata: unless_so(chosen.metadata, &now.metadata),
        }
    }
}

fn are_same(asked: &[Scheme], now: &[Scheme]) -> bool {
    asked.len() == now.len() && asked.iter().all(|scheme| now.contains(scheme))
}

/// Field by field, whatever is wrong with the others.
fn chosen(reading: &mut Reading<'_>) -> SubscriptionPatch {
    let mode = reading.named("mode");
    SubscriptionPatch {
        url: None,
        description: description(reading),
        external_id: external_id(reading),
        events: events(reading),
        filter: filter(reading),
        status: status(reading),
        schemes: schemes(reading),
        algorithm: reading.parsed("algorithm"),
        access: access::read(reading),
        retry: retry::read(reading),
        timeout: timeout(reading),
        rate_limit: rate_limit(reading),
        max_in_flight: reading.whole("max_in_flight", Subscription::IN_FLIGHT),
        auto_pause_after: match reading.text("auto_pause_after") {
            "" => None,
            _ => reading.whole("auto_pause_after", 0..=u32::MAX),
        },
        ordering: reading.named("ordering"),
        mode,
        batch: mode.and_then(|mode| batch(reading, mode)),
        format: reading.named("format"),
        versions: Some(reading.pairs("versions", Subscription::PATTERNS_MAX)),
        metadata: reading.object("metadata"),
    }
}

/// White space around it is a part of it, as it is where a program says it.
fn worded(reading: &mut Reading<'_>, field: &str, bytes: RangeInclusive<usize>) -> Option<String> {
    let worded = wording::within(reading.form.typed(field), bytes).map(str::to_owned);
    reading.take(field, worded)
}

fn description(reading: &mut Reading<'_>) -> Option<String> {
    worded(
        reading,
        "description",
        0..=Subscription::DESCRIPTION_BYTES_MAX,
    )
}

fn external_id(reading: &mut Reading<'_>) -> Option<Option<String>> {
    match reading.form.typed("external_id") {
        "" => Some(None),
        _ => worded(
            reading,
            "external_id",
            1..=Subscription::EXTERNAL_ID_BYTES_MAX,
        )
        .map(Some),
    }
}

fn status(reading: &mut Reading<'_>) -> Option<RequestedStatus> {
    match reading.text("status") {
        "" => None,
        name => {
            let status = RequestedStatus::named(name);
            reading.take("status", status.ok_or("expected one of the list"))
        }
    }
}

fn events(reading: &mut Reading<'_>) -> Option<Vec<EventPattern>> {
    let typed = refusal::events(reading.form);
    let parsed = typed.map(|pattern| {
        let parsed = pattern.parse::<EventPattern>();
        parsed.map_err(|error| format!("{pattern:?}: {error}"))
    });
    let patterns: Vec<EventPattern> = reading.take("events", parsed.collect())?;
    let most = Subscription::PATTERNS_MAX;
    let few = (patterns.len() <= most).then_some(patterns);
    reading.take("events", few.ok_or(format!("expected at most {most}")))
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
    let chosen: Option<Vec<Scheme>> = reading.form.all("schemes").map(named).collect();
    let any = chosen.filter(|chosen| !chosen.is_empty());
    reading.take("schemes", any.ok_or("expected at least one of the list"))
}

/// What is wrong with it is said, and nothing of it.
fn secret(reading: &mut Reading<'_>, algorithm: Option<Algorithm>) -> Option<Secret> {
    let text = reading.form.text("secret")?;
    reading.take("secret", algorithm?.secret(text))
}

fn timeout(reading: &mut Reading<'_>) -> Option<Duration> {
    let ms = reading.whole("timeout_ms", Subscription::TIMEOUT_MS);
    ms.map(Duration::from_millis)
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
fn batch(reading: &mut Reading<'_>, mode: Mode) -> Option<Option<BatchLimits>> {
    if mode == Mode::Single {
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
