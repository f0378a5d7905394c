//! What an open page is told, as Server-Sent Events: pieces of the page, as they would stand in it.
//!
//! A stream ends when the server drains, and when whoever looks may not any more; the page comes back
//! by itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use posthaste_engine::live::Draining;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::viewer::Ended;

/// Pages that may listen at once.
const LISTENERS_MAX: usize = 500;
/// How long it may be silent before a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Said first: how soon to come back.
const BEGIN: &str = "retry: 500\n\n";

/// Where the words of a stream come from.
pub(crate) trait Feed: Send + 'static {
    /// Those that come next; none where no more do. It may be asked again before it has answered.
    fn next(&mut self) -> impl Future<Output = Option<String>> + Send;
}

/// Places for whoever listens.
#[derive(Clone)]
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTENERS_MAX)))
    }
}

impl Places {
    /// A stream of this feed; a 503 where every place is taken.
    pub(crate) fn stream(
        &self,
        feed: impl Feed,
        sent_away: Ended,
        draining: Option<Extension<Draining>>,
    ) -> Response {
        let Ok(place) = self.0.clone().try_acquire_owned() else {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        };
        let stream = Stream {
            feed,
            sent_away,
            draining: draining.map(|Extension(draining)| draining),
            began: false,
            _place: place,
        };
        let words = futures_util::stream::unfold(stream, |mut stream| async {
            let words = Bytes::from(stream.next().await?);
            Some((Ok::<_, Infallible>(words), stream))
        });
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            // A proxy in between hands on what comes when it comes.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, Body::from_stream(words)).into_response()
    }
}

/// A piece of a page as an event of this name; whoever comes back says the id that it had last.
pub(crate) fn piece(event: &str, id: Option<u64>, html: &str) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let lines = html.lines().map(|line| format!("data: {line}\n"));
    format!("event: {event}\n{id}{}\n", lines.collect::<String>())
}

struct Stream<F> {
    feed: F,
    sent_away: Ended,
    draining: Option<Draining>,
    began: bool,
    _place: OwnedSemaphorePermit,
}

impl<F: Feed> Stream<F> {
    /// None at the end.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.began, true) {
            return Some(BEGIN.to_owned());
        }
        tokio::select! {
            biased;
            () = begun(&mut self.draining) => None,
            () = &mut self.sent_away => None,
            words = self.feed.next() => words,
            () = tokio::time::sleep(KEEP_ALIVE) => Some(": still here\n\n".to_owned()),
        }
    }
}

async fn begun(draining: &mut Option<Draining>) {
    match draining {
        Some(draining) => draining.begun().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_one_event_whatever_lines_it_has() {
        let words = piece("row", None, "<tr>\r\n\n<td>data: x</td></tr>");
        assert_eq!(
            words,
            "event: row\ndata: <tr>\ndata: \ndata: <td>data: x</td></tr>\n\n"
        );
        assert_eq!(piece("r", Some(7), "x"), "event: r\nid: 7\ndata: x\n\n");
    }
}
