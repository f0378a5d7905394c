//! Answers: JSON whatever was accepted, pages, and one object with its tag.

use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Number;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// A rate per second as JSON: a whole one reads as it was written, without a fraction.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a million
pub(crate) fn rate(per_s: f64) -> Number {
    if per_s.fract() == 0.0 {
        return Number::from(per_s as u32);
    }
    Number::from_f64(per_s).expect("a limit is finite")
}

/// A page of a list, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageView<T> {
    pub(crate) data: Vec<T>,
    /// For `cursor`, to read on; null at the end. A page may be empty and still lead on.
    pub(crate) next_cursor: Option<String>,
}

pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Response {
    written(status, text(view))
}

pub(crate) fn text(view: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    serde_json::to_writer(&mut text, view).expect("views are plain JSON");
    text
}

pub(crate) fn written(status: StatusCode, text: Vec<u8>) -> Response {
    let mut response = (status, text).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// One object, tagged with a hash of what is shown.
pub(crate) fn tagged(view: &impl Serialize) -> Response {
    tagged_as(StatusCode::OK, view)
}

pub(crate) fn tagged_as(status: StatusCode, view: &impl Serialize) -> Response {
    let text = text(view);
    let tag = tag(&text);
    with_tag(written(status, text), &tag)
}

/// The tag of what is shown as this text.
pub(crate) fn tag(text: &[u8]) -> String {
    let hash = Sha256::digest(text);
    format!("\"{}\"", HEXLOWER.encode(&hash[..12]))
}

pub(crate) fn with_tag(mut response: Response, tag: &str) -> Response {
    let tag = HeaderValue::from_str(tag).expect("tags are visible ASCII");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// Keeps caches from keeping a secret.
pub(crate) fn unstored(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

/// Where the object that was made is found.
pub(crate) fn created_at(mut response: Response, path: &str) -> Response {
    let path = HeaderValue::from_str(path).expect("paths of ids are visible ASCII");
    response.headers_mut().insert(header::LOCATION, path);
    response
}

/// A page out of a list that is in memory: `limit` of what is left, and the cursor that `seal`
/// makes of the last one where more is left.
pub(crate) fn page<T>(
    left: impl Iterator<Item = T>,
    limit: usize,
    seal: impl FnOnce(&T) -> String,
) -> PageView<T> {
    let mut data: Vec<T> = left.take(limit + 1).collect();
    let more = data.len() > limit;
    data.truncate(limit);
    let last = data.last().filter(|_| more);
    let next_cursor = last.map(seal);
    PageView { data, next_cursor }
}

impl<T> PageView<T> {
    pub(crate) fn map<U>(self, view: impl FnMut(T) -> U) -> PageView<U> {
        PageView {
            data: self.data.into_iter().map(view).collect(),
            next_cursor: self.next_cursor,
        }
    }
}
