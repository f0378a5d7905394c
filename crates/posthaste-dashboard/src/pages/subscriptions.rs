//! Pages: subscriptions.

use axum::Router;

use crate::Pages;

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
}
