//! Tenants: the platform's keys alone make and see them.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_engine::operations::TenantChange;
use posthaste_store::settings::{Catalogue, EventRate, Tenant};
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use super::{
    tenant_egress::{EgressShape, egress},
    tenant_portal::{PortalShape, portal},
};
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    fields::{Fields, nested},
    parameters::Parameters,
    path::Id,
    precondition::if_match,
    principal::Platform,
    problem::{Kind, Problem},
    values::{Fault, Read, label, named, number, parsed, whole},
};

const NAME_MAX: usize = 255;
/// Days of retention and of holding at most.
const DAYS_MAX: u32 = 3650;
const SUBSCRIPTIONS_MAX: u32 = 1_000_000;

/// A tenant to make.
#[derive(ToSchema)]
#[schema(as = NewTenant)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewTenantShape {
    /// `[a-z0-9][a-z0-9-]{0,62}`.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    id: String,
    /// Its id where none is given.
    name: Option<String>,
    #[schema(inline)]
    limits: Option<LimitsShape>,
    /// `open` unless chosen (any event type is taken), or `strict`: those in the catalogue alone.
    catalogue: Option<String>,
    #[schema(inline)]
    egress: Option<EgressShape>,
    #[schema(inline)]
    portal: Option<PortalShape>,
}

/// Changes to a tenant; absent members stay as they are.
#[derive(ToSchema)]
#[schema(as = TenantPatch)]
#[allow(dead_code)] // the document's shape
pub(crate) struct TenantPatchShape {
    name: Option<String>,
    #[schema(inline)]
    limits: Option<LimitsShape>,
    /// `open` or `strict`.
    catalogue: Option<String>,
    #[schema(inline)]
    egress: Option<EgressShape>,
    #[schema(inline)]
    portal: Option<PortalShape>,
}

/// A tenant's own limits; null takes one away, so that the server's holds.
#[derive(ToSchema)]
#[allow(dead_code)] // the document's shape
pub(crate) struct LimitsShape {
    /// Events that it may publish per second; past it a publish is a 429.
    #[schema(minimum = 0.01, maximum = 1_000_000)]
    events_per_s: Option<f64>,
    #[schema(minimum = 1, maximum = 1_000_000)]
    subscriptions: Option<u32>,
    /// How long events, deliveries and attempts are kept.
    #[schema(minimum = 1, maximum = 3650)]
    retention_days: Option<u32>,
    /// How long a delivery may be held before it is discarded.
    #[schema(minimum = 1, maximum = 3650)]
    hold_days: Option<u32>,
}

/// One isolated customer of the platform.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView<'a> {
    #[schema(value_type = String)]
    id: &'a TenantId,
    name: &'a str,
    limits: LimitsView,
    /// `open`: any event type is taken; `strict`: those in the catalogue alone.
    #[schema(value_type = String)]
    catalogue: Catalogue,
    /// Where it has a list of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    egress: Option<EgressShape>,
    /// Where somebody's pages may show it in a frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    portal: Option<PortalShape>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The limits that hold for a tenant: its own, or else the server's, if that has one to show.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = TenantLimits)]
pub(crate) struct LimitsView {
    /// Null is none.
    #[schema(value_type = Option<f64>)]
    events_per_s: Option<Number>,
    subscriptions: usize,
    retention_days: Option<u32>,
    hold_days: Option<u32>,
}

impl<'a> TenantView<'a> {
    fn of(tenant: &'a Tenant, api: &Api) -> Self {
        let limits = api.engine.limits();
        Self {
            id: &tenant.id,
            name: &tenant.name,
            limits: LimitsView {
                events_per_s: limits
                    .events_per_s(&tenant.limits)
                    .map(|rate| answer::rate(rate.per_s())),
                subscriptions: limits.subscriptions(&tenant.limits),
                retention_days: tenant.limits.retention_days,
                hold_days: tenant.limits.hold_days,
            },
            catalogue: tenant.catalogue,
            egress: EgressShape::of(&tenant.denied),
            portal: PortalShape::of(&tenant.portal_origins),
            created_at: tenant.created_at,
        }
    }
}

/// Make a tenant.
#[utoipa::path(
    post, path = "/api/v1/webhooks/tenants", tag = "tenants",
    request_body = NewTenantShape,
    responses(
        (status = 201, description = "The tenant", body = TenantView<'static>),
        (status = 409, description = "The id is taken", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn create_tenant(
    platform: Platform,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["id", "name", "limits", "catalogue", "egress", "portal"])?;
    let id = fields.required("id", parsed::<TenantId>("invalid_id"));
    let settings = change(&mut fields);
    fields.finish()?;
    let id = id.expect("no fault, so it was there");
    let tenant = platform.engine().create_tenant(id, settings).await?;
    let response = answer::json(StatusCode::CREATED, &TenantView::of(&tenant, &api));
    let path = format!("/api/v1/webhooks/tenants/{}", tenant.id);
    Ok(answer::created_at(response, &path))
}

/// The members that a POST and a PATCH have in common. Null is as good as absent, and inside
/// `limits` takes a limit away.
fn change(fields: &mut Fields<'_>) -> TenantChange {
    let name = fields.optional("name", label(NAME_MAX));
    let limits = fields.optional("limits", limits);
    let kind = named::<Catalogue>("invalid_catalogue", "expected open or strict");
    TenantChange {
        name,
        catalogue: fields.optional("catalogue", kind),
        denied: fields.optional("egress", egress),
        portal_origins: fields.optional("portal", portal),
        ..limits.unwrap_or_default()
    }
}

fn limits(raw: &str) -> Read<TenantChange> {
    nested(raw, LIMITS, |fields| {
        Some(TenantChange {
            events_per_s: fields.present("events_per_s", |raw| own(raw, events_per_s)),
            subscriptions: fields
                .present("subscriptions", |raw| own(raw, whole(1, SUBSCRIPTIONS_MAX))),
            retention_days: fields.present("retention_days", |raw| own(raw, whole(1, DAYS_MAX))),
            hold_days: fields.present("hold_days", |raw| own(raw, whole(1, DAYS_MAX))),
            ..TenantChange::default()
        })
    })
}

/// A limit of the tenant's own; null is none.
fn own<T>(raw: &str, read: impl FnOnce(&str) -> Read<T>) -> Read<Option<T>> {
    match raw {
        "null" => Ok(None),
        raw => read(raw).map(Some),
    }
}

fn events_per_s(raw: &str) -> Read<EventRate> {
    let rate = EventRate::try_from(number(raw)?);
    rate.map_err(|error| Fault::new("out_of_range", error.to_string()).into())
}

const LIMITS: &[&str] = &[
    "events_per_s",
    "subscriptions",
    "retention_days",
    "hold_days",
];

/// List tenants, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/tenants", tag = "tenants",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of tenants", body = PageView<TenantView<'static>>)),
)]
pub(crate) async fn list_tenants(
    _: Platform,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "tenants", None, &parameters);
    let before = cursors.place(&mut parameters)?;
    let before = before.as_deref().map(place_of).transpose()?;
    let limit = parameters.limit();
    parameters.finish()?;
    let mut tenants = api.engine.tenants();
    tenants.sort_unstable_by_key(|tenant| std::cmp::Reverse(place(tenant)));
    let left = tenants
        .iter()
        .filter(|one| before.as_ref().is_none_or(|before| place(one) < *before));
    let page = answer::page(left, limit, |last| cursors.seal(&sealed(last)));
    let page = page.map(|tenant| TenantView::of(tenant, &api));
    Ok(answer::json(StatusCode::OK, &page))
}

/// A tenant's place in the list: its id is no number, so its age comes first.
type Place = (i64, TenantId);

fn place(tenant: &Tenant) -> Place {
    (tenant.created_at.as_millis(), tenant.id.clone())
}

fn sealed(tenant: &Tenant) -> Vec<u8> {
    let age = tenant.created_at.as_millis().to_be_bytes();
    [&age[..], tenant.id.as_str().as_bytes()].concat()
}

fn place_of(sealed: &[u8]) -> Result<Place, Problem> {
    let place = || {
        let (age, id) = sealed.split_first_chunk::<8>()?;
        let id = std::str::from_utf8(id).ok()?.parse().ok()?;
        Some((i64::from_be_bytes(*age), id))
    };
    place().ok_or_else(|| Problem::new(Kind::InvalidCursor, "use next_cursor as it was given"))
}

/// Read one tenant.
#[utoipa::path(
    get, path = "/api/v1/webhooks/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "its id")),
    responses((status = 200, description = "The tenant", body = TenantView<'static>)),
)]
pub(crate) async fn show_tenant(
    _: Platform,
    State(api): State<Api>,
    Id(id): Id<TenantId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let tenant = find(&api, &id)?;
    Ok(answer::tagged(&TenantView::of(&tenant, &api)))
}

fn find(api: &Api, id: &TenantId) -> Result<Tenant, Problem> {
    let found = api.engine.tenant(id);
    found.ok_or_else(|| Problem::not_found("tenant"))
}

/// Change a tenant; absent members stay as they are.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/tenants/{tenant}", tag = "tenants",
    params(
        ("tenant" = String, Path, description = "its id"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    request_body = TenantPatchShape,
    responses(
        (status = 200, description = "The tenant as it is now", body = TenantView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn change_tenant(
    platform: Platform,
    State(api): State<Api>,
    Id(id): Id<TenantId>,
    headers: HeaderMap,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = find(&api, &id)?;
    let own = answer::tag(&answer::text(&TenantView::of(&now, &api)));
    let expected = if_match(&headers, Some(&own))?.then_some(now);
    let mut fields = body.fields(&["name", "limits", "catalogue", "egress", "portal"])?;
    let change = change(&mut fields);
    fields.finish()?;
    let changed = platform
        .engine()
        .change_tenant(&id, change, expected)
        .await?;
    Ok(answer::tagged(&TenantView::of(&changed, &api)))
}

/// Delete a tenant with all it has. From the answer on nothing of it is there; what it had goes bit by
/// bit, and until that is done its id is taken.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/tenants/{tenant}", tag = "tenants",
    params(("tenant" = String, Path, description = "its id")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "It is the tenant `default`", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn delete_tenant(
    platform: Platform,
    Id(id): Id<TenantId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    platform.engine().delete_tenant(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
