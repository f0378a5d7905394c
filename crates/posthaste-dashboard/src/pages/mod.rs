//! The pages, a file each: a handler reads the request, calls an operation, and fills a template.

mod sign_in;
mod overview;
mod events;
mod deliveries;
mod dead_letters;
mod subscriptions;
mod event_types;
mod replays;
mod inboxes;
mod keys;
mod audit;
mod settings;
mod tenants;
mod node;

use axum::{
    Router,
    extract::{FromRequestParts, State},
    middleware,
    response::Response,
    routing::{any, get},
};
use http::request::Parts;

use crate::{
    Pages,
    fault::Fault,
    origin, portal, render, telling,
    viewer::{Operator, Who},
};

/// Every page.
pub(crate) fn all(pages: &Pages) -> Router<Pages> {
    let door = middleware::from_fn_with_state(pages.clone(), portal::door);
    let told = middleware::from_fn_with_state(pages.clone(), telling::told);
    let of_a_portal = of_a_tenant()
        .merge(portal::routes())
        .method_not_allowed_fallback(wrong_method)
        .layer(told.clone())
        .layer(door);
    of_the_dashboard()
        .method_not_allowed_fallback(wrong_method)
        .layer(told)
        .nest("/portal/{token}", of_a_portal)
        .merge(portal::without_a_page())
}

fn of_the_dashboard() -> Router<Pages> {
    Router::new()
        .route("/", get(async || render::see("/dashboard")))
        .route("/dashboard", get(home))
        .merge(sign_in::routes())
        .merge(tenants::routes())
        .merge(keys::of_the_platform())
        .merge(node::routes())
        .nest("/dashboard/tenants/{tenant}", of_a_tenant())
        .route("/dashboard/", any(nothing_here))
        .route("/dashboard/{*path}", any(nothing_here))
}

/// The pages of one tenant, for its operator and for its portal.
fn of_a_tenant() -> Router<Pages> {
    Router::new()
        .merge(overview::routes())
        .merge(events::routes())
        .merge(deliveries::routes())
        .merge(dead_letters::routes())
        .merge(subscriptions::routes())
        .merge(event_types::routes())
        .merge(replays::routes())
        .merge(inboxes::routes())
        .merge(keys::routes())
        .merge(audit::routes())
        .merge(settings::routes())
}

async fn home(operator: Operator) -> Response {
    render::see(&operator.at_home().base)
}

/// Nothing; but a path with a slash too many is that of the page without it.
async fn nothing_here(State(pages): State<Pages>, mut parts: Parts) -> Result<Response, Fault> {
    if let Some(path) = origin::without_slash(&parts) {
        return Ok(render::see(&path));
    }
    Operator::from_request_parts(&mut parts, &pages).await?;
    Err(Fault::NotFound("page"))
}

async fn wrong_method(_: Who) -> Fault {
    Fault::WrongMethod
}
