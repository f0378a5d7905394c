//! One delivery: each request that was made for it, where its time went, and what it was answered.

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{
    body::BodyFormat, clock::Timestamp, event::Origin, id::DeliveryId, provenance::Link,
    subscription::Subscription,
};
use posthaste_engine::operations::Audit;
use posthaste_store::{
    record::{Attempt, Delivery},
    settings::Scope,
};

use crate::{
    Pages,
    came::Came,
    curl,
    fault::Fault,
    frame::{Frame, Note, Tab},
    path::Id,
    payload::{Shown, visible},
    posted::Posted,
    render::{self, see},
    timeline::{self, Piece},
    viewer::Viewer,
};

/// An attempt, drawn.
struct Made {
    attempt: Attempt,
    pieces: Vec<Piece>,
    request: String,
    head: String,
    body: Shown,
    /// Which one it left in, where it did.
    batch: Option<String>,
    curl: Option<String>,
}

impl Made {
    fn of(attempt: Attempt, longest_us: u64, url: Option<&str>, body: Option<&[u8]>) -> Self {
        let batch = header(&attempt.request_headers, "webhook-id");
        let batch = batch.filter(|id| id.starts_with("bat_")).map(str::to_owned);
        let sent = url
            .zip(body)
            .filter(|_| batch.is_none() && !attempt.request_headers.is_empty());
        Self {
            pieces: timeline::pieces(&attempt, longest_us),
            request: visible(&attempt.request_headers),
            head: visible(&attempt.response_headers),
            body: Shown::of(&attempt.response_body),
            curl: sent
                .map(|(url, body)| curl::command("POST", url, &attempt.request_headers, body)),
            batch,
            attempt,
        }
    }

    fn took(&self) -> String {
        timeline::took(self.attempt.latency_us)
    }
}

/// The value of the first line of this name.
fn header<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = lines.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

#[derive(Template)]
#[template(path = "deliveries/one.html")]
struct Page {
    frame: Frame,
    delivery: Delivery,
    subscription: Option<std::sync::Arc<Subscription>>,
    /// The newest first.
    made: Vec<Made>,
    /// What is sent, as far as it can be told.
    body: Option<Shown>,
    body_length: u64,
    format: Option<&'static str>,
    origin: &'static str,
    next_at: Option<Timestamp>,
    retries_left: u32,
    link: Option<Link>,
    audit: Audit,
    may_write: bool,
}

pub(super) async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<DeliveryId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let delivery = engine.delivery(tenant, id).await?;
    let attempts = engine.attempts(tenant, id).await?;
    let body = engine.body_of(tenant, &delivery).await?;
    let audit = engine.audit_delivery(tenant, id).await?;
    let link = engine
        .provenance(tenant, std::slice::from_ref(&delivery))
        .await?[0];
    let subscription = engine.subscription(tenant, delivery.subscription);
    let url = subscription
        .as_ref()
        .map(|subscription| subscription.url.as_str());
    let longest_us = timeline::longest_us(&attempts);
    let made = attempts.into_iter().rev();
    let made = made.map(|attempt| Made::of(attempt, longest_us, url, body.as_deref()));
    render::page(&Page {
        frame: viewer.frame(format!("Delivery {id}"), Tab::Deliveries),
        made: made.collect(),
        body_length: body.as_ref().map_or(0, |body| body.len() as u64),
        format: delivery.format.map(format_name),
        origin: origin_name(delivery.origin),
        body: body.as_deref().map(shown_body),
        next_at: engine.next_attempt_at(tenant, &delivery),
        retries_left: engine.retries_left(tenant, &delivery),
        link,
        audit,
        may_write: viewer.may(Scope::DeliveriesWrite),
        subscription,
        delivery,
    })
}

const fn format_name(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Envelope => "envelope",
        BodyFormat::Flat => "flat",
        BodyFormat::Raw => "raw",
        BodyFormat::CloudEvents => "cloudevents",
    }
}

const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Publish => "publish",
        Origin::Redeliver => "redeliver",
        Origin::Replay => "replay",
        Origin::Test => "test",
    }
}

/// Every format is JSON.
fn shown_body(body: &[u8]) -> Shown {
    match std::str::from_utf8(body) {
        Ok(json) => Shown::pretty(json),
        Err(_) => Shown::of(body),
    }
}

pub(super) async fn redeliver(
    viewer: Viewer,
    Id(id): Id<DeliveryId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let came = Came::from(engine.redeliver(&viewer.tenant, id).await?);
    let note = came.told(Note::Redelivered, Note::NothingToDo);
    Ok(see(&viewer.path(&format!("deliveries/{id}?note={note}"))))
}

pub(super) async fn discard(
    viewer: Viewer,
    Id(id): Id<DeliveryId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let done = engine.discard(&viewer.tenant, id).await?;
    let note = Came::discarded(u64::from(done), 1).told(Note::Discarded, Note::NothingToDo);
    Ok(see(&viewer.path(&format!("deliveries/{id}?note={note}"))))
}
