//! One subscription: how it stands, what became of its deliveries, how it is set, and how its
//! receiver checks that a request is ours.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{
    circuit::Circuit,
    clock::Timestamp,
    id::SubscriptionId,
    signature::PublicKey,
    subscription::{Subscription, SubscriptionStatus},
};
use posthaste_store::{
    query::{DeliveryQuery, Stretch},
    record::Delivery,
    rollup::{Histogram, Rollup},
    settings::Scope,
};

use super::{
    find, settings,
    spark::{Drawn, percent},
    standing::{self, Badge},
    verification::Verification,
};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    path::Id,
    payload::Shown,
    query::Query,
    render,
    viewer::Viewer,
};

/// Of the figures, in minutes: a day.
const WINDOW: u32 = 24 * 60;
/// Deliveries that are shown.
const LATEST: usize = 8;

#[derive(Template)]
#[template(path = "subscriptions/show.html")]
struct Show {
    frame: Frame,
    now: Timestamp,
    one: Arc<Subscription>,
    status: Badge,
    health: Badge,
    figures: Option<Figures>,
    latest: Vec<Delivery>,
    /// The public keys that verify, with the end of their time; none where the secret is shared.
    keys: Vec<(PublicKey, Option<Timestamp>)>,
    verification: Verification,
    may_write: bool,
    may_read_deliveries: bool,
}

/// A day's figures.
struct Figures {
    spark: Option<Drawn>,
    total: Rollup,
}

impl Figures {
    fn rate(&self) -> Option<String> {
        let (delivered, failed) = (self.total.delivered, self.total.failed);
        let ended = delivered.saturating_add(failed);
        #[allow(clippy::cast_precision_loss)] // shown with two digits
        let share = delivered as f64 / ended as f64;
        (ended > 0).then(|| percent(share))
    }

    /// The most frequent first.
    fn reasons(&self) -> Vec<(String, u64)> {
        let reasons = self.total.reasons.iter();
        let mut reasons: Vec<_> = reasons.map(|(why, n)| (why.to_string(), *n)).collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        reasons
    }

    /// Of both, first tries and retried ones.
    fn latency(&self, quantile: f64) -> Option<String> {
        let mut all = Histogram::default();
        all.merge(&self.total.latency);
        all.merge(&self.total.retried);
        let us = all.quantile_us(quantile)?;
        Some(crate::show::span(Duration::from_secs_f64(us / 1e6)))
    }
}

impl Show {
    /// What waits for a person.
    fn is_active(&self) -> bool {
        self.one.status == SubscriptionStatus::Active
    }

    fn is_disabled(&self) -> bool {
        self.one.status == SubscriptionStatus::Disabled
    }

    fn probe_at(&self) -> Option<Timestamp> {
        match self.one.health.circuit {
            Circuit::Open { probe_at, .. } => Some(probe_at),
            Circuit::Closed => None,
        }
    }

    fn waits_until(&self) -> Option<Timestamp> {
        self.one.health.wait_until.filter(|until| self.now < *until)
    }

    /// Until when the secret before signs too.
    fn overlaps_until(&self) -> Option<Timestamp> {
        let previous = self.one.secrets.previous.as_ref();
        previous
            .map(|(_, until)| *until)
            .filter(|until| self.now < *until)
    }

    fn left(&self, until: &Timestamp) -> String {
        crate::show::span(until.since(self.now))
    }

    fn events(&self) -> Vec<String> {
        self.one.events.iter().map(ToString::to_string).collect()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings::settings(&self.one)
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        let headers = self.one.access.headers.iter();
        headers
            .map(|(name, value)| (name.written(), value.shown()))
            .collect()
    }

    fn filter(&self) -> Option<String> {
        let filter = self.one.filter.as_ref()?;
        Some(Shown::pretty(filter.as_json().as_str()).text)
    }

    fn metadata(&self) -> Option<String> {
        let metadata = self.one.metadata.as_str();
        (metadata != "{}").then(|| Shown::pretty(metadata).text)
    }
}

pub(super) async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let one = find(&pages, &viewer, id)?;
    let may_read_deliveries = viewer.may(Scope::DeliveriesRead);
    let now = pages.engine.now();
    let (figures, latest) = match may_read_deliveries {
        true => (
            Some(figures(&pages, &viewer, id).await?),
            latest(&pages, &viewer, id).await?,
        ),
        false => (None, Vec::new()),
    };
    render::page(&Show {
        frame: viewer.frame(one.url.as_str(), Tab::Subscriptions),
        status: standing::status(&one),
        health: standing::health(&one, now),
        keys: one.secrets.public_keys(now),
        verification: Verification::chosen(&one, &query),
        may_write: viewer.may(Scope::SubscriptionsWrite),
        may_read_deliveries,
        figures,
        latest,
        now,
        one,
    })
}

async fn figures(pages: &Pages, viewer: &Viewer, id: SubscriptionId) -> Result<Figures, Fault> {
    let stats = pages
        .engine
        .stats(&viewer.tenant, Some(id), WINDOW, None)
        .await?;
    let sparks = pages.engine.sparks(&viewer.tenant, &[id]).await?;
    Ok(Figures {
        spark: sparks.get(&id).map(Drawn::of),
        total: stats.total,
    })
}

async fn latest(
    pages: &Pages,
    viewer: &Viewer,
    id: SubscriptionId,
) -> Result<Vec<Delivery>, Fault> {
    let query = DeliveryQuery {
        subscription: Some(id),
        ..DeliveryQuery::default()
    };
    let stretch = Stretch {
        before: None,
        limit: LATEST,
    };
    Ok(pages
        .engine
        .deliveries(&viewer.tenant, &query, stretch)
        .await?
        .items)
}
