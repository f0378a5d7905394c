//! Tenants: the platform's keys alone make and see them.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::{clock::Timestamp, event::TenantId};
use posthaste_store::settings::Tenant;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    parameters::Parameters,
    path::Id,
    principal::Platform,
    problem::{Kind, Problem},
    values::{Fault, Read, label, not_available, only, parsed},
};

const NAME_MAX: usize = 255;

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
    /// Not available yet: none, or the defaults as they are shown.
    #[schema(value_type = Option<Object>)]
    limits: Option<serde_json::Value>,
    /// Not available yet: none, or `open`.
    catalogue: Option<String>,
}

/// One isolated customer of the platform.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView<'a> {
    #[schema(value_type = String)]
    id: &'a TenantId,
    name: &'a str,
    limits: LimitsView,
    /// `open`: any event type is taken.
    catalogue: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A tenant's limits; null is none.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = TenantLimits)]
pub(crate) struct LimitsView {
    events_per_s: Option<f64>,
    subscriptions: usize,
    retention_days: Option<u32>,
    hold_days: Option<u32>,
}

impl LimitsView {
    fn of(api: &Api) -> Self {
        Self {
            events_per_s: None,
            subscriptions: api.engine.limits().subscriptions,
            retention_days: None,
            hold_days: None,
        }
    }
}

impl<'a> TenantView<'a> {
    fn of(tenant: &'a Tenant, limits: LimitsView) -> Self {
        Self {
            id: &tenant.id,
            name: &tenant.name,
            limits,
            catalogue: "open",
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
    _: Platform,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let limits = LimitsView::of(&api);
    let mut fields = body.fields(&["id", "name", "limits", "catalogue"])?;
    let id = fields.required("id", parsed::<TenantId>("invalid_id"));
    let name = fields.optional("name", label(NAME_MAX));
    fields.optional("limits", |raw| only_these(raw, limits));
    fields.optional("catalogue", only(r#""open""#));
    fields.finish()?;
    let id = id.expect("no fault, so it was there");
    let tenant = api.engine.create_tenant(id, name).await?;
    let response = answer::json(StatusCode::CREATED, &TenantView::of(&tenant, limits));
    let path = format!("/api/v1/webhooks/tenants/{}", tenant.id);
    Ok(answer::created_at(response, &path))
}

/// Limits that are what they are anyway.
fn only_these(raw: &str, limits: LimitsView) -> Read<()> {
    let expected = serde_json::to_value(limits).expect("limits are plain JSON");
    let given: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(raw).map_err(|_| Fault::new("type", "expected an object"))?;
    for (name, value) in given {
        match expected.get(&name) {
            None => {
                let detail = crate::fields::unknown("limit", &name, LIMITS);
                return Err(Fault::new("unknown_field", detail).into());
            }
            Some(known) if *known != value => return Err(not_available().into()),
            Some(_) => {}
        }
    }
    Ok(())
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
    let limits = LimitsView::of(&api);
    let page = page.map(|tenant| TenantView::of(tenant, limits));
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
    let tenant = api
        .engine
        .tenant(&id)
        .ok_or_else(|| Problem::not_found("tenant"))?;
    Ok(answer::tagged(&TenantView::of(
        &tenant,
        LimitsView::of(&api),
    )))
}
