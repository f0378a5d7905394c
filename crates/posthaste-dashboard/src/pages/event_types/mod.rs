//! The event catalogue: what a producer sends, told to those who receive it; and, for those who may,
//! the means to change what it tells.

mod list;
mod show;
mod form;
mod publish;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use posthaste::event::EventType;
use posthaste_engine::catalogue::Known;

use crate::{Pages, fault::Fault, viewer::Viewer};

/// A new type's form has a path of its own, because every word may be a type's name.
pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/event-types", get(list::list))
        .route("/new-event-type", get(form::blank).post(form::create))
        .route("/event-types/{id}", get(show::show))
        .route(
            "/event-types/{id}/edit",
            get(form::filled).post(form::change),
        )
        .route(
            "/event-types/{id}/delete",
            get(form::ask_to_delete).post(form::delete),
        )
        .route("/event-types/{id}/publish", post(publish::publish))
}

fn find(pages: &Pages, viewer: &Viewer, name: &EventType) -> Result<Arc<Known>, Fault> {
    let found = pages.engine.event_type(&viewer.tenant, name);
    found.ok_or(Fault::NotFound("event type"))
}

fn path(viewer: &Viewer, name: &EventType) -> String {
    viewer.path(&format!("event-types/{name}"))
}
