//! Server-Sent Events: the text of a message, and an answer that goes on for as long as it may.
//!
//! A stream ends when the server drains, and at the moment when its key is no longer good or its
//! tenant gone; whoever listens comes
//! back by itself. What a listener has not taken yet is one message, so that its memory is bounded
//! by its source's.

use std::{convert::Infallible, fmt::Write as _, time::Duration};

use axum::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, header, request::Parts};
use posthaste::event::TenantId;
use posthaste_engine::{Engine, live, operations::Principal};

use crate::listeners::Listener;

/// How long a stream may be silent before a sign of life; also how soon a listener that has gone
/// is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long listeners are asked to wait before they come back.
const RETRY: &str = "retry: 1000\n";

/// Where messages come from.
pub(crate) trait Source: Send + 'static {
    /// The next messages, as text; none at the end. May be dropped at any moment.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;

    /// A sign of life.
    fn idle(&self) -> String;
}

/// One message. What has several lines is put together again by whoever reads it.
pub(crate) fn message(event: &str, id: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + event.len() + id.len() + 32);
    writeln!(text, "event: {event}").expect("a String takes any text");
    if !id.is_empty() {
        writeln!(text, "id: {id}").expect("a String takes any text");
    }
    for line in data.split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Who listens, by which right, and until when.
pub(crate) struct Open {
    pub(crate) engine: Engine,
    pub(crate) principal: Principal,
    pub(crate) tenant: TenantId,
    pub(crate) draining: Draining,
    /// Its place, given back with the stream.
    pub(crate) _listener: Listener,
}

struct Streaming<S> {
    source: S,
    open: Open,
    began: bool,
}

impl<S: Source> Streaming<S> {
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.began, true) {
            return Some(RETRY.to_owned() + &self.source.idle());
        }
        let next = tokio::select! {
            biased;
            () = self.open.draining.begun() => None,
            () = self.open.engine.revoked(&self.open.principal) => None,
            next = self.source.next() => next,
            () = tokio::time::sleep(KEEP_ALIVE) => Some(self.source.idle()),
        };
        next.filter(|_| self.open.engine.has_tenant(&self.open.tenant))
    }
}

/// The answer: its head at once, then whatever comes.
pub(crate) fn answer(source: impl Source, open: Open) -> Response {
    let streaming = Streaming {
        source,
        open,
        began: false,
    };
    let chunks = stream::unfold(streaming, |mut streaming| async {
        let chunk = Bytes::from(streaming.next().await?);
        Some((Ok::<_, Infallible>(chunk), streaming))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy in between hands on what comes when it comes.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the server is told to stop: then what would go on for ever ends.
#[derive(Clone, Debug)]
pub(crate) struct Draining(Option<live::Draining>);

impl Draining {
    pub(crate) async fn begun(&mut self) {
        match &mut self.0 {
            Some(draining) => draining.begun().await,
            None => std::future::pending().await,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Draining {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_line_of_data_for_each_of_its_lines() {
        #[track_caller]
        fn check(id: &str, data: &str, expected: &str) {
            assert_eq!(message("event", id, data), expected);
        }
        check("evt_1", "{}", "event: event\nid: evt_1\ndata: {}\n\n");
        check("", "{\n}", "event: event\ndata: {\ndata: }\n\n");
        check("", "a\r\nb", "event: event\ndata: a\ndata: \ndata: b\n\n");
    }
}
