//! How a tenant fares, at a glance: figures, their pictures, and the numbers behind these.
//!
//! A page and the pieces of it that a script asks for anew are made from the same figures.

mod window;
mod tiles;
mod numbers;
mod pictures;
mod worst;

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, header};
use posthaste::clock::Timestamp;
use posthaste_engine::operations::Stats;
use posthaste_store::{
    query::{EventQuery, Stretch},
    record::Backlog,
    rollup::Reason,
    settings::Scope,
};

pub(crate) use self::window::Window;
use self::{numbers::Table, pictures::Hue, tiles::Tiles, worst::Worst};
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    query::Query,
    render,
    viewer::Viewer,
};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/", get(overview))
        .route("/overview/figures", get(figures))
        .route("/overview/series.json", get(series))
        .route("/overview/series.csv", get(csv))
        .route("/overview/worst.csv", get(worst_csv))
}

#[derive(Template)]
#[template(path = "overview/page.html")]
struct Page {
    frame: Frame,
    figures: Figures,
    may_publish: bool,
    may_subscribe: bool,
}

/// What is asked for again and again while the page is open.
#[derive(Template)]
#[template(path = "overview/live.html")]
struct Live {
    frame: Frame,
    figures: Figures,
}

/// Everything that the page says of a window.
struct Figures {
    window: Window,
    tiles: Tiles,
    hues: Vec<Hue>,
    table: Table,
    worst: Vec<Worst>,
    /// Nothing was ever published.
    is_new: bool,
}

/// What was read for them, at about one moment.
struct Read {
    now: Timestamp,
    stats: Stats,
    backlog: Backlog,
}

async fn read(pages: &Pages, viewer: &Viewer, window: Window) -> Result<Read, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let (engine, tenant) = (&pages.engine, &viewer.tenant);
    let step = Some(window.step_minutes());
    Ok(Read {
        now: engine.now(),
        stats: engine.stats(tenant, None, window.minutes(), step).await?,
        backlog: engine.backlog(tenant, None).await?,
    })
}

impl Figures {
    async fn of(pages: &Pages, viewer: &Viewer, window: Window) -> Result<Self, Fault> {
        let read = read(pages, viewer, window).await?;
        Ok(Self {
            window,
            tiles: Tiles::of(&read, window),
            hues: pictures::hues(&read.stats),
            table: Table::of(&read.stats, window),
            worst: worst::of(pages, viewer, window).await?,
            is_new: read.is_empty() && is_new(pages, viewer).await?,
        })
    }

    /// Where the deliveries are that a reason of this window is of.
    fn since(&self) -> Timestamp {
        self.tiles.since
    }
}

impl Read {
    fn is_empty(&self) -> bool {
        let Backlog {
            pending,
            retrying,
            held,
            failed,
            ..
        } = self.backlog;
        self.stats.total.attempts + pending + retrying + held + failed == 0
    }

    /// Failed attempts of the whole window by reason.
    fn reasons(&self) -> &BTreeMap<Reason, u64> {
        &self.stats.total.reasons
    }
}

async fn is_new(pages: &Pages, viewer: &Viewer) -> Result<bool, Fault> {
    let one = Stretch {
        before: None,
        limit: 1,
    };
    let query = EventQuery::default();
    let events = pages.engine.events(&viewer.tenant, &query, one).await?;
    Ok(events.items.is_empty() && events.next.is_none())
}

/// Where all begin: whoever may not see it comes to the first page that they may.
async fn overview(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    if !viewer.may(Tab::Overview.needs()) {
        return Ok(render::see(&viewer.first()?));
    }
    render::page(&Page {
        figures: Figures::of(&pages, &viewer, Window::asked(&query)).await?,
        frame: viewer.frame("Overview", Tab::Overview),
        may_publish: viewer.may(Scope::EventsPublish),
        may_subscribe: viewer.may(Scope::SubscriptionsWrite),
    })
}

/// A page that shows how to begin is loaded anew once something has come.
async fn figures(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    let figures = Figures::of(&pages, &viewer, Window::asked(&query)).await?;
    if query.text("new").is_some() {
        let anew = (HeaderName::from_static("hx-refresh"), "true");
        return Ok(match figures.is_new {
            true => http::StatusCode::NO_CONTENT.into_response(),
            false => [anew].into_response(),
        });
    }
    let frame = viewer.frame("Overview", Tab::Overview);
    render::page(&Live { frame, figures })
}

async fn series(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    let window = Window::asked(&query);
    let read = read(&pages, &viewer, window).await?;
    Ok(Json(pictures::Series::of(&read.stats, window)).into_response())
}

async fn csv(State(pages): State<Pages>, viewer: Viewer, query: Query) -> Result<Response, Fault> {
    let window = Window::asked(&query);
    let read = read(&pages, &viewer, window).await?;
    let name = format!("{}-{}.csv", viewer.tenant, window.as_str());
    Ok(file(&name, Table::of(&read.stats, window).csv()))
}

async fn worst_csv(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    viewer.engine(Scope::DeliveriesRead)?;
    let window = Window::asked(&query);
    let worst = worst::of(&pages, &viewer, window).await?;
    let name = format!("{}-subscriptions-{}.csv", viewer.tenant, window.as_str());
    Ok(file(&name, worst::table(&worst).csv()))
}

fn file(name: &str, csv: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"posthaste-{name}\""),
        ),
    ];
    (headers, csv).into_response()
}
