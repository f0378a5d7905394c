//! Replays: what was sent again, how far a running one is, and beginning one: never before it was
//! counted.

mod begin;
mod plan;

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::HeaderName;
use posthaste::id::ReplayId;
use posthaste_engine::Engine;
use posthaste_store::{
    query::Stretch,
    replay::{Only, Replay, ReplayStatus},
    settings::Scope,
};

use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Note, Tab},
    path::Id,
    posted::Posted,
    query::Query,
    render,
    viewer::Viewer,
};

/// Rows of a page.
const ROWS: usize = 50;

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/replays", get(list).post(begin::asked))
        .route("/replays/rows", get(rows))
        .route("/replays/new", get(begin::form))
        .route("/replays/{id}", get(show))
        .route("/replays/{id}/progress", get(progress))
        .route("/replays/{id}/stop", post(stop))
}

/// A replay as pages show it.
struct Shown {
    replay: Replay,
    /// What it was narrowed to, by the URLs of the subscriptions that there still are.
    receivers: Vec<String>,
}

impl Shown {
    fn of(engine: &Engine, replay: Replay) -> Self {
        let known = |id| engine.subscription(&replay.tenant, id);
        let named = replay.plan.subscriptions.iter().map(|id| {
            known(*id).map_or_else(
                || id.to_string(),
                |subscription| subscription.url.to_string(),
            )
        });
        Self {
            receivers: named.collect(),
            replay,
        }
    }

    fn is_running(&self) -> bool {
        self.replay.status == ReplayStatus::Running
    }

    /// How far it is, in whole percents; all of it where it completed.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 100
    fn percent(&self) -> u32 {
        match self.replay.status {
            ReplayStatus::Completed { .. } => 100,
            _ => (self.replay.passed() * 100.0) as u32,
        }
    }

    fn tone(&self) -> &'static str {
        match self.replay.status {
            ReplayStatus::Running => "is-warn",
            ReplayStatus::Completed { .. } => "is-ok",
            ReplayStatus::Stopped { .. } => "is-idle",
        }
    }

    /// What went on its way again.
    fn sent(&self) -> u64 {
        self.replay.progress.redelivered + self.replay.progress.created
    }

    fn types(&self) -> String {
        let types = self.replay.plan.types.iter().map(ToString::to_string);
        types.collect::<Vec<_>>().join(", ")
    }

    fn only(&self) -> &'static str {
        told(self.replay.plan.only)
    }
}

fn told(only: Only) -> &'static str {
    match only {
        Only::All => "all",
        Only::Failed => "failed",
        Only::Missing => "missing",
    }
}

#[derive(Template)]
#[template(path = "replays/list.html")]
struct List {
    frame: Frame,
    replays: Vec<Shown>,
    older: Option<String>,
    may_begin: bool,
}

#[derive(Template)]
#[template(path = "replays/rows.html")]
struct Rows {
    frame: Frame,
    replays: Vec<Shown>,
}

impl List {
    fn is_running(&self) -> bool {
        self.replays.iter().any(Shown::is_running)
    }
}

async fn read(
    pages: &Pages,
    viewer: &Viewer,
    query: &Query,
) -> Result<(Vec<Shown>, Option<String>), Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let stretch = Stretch {
        before: query.read("before"),
        limit: ROWS,
    };
    let found = pages.engine.replays(&viewer.tenant, stretch).await?;
    let shown = found.items.into_iter();
    let shown = shown.map(|replay| Shown::of(&pages.engine, replay));
    let older = found
        .next
        .map(|next| query.with("before", &next.to_string()));
    Ok((shown.collect(), older))
}

async fn list(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    let (replays, older) = read(&pages, &viewer, &query).await?;
    render::page(&List {
        frame: viewer.frame("Replays", Tab::Replays),
        may_begin: viewer.may(Scope::DeliveriesWrite),
        replays,
        older,
    })
}

async fn rows(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    let (replays, _) = read(&pages, &viewer, &query).await?;
    if !replays.iter().any(Shown::is_running) {
        return Ok(reloaded());
    }
    let frame = viewer.frame("Replays", Tab::Replays);
    render::page(&Rows { frame, replays })
}

/// The page is loaded anew: what it asked for has come to its end.
fn reloaded() -> Response {
    [(HeaderName::from_static("hx-refresh"), "true")].into_response()
}

#[derive(Template)]
#[template(path = "replays/show.html")]
struct Show {
    frame: Frame,
    shown: Shown,
    may_stop: bool,
}

#[derive(Template)]
#[template(path = "replays/progress.html")]
struct Progress {
    shown: Shown,
}

async fn one(pages: &Pages, viewer: &Viewer, id: ReplayId) -> Result<Shown, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let replay = pages.engine.replay(&viewer.tenant, id).await?;
    Ok(Shown::of(&pages.engine, replay))
}

async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<ReplayId>,
) -> Result<Response, Fault> {
    let shown = one(&pages, &viewer, id).await?;
    render::page(&Show {
        frame: viewer.frame("Replay", Tab::Replays),
        may_stop: shown.is_running() && viewer.may(Scope::DeliveriesWrite),
        shown,
    })
}

async fn progress(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(id): Id<ReplayId>,
) -> Result<Response, Fault> {
    let shown = one(&pages, &viewer, id).await?;
    match shown.is_running() {
        true => render::page(&Progress { shown }),
        false => Ok(reloaded()),
    }
}

async fn stop(viewer: Viewer, Id(id): Id<ReplayId>, _posted: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    engine.stop_replay(&viewer.tenant, id).await?;
    let note = Note::Stopped.code();
    Ok(render::see(
        &viewer.path(&format!("replays/{id}?note={note}")),
    ))
}
