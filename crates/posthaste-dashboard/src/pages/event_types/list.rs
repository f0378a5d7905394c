//! All types, by name.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste_engine::catalogue::Known;
use posthaste_store::settings::Scope;

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
};

/// Rows of a page.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "event_types/list.html")]
struct List {
    frame: Frame,
    query: Query,
    rows: Vec<Row>,
    next: Option<String>,
    any: bool,
    may_write: bool,
    may_read_subscriptions: bool,
}

struct Row {
    known: Arc<Known>,
    takers: usize,
}

pub(super) async fn list(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventsRead)?;
    let mut all = pages.engine.event_types(&viewer.tenant);
    let any = !all.is_empty();
    all.sort_unstable_by(|a, b| a.entry.name.as_str().cmp(b.entry.name.as_str()));
    let after = query.text("after").unwrap_or_default();
    let wanted = all
        .into_iter()
        .filter(|known| known.entry.name.as_str() > after);
    let wanted = wanted.filter(|known| is_wanted(known, &query));
    let mut page: Vec<Arc<Known>> = wanted.take(ROWS + 1).collect();
    let more = page.len() > ROWS;
    page.truncate(ROWS);
    let last = page
        .last()
        .filter(|_| more)
        .map(|last| last.entry.name.to_string());
    let row = |known: Arc<Known>| Row {
        takers: pages.engine.takers(&viewer.tenant, &known.entry.name).len(),
        known,
    };
    render::page(&List {
        frame: viewer.frame("Event types", Tab::EventTypes),
        rows: page.into_iter().map(row).collect(),
        next: last.map(|last| query.with("after", &last)),
        may_write: viewer.may(Scope::EventTypesWrite),
        may_read_subscriptions: viewer.may(Scope::SubscriptionsRead),
        query,
        any,
    })
}

/// A part of the name or of the description is enough.
fn is_wanted(known: &Known, query: &Query) -> bool {
    let Some(text) = query.text("q").map(|text| text.trim().to_lowercase()) else {
        return true;
    };
    let in_it = |part: &str| part.to_lowercase().contains(&text);
    in_it(known.entry.name.as_str()) || in_it(&known.entry.description)
}
