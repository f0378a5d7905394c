//! Links that open the dashboard once, in the stead of the key that asked for one.

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::clock::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api, answer,
    body::OptionalJson,
    parameters::Parameters,
    principal::{AnyKey, Authorized},
    problem::Problem,
};

/// A link into the dashboard.
#[derive(Serialize, ToSchema)]
#[schema(as = DashboardLink)]
pub(crate) struct DashboardLinkView<'a> {
    /// Opens one session, with the power of the key that asked.
    url: &'a str,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Make a link that opens the dashboard once, within five minutes.
#[utoipa::path(
    post, path = "/api/v1/webhooks/dashboard-links", tag = "keys",
    responses((status = 201, description = "The link", body = DashboardLinkView<'static>)),
)]
pub(crate) async fn create_dashboard_link(
    auth: Authorized<AnyKey>,
    State(api): State<Api>,
    parameters: Parameters,
    body: OptionalJson,
) -> Result<Response, Problem> {
    parameters.finish()?;
    body.nothing()?;
    let link = auth.engine().make_sign_in_link(&auth.principal).await?;
    let (origin, token) = (&api.options.public_url, link.token.expose());
    let next = next(&auth, &api);
    let view = DashboardLinkView {
        url: &format!("{origin}/dashboard/sign-in/{token}{next}"),
        expires_at: link.expires_at,
    };
    Ok(answer::unstored(answer::json(StatusCode::CREATED, &view)))
}

/// To the pages of the tenant that a platform key acts for; others come to theirs by themselves.
fn next(auth: &Authorized<AnyKey>, api: &Api) -> String {
    let tenant = &auth.tenant;
    match auth.principal.is_platform() && *tenant != api.default_tenant {
        true => format!("?next=/dashboard/tenants/{tenant}"),
        false => String::new(),
    }
}
