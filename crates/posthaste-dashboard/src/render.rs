//! A template becomes a page.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::fault::Fault;

/// A whole page, or a piece of one.
pub(crate) fn page(template: &impl Template) -> Result<Response, Fault> {
    with_status(StatusCode::OK, template)
}

/// A form as it was sent, with what is wrong beside its fields.
pub(crate) fn refused(template: &impl Template) -> Result<Response, Fault> {
    with_status(StatusCode::UNPROCESSABLE_ENTITY, template)
}

pub(crate) fn with_status(status: StatusCode, template: &impl Template) -> Result<Response, Fault> {
    let written = template.render().map_err(|error| {
        tracing::error!(%error, "page.render");
        Fault::Internal
    })?;
    Ok((status, Html(written)).into_response())
}

/// Where a change leads: the browser asks for that page anew.
pub(crate) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}
