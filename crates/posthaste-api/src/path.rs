//! Ids and names in paths: what does not parse names nothing, which is a 404.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use posthaste::event::EventType;

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

/// A version of an event type: the two names of a path.
pub(crate) struct Version(pub(crate) EventType, pub(crate) u32);

impl<S: Send + Sync> FromRequestParts<S> for Version {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("version");
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| missing())?;
        let mut params = params.iter().map(|(_, value)| value);
        let name = params.next().and_then(|name| name.parse().ok());
        let version = params.next().and_then(version);
        name.zip(version)
            .map(|(name, version)| Self(name, version))
            .ok_or_else(missing)
    }
}

/// A version's number as it is written: digits alone, from 1.
pub(crate) fn version(text: &str) -> Option<u32> {
    let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}
