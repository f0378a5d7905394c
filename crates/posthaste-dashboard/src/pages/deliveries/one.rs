//! One delivery: each request that was made for it, where its time went, and what it was answered.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use http::StatusCode;
use posthaste::{
    body::BodyFormat, clock::Timestamp, delivery::DeliveryStatus, event::Origin, id::DeliveryId,
    provenance::Link, subscription::Subscription,
};
use posthaste_engine::operations::{Audit, Wait};
use posthaste_store::{
    record::{Attempt, Delivery},
    settings::Scope,
};

use sha2::{Digest, Sha256};

use crate::{
    Pages,
    came::Came,
    curl,
    fault::Fault,
    frame::{Frame, Note, Tab},
    pages::subscriptions::standing,
    path::Id,
    payload::{Shown, visible},
    posted::Posted,
    query::Query,
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
    /// Whether its subscription was changed since: where it went is not kept with it.
    is_before_change: bool,
}

impl Made {
    fn of(
        attempt: Attempt,
        longest_us: u64,
        to: Option<&Subscription>,
        body: Option<&[u8]>,
    ) -> Self {
        let batch = header(&attempt.request_headers, "webhook-id");
        let batch = batch.filter(|id| id.starts_with("bat_")).map(str::to_owned);
        let sent = to
            .map(|to| to.url.as_str())
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
            is_before_change: to.is_some_and(|to| attempt.started_at < to.updated_at),
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
    standing: Standing,
}

/// What changes while it waits: all below its name.
#[derive(Template)]
#[template(path = "deliveries/standing.html")]
struct Standing {
    frame: Frame,
    delivery: Delivery,
    subscription: Option<Arc<Subscription>>,
    /// The newest first.
    made: Vec<Made>,
    /// What is sent, as far as it can be told.
    body: Option<Shown>,
    body_length: u64,
    format: Option<&'static str>,
    origin: &'static str,
    next_at: Option<Timestamp>,
    /// What holds it back.
    waits: Vec<Wait>,
    /// By whom or by what its subscription is paused; empty where it is not.
    paused_why: &'static str,
    retries_left: u32,
    link: Option<Link>,
    audit: Audit,
    may_write: bool,
    may_resume: bool,
    /// Of how it stands: a page that shows this has nothing to renew.
    seen: String,
    /// Whether a page asks for it that is open.
    is_renewal: bool,
}

impl Standing {
    async fn of(
        pages: &Pages,
        viewer: &Viewer,
        delivery: Delivery,
        is_renewal: bool,
    ) -> Result<Self, Fault> {
        let (engine, tenant) = (&pages.engine, &viewer.tenant);
        let attempts = engine.attempts(tenant, delivery.id).await?;
        let body = engine.body_of(tenant, &delivery).await?;
        let audit = engine.audit_delivery(tenant, delivery.id).await?;
        let one = std::slice::from_ref(&delivery);
        let link = engine.provenance(tenant, one).await?[0];
        let subscription = engine.subscription(tenant, delivery.subscription);
        let (to, longest_us) = (subscription.as_deref(), timeline::longest_us(&attempts));
        let made = attempts.into_iter().rev();
        let made = made.map(|attempt| Made::of(attempt, longest_us, to, body.as_deref()));
        let made = made.collect();
        let waits = engine.waits(tenant, &delivery);
        Ok(Self {
            frame: viewer.frame(format!("Delivery {}", delivery.id), Tab::Deliveries),
            made,
            body_length: body.as_ref().map_or(0, |body| body.len() as u64),
            format: delivery.format.map(format_name),
            origin: origin_name(delivery.origin),
            body: body.as_deref().map(shown_body),
            next_at: engine.next_attempt_at(tenant, &delivery),
            seen: seen(&delivery, &waits),
            paused_why: paused_why(to, &waits),
            waits,
            retries_left: engine.retries_left(tenant, &delivery),
            link,
            audit,
            may_write: viewer.may(Scope::DeliveriesWrite),
            may_resume: viewer.may(Scope::SubscriptionsWrite),
            is_renewal,
            subscription,
            delivery,
        })
    }

    fn is_over(&self) -> bool {
        match self.delivery.state.status() {
            DeliveryStatus::Pending | DeliveryStatus::Retrying | DeliveryStatus::Held => false,
            DeliveryStatus::Delivered | DeliveryStatus::Failed | DeliveryStatus::Discarded => true,
        }
    }
}

fn paused_why(to: Option<&Subscription>, waits: &[Wait]) -> &'static str {
    let is_paused = matches!(waits.first(), Some(Wait::Paused(_)));
    to.filter(|_| is_paused)
        .map_or("", |to| standing::status(to).why)
}

/// Differs wherever a page would.
fn seen(delivery: &Delivery, waits: &[Wait]) -> String {
    let stands = format!("{:?} {:?} {waits:?}", delivery.state, delivery.tries);
    HEXLOWER.encode(&Sha256::digest(stands)[..8])
}

pub(super) async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<DeliveryId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let delivery = pages.engine.delivery(&viewer.tenant, id).await?;
    render::page(&Page {
        frame: viewer.frame(format!("Delivery {id}"), Tab::Deliveries),
        standing: Standing::of(&pages, &viewer, delivery, false).await?,
    })
}

/// For a page that is open: how it stands by now, where that is not what it shows.
pub(super) async fn renewed(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
    Id(id): Id<DeliveryId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let delivery = engine.delivery(tenant, id).await?;
    let now = seen(&delivery, &engine.waits(tenant, &delivery));
    match query.text("seen") == Some(now.as_str()) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => render::page(&Standing::of(&pages, &viewer, delivery, true).await?),
    }
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
