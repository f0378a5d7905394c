//! Trying a filter on an event: which of its clauses hold, and what they found.

use std::sync::Arc;

use askama::Template;
use posthaste::{
    event::{EventType, TenantId},
    filter::{Clause, EventDocument, Explanation, Filter},
    json::RawJson,
    subscription::EventPattern,
};
use posthaste_engine::catalogue::Known;
use posthaste_store::{
    query::{EventQuery, Stretch},
    record::StoredEvent,
};

use crate::{Pages, fault::Fault, payload::pretty, query::Query, subscription_form};

/// What came of it, for its template.
#[derive(Template)]
#[template(path = "subscriptions/tried.html")]
pub(super) struct Tried {
    answer: Result<Vec<Row>, String>,
    matches: bool,
}

/// A clause, and how deep it stands in others.
struct Row {
    clause: Clause,
    depth: usize,
}

impl Tried {
    pub(super) fn of(form: &Query) -> Self {
        match explained(form) {
            Ok(explanation) => {
                let mut rows = Vec::new();
                flatten(explanation.clauses, 0, &mut rows);
                Self {
                    answer: Ok(rows),
                    matches: explanation.matches,
                }
            }
            Err(why) => Self {
                answer: Err(why),
                matches: false,
            },
        }
    }
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
