//! What comes to an inbox as it comes: each request as the piece of the page that it is, as
//! Server-Sent Events. A stream ends after some minutes, and when the server drains; the page comes
//! back by itself, is asked anew who it is, and misses nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use posthaste::id::InboxId;
use posthaste_engine::{inboxes::InboxFeed, live::Draining};
use posthaste_store::{inbox::InboxRequest, settings::Scope};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{came::Came, find};
use crate::{Pages, fault::Fault, path::Id, query::Query, viewer::Viewer};

/// Pages that may listen at once.
const LISTENERS_MAX: usize = 200;
/// How long one stream goes on.
const LIFE: Duration = Duration::from_secs(120);
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

/// A request by itself.
#[derive(Template)]
#[template(path = "inboxes/fragment.html")]
struct Fragment<'a> {
    page: &'a str,
    came: Came,
}

async fn live(
    State(pages): State<Pages>,
    Extension(places): Extension<Places>,
    draining: Option<Extension<Draining>>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let inbox = find(&pages, &viewer, id)?;
    let Ok(place) = places.0.try_acquire_owned() else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let last = headers.get("last-event-id");
    let last = last.and_then(|last| last.to_str().ok()?.parse().ok());
    let after = last.or_else(|| query.read("after"));
    let tail = Tail {
        feed: pages.engine.follow_inbox(&viewer.tenant, id, after).await?,
        url: pages.engine.inbox_url(&inbox).to_string(),
        page: super::path(&viewer, id),
        draining: draining.map(|Extension(draining)| draining),
        ends: end(),
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

#[allow(clippy::disallowed_methods)] // a deadline of the runtime's own time
fn end() -> Instant {
    Instant::now() + LIFE
}

struct Tail {
    feed: InboxFeed,
    url: String,
    page: String,
    draining: Option<Draining>,
    ends: Instant,
    began: bool,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// The next words; none at the end.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.began, true) {
            return Some(BEGIN.to_owned());
        }
        let came = tokio::select! {
            biased;
            () = begun(&mut self.draining) => return None,
            came = timeout_at(self.ends, self.feed.next()) => came.ok()?.ok()?,
            () = tokio::time::sleep(KEEP_ALIVE) => return Some(": still here\n\n".to_owned()),
        };
        let words = came.iter().map(|request| self.words(request));
        (!came.is_empty()).then(|| words.collect())
    }

    fn words(&self, request: &InboxRequest) -> String {
        let fragment = Fragment {
            page: &self.page,
            came: Came::listed(request, &self.url),
        };
        let html = fragment.render().unwrap_or_default();
        let lines = html.lines().map(|line| format!("data: {line}\n"));
        let lines: String = lines.collect();
        format!("event: request\nid: {}\n{lines}\n", request.number)
    }
}

async fn begun(draining: &mut Option<Draining>) {
    match draining {
        Some(draining) => draining.begun().await,
        None => std::future::pending().await,
    }
}
