//! What machines ask at the root, without a key: whether it lives, is ready, and how it fares.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
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

/// Prometheus text.
#[utoipa::path(
    get, path = "/metrics", tag = "server", security(()),
    responses((status = 200, description = "The figures", body = String, content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let mut response = api.engine.metrics().into_response();
    let text =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
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
