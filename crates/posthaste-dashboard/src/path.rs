//! The `{id}` of a page's path: what does not parse names nothing.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::fault::Fault;

/// The one `id` of a path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let id = named(parts, state, "id").await;
        let id = id.and_then(|id| id.parse().ok());
        id.map(Self).ok_or(Fault::NotFound("page"))
    }
}

/// What a path has at this place.
pub(crate) async fn named<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let mut params = params.iter();
    let (_, value) = params.find(|(known, _)| *known == name)?;
    Some(value.to_owned())
}
