//! Subscriptions: making, reading, changing and deleting them.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use posthaste::{egress::TargetUrl, id::SubscriptionId, subscription::Subscription};

use super::{
    subscription_body::{
        NewSubscriptionShape, SubscriptionPatchShape, create, create_fields, patch, patch_fields,
    },
    subscription_view::SubscriptionView,
};
use crate::{
    Api,
    answer::{self, PageView},
    body::JsonText,
    cursor::Cursors,
    parameters::Parameters,
    path::Id,
    precondition::if_match,
    principal::{Authorized, ReadSubscriptions, WriteSubscriptions},
    problem::Problem,
};

const STATUSES: &[&str] = &["active", "paused", "disabled"];

/// A subscription with the tag of its revision, for `If-Match`.
pub(crate) fn shown(status: StatusCode, subscription: &Subscription) -> Response {
    let response = answer::json(status, &SubscriptionView::of(subscription));
    answer::with_tag(response, &tag(subscription.revision))
}

fn tag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// Make a subscription. The answer has its secret.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions", tag = "subscriptions",
    request_body = NewSubscriptionShape,
    responses(
        (status = 201, description = "It is active", body = SubscriptionView<'static>),
        (status = 409, description = "The external id is taken", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn create_subscription(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let new = create(create_fields(&body)?, &api.engine, &auth.tenant)?;
    let made = auth.engine().subscribe(&auth.tenant, new).await?;
    let view = SubscriptionView::of(&made).with_secret(&made);
    let response = answer::unstored(answer::json(StatusCode::CREATED, &view));
    let path = format!("/api/v1/webhooks/subscriptions/{}", made.id);
    let response = answer::created_at(response, &path);
    Ok(answer::with_tag(response, &tag(made.revision)))
}

/// List subscriptions, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions", tag = "subscriptions",
    params(
        ("status" = Option<String>, Query, description = "`active`, `paused` or `disabled`"),
        ("url" = Option<String>, Query, description = "exactly this URL"),
        ("external_id" = Option<String>, Query, description = "exactly this external id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "items of a page, default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of subscriptions", body = PageView<SubscriptionView<'static>>)),
)]
pub(crate) async fn list_subscriptions(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let cursors = Cursors::new(
        &api.cursor_key,
        "subscriptions",
        Some(&auth.tenant),
        &parameters,
    );
    let before = cursors.number(&mut parameters)?;
    let limit = parameters.limit();
    let wanted = Wanted::read(&mut parameters);
    parameters.finish()?;
    let all = api.engine.subscriptions(&auth.tenant);
    let left = all
        .iter()
        .filter(|one| before.is_none_or(|before| one.id.as_u64() < before) && wanted.is(one));
    let page = answer::page(left, limit, |last| {
        cursors.seal(&last.id.as_u64().to_be_bytes())
    });
    Ok(answer::json(
        StatusCode::OK,
        &page.map(|one| SubscriptionView::of(one)),
    ))
}

/// Which subscriptions a list is asked for.
struct Wanted {
    status: Option<&'static str>,
    /// As it is kept; one that is no target matches nothing.
    url: Option<Option<TargetUrl>>,
    external_id: Option<String>,
}

impl Wanted {
    fn read(parameters: &mut Parameters) -> Self {
        let status = |value: &str| STATUSES.iter().copied().find(|known| *known == value);
        Self {
            status: parameters.named("status", status, || {
                format!("expected one of {}", STATUSES.join(", "))
            }),
            url: parameters.text("url").map(|url| url.parse().ok()),
            external_id: parameters.text("external_id"),
        }
    }

    fn is(&self, one: &Subscription) -> bool {
        let is_asked = |url: &Option<TargetUrl>| {
            url.as_ref()
                .is_some_and(|url| url.as_str() == one.url.as_str())
        };
        self.status
            .is_none_or(|status| one.status.as_str() == status)
            && self.url.as_ref().is_none_or(is_asked)
            && (self.external_id.is_none() || one.external_id == self.external_id)
    }
}

/// Read one subscription.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 200, description = "The subscription", body = SubscriptionView<'static>,
        headers(("etag" = String, description = "for `If-Match`")))),
)]
pub(crate) async fn show_subscription(
    auth: Authorized<ReadSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let found = find(&api, &auth.tenant, id)?;
    Ok(shown(StatusCode::OK, &found))
}

pub(crate) fn find(
    api: &Api,
    tenant: &posthaste::event::TenantId,
    id: SubscriptionId,
) -> Result<Arc<Subscription>, Problem> {
    let found = api.engine.subscription(tenant, id);
    found.ok_or_else(|| Problem::not_found("subscription"))
}

/// Change a subscription; absent members stay as they are.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/subscriptions/{id}", tag = "subscriptions",
    params(
        ("id" = String, Path, description = "`sub_…`"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` that was read; a stale one is a 412"),
    ),
    request_body = SubscriptionPatchShape,
    responses(
        (status = 200, description = "The subscription as it is now", body = SubscriptionView<'static>),
        (status = 409, description = "The external id is taken", body = crate::problem::ProblemView<'static>),
        (status = 412, description = "It changed since it was read", body = crate::problem::ProblemView<'static>),
    ),
)]
pub(crate) async fn change_subscription(
    auth: Authorized<WriteSubscriptions>,
    State(api): State<Api>,
    Id(id): Id<SubscriptionId>,
    headers: HeaderMap,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let now = find(&api, &auth.tenant, id)?;
    let if_revision = if_match(&headers, Some(&tag(now.revision)))?.then_some(now.revision);
    let fields = patch_fields(&body)?;
    if fields.is_empty() {
        return Ok(shown(StatusCode::OK, &now));
    }
    let patch = patch(fields, &api.engine, &auth.tenant)?;
    let changed = auth
        .engine()
        .change_subscription(&auth.tenant, id, patch, if_revision)
        .await?;
    Ok(shown(StatusCode::OK, &changed))
}

/// Delete a subscription; what it was owed is discarded.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/subscriptions/{id}", tag = "subscriptions",
    params(("id" = String, Path, description = "`sub_…`")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn delete_subscription(
    auth: Authorized<WriteSubscriptions>,
    Id(id): Id<SubscriptionId>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    auth.engine().unsubscribe(&auth.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
