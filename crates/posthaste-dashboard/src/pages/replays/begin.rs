//! Beginning a replay: what it would send is counted and shown, and only what was counted starts.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, response::Response};
use data_encoding::HEXLOWER;
use posthaste::{chance, id::SubscriptionId};
use posthaste_engine::operations::{IdempotencyClaim, OperationError};
use posthaste_store::{
    replay::{RATE_PER_S, ReplayPlan},
    settings::Scope,
};
use sha2::{Digest, Sha256};

use super::{plan, told};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    pages::overview::Window,
    posted::Posted,
    query::Query,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

#[derive(Template)]
#[template(path = "replays/new.html")]
struct Form {
    frame: Frame,
    window: Window,
    typed: Typed,
    receivers: Vec<Receiver>,
    wrong: Wrongs,
    counted: Option<Counted>,
    /// Of this form: sent twice, it starts one replay.
    key: String,
}

/// The fields as they stand.
struct Typed {
    since: String,
    until: String,
    types: String,
    only: String,
    rate_per_s: String,
}

/// A subscription to choose.
struct Receiver {
    id: SubscriptionId,
    url: String,
    is_chosen: bool,
}

/// What a plan would send now.
struct Counted {
    total: u64,
    by_receiver: Vec<(SubscriptionId, String, u64)>,
    /// Of the plan: another one is counted first.
    hash: String,
}

impl Typed {
    fn of(form: &Query) -> Self {
        let text = |name| form.text(name).unwrap_or_default().to_owned();
        Self {
            since: text("since"),
            until: text("until"),
            types: text("types"),
            only: form.text("only").unwrap_or("all").to_owned(),
            rate_per_s: form
                .text("rate_per_s")
                .map_or_else(|| RATE_PER_S.to_string(), str::to_owned),
        }
    }

    /// As it was read: what was so long ago is a time now.
    fn as_read(plan: &ReplayPlan, form: &Query) -> Self {
        Self {
            since: plan.since.to_string(),
            until: plan.until.to_string(),
            only: told(plan.only).to_owned(),
            ..Self::of(form)
        }
    }
}

impl Form {
    fn of(pages: &Pages, viewer: &Viewer, form: &Query) -> Self {
        let subscriptions = pages.engine.subscriptions(&viewer.tenant);
        let receivers = subscriptions.iter().map(|subscription| Receiver {
            id: subscription.id,
            url: subscription.url.to_string(),
            is_chosen: form
                .all("subscription")
                .any(|id| id == subscription.id.to_string()),
        });
        Self {
            frame: viewer.frame("New replay", Tab::Replays),
            window: form
                .text("window")
                .map_or(Window::Day, |_| Window::asked(form)),
            typed: Typed::of(form),
            receivers: receivers.collect(),
            wrong: Wrongs::default(),
            counted: None,
            key: HEXLOWER.encode(&chance::secure::<16>()),
        }
    }
}

pub(super) async fn form(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesWrite)?;
    render::page(&Form::of(&pages, &viewer, &query))
}

pub(super) async fn asked(
    State(pages): State<Pages>,
    viewer: Viewer,
    posted: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let mut form = Form::of(&pages, &viewer, &posted);
    let plan = match plan::read(&posted, engine.now()) {
        Ok(plan) => plan,
        Err(wrong) => return render::refused(&Form { wrong, ..form }),
    };
    let hash = hash_of(&plan);
    if posted.text("act") == Some("start") && posted.text("counted") == Some(&hash) {
        let key = posted.text("key").unwrap_or_default();
        let claim = IdempotencyClaim {
            key: format!("page {key} {hash}"),
            body: Sha256::digest(&hash).into(),
        };
        let started = engine
            .start_replay(&viewer.tenant, plan, Some(claim))
            .await?;
        let (id, note) = (started.replay.id, Note::Created.code());
        return Ok(render::see(
            &viewer.path(&format!("replays/{id}?note={note}")),
        ));
    }
    form.typed = Typed::as_read(&plan, &posted);
    match engine.count_replay(&viewer.tenant, plan).await {
        Ok(counts) => {
            form.counted = Some(Counted::of(&form.receivers, &counts, hash));
            render::page(&form)
        }
        Err(error) => {
            let (field, why) = misfit(&error).ok_or(error)?;
            form.wrong.add(field, why);
            render::refused(&form)
        }
    }
}

/// The field that an operation refused, and why.
fn misfit(error: &OperationError) -> Option<(&'static str, &'static str)> {
    match error {
        OperationError::EmptyWindow => Some(("since", "expected a time before now")),
        OperationError::UnknownSubscription { .. } => {
            Some(("subscription", "one of them is not there any more"))
        }
        _ => None,
    }
}

impl Counted {
    fn of(receivers: &[Receiver], counts: &BTreeMap<SubscriptionId, u64>, hash: String) -> Self {
        let url = |id: &SubscriptionId| {
            let known = receivers.iter().find(|receiver| receiver.id == *id);
            known.map_or_else(|| id.to_string(), |receiver| receiver.url.clone())
        };
        let by_receiver = counts.iter().map(|(id, count)| (*id, url(id), *count));
        Self {
            total: counts.values().sum(),
            by_receiver: by_receiver.collect(),
            hash,
        }
    }
}

fn hash_of(plan: &ReplayPlan) -> String {
    let written = serde_json::to_vec(plan).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(written))
}
