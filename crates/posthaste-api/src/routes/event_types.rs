//! The catalogue: describing event types, with a JSON Schema for each version.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use posthaste::{
    event::{EventType, TenantId},
    json::RawJson,
};
use posthaste_engine::{catalogue::Known, operations::Expected};
use utoipa::ToSchema;

use super::event_type_body::{EventTypeView, NewEventTypeShape, new_event_type};
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    parameters::Parameters,
    path::{Id, Version},
    precondition::if_match,
    principal::{Authorized, ReadEvents, WriteEventTypes},
    problem::{Kind, Problem},
};

fn shown(status: StatusCode, known: &Known) -> Response {
    answer::tagged_as(status, &EventTypeView::of(&known.entry))
}

fn find(api: &Api, tenant: &TenantId, name: &EventType) -> Result<Arc<Known>, Problem> {
    let found = api.engine.event_type(tenant, name);
    found.ok_or_else(|| Problem::not_found("event type"))
}

/// What `If-Match` expects to be there.
fn expected(headers: &HeaderMap, now: Option<&Known>) -> Result<Expected, Problem> {
    let tag = now.map(|now| answer::tag(&answer::text(&EventTypeView::of(&now.entry))));
    let bound = if_match(headers, tag.as_deref())?;
    match now.filter(|_| bound) {
        Some(now) => Ok(Expected::Revision(now.entry.revision)),
        None => Ok(Expected::Anything),
    }
}

/// Put an event type into the catalogue.
#[utoipa::path(
    post, path = "/api/v1/webhooks/event-types", tag = "event types",
    request_body = NewEventTypeShape,
    responses(
        (status = 201, description = "It is in the catalogue", body = EventTypeView<'static>),
        (status = 409, description = "It was there already", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn create_event_type(
    auth: Authorized<WriteEventTypes>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = new_event_type(&body, None)?;
    let engine = auth.engine();
    let put = engine.put_event_type(&auth.tenant, new, Expected::Nothing);
    let (known, _) = put.await?;
    Ok(made(&known))
}

fn made(known: &Known) -> Response {
    let path = format!("/api/v1/webhooks/event-types/{}", known.entry.name);
    answer::created_at(shown(StatusCode::CREATED, known), &path)
}

/// List the catalogue's event types, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/event-types", tag = "event types",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of event types", body = PageView<EventTypeView<'static>>)),
)]
pub(crate) async fn list_event_types(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let tenant = Some(&auth.tenant);
    let cursors = Cursors::new(&api.cursor_key, "event types", tenant, &parameters);
    let before = cursors.place(&mut parameters)?;
    let before = before.as_deref().map(place_of).transpose()?;
    let limit = parameters.limit();
    parameters.finish()?;
    let all = api.engine.event_types(&auth.tenant);
    let left = all
        .iter()
        .skip_while(|one| before.as_ref().is_some_and(|before| place(one) <= *before));
    let page = answer::page(left, limit, |last| cursors.seal(&sealed(last)));
    let page = page.map(|known| EventTypeView::of(&known.entry));
    Ok(answer::json(StatusCode::OK, &page))
}

/// A type's place in the list: newest first, of one age by name.
type Place = (std::cmp::Reverse<i64>, String);

fn place(known: &Known) -> Place {
    let age = known.entry.created_at.as_millis();
    (std::cmp::Reverse(age), known.entry.name.to_string())
}

fn sealed(known: &Known) -> Vec<u8> {
    let age = known.entry.created_at.as_millis().to_be_bytes();
    [&age[..], known.entry.name.as_str().as_bytes()].concat()
}

fn place_of(sealed: &[u8]) -> Result<Place, Problem> {
    let place = || {
        let (age, name) = sealed.split_first_chunk::<8>()?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        Some((std::cmp::Reverse(i64::from_be_bytes(*age)), name))
    };
    place().ok_or_else(|| Problem::new(Kind::InvalidCursor, "use next_cursor as it was given"))
}

/// Read one event type.
#[utoipa::path(
    get, path = "/api/v1/webhooks/event-types/{type}", tag = "event types",
    params(("type" = String, Path, description = "its name, `memory.created`")),
    responses((status = 200, description = "The event type", body = EventTypeView<'static>,
        headers(("etag" = String, description = "for `If-Match`")))),
)]
pub(crate) async fn show_event_type(
    auth: Authorized<ReadEvents>,
    State(api): State<Api>,
    Id(name): Id<EventType>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    Ok(shown(StatusCode::OK, &*find(&api, &auth.tenant, &name)?))
}

/// Put an event type into the catalogue, or replace the one that is there.
#[utoipa::path(
    put, path = "/api/v1/webhooks/event-types/{type}", tag = "event types",
    params(
        ("type" = String, Path, description = "its name, `memory.created`"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    request_body = NewEventTypeShape,
    responses(
        (status = 200, description = "It replaced what was there", body = EventTypeView<'static>),
        (status = 201, description = "It is new in the catalogue", body = EventTypeView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn put_event_type(
    auth: Authorized<WriteEventTypes>,
    State(api): State<Api>,
    Id(name): Id<EventType>,
    headers: HeaderMap,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = api.engine.event_type(&auth.tenant, &name);
    let expected = expected(&headers, now.as_deref())?;
    let new = new_event_type(&body, Some(&name))?;
    match auth
        .engine()
        .put_event_type(&auth.tenant, new, expected)
        .await?
    {
        (known, true) => Ok(made(&known)),
        (known, false) => Ok(shown(StatusCode::OK, &known)),
    }
}

/// A JSON Schema, of the draft that its `$schema` names, else 2020-12.
#[derive(ToSchema)]
#[schema(as = JsonSchema, value_type = serde_json::Value)]
#[allow(dead_code)] // the document's shape
pub(crate) struct SchemaShape(serde_json::Value);

/// Set the JSON Schema of one version of an event type.
#[utoipa::path(
    put, path = "/api/v1/webhooks/event-types/{type}/versions/{version}", tag = "event types",
    params(
        ("type" = String, Path, description = "its name, `memory.created`"),
        ("version" = u32, Path, minimum = 1, description = "the version"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    request_body = SchemaShape,
    responses(
        (status = 200, description = "The event type with it", body = EventTypeView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn put_version(
    auth: Authorized<WriteEventTypes>,
    State(api): State<Api>,
    Version(name, version): Version,
    headers: HeaderMap,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = find(&api, &auth.tenant, &name)?;
    let expected = expected(&headers, Some(&now))?;
    let schema = RawJson::trusted(body.bytes().clone());
    let engine = auth.engine();
    let put = engine.put_schema(&auth.tenant, &name, version, schema, expected);
    Ok(shown(StatusCode::OK, &*put.await?))
}

/// Take an event type out of the catalogue; answers it as it was.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/event-types/{type}", tag = "event types",
    params(
        ("type" = String, Path, description = "its name, `memory.created`"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    responses(
        (status = 200, description = "What was there", body = EventTypeView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn delete_event_type(
    auth: Authorized<WriteEventTypes>,
    State(api): State<Api>,
    Id(name): Id<EventType>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = find(&api, &auth.tenant, &name)?;
    let expected = expected(&headers, Some(&now))?;
    let engine = auth.engine();
    let gone = engine.delete_event_type(&auth.tenant, &name, expected);
    Ok(answer::json(
        StatusCode::OK,
        &EventTypeView::of(&gone.await?.entry),
    ))
}
