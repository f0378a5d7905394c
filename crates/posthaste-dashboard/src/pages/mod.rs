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

use axum::{Router, middleware, response::Response, routing::get};

use crate::{Pages, fault::Fault, portal, render, telling, viewer::Operator};

/// Every page.
pub(crate) fn all(pages: &Pages) -> Router<Pages> {
    let door = middleware::from_fn_with_state(pages.clone(), portal::door);
    let told = middleware::from_fn_with_state(pages.clone(), telling::told);
    let of_a_portal = of_a_tenant().merge(portal::routes());
    let of_a_portal = of_a_portal.layer(told.clone()).layer(door);
    of_the_dashboard()
        .layer(told)
        .nest("/portal/{token}", of_a_portal)
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
        .route("/dashboard/{*path}", get(nothing_here))
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

async fn nothing_here(_: Operator) -> Fault {
    Fault::NotFound("page")
}
