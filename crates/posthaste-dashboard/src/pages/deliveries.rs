//! Deliveries: what went out, what waits, what failed.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use posthaste::delivery::DeliveryStatus;
use posthaste_store::{
    query::{DeliveryQuery, Stretch},
    record::Delivery,
    settings::Scope,
};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
};

/// Rows of a page.
const ROWS: usize = 50;

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/deliveries", get(list))
}

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct List {
    frame: Frame,
    query: Query,
    deliveries: Vec<Delivery>,
    older: Option<String>,
}

async fn list(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let stretch = Stretch {
        before: query.read("before"),
        limit: ROWS,
    };
    let wanted = wanted(&query);
    let found = pages.engine.deliveries(&viewer.tenant, &wanted, stretch);
    let found = found.await?;
    render::page(&List {
        frame: viewer.frame("Deliveries", Tab::Deliveries),
        older: found
            .next
            .map(|next| query.with("before", &next.to_string())),
        deliveries: found.items,
        query,
    })
}

fn wanted(query: &Query) -> DeliveryQuery {
    DeliveryQuery {
        status: query.text("status").and_then(DeliveryStatus::named),
        ..DeliveryQuery::default()
    }
}
