//! A subscription's secret: shown once to whoever asks, and followed by another one. It stands in
//! the answer to a form alone, never behind an address that a browser remembers.

use std::time::Duration;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{clock::Timestamp, id::SubscriptionId, signature::Secret};
use posthaste_engine::operations::{OperationError, signing};
use posthaste_store::settings::Scope;

use super::find;
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    path::Id,
    posted::Posted,
    render,
    viewer::Viewer,
};

#[derive(Template)]
#[template(path = "subscriptions/secret.html")]
struct Shown {
    frame: Frame,
    id: SubscriptionId,
    secret: Secret,
    public_key: Option<String>,
    /// Until when the one before signs too; none where it is only looked at.
    overlap: Option<Timestamp>,
}

impl Shown {
    fn of(viewer: &Viewer, id: SubscriptionId, secret: Secret, overlap: Option<Timestamp>) -> Self {
        let key = secret.signing_key();
        Self {
            frame: viewer.frame("Secret", Tab::Subscriptions),
            public_key: key.map(|key| key.public_key().to_string()),
            id,
            secret,
            overlap,
        }
    }
}

/// That it was stands in the audit log before it is shown.
pub(super) async fn reveal(
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let found = engine.reveal_secret(&viewer.tenant, id).await?;
    tracing::info!(subscription = %id, "secret.reveal");
    let secret = found.secrets.current.clone();
    render::page(&Shown::of(&viewer, id, secret, None))
}

pub(super) async fn rotate(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<SubscriptionId>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::SubscriptionsWrite)?;
    let algorithm = find(&pages, &viewer, id)?.algorithm;
    let given = form.text("secret").map(|text| algorithm.secret(text));
    let given = given
        .transpose()
        .map_err(|error| Fault::Refused(error.to_string()))?;
    let overlap = overlap(form.text("overlap_s"))?;
    let rotated = engine
        .rotate_secret(&viewer.tenant, id, given, overlap)
        .await;
    let (secret, until) = rotated.map_err(|error| match error {
        OperationError::RotationUnderWay { until } => Fault::Refused(format!(
            "a rotation is under way: the secret before signs until {}",
            crate::show::plain(until)
        )),
        other => other.into(),
    })?;
    render::page(&Shown::of(&viewer, id, secret, Some(until)))
}

fn overlap(text: Option<&str>) -> Result<Duration, Fault> {
    let Some(text) = text else {
        return Ok(signing::OVERLAP);
    };
    let seconds = text.trim().parse().ok();
    let seconds = seconds.filter(|seconds| signing::OVERLAP_S.contains(seconds));
    let refused = || Fault::Refused("an overlap has 0 to 604,800 seconds".to_owned());
    seconds.map(Duration::from_secs).ok_or_else(refused)
}
