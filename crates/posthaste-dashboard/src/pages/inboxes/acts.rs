//! What is done to an inbox with a button.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{id::InboxId, signature::Secret, subscription::EventPattern};
use posthaste_engine::operations::{InboxPatch, NewCheck};
use posthaste_store::{inbox::Inbox, settings::Scope};

use super::{find, path};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    path::Id,
    posted::Posted,
    query::Query,
    render,
    viewer::Viewer,
};

const NAME_MAX: usize = 255;

/// Types with commas or spaces between.
pub(super) fn patterns(text: &str) -> Result<Vec<EventPattern>, Fault> {
    let words = text.split([',', ' ', '\n', '\r', '\t']);
    let words = words.filter(|word| !word.is_empty());
    let patterns: Result<_, _> = words.map(str::parse).collect();
    patterns.map_err(|error: <EventPattern as std::str::FromStr>::Err| {
        Fault::Refused(error.to_string())
    })
}

/// As it is typed, where it is.
pub(super) fn name(form: &Query) -> Result<Option<String>, Fault> {
    let Some(name) = form.text("name") else {
        return Ok(None);
    };
    let hidden = name.chars().any(crate::payload::is_hidden);
    if name.len() > NAME_MAX || hidden {
        let why = "a name has at most 255 bytes of visible text";
        return Err(Fault::Refused(why.to_owned()));
    }
    Ok(Some(name.trim().to_owned()))
}

/// What it verifies with: a secret, a subscription, or nothing.
pub(super) async fn check(
    viewer: Viewer,
    Id(id): Id<InboxId>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let check = match (
        form.text("with"),
        form.text("secret"),
        form.text("subscription"),
    ) {
        (Some("secret"), Some(secret), _) => NewCheck::Secret(read_secret(secret)?),
        (Some("subscription"), _, Some(id)) => {
            let id = id.parse();
            NewCheck::Subscription(id.map_err(|_| Fault::NotFound("subscription"))?)
        }
        (Some("nothing"), ..) => NewCheck::Nothing,
        _ => {
            return Err(Fault::Refused(
                "there was nothing to verify with".to_owned(),
            ));
        }
    };
    let patch = InboxPatch {
        check: Some(check),
        ..InboxPatch::default()
    };
    engine.change_inbox(&viewer.tenant, id, patch, None).await?;
    Ok(render::see(&(path(&viewer, id) + "?note=saved")))
}

fn read_secret(text: &str) -> Result<Secret, Fault> {
    let read = Secret::of_sender(text.trim());
    read.map_err(|error| Fault::Refused(format!("the secret cannot be used: {error}")))
}

/// Makes a subscription that leads here.
pub(super) async fn subscribe(
    viewer: Viewer,
    Id(id): Id<InboxId>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let patch = InboxPatch {
        subscribe: Some(patterns(form.text("events").unwrap_or_default())?),
        ..InboxPatch::default()
    };
    engine.change_inbox(&viewer.tenant, id, patch, None).await?;
    Ok(render::see(&(path(&viewer, id) + "?note=created")))
}

#[derive(Template)]
#[template(path = "inboxes/delete.html")]
struct Deletion {
    frame: Frame,
    inbox: Arc<Inbox>,
    takes_subscription: bool,
}

/// A page of its own, so that nothing is deleted by a slip, with or without a script.
pub(super) async fn ask_to_delete(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<InboxId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsWrite)?;
    let inbox = find(&pages, &viewer, id)?;
    render::page(&Deletion {
        frame: viewer.frame("Delete inbox", Tab::Inboxes),
        takes_subscription: inbox.made.is_some(),
        inbox,
    })
}

pub(super) async fn delete(
    viewer: Viewer,
    Id(id): Id<InboxId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    engine.delete_inbox(&viewer.tenant, id).await?;
    Ok(render::see(&viewer.path("inboxes?note=deleted")))
}
