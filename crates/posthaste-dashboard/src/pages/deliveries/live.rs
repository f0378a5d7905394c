//! The tail of deliveries: each outcome as the row of the table that it is. What happens while
//! nobody listens stands in the list.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use posthaste::event::TenantId;
use posthaste_engine::{
    Engine,
    live::{Draining, OutcomeFeed, OutcomeNews},
};
use posthaste_store::{record::Delivery, settings::Scope};

use super::Row;
use crate::{
    Pages,
    fault::Fault,
    filters,
    live::{Feed, piece},
    query::Query,
    viewer::Viewer,
};

/// A row by itself.
#[derive(Template)]
#[template(path = "deliveries/fragment.html")]
struct Fragment<'a> {
    base: &'a str,
    row: Row,
    may_write: bool,
}

pub(super) async fn live(
    State(pages): State<Pages>,
    draining: Option<Extension<Draining>>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let (wanted, wrong) = filters::deliveries(&query, pages.engine.now());
    if !wrong.is_empty() {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    }
    let leave = viewer.leave();
    let tail = Tail {
        feed: pages.engine.follow_outcomes(&viewer.tenant, wanted),
        engine: pages.engine.clone(),
        may_write: viewer.may(Scope::DeliveriesWrite),
        base: viewer.base,
        tenant: viewer.tenant,
    };
    Ok(pages.places.stream(tail, leave, draining))
}

struct Tail {
    engine: Engine,
    feed: OutcomeFeed,
    tenant: TenantId,
    base: String,
    may_write: bool,
}

impl Feed for Tail {
    async fn next(&mut self) -> Option<String> {
        Some(match self.feed.next().await? {
            OutcomeNews::Outcome(outcome) => self.row(outcome.delivery),
            OutcomeNews::Missed(missed) => piece("gap", None, &missed.to_string()),
        })
    }
}

impl Tail {
    fn row(&self, delivery: Delivery) -> String {
        let mut rows = Row::of(&self.engine, &self.tenant, vec![delivery]);
        let fragment = Fragment {
            base: &self.base,
            row: rows.remove(0),
            may_write: self.may_write,
        };
        piece("row", None, &fragment.render().unwrap_or_default())
    }
}
