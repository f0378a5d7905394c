//! One inbox: what came, newest first, and what it is set to.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use posthaste::{
    id::{InboxId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::{
    inbox::{AnswerType, Bin, Check, Inbox, InboxAnswer},
    query::Stretch,
    settings::Scope,
};

use super::{came::Came, find, presets::PRESETS};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    path::{self, Id},
    query::Query,
    render, show,
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Requests of a page.
const ROWS: usize = 20;

#[derive(Template)]
#[template(path = "inboxes/one.html")]
pub(super) struct Page {
    frame: Frame,
    inbox: Arc<Inbox>,
    url: String,
    came: Vec<Came>,
    newest: u64,
    is_first_page: bool,
    older: Option<String>,
    /// The one that leads here, where there still is one.
    subscription: Option<Arc<Subscription>>,
    /// Others that it could verify with.
    others: Vec<(String, String)>,
    /// What was typed, where it was wrong.
    typed: Query,
    wrong: Wrongs,
    may_write: bool,
}

impl Page {
    fn answer(&self) -> Option<&InboxAnswer> {
        match &self.inbox.bin {
            Bin::Own { answer, .. } => Some(answer),
            Bin::WebhookSite { .. } => None,
        }
    }

    fn path(&self) -> String {
        format!("{}/inboxes/{}", self.frame.base, self.inbox.id)
    }

    fn retry_after(&self) -> String {
        let seconds = self.answer().and_then(|answer| answer.retry_after_s);
        seconds
            .map(|seconds| seconds.to_string())
            .unwrap_or_default()
    }

    fn view_url(&self) -> Option<&str> {
        match &self.inbox.bin {
            Bin::WebhookSite { view_url, .. } => Some(view_url),
            Bin::Own { .. } => None,
        }
    }

    fn has_secret(&self) -> bool {
        matches!(self.inbox.check, Check::Secret(_))
    }

    fn checks_nothing(&self) -> bool {
        self.inbox.check == Check::Nothing
    }

    fn leading(&self) -> Option<SubscriptionId> {
        self.subscription.as_ref().map(|one| one.id)
    }

    fn title(&self) -> &str {
        match self.inbox.name.as_str() {
            "" => "Inbox",
            name => name,
        }
    }

    fn types(&self) -> &'static [AnswerType] {
        AnswerType::EVERY
    }

    fn presets(&self) -> &'static [(&'static str, &'static str)] {
        PRESETS
    }

    /// What a field says: as it was typed, else as it is.
    fn value(&self, field: &str, now: String) -> String {
        match self.typed.text(field) {
            Some(typed) => typed.to_owned(),
            None if self.wrong.is_empty() => now,
            None => String::new(),
        }
    }

    /// What it answers, in words.
    fn answers(&self) -> String {
        let Some(answer) = self.answer() else {
            return String::new();
        };
        match answer.delay_ms {
            0 => answer.status.to_string(),
            ms => format!(
                "{} after {}",
                answer.status,
                show::span(Duration::from_millis(ms.into()))
            ),
        }
    }
}

pub(super) async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
    query: Query,
) -> Result<Response, Fault> {
    let before = query.read("before");
    let page = page(&pages, &viewer, id, before).await?;
    render::page(&page)
}

/// The form as it was sent, with what is wrong.
pub(super) async fn refused(
    pages: &Pages,
    viewer: &Viewer,
    id: InboxId,
    typed: Query,
    wrong: Wrongs,
) -> Result<Response, Fault> {
    let page = page(pages, viewer, id, None).await?;
    render::refused(&Page {
        typed,
        wrong,
        ..page
    })
}

async fn page(
    pages: &Pages,
    viewer: &Viewer,
    id: InboxId,
    before: Option<u64>,
) -> Result<Page, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let inbox = find(pages, viewer, id)?;
    let stretch = Stretch {
        before,
        limit: ROWS,
    };
    let found = engine.inbox_requests(tenant, id, stretch).await?;
    let url = engine.inbox_url(&inbox).to_string();
    let all = engine.subscriptions(tenant);
    let others = all.iter().take(100);
    let others = others.map(|one| (one.id.to_string(), one.url.to_string()));
    Ok(Page {
        frame: viewer.frame("Inbox", Tab::Inboxes),
        came: found
            .items
            .iter()
            .map(|request| Came::listed(request, &url))
            .collect(),
        newest: found.items.first().map_or(0, |request| request.number),
        is_first_page: before.is_none(),
        older: found.next.map(|next| format!("before={next}")),
        subscription: engine.leading_to(&inbox),
        others: others.collect(),
        typed: Query::default(),
        wrong: Wrongs::default(),
        may_write: viewer.may(Scope::SubscriptionsWrite),
        inbox,
        url,
    })
}

/// The `{number}` of a path.
pub(super) struct Number(u64);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let number = path::named(parts, state, "number").await;
        let number = number.and_then(|number| number.parse().ok());
        number.map(Self).ok_or(Fault::NotFound("request"))
    }
}

#[derive(Template)]
#[template(path = "inboxes/request.html")]
struct RequestPage {
    frame: Frame,
    inbox: Arc<Inbox>,
    came: Came,
}

pub(super) async fn request(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
    Number(number): Number,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsRead)?;
    let inbox = find(&pages, &viewer, id)?;
    let found = pages.engine.inbox_request(&viewer.tenant, id, number);
    let url = pages.engine.inbox_url(&inbox).to_string();
    render::page(&RequestPage {
        frame: viewer.frame(format!("Request {number}"), Tab::Inboxes),
        came: Came::whole(&found.await?, &url),
        inbox,
    })
}
