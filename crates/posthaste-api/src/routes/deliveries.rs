//! Deliveries and their attempts.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryStatus, Discard, FailureClass},
    event::{EventType, Origin, TenantId},
    id::{DeliveryId, EventId, ReplayId, SubscriptionId},
    provenance::Link,
    transport::Timings,
};
use posthaste_store::{
    query::{DeliveryQuery, Stretch},
    record::{Attempt, Delivery},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    answer::{self, PageView},
    cursor::Cursors,
    fields::Fields,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadDeliveries},
    problem::Problem,
    values::{Fault, event_type, parsed, text, time},
};

/// One event on its way to one subscription.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView<'a> {
    #[schema(value_type = String)]
    id: DeliveryId,
    #[schema(value_type = String)]
    event_id: EventId,
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    #[schema(value_type = String)]
    event_type: &'a EventType,
    /// `pending`, `retrying`, `held`, `delivered`, `failed` or `discarded`.
    status: &'static str,
    /// Requests made in all.
    attempts: u32,
    /// By the subscription's policy of today; 0 where it has ended.
    retries_left: u32,
    /// Where it is `retrying`: not before its own time, nor while its subscription waits for a
    /// `Retry-After` or its circuit is open. Null while it is held or was never tried.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    last_status_code: Option<u16>,
    last_error: Option<&'a str>,
    /// `publish`, `redeliver`, `replay` or `test`.
    #[schema(value_type = String)]
    origin: Origin,
    /// The replay that made it or opened it last.
    #[schema(value_type = Option<String>)]
    replay_id: Option<ReplayId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The last attempt's time.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// The first success.
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// The latest link of its chain: 64 hex digits. Before the first attempt, by the body that would
    /// be sent now. Null where the last attempt was made before there were chains.
    #[schema(value_type = Option<String>)]
    provenance: Option<Link>,
}

impl<'a> DeliveryView<'a> {
    pub(super) fn of(
        delivery: &'a Delivery,
        provenance: Option<Link>,
        api: &Api,
        tenant: &TenantId,
    ) -> Self {
        Self {
            id: delivery.id,
            event_id: delivery.event,
            subscription_id: delivery.subscription,
            event_type: &delivery.event_type,
            status: delivery.state.status().as_str(),
            attempts: delivery.tries.made,
            retries_left: api.engine.retries_left(tenant, delivery),
            next_attempt_at: api.engine.next_attempt_at(tenant, delivery),
            last_status_code: delivery.last_status_code,
            last_error: delivery.last_error.as_deref(),
            origin: delivery.origin,
            replay_id: delivery.replay,
            created_at: delivery.created_at(),
            sent_at: delivery.sent_at,
            delivered_at: delivery.delivered_at,
            provenance,
        }
    }
}

/// One request that was made for a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptView<'a> {
    /// From 1, in the order made.
    number: u32,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    latency_ms: f64,
    /// How long each phase took; null where nobody measured.
    timings_ms: Option<TimingsView>,
    status_code: Option<u16>,
    error: Option<&'a str>,
    /// As sent, signatures included, secrets never.
    #[schema(value_type = BTreeMap<String, String>)]
    request_headers: BTreeMap<&'a str, String>,
    #[schema(value_type = BTreeMap<String, String>)]
    response_headers: BTreeMap<&'a str, String>,
    /// Cut at 16 KiB; bytes that are no UTF-8 are replaced.
    #[schema(value_type = Option<String>)]
    response_body: Option<std::borrow::Cow<'a, str>>,
    /// Which node made it; 0 on SQLite.
    node: u32,
}

impl<'a> AttemptView<'a> {
    #[allow(clippy::cast_precision_loss)] // exact up to 285 years
    fn of(attempt: &'a Attempt) -> Self {
        let answered = attempt.status_code.is_some();
        Self {
            number: attempt.number,
            started_at: attempt.started_at,
            latency_ms: attempt.latency_us as f64 / 1000.0,
            timings_ms: attempt.timings.map(TimingsView::of),
            status_code: attempt.status_code,
            error: attempt.error.as_deref(),
            request_headers: headers(&attempt.request_headers),
            response_headers: headers(&attempt.response_headers),
            response_body: answered.then(|| String::from_utf8_lossy(&attempt.response_body)),
            node: 0,
        }
    }
}

/// Milliseconds of each phase; null is one that the attempt did not go through. Over a connection
/// that was open there is the wait for the answer alone. The last one may not have come to its end.
#[derive(Serialize, ToSchema)]
#[schema(as = Timings)]
pub(crate) struct TimingsView {
    /// Resolving the name.
    dns: Option<f64>,
    /// Connecting.
    connect: Option<f64>,
    /// The TLS handshake.
    tls: Option<f64>,
    /// From handing over the request until the head of its answer was there.
    first_byte: Option<f64>,
}

impl TimingsView {
    fn of(timings: Timings) -> Self {
        let ms = |us: Option<u32>| us.map(|us| f64::from(us) / 1000.0);
        Self {
            dns: ms(timings.dns_us),
            connect: ms(timings.connect_us),
            tls: ms(timings.tls_us),
            first_byte: ms(timings.first_byte_us),
        }
    }
}

/// `name: value` lines as an object; values of one name are joined.
fn headers(lines: &str) -> BTreeMap<&str, String> {
    let mut headers = BTreeMap::<&str, String>::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        headers
            .entry(name)
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    headers
}

/// List deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries", tag = "deliveries",
    params(
        ("status" = Option<String>, Query, description = "`pending`, `retrying`, `held`, `delivered`, `failed` or `discarded`"),
        ("subscription" = Option<String>, Query, description = "`sub_…`"),
        ("event" = Option<String>, Query, description = "`evt_…`"),
        ("type" = Option<String>, Query, description = "exactly this event type"),
        ("since" = Option<String>, Query, description = "created at or after (RFC 3339)"),
        ("until" = Option<String>, Query, description = "created before (RFC 3339)"),
        ("outcome_since" = Option<String>, Query, description = "what it came to last was at or after: its end, or the latest attempt (RFC 3339)"),
        ("outcome_until" = Option<String>, Query, description = "it came to nothing at or after (RFC 3339)"),
        ("error" = Option<String>, Query, description = "what `last_error` begins with, such as `timeout`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of deliveries", body = PageView<DeliveryView<'static>>)),
)]
pub(crate) async fn list_deliveries(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(
        &api.cursor_key,
        "deliveries",
        Some(&auth.tenant),
        &parameters,
    );
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    let query = delivery_query(&mut parameters);
    parameters.finish()?;
    delivery_page(
        &api,
        &auth.tenant,
        &query,
        Stretch { before, limit },
        &cursors,
    )
    .await
}

fn delivery_query(parameters: &mut Parameters) -> DeliveryQuery {
    DeliveryQuery {
        status: parameters.named("status", DeliveryStatus::named, status_names),
        subscription: parameters.parsed("subscription"),
        event: parameters.parsed("event"),
        event_type: parameters.parsed("type"),
        since: parameters.time("since"),
        until: parameters.time("until"),
        outcome_since: parameters.time("outcome_since"),
        outcome_until: parameters.time("outcome_until"),
        error: parameters.named("error", reason, || REASON.to_owned()),
    }
}

const REASON: &str = "expected what last_error begins with, such as timeout";

/// What a `status` may be.
pub(super) fn status_names() -> String {
    let names = DeliveryStatus::ALL.iter().map(|status| status.as_str());
    format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
}

/// The members of a filter in a body: those of the list.
pub(crate) const FILTER: &[&str] = &[
    "status",
    "subscription",
    "event",
    "type",
    "since",
    "until",
    "outcome_since",
    "outcome_until",
    "error",
];

/// A filter out of its members; without any it would match everything, which nobody means.
pub(crate) fn delivery_filter(mut fields: Fields<'_>) -> Result<DeliveryQuery, Problem> {
    let empty = fields.is_empty();
    let query = DeliveryQuery {
        status: fields.present("status", |raw| {
            let status = DeliveryStatus::named(&text(raw)?);
            Ok(status.ok_or_else(|| Fault::new("invalid", status_names()))?)
        }),
        subscription: fields.present("subscription", parsed("invalid_id")),
        event: fields.present("event", parsed("invalid_id")),
        event_type: fields.present("type", event_type),
        since: fields.present("since", time),
        until: fields.present("until", time),
        outcome_since: fields.present("outcome_since", time),
        outcome_until: fields.present("outcome_until", time),
        error: fields.present("error", |raw| {
            let known = reason(&text(raw)?);
            Ok(known.ok_or_else(|| Fault::new("invalid", REASON))?)
        }),
    };
    if empty {
        let names = format!("expected at least one of {}", FILTER.join(", "));
        fields.fault("", Fault::new("required", names));
    }
    fields.finish()?;
    Ok(query)
}

/// What `last_error` may begin with, perhaps with more behind it, as in `http 500`.
fn reason(value: &str) -> Option<String> {
    let classes = FailureClass::ALL.iter().map(|class| class.as_str());
    let mut known = classes.chain(Discard::ALL.iter().map(|why| why.as_str()));
    let begins = |known: &str| {
        let rest = value.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
    };
    known.any(begins).then(|| value.to_owned())
}

/// A page of deliveries as an answer.
pub(crate) async fn delivery_page(
    api: &Api,
    tenant: &TenantId,
    query: &DeliveryQuery,
    stretch: Stretch,
    cursors: &Cursors,
) -> Result<Response, Problem> {
    let page = api.engine.deliveries(tenant, query, stretch).await?;
    let links = api.engine.provenance(tenant, &page.items).await?;
    let shown = page.items.iter().zip(links);
    let view = |(delivery, link)| DeliveryView::of(delivery, link, api, tenant);
    Ok(answer::json(
        StatusCode::OK,
        &PageView {
            data: shown.map(view).collect(),
            next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
        },
    ))
}

/// Read one delivery.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "`dlv_…`")),
    responses((status = 200, description = "The delivery", body = DeliveryView<'static>)),
)]
pub(crate) async fn show_delivery(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    Id(id): Id<DeliveryId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let delivery = api.engine.delivery(&auth.tenant, id).await?;
    let one = std::slice::from_ref(&delivery);
    let link = api.engine.provenance(&auth.tenant, one).await?[0];
    let view = DeliveryView::of(&delivery, link, &api, &auth.tenant);
    Ok(answer::tagged(&view))
}

/// List a delivery's attempts, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/{id}/attempts", tag = "deliveries",
    params(
        ("id" = String, Path, description = "`dlv_…`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of attempts", body = PageView<AttemptView<'static>>)),
)]
pub(crate) async fn list_attempts(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    Id(id): Id<DeliveryId>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let route = format!("attempts {id}");
    let cursors = Cursors::new(&api.cursor_key, &route, Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let attempts = api.engine.attempts(&auth.tenant, id).await?;
    let newest_first = attempts.iter().rev();
    let left =
        newest_first.filter(|one| before.is_none_or(|before| u64::from(one.number) < before));
    let page = answer::page(left, limit, |last| {
        cursors.seal(&u64::from(last.number).to_be_bytes())
    });
    Ok(answer::json(StatusCode::OK, &page.map(AttemptView::of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_become_an_object() {
        let found = headers("webhook-id: evt_1\nset-cookie: a=b\nset-cookie: c\nnonsense\n");
        let found: Vec<_> = found.into_iter().collect();
        let expected = [("set-cookie", "a=b, c"), ("webhook-id", "evt_1")];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn reasons_begin_with_a_known_word() {
        for good in ["timeout", "http 500", "http", "deleted"] {
            assert!(reason(good).is_some(), "{good}");
        }
        for bad in ["", "time", "timeouts", "x"] {
            assert!(reason(bad).is_none(), "{bad}");
        }
    }

    #[track_caller]
    fn check(body: &str, expected: &Result<DeliveryQuery, StatusCode>) {
        let fields = Fields::of_body(body, FILTER).expect("an object");
        let found = delivery_filter(fields).map_err(|problem| problem.status());
        assert_eq!(&found, expected, "{body}");
    }

    #[test]
    fn a_filter_has_the_members_of_the_list_and_at_least_one() {
        let failed = DeliveryQuery {
            status: Some(DeliveryStatus::Failed),
            error: Some("http 500".to_owned()),
            ..DeliveryQuery::default()
        };
        check(r#"{"status":"failed","error":"http 500"}"#, &Ok(failed));
        for bad in [
            "{}",
            r#"{"status":null}"#,
            r#"{"status":"dead"}"#,
            r#"{"status":"failed","limit":1}"#,
            r#"{"since":"yesterday"}"#,
            r#"{"subscription":"evt_0000000000000"}"#,
            r#"{"error":"times"}"#,
        ] {
            check(bad, &Err(StatusCode::UNPROCESSABLE_ENTITY));
        }
    }
}
