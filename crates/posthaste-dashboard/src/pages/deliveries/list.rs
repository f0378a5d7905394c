//! The list of deliveries, narrowed by what stands in its path.

use std::collections::HashMap;

use askama::Template;
use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    delivery::{DeliveryStatus, FailureClass},
    event::TenantId,
    id::SubscriptionId,
};
use posthaste_engine::Engine;
use posthaste_store::{query::Stretch, record::Delivery, settings::Scope};

use crate::{
    Pages,
    fault::Fault,
    filters::{self, OF_DELIVERIES},
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Rows of a page.
const ROWS: usize = 50;
/// Choices that a field suggests.
const CHOICES_MAX: usize = 200;

/// A tenant's subscriptions by name: what a row says instead of an id.
pub(crate) struct Subscribers(HashMap<SubscriptionId, String>);

impl Subscribers {
    /// Those of these.
    pub(crate) fn of(
        engine: &Engine,
        tenant: &TenantId,
        ids: impl Iterator<Item = SubscriptionId>,
    ) -> Self {
        let mut known = HashMap::new();
        for id in ids {
            if !known.contains_key(&id)
                && let Some(subscription) = engine.subscription(tenant, id)
            {
                known.insert(id, subscription.url.to_string());
            }
        }
        Self(known)
    }

    /// None where it was deleted.
    pub(crate) fn url(&self, id: SubscriptionId) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }
}

/// A delivery as a row of a table.
pub(crate) struct Row {
    pub(crate) delivery: Delivery,
    /// Of its subscription; none where that was deleted.
    pub(crate) url: Option<String>,
}

impl Row {
    pub(crate) fn of(engine: &Engine, tenant: &TenantId, deliveries: Vec<Delivery>) -> Vec<Self> {
        let ids = deliveries.iter().map(|delivery| delivery.subscription);
        let known = Subscribers::of(engine, tenant, ids);
        let row = |delivery: Delivery| Self {
            url: known.url(delivery.subscription).map(str::to_owned),
            delivery,
        };
        deliveries.into_iter().map(row).collect()
    }
}

/// What a field suggests: a value, and what it means.
struct Choice {
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "deliveries/list.html")]
struct List {
    frame: Frame,
    query: Query,
    wrong: Wrongs,
    rows: Vec<Row>,
    older: Option<String>,
    is_first: bool,
    is_narrowed: bool,
    may_write: bool,
    statuses: &'static [DeliveryStatus],
    reasons: &'static [FailureClass],
    subscriptions: Vec<Choice>,
    types: Vec<String>,
    /// The filter without its page, for links.
    filter: String,
}

pub(super) async fn list(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let (wanted, wrong) = filters::deliveries(&query, engine.now());
    let before = query.read("before");
    let stretch = Stretch {
        before,
        limit: ROWS,
    };
    let (items, next) = match wrong.is_empty() {
        true => {
            let found = engine.deliveries(tenant, &wanted, stretch).await?;
            (found.items, found.next)
        }
        false => (Vec::new(), None),
    };
    let status = match wrong.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let list = List {
        frame: viewer.frame("Deliveries", Tab::Deliveries),
        rows: Row::of(engine, tenant, items),
        older: next.map(|next| query.with("before", &next.to_string())),
        is_first: before.is_none(),
        is_narrowed: OF_DELIVERIES.iter().any(|name| query.text(name).is_some()),
        may_write: viewer.may(Scope::DeliveriesWrite),
        statuses: DeliveryStatus::ALL,
        reasons: FailureClass::ALL,
        subscriptions: subscriptions(engine, tenant),
        types: types(engine, tenant),
        filter: query.with("before", ""),
        wrong,
        query,
    };
    render::with_status(status, &list)
}

fn subscriptions(engine: &Engine, tenant: &TenantId) -> Vec<Choice> {
    let all = engine.subscriptions(tenant).into_iter().take(CHOICES_MAX);
    let choice = all.map(|subscription| Choice {
        value: subscription.id.to_string(),
        label: match subscription.description.as_str() {
            "" => subscription.url.to_string(),
            what => format!("{what}: {}", subscription.url),
        },
    });
    choice.collect()
}

pub(crate) fn types(engine: &Engine, tenant: &TenantId) -> Vec<String> {
    let all = engine.event_types(tenant).into_iter().take(CHOICES_MAX);
    all.map(|known| known.entry.name.to_string()).collect()
}
