//! One type, as its receivers read of it: what it means, what its data has, an example; who takes
//! it; and a form that publishes one.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::{event::EventType, subscription::Subscription};
use posthaste_engine::catalogue::Known;
use posthaste_store::settings::Scope;

use super::find;
use crate::{
    Pages,
    fault::Fault,
    frame::{Frame, Tab},
    outline::{self, Row},
    pages::subscriptions::standing,
    path::Id,
    payload::Shown,
    query::Query,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

/// Takers that are named.
const TAKERS: usize = 50;

#[derive(Template)]
#[template(path = "event_types/show.html")]
pub(super) struct Show {
    frame: Frame,
    known: Arc<Known>,
    versions: Vec<Version>,
    example: Option<String>,
    takers: Vec<Arc<Subscription>>,
    /// Beyond those that are named.
    more_takers: usize,
    may_read_subscriptions: bool,
    may_write: bool,
    may_publish: bool,
    /// What was typed to be published.
    form: Query,
    wrongs: Wrongs,
}

/// A version's schema, and the members that it names.
struct Version {
    number: u32,
    schema: String,
    members: Vec<Row>,
}

impl Show {
    pub(super) fn of(
        pages: &Pages,
        viewer: &Viewer,
        name: &EventType,
        (form, wrongs): (Query, Wrongs),
    ) -> Result<Self, Fault> {
        let known = find(pages, viewer, name)?;
        let may_read_subscriptions = viewer.may(Scope::SubscriptionsRead);
        let takers = match may_read_subscriptions {
            true => pages.engine.takers(&viewer.tenant, name),
            false => Vec::new(),
        };
        let named = takers.iter().rev().take(TAKERS);
        let named = named.filter_map(|id| pages.engine.subscription(&viewer.tenant, *id));
        Ok(Self {
            frame: viewer.frame(name.as_str(), Tab::EventTypes),
            versions: versions(&known),
            example: known
                .entry
                .example
                .as_ref()
                .map(|json| Shown::pretty(json.as_str()).text),
            takers: named.collect(),
            more_takers: takers.len().saturating_sub(TAKERS),
            may_read_subscriptions,
            may_write: viewer.may(Scope::EventTypesWrite),
            may_publish: viewer.may(Scope::EventsPublish),
            known,
            form,
            wrongs,
        })
    }

    /// What stands in the field of the data.
    fn data(&self) -> &str {
        let example = self.example.as_deref().unwrap_or("{}");
        self.form.text("data").unwrap_or(example)
    }

    fn newest(&self) -> String {
        let newest = self.versions.first();
        newest
            .map(|version| version.number.to_string())
            .unwrap_or_default()
    }
}

/// The newest first.
fn versions(known: &Known) -> Vec<Version> {
    let versions = known.entry.versions.iter().rev();
    let version = |(number, schema): (&u32, &posthaste::json::RawJson)| Version {
        number: *number,
        schema: Shown::pretty(schema.as_str()).text,
        members: outline::outline(schema.as_str()),
    };
    versions.map(version).collect()
}

pub(super) async fn show(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(name): Id<EventType>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventsRead)?;
    let nothing = (Query::default(), Wrongs::default());
    render::page(&Show::of(&pages, &viewer, &name, nothing)?)
}
