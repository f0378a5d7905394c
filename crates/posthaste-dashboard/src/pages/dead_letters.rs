//! Dead letters, put together by whom they were for and why they died, to be sent again or let go
//! together.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use posthaste::id::{DeliveryId, SubscriptionId};
use posthaste_store::{dead_letter::DeadGroup, settings::Scope};

use super::deliveries::Subscribers;
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
};

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/dead-letters", get(page))
}

/// A group, with the filter that names it.
struct Group {
    subscription: SubscriptionId,
    /// None where it was deleted.
    url: Option<String>,
    reason: String,
    group: DeadGroup,
    filter: String,
}

#[derive(Template)]
#[template(path = "dead_letters/page.html")]
struct Page {
    frame: Frame,
    /// The largest first.
    groups: Vec<Group>,
    counted: u64,
    is_first: bool,
    older: Option<String>,
    may_write: bool,
}

async fn page(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let before: Option<u64> = query.read("before");
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let before_id = before.map(DeliveryId::from_u64);
    let dead = engine.dead_letters(tenant, before_id).await?;
    let known = Subscribers::of(engine, tenant, dead.groups.keys().map(|(to, _)| *to));
    let groups = dead
        .groups
        .into_iter()
        .map(|((subscription, reason), group)| Group {
            subscription,
            url: known.url(subscription).map(str::to_owned),
            filter: filter(subscription, &reason.to_string()),
            reason: reason.to_string(),
            group,
        });
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.group.count, group.group.newest)));
    render::page(&Page {
        frame: viewer.frame("Dead letters", Tab::DeadLetters),
        groups,
        counted: dead.counted,
        is_first: before.is_none(),
        older: dead
            .next
            .map(|next| query.with("before", &next.to_string())),
        may_write: viewer.may(Scope::DeliveriesWrite),
    })
}

fn filter(subscription: SubscriptionId, reason: &str) -> String {
    let all = Query::parse("status=failed").with("subscription", &subscription.to_string());
    Query::parse(&all).with("error", reason)
}
