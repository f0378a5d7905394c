//! What comes to an inbox as it comes: each request as the piece of the page that it is. Whoever
//! comes back misses nothing.

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use http::HeaderMap;
use posthaste::id::InboxId;
use posthaste_engine::{inboxes::InboxFeed, live::Draining};
use posthaste_store::{inbox::InboxRequest, settings::Scope};

use super::{came::Came, find};
use crate::{
    Pages,
    fault::Fault,
    live::{Feed, piece},
    path::Id,
    query::Query,
    viewer::Viewer,
};

/// A request by itself.
#[derive(Template)]
#[template(path = "inboxes/fragment.html")]
struct Fragment<'a> {
    page: &'a str,
    came: Came,
}

pub(super) async fn live(
    State(pages): State<Pages>,
    draining: Option<Extension<Draining>>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let inbox = find(&pages, &viewer, id)?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|last| last.to_str().ok()?.parse().ok());
    let after = last.or_else(|| query.read("after"));
    let tail = Tail {
        feed: pages.engine.follow_inbox(&viewer.tenant, id, after).await?,
        url: pages.engine.inbox_url(&inbox).to_string(),
        page: super::path(&viewer, id),
    };
    Ok(pages.places.stream(tail, viewer.leave(), draining))
}

struct Tail {
    feed: InboxFeed,
    url: String,
    page: String,
}

impl Feed for Tail {
    async fn next(&mut self) -> Option<String> {
        let came = self.feed.next().await.ok()?;
        let words = came.iter().map(|request| self.words(request));
        (!came.is_empty()).then(|| words.collect())
    }
}

impl Tail {
    fn words(&self, request: &InboxRequest) -> String {
        let fragment = Fragment {
            page: &self.page,
            came: Came::listed(request, &self.url),
        };
        let html = fragment.render().unwrap_or_default();
        piece("request", Some(request.number), &html)
    }
}
