//! Pages of other origins, off by default: a page may read this API's answers where its very origin
//! is in the list, by its key alone and never by a cookie.
//!
//! It knows no wildcard, no credentials and no `null`. To every other origin there is no
//! `Access-Control-*` at all, and a preflight is a method that nobody knows.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use posthaste::origin::Origin;

/// What pages may ask with.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// What pages may send along.
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, \
     last-event-id, posthaste-tenant";
/// What pages may see of an answer beside its body.
const RESPONSE_HEADERS: &str = "etag, idempotent-replayed, location, retry-after, x-request-id";
/// How long a browser may remember a preflight, in seconds.
const MAX_AGE_S: &str = "600";

/// Those whose pages may read answers.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Arc<[Origin]>);

impl Origins {
    pub(crate) fn new(origins: Vec<Origin>) -> Self {
        Self(origins.into())
    }

    /// Lets their pages read what these routes answer.
    pub(crate) fn around(self, routes: Router) -> Router {
        match self.0.is_empty() {
            true => routes,
            false => routes.layer(middleware::from_fn_with_state(self, apply)),
        }
    }

    /// The one origin of a request, if it is in the list.
    fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let (Some(only), None) = (values.next(), values.next()) else {
            return None;
        };
        let known = self.0.iter().any(|known| known.as_str() == only);
        known.then(|| only.clone())
    }
}

async fn apply(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let of_api = request.uri().path().starts_with("/api/");
    if !of_api {
        return next.run(request).await;
    }
    let origin = origins.of(request.headers());
    let mut response = match is_preflight(&request) && origin.is_some() {
        true => preflight(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        let exposed = HeaderValue::from_static(RESPONSE_HEADERS);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    let asks = header::ACCESS_CONTROL_REQUEST_METHOD;
    request.method() == Method::OPTIONS && request.headers().contains_key(asks)
}

fn preflight() -> Response {
    const ALLOWED: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S),
    ];
    (StatusCode::NO_CONTENT, ALLOWED).into_response()
}
