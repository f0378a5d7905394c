//! The list: newest first, filtered by what stands in the path.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{clock::Timestamp, id::SubscriptionId, subscription::Subscription};
use posthaste_store::settings::Scope;

use super::{spark::Drawn, standing};
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

#[derive(Template)]
#[template(path = "subscriptions/list.html")]
struct List {
    frame: Frame,
    query: Query,
    now: Timestamp,
    rows: Vec<Arc<Subscription>>,
    sparks: HashMap<SubscriptionId, Drawn>,
    older: Option<String>,
    /// Whether there is one at all.
    any: bool,
    may_write: bool,
}

pub(super) async fn list(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let all = pages.engine.subscriptions(&viewer.tenant);
    let any = !all.is_empty();
    let before: Option<u64> = query.read("before");
    let wanted = all.into_iter().filter(|one| {
        before.is_none_or(|before| one.id.as_u64() < before) && is_wanted(one, &query)
    });
    let mut rows: Vec<_> = wanted.take(ROWS + 1).collect();
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let last = rows
        .last()
        .filter(|_| more)
        .map(|last| last.id.as_u64().to_string());
    let ids: Vec<SubscriptionId> = rows.iter().map(|one| one.id).collect();
    let sparks = match viewer.may(Scope::DeliveriesRead) {
        true => pages.engine.sparks(&viewer.tenant, &ids).await?,
        false => HashMap::new(),
    };
    render::page(&List {
        frame: viewer.frame("Subscriptions", Tab::Subscriptions),
        now: pages.engine.now(),
        sparks: sparks
            .iter()
            .map(|(id, spark)| (*id, Drawn::of(spark)))
            .collect(),
        older: last.map(|last| query.with("before", &last)),
        may_write: viewer.may(Scope::SubscriptionsWrite),
        rows,
        query,
        any,
    })
}

/// A part of the URL, the description or the id is enough; the external id is meant exactly.
fn is_wanted(one: &Subscription, query: &Query) -> bool {
    let status = query
        .text("status")
        .is_none_or(|status| one.status.as_str() == status);
    let own = query.text("external_id").map(str::trim);
    let own = own.is_none_or(|own| one.external_id.as_deref().map(str::trim) == Some(own));
    let text = query.text("url").map(|text| text.trim().to_lowercase());
    let text = text.is_none_or(|text| {
        let in_it = |part: &str| part.to_lowercase().contains(&text);
        in_it(one.url.as_str()) || in_it(&one.description) || in_it(&one.id.to_string())
    });
    status && own && text
}
