//! Replays: begun, counted beforehand, looked at, stopped.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{
    clock::Timestamp,
    id::{ReplayId, SubscriptionId},
    subscription::EventPattern,
};
use posthaste_store::{
    query::Stretch,
    replay::{
        Only, Progress, RATE_PER_S, RATES_PER_S, Replay, ReplayPlan, SUBSCRIPTIONS_MAX, TYPES_MAX,
    },
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    producer::Producer,
    publish::{claim, replayed},
};
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    fields::Fields,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ReadDeliveries, WriteDeliveries},
    problem::Problem,
    values::{Fault, Read, boolean, distinct, list, named, number, parsed, time},
};

/// What to send again.
#[derive(ToSchema)]
#[schema(as = NewReplay)]
#[allow(dead_code)] // the document's shape; what is read is `plan`
pub(crate) struct NewReplayShape {
    /// Events accepted at or after.
    #[schema(format = DateTime)]
    since: String,
    /// Events accepted before; what lies in the future is cut off.
    #[schema(format = DateTime)]
    until: String,
    /// Types, or prefixes such as `order.*`; without it, all.
    #[schema(min_items = 1, max_items = 100)]
    types: Option<Vec<String>>,
    /// Without it, all.
    #[schema(min_items = 1, max_items = 1000)]
    subscriptions: Option<Vec<String>>,
    /// `all` (the default): every delivery; `failed`: dead letters; `missing`: what today's matching
    /// subscriptions never got.
    only: Option<String>,
    /// Deliveries a second, default 1000.
    #[schema(minimum = 0.1, maximum = 100_000)]
    rate_per_s: Option<f64>,
    /// Counts, and sends nothing.
    dry_run: Option<bool>,
}

/// A replay.
#[derive(Serialize, ToSchema)]
#[schema(as = Replay)]
pub(crate) struct ReplayView<'a> {
    #[schema(value_type = String)]
    id: ReplayId,
    /// `running`, `completed` or `stopped`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Null: all.
    #[schema(value_type = Option<Vec<String>>)]
    types: Option<&'a [EventPattern]>,
    /// Null: all.
    #[schema(value_type = Option<Vec<String>>)]
    subscriptions: Option<&'a [SubscriptionId]>,
    /// `all`, `failed` or `missing`.
    #[schema(value_type = String)]
    only: Only,
    rate_per_s: f64,
    progress: ProgressView,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// What a replay has done so far.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayProgress)]
pub(crate) struct ProgressView {
    /// Events of the window that it has been through.
    events: u64,
    /// Deliveries that were opened again.
    redelivered: u64,
    /// Deliveries that waited anyway and were left as they are.
    already_waiting: u64,
    /// Deliveries that were made, because there were none.
    created: u64,
    /// Deliveries to subscriptions that are disabled or deleted.
    skipped: u64,
    /// Deliveries whose event was no longer stored when their turn came.
    expired: u64,
}

/// What a replay would send now.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayCount)]
pub(crate) struct CountView {
    total: u64,
    /// By subscription; those that would get nothing are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    subscriptions: BTreeMap<SubscriptionId, u64>,
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        Self {
            events: progress.events,
            redelivered: progress.redelivered,
            already_waiting: progress.already_waiting,
            created: progress.created,
            skipped: progress.skipped,
            expired: progress.expired,
        }
    }
}

impl<'a> ReplayView<'a> {
    fn of(replay: &'a Replay) -> Self {
        let plan = &replay.plan;
        Self {
            id: replay.id,
            status: replay.status.as_str(),
            since: plan.since,
            until: plan.until,
            types: (!plan.types.is_empty()).then_some(&plan.types),
            subscriptions: (!plan.subscriptions.is_empty()).then_some(&plan.subscriptions),
            only: plan.only,
            rate_per_s: plan.rate_per_s,
            progress: replay.progress.into(),
            created_at: replay.created_at(),
            finished_at: replay.status.finished_at(),
        }
    }
}

/// Send the events of a window again, as a job, or count what that would send.
///
/// Oldest event first, at `rate_per_s`, behind new events and without effect on health.
/// `Idempotency-Key` makes a repeated request answer with the first one's job.
#[utoipa::path(
    post, path = "/api/v1/webhooks/replays", tag = "replays",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters")),
    request_body = NewReplayShape,
    responses(
        (status = 202, description = "The job", body = ReplayView<'static>,
            headers(("idempotent-replayed" = Option<String>, description = "`true`: this job was begun by an earlier request"))),
        (status = 200, description = "With `dry_run`: what would be sent at this moment", body = CountView),
        (status = 409, description = "The idempotency key was used for another body", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn create_replay(
    auth: Authorized<WriteDeliveries>,
    State(api): State<Api>,
    producer: Producer,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let (plan, dry_run) = plan(body.fields(REPLAY)?)?;
    if dry_run {
        let subscriptions = api.engine.count_replay(&auth.tenant, plan).await?;
        let total = subscriptions.values().sum();
        let view = CountView {
            total,
            subscriptions,
        };
        return Ok(answer::json(StatusCode::OK, &view));
    }
    let key = producer.idempotency_key;
    let claim = key.map(|key| claim(key, body.bytes()));
    let started = auth
        .engine()
        .start_replay(&auth.tenant, plan, claim)
        .await?;
    let view = ReplayView::of(&started.replay);
    let response = answer::json(StatusCode::ACCEPTED, &view);
    Ok(replayed(response, started.replayed))
}

const REPLAY: &[&str] = &[
    "since",
    "until",
    "types",
    "subscriptions",
    "only",
    "rate_per_s",
    "dry_run",
];

/// What is to be sent again, and whether it is only to be counted.
fn plan(mut fields: Fields<'_>) -> Result<(ReplayPlan, bool), Problem> {
    let since = fields.required("since", time);
    let until = fields.required("until", time);
    let types = list(TYPES_MAX, parsed::<EventPattern>("invalid_event_type"));
    let types = fields.optional("types", distinct(types));
    let ids = list(SUBSCRIPTIONS_MAX, parsed::<SubscriptionId>("invalid_id"));
    let subscriptions = fields.optional("subscriptions", distinct(ids));
    let only = named::<Only>("invalid", "expected all, failed or missing");
    let only = fields.present("only", only);
    let rate = fields.present("rate_per_s", rate);
    let dry_run = fields.present("dry_run", boolean);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        fields.fault(
            "since",
            Fault::new("empty_window", "expected a time before until"),
        );
    }
    fields.finish()?;
    let there = "no fault, so it was there";
    let plan = ReplayPlan {
        since: since.expect(there),
        until: until.expect(there),
        types: types.unwrap_or_default(),
        subscriptions: subscriptions.unwrap_or_default(),
        only: only.unwrap_or_default(),
        rate_per_s: rate.unwrap_or(RATE_PER_S),
    };
    Ok((plan, dry_run.unwrap_or(false)))
}

fn rate(raw: &str) -> Read<f64> {
    let rate = number(raw)?;
    if RATES_PER_S.contains(&rate) {
        return Ok(rate);
    }
    let detail = format!("expected {} to {}", RATES_PER_S.start(), RATES_PER_S.end());
    Err(Fault::new("out_of_range", detail).into())
}

/// List replays, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/replays", tag = "replays",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of replays", body = PageView<ReplayView<'static>>)),
)]
pub(crate) async fn list_replays(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "replays", Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let stretch = Stretch { before, limit };
    let page = api.engine.replays(&auth.tenant, stretch).await?;
    let view = PageView {
        data: page.items.iter().map(ReplayView::of).collect(),
        next_cursor: page.next.map(|next| cursors.seal(&next.to_be_bytes())),
    };
    Ok(answer::json(StatusCode::OK, &view))
}

/// Read one replay, with its progress.
#[utoipa::path(
    get, path = "/api/v1/webhooks/replays/{id}", tag = "replays",
    params(("id" = String, Path, description = "`rpl_…`")),
    responses((status = 200, description = "The replay", body = ReplayView<'static>)),
)]
pub(crate) async fn show_replay(
    auth: Authorized<ReadDeliveries>,
    State(api): State<Api>,
    Id(id): Id<ReplayId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let replay = api.engine.replay(&auth.tenant, id).await?;
    Ok(answer::tagged(&ReplayView::of(&replay)))
}

/// Stop a replay: it sends nothing more. What it has sent goes on its way.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/replays/{id}", tag = "replays",
    params(("id" = String, Path, description = "`rpl_…`")),
    responses((status = 200, description = "The replay, stopped or ended before", body = ReplayView<'static>)),
)]
pub(crate) async fn stop_replay(
    auth: Authorized<WriteDeliveries>,
    Id(id): Id<ReplayId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let replay = auth.engine().stop_replay(&auth.tenant, id).await?;
    Ok(answer::json(StatusCode::OK, &ReplayView::of(&replay)))
}
