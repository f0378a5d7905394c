//! Publishing an event by hand, from the page of its type.

use axum::{extract::State, response::Response};
use posthaste::event::{EventDetails, EventType};
use posthaste_engine::operations::{NewEvent, PublishError, Refusal};
use posthaste_store::settings::Scope;

use super::{path, show::Show};
use crate::{
    Pages, event_type_form, fault::Fault, path::Id, posted::Posted, query::Query, reading::Reading,
    render, viewer::Viewer, wrongs::Wrongs,
};

pub(super) async fn publish(
    State(pages): State<Pages>,
    viewer: Viewer,
    Id(name): Id<EventType>,
    form: Posted,
) -> Result<Response, Fault> {
    let engine = viewer.engine(Scope::EventsPublish)?;
    let event = match event(&form, &name) {
        Ok(event) => event,
        Err(wrongs) => return again(&pages, &viewer, &name, &form, wrongs),
    };
    match engine.publish(&viewer.tenant, vec![event]).await {
        Ok(published) => Ok(render::see(&leads_to(
            &viewer,
            &name,
            published.first().map(|one| one.id),
        ))),
        Err(error) => again(&pages, &viewer, &name, &form, refused(error)?),
    }
}

fn event(form: &Query, name: &EventType) -> Result<NewEvent, Wrongs> {
    let mut reading = Reading::of(form);
    let version = match reading.text("version") {
        "" => None,
        _ => reading.whole("version", 1..=u32::MAX),
    };
    let text = reading.lines("data");
    let data = event_type_form::json(&mut reading, "data", text);
    if data.is_none() && reading.wrongs.is_empty() {
        reading.wrongs.add("data", "expected JSON");
    }
    let event = data.map(|data| NewEvent {
        event_type: name.clone(),
        data,
        details: EventDetails {
            version,
            source: Some("dashboard".to_owned()),
            ..EventDetails::default()
        },
        subscriptions: None,
        idempotency: None,
    });
    let wrongs = reading.wrongs;
    event.filter(|_| wrongs.is_empty()).ok_or(wrongs)
}

/// Its page, for those who may see it.
fn leads_to(viewer: &Viewer, name: &EventType, id: Option<posthaste::id::EventId>) -> String {
    match id.filter(|_| viewer.may(Scope::EventsRead)) {
        Some(id) => viewer.path(&format!("events/{id}?note=published")),
        None => path(viewer, name) + "?note=published",
    }
}

fn again(
    pages: &Pages,
    viewer: &Viewer,
    name: &EventType,
    form: &Query,
    wrongs: Wrongs,
) -> Result<Response, Fault> {
    render::refused(&Show::of(pages, viewer, name, (form.clone(), wrongs))?)
}

/// What the publish refuses, beside its field.
fn refused(error: PublishError) -> Result<Wrongs, Fault> {
    let mut wrongs = Wrongs::default();
    match error {
        PublishError::UnknownTenant => return Err(Fault::NotFound("tenant")),
        PublishError::Storage(error) => {
            tracing::error!(%error, "page.publish");
            return Err(Fault::Internal);
        }
        PublishError::Refused(all) => {
            for (_, refusal) in all {
                let (field, what) = told(refusal);
                wrongs.add(field, what);
            }
        }
        PublishError::LoopDetected
        | PublishError::IdempotencyConflict { .. }
        | PublishError::RateLimited { .. }
        | PublishError::Overloaded { .. }
        | PublishError::TooManyDeliveries { .. } => wrongs.add("data", error),
    }
    Ok(wrongs)
}

fn told(refusal: Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::PlatformType => ("data", "types of the platform are its own".to_owned()),
        Refusal::UnsupportedType => ("data", "the type is not in the catalogue".to_owned()),
        Refusal::UnknownVersion => ("version", "the type has other versions".to_owned()),
        Refusal::Data(misfit) if misfit.pointer.is_empty() => ("data", misfit.detail.into_owned()),
        Refusal::Data(misfit) => ("data", format!("{}: {}", misfit.pointer, misfit.detail)),
        Refusal::UnknownSubscription(id) => ("data", format!("there is no subscription {id}")),
    }
}
