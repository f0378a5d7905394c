//! Ids in paths: what does not parse names nothing, which is a 404.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::problem::Problem;

/// The one id of a path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::not_found("object"))?;
        let id = params.iter().next().and_then(|(_, id)| id.parse().ok());
        id.map(Self).ok_or_else(|| Problem::not_found("object"))
    }
}
