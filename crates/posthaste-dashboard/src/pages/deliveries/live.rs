//! The tail of deliveries: each outcome as the row of the table that it is, as Server-Sent Events.
//!
//! A stream ends when the server drains, and when whoever listens may not look any more. What happens
//! while nobody listens stands in the list.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use posthaste::event::TenantId;
use posthaste_engine::{
    Engine,
    live::{Draining, OutcomeFeed, OutcomeNews},
};
use posthaste_store::settings::Scope;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Row;
use crate::{Pages, fault::Fault, filters, query::Query, viewer::Viewer};

/// Pages that may listen at once.
const LISTENERS_MAX: usize = 500;
/// How long it may be silent before a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Said first: how soon to come back.
const BEGIN: &str = "retry: 500\n\n";

#[derive(Clone)]
struct Places(Arc<Semaphore>);

pub(super) fn route() -> MethodRouter<Pages> {
    let places = Places(Arc::new(Semaphore::new(LISTENERS_MAX)));
    get(live).layer(Extension(places))
}

/// A row by itself.
#[derive(Template)]
#[template(path = "deliveries/fragment.html")]
struct Fragment<'a> {
    base: &'a str,
    row: Row,
    may_write: bool,
}

async fn live(
    State(pages): State<Pages>,
    Extension(places): Extension<Places>,
    draining: Option<Extension<Draining>>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let Ok(place) = places.0.try_acquire_owned() else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let (wanted, wrong) = filters::deliveries(&query, pages.engine.now());
    if !wrong.is_empty() {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    }
    let tail = Tail {
        feed: pages.engine.follow_outcomes(&viewer.tenant, wanted),
        engine: pages.engine.clone(),
        may_write: viewer.may(Scope::DeliveriesWrite),
        base: viewer.base.clone(),
        tenant: viewer.tenant.clone(),
        draining: draining.map(|Extension(draining)| draining),
        ended: Box::pin(async move { viewer.ended().await }),
        began: false,
        _place: place,
    };
    let chunks = futures_util::stream::unfold(tail, |mut tail| async {
        let chunk = Bytes::from(tail.next().await?);
        Some((Ok::<_, Infallible>(chunk), tail))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy in between hands on what comes when it comes.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

struct Tail {
    engine: Engine,
    feed: OutcomeFeed,
    tenant: TenantId,
    base: String,
    may_write: bool,
    draining: Option<Draining>,
    /// When they may not look any more.
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    began: bool,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// The next words; none at the end.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.began, true) {
            return Some(BEGIN.to_owned());
        }
        let news = tokio::select! {
            biased;
            () = begun(&mut self.draining) => return None,
            () = &mut self.ended => return None,
            news = self.feed.next() => news,
            () = tokio::time::sleep(KEEP_ALIVE) => return Some(": still here\n\n".to_owned()),
        };
        Some(match news? {
            OutcomeNews::Outcome(outcome) => self.row(outcome.delivery),
            OutcomeNews::Missed(missed) => format!("event: gap\ndata: {missed}\n\n"),
        })
    }

    fn row(&self, delivery: posthaste_store::record::Delivery) -> String {
        let mut rows = Row::of(&self.engine, &self.tenant, vec![delivery]);
        let fragment = Fragment {
            base: &self.base,
            row: rows.remove(0),
            may_write: self.may_write,
        };
        let html = fragment.render().unwrap_or_default();
        let lines = html.lines().map(|line| format!("data: {line}\n"));
        format!("event: row\n{}\n", lines.collect::<String>())
    }
}

async fn begun(draining: &mut Option<Draining>) {
    match draining {
        Some(draining) => draining.begun().await,
        None => std::future::pending().await,
    }
}
