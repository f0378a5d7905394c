//! API keys: the value is shown once, and nobody gives a scope that they lack.
//!
//! A platform key sees and deletes the platform's keys beside those of the tenant that it acts for.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use posthaste::{clock::Timestamp, event::TenantId, id::KeyId, network::Network};
use posthaste_engine::operations::{NewKey, OperationError};
use posthaste_store::settings::{ApiKey, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    parameters::Parameters,
    path::Id,
    principal::{Authorized, ManageKeys},
    problem::Problem,
    values::{Fault, Read, boolean, distinct, line, list, parsed, time},
};

const NAME_MAX: usize = 255;
/// Networks that one key may be bound to.
const NETWORKS_MAX: usize = 100;

/// A key to make.
#[derive(ToSchema)]
#[schema(as = NewKey)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewKeyShape {
    name: Option<String>,
    /// `events:publish`, `events:read`, … or `*`; none that the asking key lacks.
    scopes: Vec<String>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Networks and addresses that it may be used from; none or empty is anywhere.
    #[schema(max_items = 100, example = json!(["203.0.113.0/24", "2001:db8::1"]))]
    allowed_ips: Option<Vec<String>>,
    /// Makes a key of the platform; for the platform's keys alone.
    platform: Option<bool>,
}

/// A key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView<'a> {
    #[schema(value_type = String)]
    id: KeyId,
    /// The key itself, in the answer of the POST that made it and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    name: &'a str,
    scopes: Vec<&'static str>,
    /// Null: the platform's.
    #[schema(value_type = Option<String>)]
    tenant: Option<&'a TenantId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// As networks; empty is anywhere.
    allowed_ips: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl<'a> KeyView<'a> {
    fn of(key: &'a ApiKey) -> Self {
        Self {
            id: key.id,
            key: None,
            name: &key.name,
            scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
            tenant: key.tenant.as_ref(),
            expires_at: key.expires_at,
            allowed_ips: key.allowed_ips.iter().map(Network::to_string).collect(),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// Make a key. The answer has its value, which is never shown again.
#[utoipa::path(
    post, path = "/api/v1/webhooks/keys", tag = "keys",
    request_body = NewKeyShape,
    responses((status = 201, description = "The key with its value", body = KeyView<'static>)),
)]
pub(crate) async fn create_key(
    auth: Authorized<ManageKeys>,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = new_key(&auth.tenant, &body, api.engine.now())?;
    let (key, value) = auth.engine().create_key(&auth.principal, new).await?;
    let view = KeyView {
        key: Some(value.expose()),
        ..KeyView::of(&key)
    };
    Ok(answer::unstored(answer::json(StatusCode::CREATED, &view)))
}

fn new_key(tenant: &TenantId, body: &JsonText, now: Timestamp) -> Result<NewKey, Problem> {
    let known = &["name", "scopes", "expires_at", "allowed_ips", "platform"];
    let mut fields = body.fields(known)?;
    let name = fields.optional("name", line(NAME_MAX));
    let scopes = list(Scope::EVERY.len(), parsed::<Scope>("invalid_scope"));
    let scopes = fields.required("scopes", distinct(scopes));
    let expires_at = fields.optional("expires_at", |raw| after(now, raw));
    let networks = list(NETWORKS_MAX, parsed::<Network>("invalid_network"));
    let allowed_ips = fields.optional("allowed_ips", networks);
    let platform = fields.optional("platform", boolean).unwrap_or(false);
    let platforms = |scope: &Scope| *scope == Scope::TenantsManage && !platform;
    if let Some(index) = scopes.iter().flatten().position(platforms) {
        let detail = "tenants:manage is the platform's alone";
        fields.fault("scopes", Fault::new("invalid_scope", detail).under(index));
    }
    fields.finish()?;
    let mut allowed_ips = allowed_ips.unwrap_or_default();
    allowed_ips.sort_unstable();
    allowed_ips.dedup();
    Ok(NewKey {
        name: name.unwrap_or_default(),
        scopes: scopes.expect("no fault, so they were there"),
        tenant: (!platform).then(|| tenant.clone()),
        expires_at,
        allowed_ips,
    })
}

/// A time to come.
fn after(now: Timestamp, raw: &str) -> Read<Timestamp> {
    let at = time(raw)?;
    if at <= now {
        return Err(Fault::new("out_of_range", "expected a time to come").into());
    }
    Ok(at)
}

/// List keys, newest first, without their values.
#[utoipa::path(
    get, path = "/api/v1/webhooks/keys", tag = "keys",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of keys", body = PageView<KeyView<'static>>)),
)]
pub(crate) async fn list_keys(
    auth: Authorized<ManageKeys>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(&api.cursor_key, "keys", Some(&auth.tenant), &parameters);
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    parameters.finish()?;
    let keys = seen(&api, &auth);
    let left = keys
        .iter()
        .filter(|key| before.is_none_or(|before| key.id.as_u64() < before));
    let page = answer::page(left, limit, |last| {
        cursors.seal(&last.id.as_u64().to_be_bytes())
    });
    Ok(answer::json(
        StatusCode::OK,
        &page.map(|key| KeyView::of(key)),
    ))
}

fn seen(api: &Api, auth: &Authorized<ManageKeys>) -> Vec<Arc<ApiKey>> {
    let mut keys = api.engine.keys(Some(&auth.tenant));
    if auth.principal.is_platform() {
        keys.extend(api.engine.keys(None));
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(key.id));
    }
    keys
}

/// Delete a key: from now on it opens nothing.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "`key_…`")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_key(
    auth: Authorized<ManageKeys>,
    Id(id): Id<KeyId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    match auth.engine().delete_key(Some(&auth.tenant), id).await {
        Err(OperationError::NotFound(_)) if auth.principal.is_platform() => {
            auth.engine().delete_key(None, id).await?;
        }
        done => done?,
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
