//! Trying a filter on an event: which of its clauses hold, and what they found.

use std::sync::Arc;

use askama::Template;
use posthaste::{
    event::{EventType, TenantId},
    filter::{Clause, EventDocument, Explanation, Filter},
    json::RawJson,
    subscription::{EventPattern, wants},
};
use posthaste_engine::catalogue::Known;
use posthaste_store::{
    query::{EventQuery, Stretch},
    record::StoredEvent,
};
use serde::Deserialize;

use crate::{Pages, fault::Fault, payload::pretty, query::Query, subscription_form};

/// What came of it, for its template.
#[derive(Template)]
#[template(path = "subscriptions/tried.html")]
pub(super) struct Tried {
    answer: Result<Vec<Row>, String>,
    /// Whether the types do; none where the event has no type.
    types_want: Option<bool>,
    filter_wants: bool,
}

/// A clause, and how deep it stands in others.
struct Row {
    clause: Clause,
    depth: usize,
}

impl Tried {
    pub(super) fn of(form: &Query) -> Self {
        match judged(form).and_then(|judged| Ok((judged, explained(form)?))) {
            Ok((types_want, explanation)) => {
                let mut rows = Vec::new();
                flatten(explanation.clauses, 0, &mut rows);
                Self {
                    answer: Ok(rows),
                    types_want,
                    filter_wants: explanation.matches,
                }
            }
            Err(why) => Self {
                answer: Err(why),
                types_want: None,
                filter_wants: false,
            },
        }
    }

    fn is_wanted(&self) -> bool {
        self.filter_wants && self.types_want != Some(false)
    }

    /// Whoever says no is named.
    fn verdict(&self) -> &'static str {
        match (self.types_want, self.filter_wants) {
            (Some(true), true) => "The event is wanted.",
            (Some(true), false) => "The event is not wanted: its type is, but the filter says no.",
            (Some(false), true) => {
                "The event is not wanted: its type is none of those above. The filter says yes."
            }
            (Some(false), false) => {
                "The event is not wanted: its type is none of those above, and the filter says no."
            }
            (None, true) => "The filter says yes. The event has no type to judge.",
            (None, false) => "The event is not wanted: the filter says no.",
        }
    }
}

/// All that is judged of an event beside the filter.
#[derive(Deserialize)]
struct Typed {
    r#type: Option<String>,
}

/// Whether the types that are chosen want the event's; none where it has none.
fn judged(form: &Query) -> Result<Option<bool>, String> {
    let patterns = subscription_form::events(form).map(str::parse);
    let patterns: Result<Vec<EventPattern>, _> = patterns.collect();
    let patterns = patterns.map_err(|error| format!("The types: {error}"))?;
    let sample = form.text("sample").unwrap_or("{}");
    let typed = serde_json::from_str::<Typed>(sample).ok();
    let Some(name) = typed.and_then(|typed| typed.r#type) else {
        return Ok(None);
    };
    let name: EventType = name
        .parse()
        .map_err(|error| format!("The event's type: {error}"))?;
    Ok(Some(wants(&patterns, &name)))
}

fn explained(form: &Query) -> Result<Explanation, String> {
    let text = |field| form.text(field).unwrap_or("{}");
    let filter = text("filter").parse::<Filter>();
    let filter =
        filter.map_err(|error| format!("The filter: {}", subscription_form::told(&error)))?;
    let event = text("sample").parse::<EventDocument>();
    let event = event.map_err(|error| format!("The event: {error}"))?;
    Ok(filter.explain(&event))
}

fn flatten(clauses: Vec<Clause>, depth: usize, rows: &mut Vec<Row>) {
    for mut clause in clauses {
        let inner = std::mem::take(&mut clause.clauses);
        rows.push(Row { clause, depth });
        flatten(inner, depth + 1, rows);
    }
}

/// An event to try a filter on: the catalogue's example of a type that is wanted, else the newest
/// event that there is, else one that shows the form.
pub(super) async fn sample(
    pages: &Pages,
    tenant: &TenantId,
    events: &[EventPattern],
    may_read: bool,
) -> Result<String, Fault> {
    let sample = match example(&pages.engine.event_types(tenant), events) {
        Some(sample) => Some(sample),
        None if may_read => newest(pages, tenant).await?,
        None => None,
    };
    Ok(
        sample
            .unwrap_or_else(|| "{\n  \"type\": \"memory.created\",\n  \"data\": {}\n}".to_owned()),
    )
}

/// Of the first pattern that has one; without patterns, of the newest type.
fn example(types: &[Arc<Known>], events: &[EventPattern]) -> Option<String> {
    let events = if events.is_empty() {
        &[EventPattern::All]
    } else {
        events
    };
    events.iter().find_map(|pattern| {
        let mut wanted = types
            .iter()
            .filter(|known| pattern.matches(&known.entry.name));
        wanted.find_map(|known| {
            let example = known.entry.example.as_ref()?;
            Some(event(&known.entry.name, example))
        })
    })
}

async fn newest(pages: &Pages, tenant: &TenantId) -> Result<Option<String>, Fault> {
    let stretch = Stretch {
        before: None,
        limit: 1,
    };
    let page = pages
        .engine
        .events(tenant, &EventQuery::default(), stretch)
        .await?;
    let Some(newest) = page.items.first() else {
        return Ok(None);
    };
    let StoredEvent { event: found, .. } = pages.engine.event(tenant, newest.id).await?;
    Ok(Some(event(&found.event_type, &found.data)))
}

fn event(event_type: &EventType, data: &RawJson) -> String {
    let data = pretty(data.as_str());
    let indented = data.replace('\n', "\n  ");
    format!("{{\n  \"type\": \"{event_type}\",\n  \"data\": {indented}\n}}")
}
