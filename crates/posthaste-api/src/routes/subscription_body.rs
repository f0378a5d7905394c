//! What may be said about a subscription, in a POST and in a PATCH: one list of members, read the
//! same way in both.

use std::{collections::BTreeMap, time::Duration};

use posthaste::{
    body::BodyFormat,
    egress::{TargetUrl, UrlRefusal},
    event::{EventType, EventTypeError, TenantId},
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme, Secret, SecretError},
    subscription::{EventPattern, Ordering, RateLimit, RateLimitError, Subscription},
};
use posthaste_engine::{
    Engine,
    operations::{
        NewSubscription, RequestedStatus, SubscriptionPatch, batching::Mode,
        credentials::AskedAccess,
    },
};
use utoipa::ToSchema;

use super::{
    access_body::{self, AuthShape, TlsShape},
    batch_limits::{BatchLimitsShape, batch_limits},
    filters::filter,
    retry_body::retry,
};
use crate::{
    fields::Fields,
    problem::{Kind, Problem},
    values::{
        Fault, Read, bounded, distinct, duration, label, line, list, named, number, object,
        object_of, parsed, text, whole,
    },
};

macro_rules! members {
    ($($name:ident = [$($own:literal),*];)*) => {$(
        const $name: &[&str] = &[
            $($own,)* "url", "external_id", "description", "events", "schemes", "algorithm",
            "retry", "timeout_ms", "max_in_flight", "auto_pause_after", "format", "metadata",
            "filter", "versions", "headers", "auth", "tls", "rate_limit_per_s", "ordering", "mode",
            "batch",
        ];
    )*};
}

members! {
    CREATE = ["secret"];
    PATCH = ["status"];
}

/// A subscription to make.
#[derive(ToSchema)]
#[schema(as = NewSubscription)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewSubscriptionShape {
    /// `https://…`, to a public address, at most 2,048 bytes.
    url: String,
    /// At least 16 bytes; behind `whsec_`, base64 of 24 to 64 bytes. With `ed25519` a private key,
    /// `whsk_…`. One is made where none is given.
    secret: Option<String>,
    #[serde(flatten)]
    rest: SubscriptionShape,
}

/// Changes to a subscription; absent members stay as they are.
#[derive(ToSchema)]
#[schema(as = SubscriptionPatch)]
#[allow(dead_code)] // the document's shape
pub(crate) struct SubscriptionPatchShape {
    url: Option<String>,
    /// `active`, `paused` or `disabled`.
    status: Option<String>,
    #[serde(flatten)]
    rest: SubscriptionShape,
}

/// What may be chosen.
#[derive(ToSchema)]
#[allow(dead_code)] // the document's shape
pub(crate) struct SubscriptionShape {
    /// The caller's own name for it, unique in the tenant; at most 255 bytes.
    external_id: Option<String>,
    description: Option<String>,
    /// Exact types, `prefix.*`, or `*`; none is all of the tenant's own types.
    events: Option<Vec<String>>,
    /// A pattern over the event, such as `{"data":{"amount":{"$gte":100}}}`; null wants all.
    #[schema(value_type = Option<Object>)]
    filter: Option<RawJson>,
    /// Of `standard`, `pt` and `x-webhook`.
    schemes: Option<Vec<String>>,
    /// `hmac-sha256` or `hmac-sha512`: the hash of `x-webhook`. Or `ed25519`, with the scheme
    /// `standard` alone: a change between the two kinds rotates the secret.
    algorithm: Option<String>,
    /// A preset (`default`, `quick`, `patient`, `none`), or `schedule_s`, `exponential` or `linear`.
    #[schema(value_type = Option<serde_json::Value>)]
    retry: Option<RetryPolicy>,
    /// How long one attempt may take; 10,000 unless chosen.
    #[schema(minimum = 100, maximum = 60_000)]
    timeout_ms: Option<u32>,
    /// Requests per second at most; null is no limit.
    #[schema(minimum = 0.01, maximum = 100_000)]
    rate_limit_per_s: Option<f64>,
    /// Attempts under way at once; 32 unless chosen.
    #[schema(minimum = 1, maximum = 1_000)]
    max_in_flight: Option<u32>,
    /// Deliveries in a row that spend all their attempts before it is paused; 5 unless chosen, 0
    /// is never.
    auto_pause_after: Option<u32>,
    /// `none` unless chosen, or `fifo`: deliveries of one `ordering_key` leave one at a time, in the
    /// order accepted.
    ordering: Option<String>,
    /// `single` unless chosen, or `batch`: one JSON array of several events in a request, in the
    /// format `envelope` or `cloudevents`.
    mode: Option<String>,
    /// With mode `batch` alone. It is replaced as a whole: what is left out takes its default.
    batch: Option<BatchLimitsShape>,
    /// `envelope` unless chosen, `flat`, `raw` or `cloudevents`.
    format: Option<String>,
    /// Types of which it takes this one version alone: `{"memory.created": 1}`. An event without a
    /// version has the version 1.
    versions: Option<BTreeMap<String, u32>>,
    /// Sent with every request, 20 at most: a text, or `{"secret": text}` for one that reads `***`.
    #[schema(value_type = Option<Object>)]
    headers: Option<BTreeMap<String, serde_json::Value>>,
    #[schema(value_type = Option<AuthShape>)]
    auth: Option<AuthShape>,
    #[schema(value_type = Option<TlsShape>)]
    tls: Option<TlsShape>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<RawJson>,
}

/// A subscription out of the body of a POST. Null is the default.
pub(crate) fn create(
    mut fields: Fields<'_>,
    engine: &Engine,
    tenant: &TenantId,
) -> Result<NewSubscription, Problem> {
    let url = fields.required("url", |raw| target_url(raw, engine, tenant));
    let external_id = fields.optional("external_id", label(Subscription::EXTERNAL_ID_BYTES_MAX));
    let chosen = chosen(&mut fields, true);
    let algorithm = chosen.algorithm.unwrap_or_default();
    let secret = fields.optional("secret", |raw| secret(raw, algorithm));
    fields.finish()?;
    let new = NewSubscription::to(url.expect("no fault, so it was there")).with(chosen)?;
    Ok(NewSubscription {
        secret,
        external_id,
        ..new
    })
}

pub(crate) fn create_fields(body: &crate::body::JsonText) -> Result<Fields<'_>, Problem> {
    body.fields(CREATE)
}

pub(crate) fn patch_fields(body: &crate::body::JsonText) -> Result<Fields<'_>, Problem> {
    body.fields(PATCH)
}

/// Changes out of the body of a PATCH. Null clears `external_id`, `filter` and `rate_limit_per_s`,
/// sets `events`, `description`, `metadata`, `retry`, `batch`, `versions`, `headers`, `auth` and `tls` back
/// to their defaults, and is no value elsewhere.
pub(crate) fn patch(
    mut fields: Fields<'_>,
    engine: &Engine,
    tenant: &TenantId,
) -> Result<SubscriptionPatch, Problem> {
    let url = fields.present("url", |raw| target_url(raw, engine, tenant));
    let status = fields.present("status", status);
    let external_id = fields.present("external_id", |raw| match raw {
        "null" => Ok(None),
        raw => label(Subscription::EXTERNAL_ID_BYTES_MAX)(raw).map(Some),
    });
    let chosen = chosen(&mut fields, false);
    fields.finish()?;
    Ok(SubscriptionPatch {
        url,
        status,
        external_id,
        ..chosen
    })
}

/// The members that both have.
fn chosen(fields: &mut Fields<'_>, null_is_default: bool) -> SubscriptionPatch {
    let mut chosen = Chosen {
        fields,
        null_is_default,
    };
    SubscriptionPatch {
        description: chosen.or_default(
            "description",
            String::new,
            line(Subscription::DESCRIPTION_BYTES_MAX),
        ),
        events: chosen.or_default("events", Vec::new, patterns),
        filter: chosen.or_default("filter", || None, |raw| filter(raw).map(Some)),
        schemes: chosen.read("schemes", distinct(list(Scheme::ALL.len(), scheme))),
        algorithm: chosen.read("algorithm", parsed::<Algorithm>("invalid_algorithm")),
        access: AskedAccess {
            headers: chosen.or_default("headers", BTreeMap::new, access_body::headers),
            auth: chosen.or_default("auth", || None, |raw| access_body::auth(raw).map(Some)),
            tls: chosen.or_default("tls", || None, |raw| access_body::tls(raw).map(Some)),
        },
        retry: chosen.or_default("retry", RetryPolicy::default, retry),
        timeout: chosen.read(
            "timeout_ms",
            duration(Subscription::TIMEOUT_MS, Duration::from_millis(1)),
        ),
        max_in_flight: chosen.read("max_in_flight", bounded(Subscription::IN_FLIGHT)),
        rate_limit: chosen.or_default("rate_limit_per_s", || None, rate_limit),
        ordering: chosen.read(
            "ordering",
            named::<Ordering>("invalid_ordering", "expected none or fifo"),
        ),
        mode: chosen.read(
            "mode",
            named::<Mode>("invalid_mode", "expected single or batch"),
        ),
        batch: chosen.or_default("batch", || None, |raw| batch_limits(raw).map(Some)),
        auto_pause_after: chosen.read("auto_pause_after", whole(0, u32::MAX)),
        format: chosen.read(
            "format",
            named::<BodyFormat>(
                "invalid_format",
                "expected envelope, flat, raw or cloudevents",
            ),
        ),
        versions: chosen.or_default("versions", BTreeMap::new, versions),
        metadata: chosen.or_default("metadata", RawJson::empty_object, object),
        ..SubscriptionPatch::default()
    }
}

struct Chosen<'f, 'a> {
    fields: &'f mut Fields<'a>,
    null_is_default: bool,
}

impl<'a> Chosen<'_, 'a> {
    /// A member that null sets back.
    fn or_default<T>(
        &mut self,
        name: &'static str,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&'a str) -> Read<T>,
    ) -> Option<T> {
        self.fields.present(name, |raw| match raw {
            "null" => Ok(default()),
            raw => read(raw),
        })
    }

    fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&'a str) -> Read<T>) -> Option<T> {
        if self.null_is_default {
            self.fields.optional(name, read)
        } else {
            self.fields.present(name, read)
        }
    }
}

/// A URL that may be a target, as egress judges it for a tenant.
pub(crate) fn target_url(raw: &str, engine: &Engine, tenant: &TenantId) -> Read<TargetUrl> {
    let refused = |refusal: UrlRefusal| {
        let fault = Fault::new(refusal.code(), refusal.to_string());
        Vec::from(fault.of_kind(Kind::InvalidUrl))
    };
    let url: TargetUrl = text(raw)?.parse().map_err(refused)?;
    engine.judge_url(tenant, &url).map_err(refused)?;
    Ok(url)
}

fn rate_limit(raw: &str) -> Read<Option<RateLimit>> {
    let limit = RateLimit::try_from(number(raw)?);
    let refused = |error: RateLimitError| Fault::new("out_of_range", error.to_string());
    Ok(Some(limit.map_err(refused)?))
}

pub(crate) fn patterns(raw: &str) -> Read<Vec<EventPattern>> {
    list(
        Subscription::PATTERNS_MAX,
        parsed::<EventPattern>("invalid_event_pattern"),
    )(raw)
}

fn versions(raw: &str) -> Read<BTreeMap<EventType, u32>> {
    let name = |name: &str| {
        let parsed = name.parse();
        parsed.map_err(|error: EventTypeError| {
            let fault = Fault::new("invalid_event_type", error.to_string());
            fault.of_kind(Kind::InvalidEventType).into()
        })
    };
    object_of(Subscription::PATTERNS_MAX, name, |raw| {
        whole(1, u32::MAX)(raw)
    })(raw)
}

/// A chosen secret; what is wrong with it is said, and nothing of it.
pub(crate) fn secret(raw: &str, algorithm: Algorithm) -> Read<Secret> {
    let secret = algorithm.secret(&text(raw)?);
    secret.map_err(|error: SecretError| Fault::new("invalid_secret", error.to_string()).into())
}

fn scheme(raw: &str) -> Read<Scheme> {
    named("invalid_scheme", "expected standard, pt or x-webhook")(raw)
}

fn status(raw: &str) -> Read<RequestedStatus> {
    let known = text(raw)
        .ok()
        .and_then(|name| RequestedStatus::named(&name));
    let unknown = || Fault::new("invalid_status", "expected active, paused or disabled");
    Ok(known.ok_or_else(unknown)?)
}
