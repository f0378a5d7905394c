//! Inboxes: a URL to try things with, and what came to it, as it comes.

mod presets;
mod came;
mod list;
mod one;
mod acts;
mod answer;
mod live;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use posthaste::id::InboxId;
use posthaste_store::inbox::Inbox;

use crate::{Pages, fault::Fault, viewer::Viewer};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/inboxes", get(list::list).post(list::create))
        .route("/inboxes/{id}", get(one::show))
        .route("/inboxes/{id}/live", get(live::live))
        .route("/inboxes/{id}/requests/{number}", get(one::request))
        .route("/inboxes/{id}/answer", post(answer::set))
        .route("/inboxes/{id}/check", post(acts::check))
        .route("/inboxes/{id}/subscribe", post(acts::subscribe))
        .route(
            "/inboxes/{id}/delete",
            get(acts::ask_to_delete).post(acts::delete),
        )
}

fn find(pages: &Pages, viewer: &Viewer, id: InboxId) -> Result<Arc<Inbox>, Fault> {
    let found = pages.engine.inbox(&viewer.tenant, id);
    found.ok_or(Fault::NotFound("inbox"))
}

/// The path of one's page.
fn path(viewer: &Viewer, id: InboxId) -> String {
    viewer.path(&format!("inboxes/{id}"))
}
