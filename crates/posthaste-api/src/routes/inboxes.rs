//! Inboxes: making, reading, changing and deleting them, and what came to them.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use posthaste::{event::TenantId, id::InboxId};
use posthaste_engine::inboxes::InboxFeed;
use posthaste_store::{inbox::Inbox, query::Stretch};

use super::{
    inbox_body::{InboxShape, NewInboxShape, create, patch, patch_fields},
    inbox_view::{InboxView, RequestView},
    streams::{LAST_EVENT_ID, json, open},
};
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    parameters::Parameters,
    path::Id,
    precondition::if_match,
    principal::{Authorized, ReadSubscriptions, WriteSubscriptions},
    problem::{Kind, Problem},
    sse::{self, Draining, Source, message},
};

fn shown(api: &Api, status: StatusCode, inbox: &Inbox) -> Response {
    let response = answer::json(status, &InboxView::of(inbox, &api.engine));
    answer::with_tag(response, &tag(inbox.revision))
}

fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

fn find(api: &Api, tenant: &TenantId, id: InboxId) -> Result<Arc<Inbox>, Problem> {
    let found = api.engine.inbox(tenant, id);
    found.ok_or_else(|| Problem::not_found("inbox"))
}

/// Make an inbox: a URL that keeps what comes to it.
///
/// With `subscribe` it gets a subscription of its own, and what comes is verified with that one's
/// secret. A tenant has at most 100.
#[utoipa::path(
    post, path = "/api/v1/webhooks/inboxes", tag = "inboxes",
    request_body = NewInboxShape,
    responses(
        (status = 201, description = "It takes requests", body = InboxView<'static>),
        (status = 502, description = "webhook.site gave no URL", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn create_inbox(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = create(&body)?;
    let made = auth.engine().create_inbox(&auth.tenant, new).await?;
    let path = format!("/api/v1/webhooks/inboxes/{}", made.id);
    let response = shown(&api, StatusCode::CREATED, &made);
    Ok(answer::created_at(response, &path))
}

/// List inboxes, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/inboxes", tag = "inboxes",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of inboxes", body = PageView<InboxView<'static>>)),
)]
pub(crate) async fn list_inboxes(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "inboxes", Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let all = api.engine.inboxes(&auth.tenant);
    let left = all
        .iter()
        .filter(|one| before.is_none_or(|before| one.id.as_u64() < before));
    let page = answer::page(left, limit, |last| {
        cursors.seal(&last.id.as_u64().to_be_bytes())
    });
    let view = page.map(|inbox| InboxView::of(inbox, &api.engine));
    Ok(answer::json(StatusCode::OK, &view))
}

/// Read one inbox.
#[utoipa::path(
    get, path = "/api/v1/webhooks/inboxes/{id}", tag = "inboxes",
    params(("id" = String, Path, description = "`inb_…`")),
    responses((status = 200, description = "The inbox", body = InboxView<'static>,
        headers(("etag" = String, description = "for `If-Match`")))),
)]
pub(crate) async fn show_inbox(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<InboxId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let found = find(&api, &auth.tenant, id)?;
    Ok(shown(&api, StatusCode::OK, &found))
}

/// Change an inbox; absent members stay as they are, those of `answer` too.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/inboxes/{id}", tag = "inboxes",
    params(
        ("id" = String, Path, description = "`inb_…`"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    request_body = InboxShape,
    responses(
        (status = 200, description = "The inbox as it is now", body = InboxView<'static>),
        (status = 409, description = "A subscription leads to it already", body = crate::problem::ProblemView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn change_inbox(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<InboxId>,
    headers: HeaderMap,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = find(&api, &auth.tenant, id)?;
    let if_revision = if_match(&headers, Some(&tag(now.revision)))?.then_some(now.revision);
    let fields = patch_fields(&body)?;
    if fields.is_empty() {
        return Ok(shown(&api, StatusCode::OK, &now));
    }
    let (engine, patch) = (auth.engine(), patch(fields)?);
    let changed = engine.change_inbox(&auth.tenant, id, patch, if_revision);
    Ok(shown(&api, StatusCode::OK, &*changed.await?))
}

/// Delete an inbox, with what came to it and the subscription that was made with it.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/inboxes/{id}", tag = "inboxes",
    params(("id" = String, Path, description = "`inb_…`")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_inbox(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<InboxId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    auth.engine().delete_inbox(&auth.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List what came to an inbox, newest first: the last 500 requests at most, 8 MiB and a week of them.
#[utoipa::path(
    get, path = "/api/v1/webhooks/inboxes/{id}/requests", tag = "inboxes",
    params(
        ("id" = String, Path, description = "`inb_…`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of requests", body = PageView<RequestView<'static>>)),
)]
pub(crate) async fn list_inbox_requests(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<InboxId>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let route = format!("requests of {id}");
    let cursors = Cursors::new(&api.cursor_key, &route, Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let stretch = Stretch { before, limit };
    let page = api.engine.inbox_requests(&auth.tenant, id, stretch).await?;
    let view = PageView {
        data: page.items.iter().map(RequestView::of).collect(),
        next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
    };
    Ok(answer::json(StatusCode::OK, &view))
}

/// Follow what comes to an inbox (Server-Sent Events).
///
/// One message `request` for each, with its number as its id. A listener that comes back with
/// `Last-Event-ID` (or `after`) gets every request above it that is still kept, and then what comes.
#[utoipa::path(
    get, path = "/api/v1/webhooks/inboxes/{id}/requests/stream", tag = "inboxes",
    params(
        ("id" = String, Path, description = "`inb_…`"),
        ("after" = Option<u64>, Query, description = "the number of the last request that the listener has; `Last-Event-ID` wins over it"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last message"),
    ),
    responses(
        (status = 200, description = "A stream without an end", body = RequestView<'static>, content_type = "text/event-stream"),
        (status = 429, description = "As many streams are open as may be", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn stream_inbox_requests(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<InboxId>,
    draining: Draining,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let after = parameters.parsed("after");
    parameters.finish()?;
    let after = last_number(&headers)?.or(after);
    let open = open(&api, &auth, draining)?;
    let feed = api.engine.follow_inbox(&auth.tenant, id, after).await?;
    Ok(sse::answer(Requests { feed }, open))
}

fn last_number(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|number| number.parse().ok());
    let expected = "expected the id of the last message, a number";
    let pointer = format!("@{LAST_EVENT_ID}");
    number
        .map(Some)
        .ok_or_else(|| Problem::field(Kind::Validation, pointer, "invalid", expected))
}

struct Requests {
    feed: InboxFeed,
}

impl Source for Requests {
    async fn next(&mut self) -> Option<String> {
        match self.feed.next().await {
            Ok(requests) if requests.is_empty() => None,
            Ok(requests) => {
                let shown = requests.iter().map(|request| {
                    let id = request.number.to_string();
                    message("request", &id, &json(&RequestView::of(request)))
                });
                Some(shown.collect())
            }
            // Whoever listens comes back, and goes on where this ends.
            Err(error) => {
                tracing::warn!(%error, "inbox.stream");
                None
            }
        }
    }

    fn idle(&self) -> String {
        format!(": still here\nid: {}\n\n", self.feed.place())
    }
}
