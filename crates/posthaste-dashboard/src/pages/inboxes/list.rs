//! All inboxes, and making one: a fresh URL in one click.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste_engine::operations::{NewBin, NewCheck, NewInbox};
use posthaste_store::{
    inbox::{Bin, Inbox, InboxAnswer},
    query::Stretch,
    settings::Scope,
};

use super::{acts::patterns, path};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    posted::Posted,
    render,
    viewer::Viewer,
};

struct Row {
    inbox: Arc<Inbox>,
    url: String,
    is_subscribed: bool,
    /// What came last.
    newest: Option<posthaste_store::inbox::InboxRequest>,
}

impl Row {
    fn answers(&self) -> Option<&InboxAnswer> {
        match &self.inbox.bin {
            Bin::Own { answer, .. } => Some(answer),
            Bin::WebhookSite { .. } => None,
        }
    }
}

#[derive(Template)]
#[template(path = "inboxes/list.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    has_webhook_site: bool,
    may_write: bool,
}

pub(super) async fn list(State(pages): State<Pages>, viewer: Viewer) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let newest = Stretch {
        before: None,
        limit: 1,
    };
    let mut rows = Vec::new();
    for inbox in engine.inboxes(tenant) {
        let last = engine.inbox_requests(tenant, inbox.id, newest).await;
        rows.push(Row {
            url: engine.inbox_url(&inbox).to_string(),
            is_subscribed: engine.leading_to(&inbox).is_some(),
            newest: last.map_or(None, |page| page.items.into_iter().next()),
            inbox,
        });
    }
    render::page(&List {
        frame: viewer.frame("Inboxes", Tab::Inboxes),
        rows,
        has_webhook_site: engine.has_webhook_site(),
        may_write: viewer.may(Scope::SubscriptionsWrite),
    })
}

/// One click makes it, with a subscription to it unless that is not wanted.
pub(super) async fn create(viewer: Viewer, form: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let subscribe = match form.text("subscribe") {
        Some(_) => Some(patterns(form.text("events").unwrap_or_default())?),
        None => None,
    };
    let bin = match form.text("kind") {
        Some("webhook.site") => NewBin::WebhookSite,
        _ => NewBin::Own {
            answer: InboxAnswer::default(),
            check: NewCheck::Nothing,
        },
    };
    let new = NewInbox {
        name: super::acts::name(&form)?.unwrap_or_default(),
        bin,
        subscribe,
    };
    let made = engine.create_inbox(&viewer.tenant, new).await?;
    Ok(render::see(&(path(&viewer, made.id) + "?note=created")))
}
