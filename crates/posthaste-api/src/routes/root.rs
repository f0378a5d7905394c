//! What machines ask at the root, without a key: whether it lives, is ready, and how it fares.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Api, answer};

/// How the server is.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerStatus)]
pub(crate) struct StatusView {
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "server", security(()),
    responses((status = 200, description = "It does", body = StatusView)),
)]
pub(crate) async fn healthz() -> Response {
    answer::json(StatusCode::OK, &StatusView { status: "ok" })
}

/// Whether everything accepted before the start is scheduled again.
#[utoipa::path(
    get, path = "/readyz", tag = "server", security(()),
    responses(
        (status = 200, description = "It is", body = StatusView),
        (status = 503, description = "Not yet", body = StatusView),
    ),
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Response {
    if api.engine.is_ready() {
        return answer::json(StatusCode::OK, &StatusView { status: "ready" });
    }
    let starting = StatusView { status: "starting" };
    answer::json(StatusCode::SERVICE_UNAVAILABLE, &starting)
}

/// What a scraper names in `Accept` to have the newer of the two forms.
const OPENMETRICS: &str = "application/openmetrics-text";

/// Prometheus text, or OpenMetrics where `Accept` names it.
#[utoipa::path(
    get, path = "/metrics", tag = "server", security(()),
    responses((status = 200, description = "The figures", content(
        (String = "text/plain"),
        (String = "application/openmetrics-text"),
    ))),
)]
pub(crate) async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Response {
    let mut text = api.engine.metrics();
    let form = if takes_openmetrics(&headers) {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        // The older form has no end mark.
        text.truncate(text.trim_end().trim_end_matches("# EOF").len());
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let mut response = text.into_response();
    let form = HeaderValue::from_static(form);
    response.headers_mut().insert(header::CONTENT_TYPE, form);
    response
}

fn takes_openmetrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.to_ascii_lowercase().contains(OPENMETRICS))
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)),
)]
pub(crate) async fn openapi_json(State(api): State<Api>) -> Response {
    answer::written(
        StatusCode::OK,
        api.openapi.get().cloned().unwrap_or_default(),
    )
}
