//! The routes, a file per resource: each handler reads the request, calls one operation and shows
//! what came of it.

mod producer;
mod publish;
mod batch;
mod deliveries;
mod audit;
mod events;
mod again;
mod replays;
mod batch_limits;
mod streams;
mod inbox_body;
mod inbox_view;
mod inboxes;
pub(crate) mod reception;
mod filters;
mod retry_body;
mod access_body;
mod access_view;
mod subscription_body;
mod subscription_view;
mod subscriptions;
mod subscription_actions;
mod public_keys;
mod quick;
mod event_type_body;
mod event_types;
mod keys;
mod dashboard_links;
mod portal_links;
mod tenant_egress;
mod tenant_portal;
mod trail;
mod tenants;
mod stats;
mod verify;
mod root;
mod docs;

use axum::routing::{any, get};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::{Api, asks};

/// The handlers of one path, each with its document, which says what its signature asks of a key.
macro_rules! routes {
    ($($module:ident::$handler:ident),* $(,)?) => {{
        let (schemas, mut paths, router) = utoipa_axum::routes!($($module::$handler),*);
        $(
            let asks = asks::asks($module::$handler);
            asks::say(&mut paths, stringify!($handler), asks);
        )*
        (schemas, paths, router)
    }};
}

/// Every route with its document.
pub(crate) fn all() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(publish::publish, events::list_events))
        .routes(routes!(batch::publish_batch))
        .routes(routes!(events::show_event))
        .routes(routes!(events::event_deliveries))
        .routes(routes!(filters::event_matches))
        .routes(routes!(
            subscriptions::create_subscription,
            subscriptions::list_subscriptions
        ))
        .routes(routes!(
            subscriptions::show_subscription,
            subscriptions::change_subscription,
            subscriptions::delete_subscription
        ))
        .routes(routes!(filters::filter_test))
        .routes(routes!(subscription_actions::test))
        .routes(routes!(subscription_actions::pause))
        .routes(routes!(subscription_actions::resume))
        .routes(routes!(subscription_actions::rotate_secret))
        .routes(routes!(subscription_actions::reveal_secret))
        .routes(routes!(public_keys::public_keys))
        .routes(routes!(streams::stream_events))
        .routes(routes!(streams::stream_deliveries))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(audit::audit_deliveries))
        .routes(routes!(deliveries::show_delivery))
        .routes(routes!(deliveries::list_attempts))
        .routes(routes!(again::redeliver))
        .routes(routes!(again::redeliver_all))
        .routes(routes!(again::discard))
        .routes(routes!(again::discard_all))
        .routes(routes!(again::redeliver_event))
        .routes(routes!(stats::stats))
        .routes(routes!(stats::subscription_stats))
        .routes(routes!(replays::create_replay, replays::list_replays))
        .routes(routes!(replays::show_replay, replays::stop_replay))
        .routes(routes!(inboxes::create_inbox, inboxes::list_inboxes))
        .routes(routes!(
            inboxes::show_inbox,
            inboxes::change_inbox,
            inboxes::delete_inbox
        ))
        .routes(routes!(inboxes::list_inbox_requests))
        .routes(routes!(inboxes::stream_inbox_requests))
        .routes(routes!(verify::verify_signature))
        .routes(routes!(quick::register_hook, quick::list_hooks))
        .routes(routes!(quick::remove_hook))
        .routes(routes!(quick::test_hook))
        .routes(routes!(
            event_types::create_event_type,
            event_types::list_event_types
        ))
        .routes(routes!(
            event_types::show_event_type,
            event_types::put_event_type,
            event_types::delete_event_type
        ))
        .routes(routes!(event_types::put_version))
        .routes(routes!(keys::create_key, keys::list_keys))
        .routes(routes!(keys::delete_key))
        .routes(routes!(trail::list_audit))
        .routes(routes!(dashboard_links::create_dashboard_link))
        .routes(routes!(
            portal_links::create_portal_link,
            portal_links::list_portal_links
        ))
        .routes(routes!(portal_links::delete_portal_link))
        .routes(routes!(tenants::create_tenant, tenants::list_tenants))
        .routes(routes!(
            tenants::show_tenant,
            tenants::change_tenant,
            tenants::delete_tenant
        ))
        .routes(by_any_method(routes!(reception::receive)))
        .route("/inbox/{token}/", any(reception::receive))
        .route("/inbox/{token}/{*path}", any(reception::receive))
        .routes(routes!(root::healthz))
        .routes(routes!(root::readyz))
        .routes(routes!(root::metrics))
        .routes(routes!(root::openapi_json))
        .routes(routes!(docs::docs))
        .route("/docs/redoc-2.5.4.js", get(docs::script))
}

/// The document names one method of a route that takes all.
fn by_any_method((schemas, paths, _): UtoipaMethodRouter<Api>) -> UtoipaMethodRouter<Api> {
    (schemas, paths, any(reception::receive))
}
