//! What is done to one with a button.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{event::EventType, id::SubscriptionId, subscription::Subscription};
use posthaste_store::settings::Scope;

use super::{find, path};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    path::Id,
    posted::Posted,
    render,
    viewer::Viewer,
};

pub(super) async fn pause(
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    engine.pause(&viewer.tenant, id).await?;
    Ok(render::see(&(path(&viewer, id) + "?note=paused")))
}

pub(super) async fn resume(
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    engine.resume(&viewer.tenant, id).await?;
    Ok(render::see(&(path(&viewer, id) + "?note=resumed")))
}

/// One attempt, whatever its status and filters; it leads to what comes of it.
pub(super) async fn test(
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let name = form
        .text("type")
        .map(|name| name.trim().parse::<EventType>());
    let name = name.transpose();
    let name = name.map_err(|error| Fault::Refused(error.to_string()))?;
    let trial = engine.try_subscription(&viewer.tenant, id, name).await?;
    let leads = match viewer.may(Scope::DeliveriesRead) {
        true => viewer.path(&format!("deliveries/{}", trial.delivery)),
        false => path(&viewer, id) + "?note=tested",
    };
    Ok(render::see(&leads))
}

#[derive(Template)]
#[template(path = "subscriptions/delete.html")]
struct Deletion {
    frame: Frame,
    one: Arc<Subscription>,
}

/// A page of its own, so that nothing is deleted by a slip, with or without a script.
pub(super) async fn ask_to_delete(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::SubscriptionsWrite)?;
    render::page(&Deletion {
        frame: viewer.frame("Delete subscription", Tab::Subscriptions),
        one: find(&pages, &viewer, id)?,
    })
}

pub(super) async fn delete(
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    engine.unsubscribe(&viewer.tenant, id).await?;
    Ok(render::see(&viewer.path("subscriptions?note=deleted")))
}
