//! How a tenant fares, at a glance.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use posthaste_store::settings::Scope;

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    render,
    viewer::Viewer,
};

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/", get(overview))
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct Page {
    frame: Frame,
}

async fn overview(viewer: Viewer) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    render::page(&Page {
        frame: viewer.frame("Overview", Tab::Overview),
    })
}
