//! Subscriptions: where events go, how each of them fares, and what can be done with one.

pub(super) mod standing;
pub(super) mod spark;
mod list;
mod filter;
mod form;
mod secret;
mod settings;
mod verification;
mod show;
mod acts;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use posthaste::{id::SubscriptionId, subscription::Subscription};

use crate::{Pages, fault::Fault, viewer::Viewer};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/subscriptions", get(list::list))
        .route("/subscriptions/new", get(form::blank).post(form::create))
        .route("/subscriptions/{id}", get(show::show))
        .route(
            "/subscriptions/{id}/edit",
            get(form::filled).post(form::change),
        )
        .route("/subscriptions/{id}/pause", post(acts::pause))
        .route("/subscriptions/{id}/resume", post(acts::resume))
        .route("/subscriptions/{id}/test", post(acts::test))
        .route(
            "/subscriptions/{id}/delete",
            get(acts::ask_to_delete).post(acts::delete),
        )
        .route("/subscriptions/{id}/secret", post(secret::reveal))
        .route("/subscriptions/{id}/rotate", post(secret::rotate))
}

fn find(pages: &Pages, viewer: &Viewer, id: SubscriptionId) -> Result<Arc<Subscription>, Fault> {
    let found = pages.engine.subscription(&viewer.tenant, id);
    found.ok_or(Fault::NotFound("subscription"))
}

/// The path of one's page.
fn path(viewer: &Viewer, id: SubscriptionId) -> String {
    viewer.path(&format!("subscriptions/{id}"))
}
