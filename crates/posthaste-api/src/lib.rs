//! Posthaste's HTTP API: JSON over axum.
//!
//! Handlers translate, operations decide: here requests are read strictly, answers are shaped, and
//! domain errors become problems. There is no SQL here and no decision.

mod problem;
mod values;
mod fields;
mod parameters;
mod cursor;
mod path;
mod precondition;
mod answer;
mod principal;
mod body;
mod request_id;
mod browser;
mod cors;
mod framing;
mod refusal;
mod asks;
mod tls;
mod panic;
mod listeners;
mod sse;
mod openapi;
mod guard;
mod routes;
mod server;

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, extract::RawPathParams, middleware, response::Response};
use http::{StatusCode, header};
use posthaste::event::TenantId;
use posthaste_callers::Callers;
use posthaste_engine::Engine;
use tokio::sync::Semaphore;
use tower::{Layer, util::MapResponseLayer};
use zeroize::Zeroizing;

use crate::{
    cors::Origins,
    listeners::Listeners,
    problem::{Kind, Problem},
    request_id::RequestIds,
};

pub use posthaste::origin::Origin;
pub use server::serve;
pub use tls::{Tls, TlsError};

/// What may be set about the API.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a request's body may take; default 30 s.
    pub body_deadline: Duration,
    /// Whose pages may read answers; default none.
    pub origins: Vec<Origin>,
    /// How it is told who asks; by default no proxy is believed, and an address may show 60 wrong
    /// keys in a minute.
    pub callers: Callers,
    /// What links to this server begin with; default `http://127.0.0.1:8400`.
    pub public_url: Origin,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            body_deadline: Duration::from_secs(30),
            origins: Vec::new(),
            callers: Callers::default(),
            public_url: "http://127.0.0.1:8400".parse().expect("it is an origin"),
        }
    }
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    engine: Engine,
    options: Options,
    cursor_key: Zeroizing<[u8; 32]>,
    /// This server's name to itself in `posthaste-hop`.
    server_id: String,
    default_tenant: TenantId,
    listeners: Listeners,
    /// Turns of whoever reads what comes to an inbox.
    inbox_bodies: Semaphore,
    /// The document, written once.
    openapi: OnceLock<Vec<u8>>,
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The whole API over an engine.
pub fn router(engine: Engine, options: Options) -> Router {
    with_pages(engine, options, Router::new())
}

/// The whole API over an engine, and pages beside it: they get what every answer gets (a name, the
/// headers for browsers, a 500 instead of a panic), but no other site may read them.
pub fn with_pages(engine: Engine, options: Options, pages: Router) -> Router {
    let origins = Origins::new(options.origins.clone());
    let api = Api(Arc::new(Shared {
        cursor_key: engine.identity().cursor_key,
        server_id: engine.server_name(),
        default_tenant: TenantId::default_tenant(),
        listeners: Listeners::default(),
        inbox_bodies: Semaphore::new(routes::reception::READ_AT_ONCE),
        openapi: OnceLock::new(),
        engine,
        options,
    }));
    let (routes, document) = routes::all().split_for_parts();
    let document = openapi::complete(document);
    let written = document.to_json().expect("the document is plain JSON");
    api.openapi.set(written.into_bytes()).expect("set once");
    let routes = routes
        .fallback(|| async { nothing_here() })
        .method_not_allowed_fallback(not_allowed)
        .with_state(api);
    let caught = middleware::from_fn(panic::caught);
    let routes = origins.around(routes.layer(caught.clone()));
    let routes = routes.merge(pages.layer(caught));
    // Around the router as a whole: a layer of its own wraps each route, and a request pays for each.
    let around = (
        MapResponseLayer::new(without_allow),
        MapResponseLayer::new(browser::guarded),
        RequestIds::new(),
    );
    Router::new().fallback_service(around.layer(routes))
}

fn nothing_here() -> Problem {
    Problem::new(Kind::NotFound, "there is nothing at this path")
}

/// The router adds `Allow` to whatever answers for a wrong method, after its own layers, so this
/// stands around it; nothing allows nothing.
fn without_allow(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        response.headers_mut().remove(header::ALLOW);
    }
    response
}

/// A 405, except where the path's id is none: `/inbox` is no hook that
/// cannot be read, it is nothing.
async fn not_allowed(params: RawPathParams) -> Problem {
    let is_none = |(name, value): (&str, &str)| name.ends_with("id") && !value.contains('_');
    if params.iter().any(is_none) {
        return nothing_here();
    }
    let detail = "see the header Allow for the methods that are";
    Problem::new(Kind::MethodNotAllowed, detail)
}
