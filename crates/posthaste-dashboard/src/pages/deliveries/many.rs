//! Many deliveries at once: those that were selected, and all that match a filter, after whoever
//! asks has seen how many they are.

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{clock::Timestamp, id::DeliveryId};
use posthaste_engine::operations::Counted;
use posthaste_store::{query::DeliveryQuery, settings::Scope};

use super::Subscribers;
use crate::{
    Pages,
    came::Came,
    fault::Fault,
    filters::{self, OF_DELIVERIES},
    frame::{Frame, Note, Tab},
    posted::Posted,
    query::Query,
    render::{self, see},
    viewer::Viewer,
};

/// What is done to them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Redeliver,
    Discard,
}

impl Verb {
    fn of(query: &Query) -> Result<Self, Fault> {
        match query.text("verb") {
            Some("redeliver") => Ok(Self::Redeliver),
            Some("discard") => Ok(Self::Discard),
            _ => Err(Fault::NotFound("page")),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Redeliver => "redeliver",
            Self::Discard => "discard",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Redeliver => "Redeliver",
            Self::Discard => "Discard",
        }
    }

    const fn note(self) -> Note {
        match self {
            Self::Redeliver => Note::Redelivered,
            Self::Discard => Note::Discarded,
        }
    }
}

/// The page that a change leads back to, with what it came to.
fn back(viewer: &Viewer, posted: &Posted, note: &str) -> Response {
    let page = match posted.text("from") {
        Some("dead-letters") => "dead-letters",
        _ => "deliveries",
    };
    let query = Query::parse(posted.text("back").unwrap_or_default());
    let query = query.with("note", note);
    see(&viewer.path(&format!("{page}?{query}")))
}

pub(super) async fn selected(viewer: Viewer, posted: Posted) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let ids = posted.all("id").filter_map(|id| id.parse().ok());
    let ids: Vec<DeliveryId> = ids.collect();
    let verb = Verb::of(&posted)?;
    let came = match verb {
        Verb::Redeliver => Came::from(engine.redeliver_each(&viewer.tenant, &ids).await?),
        Verb::Discard => {
            let done = engine.discard_each(&viewer.tenant, &ids).await?;
            Came::discarded(done, ids.len() as u64)
        }
    };
    let note = came.told(verb.note(), Note::NoneSelected);
    Ok(back(&viewer, &posted, &note))
}

#[derive(Template)]
#[template(path = "deliveries/all.html")]
struct Ask {
    frame: Frame,
    verb: Verb,
    counted: Counted,
    /// The filter, in names and values.
    filter: Vec<(&'static str, String)>,
    /// Of the subscription that it names.
    url: Option<String>,
    back: String,
    from: &'static str,
}

/// What a filter in a path is meant to do; it may not be empty, for then it would match everything.
fn meant(pages: &Pages, query: &Query) -> Result<(Verb, DeliveryQuery), Fault> {
    let verb = Verb::of(query)?;
    let (wanted, wrong) = filters::deliveries(query, pages.engine.now());
    let is_empty = OF_DELIVERIES.iter().all(|name| query.text(name).is_none());
    if is_empty || !wrong.is_empty() {
        return Err(Fault::Refused(
            "the filter is empty, or cannot be read".to_owned(),
        ));
    }
    Ok((verb, wanted))
}

pub(super) async fn ask(
    State(pages): State<Pages>,
    viewer: Viewer,
    query: Query,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let (verb, wanted) = meant(&pages, &query)?;
    let (tenant, all) = (&viewer.tenant, wanted.clone());
    let counted = match verb {
        Verb::Redeliver => engine.count_redeliverable(tenant, &all).await?,
        Verb::Discard => engine.count_discardable(tenant, all).await?,
    };
    let known = Subscribers::of(&engine, &viewer.tenant, wanted.subscription.into_iter());
    let (from, tab) = match query.text("from") {
        Some("dead-letters") => ("dead-letters", Tab::DeadLetters),
        _ => ("deliveries", Tab::Deliveries),
    };
    let filter = OF_DELIVERIES.iter();
    let filter = filter.filter_map(|name| Some((*name, as_read(&wanted, &query, name)?)));
    render::page(&Ask {
        frame: viewer.frame(format!("{} all that match", verb.label()), tab),
        verb,
        counted,
        filter: filter.collect(),
        url: wanted
            .subscription
            .and_then(|id| known.url(id).map(str::to_owned)),
        back: match from {
            "deliveries" => narrowed(&query),
            _ => String::new(),
        },
        from,
    })
}

/// A field of a filter; what was so long ago is a time now, so that it stays the one counted by.
fn as_read(wanted: &DeliveryQuery, query: &Query, name: &str) -> Option<String> {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    match name {
        "since" => time(wanted.since),
        "until" => time(wanted.until),
        "outcome_since" => time(wanted.outcome_since),
        "outcome_until" => time(wanted.outcome_until),
        _ => query.text(name).map(str::to_owned),
    }
}

/// The list that a filter came from.
fn narrowed(query: &Query) -> String {
    let list = Query::parse(&query.with("verb", ""));
    list.with("before", "")
}

pub(super) async fn all(
    State(pages): State<Pages>,
    viewer: Viewer,
    posted: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::DeliveriesWrite)?;
    let (verb, wanted) = meant(&pages, &posted)?;
    // What came after they were counted was not asked for.
    let wanted = match posted.read("counted_at") {
        Some(at) => wanted.as_of(at),
        None => wanted,
    };
    let came = match verb {
        Verb::Redeliver => Came::from(engine.redeliver_all(&viewer.tenant, wanted).await?),
        Verb::Discard => {
            let done = engine.discard_all(&viewer.tenant, wanted).await?;
            Came::discarded(done, done)
        }
    };
    let note = came.told(verb.note(), Note::NothingToDo);
    Ok(back(&viewer, &posted, &note))
}
