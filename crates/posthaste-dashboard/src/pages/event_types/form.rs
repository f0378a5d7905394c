//! Describing a type, describing it anew, and taking it out of the catalogue.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use posthaste::event::EventType;
use posthaste_engine::{
    catalogue::Known,
    operations::{Expected, OperationError},
};
use posthaste_store::{EventTypeEntry, settings::Scope};

use super::{find, path};
use crate::{
    Pages, event_type_form,
    fault::Fault,
    frame::{Frame, Tab},
    meanwhile::Difference,
    path::Id,
    posted::Posted,
    query::Query,
    render,
    viewer::Viewer,
    wrongs::Wrongs,
};

#[derive(Template)]
#[template(path = "event_types/form.html")]
struct Form {
    frame: Frame,
    /// Of the one that is changed; none for a new one.
    name: Option<EventType>,
    form: Query,
    wrongs: Wrongs,
    /// Where someone else changed it meanwhile: what saving again would overwrite.
    outdated: Option<Vec<Difference>>,
}

impl Form {
    fn of(viewer: &Viewer, name: Option<&EventType>, form: Query, wrongs: Wrongs) -> Self {
        let title = match name {
            None => "New event type".to_owned(),
            Some(name) => format!("Change {name}"),
        };
        Self {
            frame: viewer.frame(title, Tab::EventTypes),
            name: name.cloned(),
            form,
            wrongs,
            outdated: None,
        }
    }

    /// What was typed, beside what someone else made of it meanwhile; sent again, it overwrites that.
    fn outdated(viewer: &Viewer, mut form: Query, now: &EventTypeEntry) -> Self {
        let stored = event_type_form::written(now);
        let differences = event_type_form::differences(&form, &stored);
        form.set("revision", &now.revision.to_string());
        Self {
            outdated: Some(differences),
            ..Self::of(viewer, Some(&now.name), form, Wrongs::default())
        }
    }

    fn value<'a>(&'a self, field: &'a str) -> &'a str {
        self.form.typed(field)
    }

    /// The versions there are, and room for the next.
    fn versions(&self) -> Vec<(String, &str)> {
        let rows = self.form.all("version").zip(self.form.all("schema"));
        let filled = rows.filter(|(_, schema)| !schema.trim().is_empty());
        let mut rows: Vec<(String, &str)> = filled
            .map(|(number, schema)| (number.to_owned(), schema))
            .collect();
        let numbers = rows
            .iter()
            .filter_map(|(number, _)| number.trim().parse::<u32>().ok());
        let next = numbers.max().unwrap_or(0).saturating_add(1);
        rows.push((next.to_string(), ""));
        rows
    }
}

pub(super) async fn blank(viewer: Viewer, query: Query) -> Result<Response, Fault> {
    viewer.engine(Scope::EventTypesWrite)?;
    let mut form = Query::default();
    form.add("name", query.text("name").unwrap_or_default());
    render::page(&Form::of(&viewer, None, form, Wrongs::default()))
}

pub(super) async fn filled(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(name): Id<EventType>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventTypesWrite)?;
    let form = event_type_form::written(&find(&pages, &viewer, &name)?.entry);
    render::page(&Form::of(&viewer, Some(&name), form, Wrongs::default()))
}

pub(super) async fn create(viewer: Viewer, form: Posted) -> Result<Response, Fault> {
    put(&viewer, None, &form, Expected::Nothing).await
}

pub(super) async fn change(
    viewer: Viewer,
    Id(name): Id<EventType>,
    form: Posted,
) -> Result<Response, Fault> {
    let revision = form.read("revision").unwrap_or_default();
    put(&viewer, Some(&name), &form, Expected::Revision(revision)).await
}

async fn put(
    viewer: &Viewer,
    named: Option<&EventType>,
    form: &Query,
    expected: Expected,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::EventTypesWrite)?;
    let again = |wrongs| render::refused(&Form::of(viewer, named, form.clone(), wrongs));
    let new = match event_type_form::read(form, named) {
        Ok(new) => new,
        Err(wrongs) => return again(wrongs),
    };
    let there = named.and_then(|name| engine.event_type(&viewer.tenant, name));
    let new = match &there {
        Some(known) => event_type_form::keeping(new, &known.entry),
        None => new,
    };
    let note = named.map_or("created", |_| "saved");
    match engine.put_event_type(&viewer.tenant, new, expected).await {
        Ok((known, _)) => {
            let to = path(viewer, &known.entry.name);
            Ok(render::see(&format!("{to}?note={note}")))
        }
        Err(OperationError::Stale) => {
            let now = named.and_then(|name| engine.event_type(&viewer.tenant, name));
            let now = now.ok_or(Fault::NotFound("event type"))?;
            render::refused(&Form::outdated(viewer, form.clone(), &now.entry))
        }
        Err(error) => again(event_type_form::refused(error)?),
    }
}

#[derive(Template)]
#[template(path = "event_types/delete.html")]
struct Deletion {
    frame: Frame,
    known: Arc<Known>,
    takers: usize,
}

pub(super) async fn ask_to_delete(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(name): Id<EventType>,
) -> Result<Response, Fault> {
    viewer.engine(Scope::EventTypesWrite)?;
    render::page(&Deletion {
        frame: viewer.frame("Delete event type", Tab::EventTypes),
        known: find(&pages, &viewer, &name)?,
        takers: pages.engine.takers(&viewer.tenant, &name).len(),
    })
}

pub(super) async fn delete(
    viewer: Viewer,
    Id(name): Id<EventType>,
    _: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::EventTypesWrite)?;
    engine
        .delete_event_type(&viewer.tenant, &name, Expected::Anything)
        .await?;
    Ok(render::see(&viewer.path("event-types?note=deleted")))
}
